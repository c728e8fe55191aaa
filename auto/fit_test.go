package auto_test

// Fit: on densities that are known, and on rows that it must refuse.

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gorgonia.org/tensor"

	"github.com/bijou-flow/bijou/auto"
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/internal/testkit"
	"github.com/bijou-flow/bijou/train"
)

// normalRows are n rows of a normal with the correlation 0.8 between neighbours.
func normalRows(n, dim int, seed uint64) [][]float64 {
	rng := rand.New(rand.NewPCG(seed, 1))
	rows := make([][]float64, n)
	for i := range rows {
		rows[i] = make([]float64, dim)
		for j := range dim {
			rows[i][j] = rng.NormFloat64()
			if j > 0 {
				rows[i][j] = 0.8*rows[i][j-1] + 0.6*rows[i][j]
			}
		}
	}
	return rows
}

// bananas are rows of (u, u^2 + v/2), whose entropy is that of two normals less log 2.
func bananas(n int, seed uint64) [][]float64 {
	rng := rand.New(rand.NewPCG(seed, 2))
	rows := make([][]float64, n)
	for i := range rows {
		u := rng.NormFloat64()
		rows[i] = []float64{u, u*u + 0.5*rng.NormFloat64()}
	}
	return rows
}

func source(rows [][]float64) *train.TensorSource {
	return train.Tensor(testkit.Must(bijector.RowsOfSlices(rows)))
}

func loss(t *testing.T, m *flow.Ensemble[float64], rows [][]float64) float64 {
	t.Helper()
	l, err := train.Evaluate(context.Background(), m, source(rows))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// Of a normal, the choice is as good as the Gaussian fit; ten rows do not make a
// density that others have not.
func TestFitNormal(t *testing.T) {
	truth := 4*math.Log(2*math.Pi*math.E)/2 + 3*math.Log(0.6)
	for n, most := range map[int]float64{10: 3, 120: 0.35} {
		m, report, err := auto.Fit[float64](context.Background(), source(normalRows(n, 4, 3)), auto.Options{Steps: 100})
		if err != nil {
			t.Fatal(err)
		}
		if l := loss(t, m, normalRows(4000, 4, 4)); l > truth+most {
			t.Errorf("%d rows: %.3f nats on new ones, the truth is %.3f\n%v", n, l, truth, report)
		}
		if report.HeldOut != n || len(report.LogDensities) != n || report.Folds != 5 {
			t.Errorf("%d rows: %d held out in %d folds", n, report.HeldOut, report.Folds)
		}
	}
}

// Of what no Gaussian is, the choice is better than one, and its weights sum to one.
func TestFitBanana(t *testing.T) {
	truth := math.Log(2*math.Pi*math.E) - math.Log(2)
	var runs, ended int
	m, report, err := auto.Fit[float64](context.Background(), source(bananas(250, 1)), auto.Options{
		Steps: 120, Progress: func(e auto.Event) {
			if e.Ended {
				ended++
				runs = e.Runs
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	l := loss(t, m, bananas(4000, 2))
	if l > truth+0.2 || report.Gaussian < l+0.3 {
		t.Errorf("%.3f nats on new rows, the truth is %.3f, a Gaussian has %.3f\n%v", l, truth, report.Gaussian, report)
	}
	sum := 0.0
	for _, c := range report.Candidates {
		sum += c.Weight
		if c.Err != nil {
			t.Errorf("%s: %v", c.Name, c.Err)
		}
	}
	if math.Abs(sum-1) > 1e-9 || ended != runs || runs == 0 {
		t.Errorf("weights sum to %v; %d of %d runs ended", sum, ended, runs)
	}
	for _, want := range []string{"autoregressive.MAF", "mixture of Gaussians, ", "held out"} {
		if !strings.Contains(report.String(), want) {
			t.Errorf("the report does not say %q:\n%v", want, report)
		}
	}
}

// The result is the same for any number of workers.
func TestFitRepeats(t *testing.T) {
	rows := bananas(60, 3)
	var first []float64
	for _, workers := range []int{1, 3} {
		m, report, err := auto.Fit[float64](context.Background(), source(rows), auto.Options{Steps: 40, Workers: workers, Seed: 7})
		if err != nil {
			t.Fatal(err)
		}
		logp := append(testkit.Must(m.LogProb(testkit.Must(bijector.RowsOfSlices(rows)))), report.LogDensities...)
		if first == nil {
			first = logp
		} else if d := cmp.Diff(first, logp); d != "" {
			t.Errorf("%d workers (-1 +%d):\n%s", workers, workers, d)
		}
	}
}

// Given a context, the density is conditional, and weights of 0 leave rows out.
func TestFitConditional(t *testing.T) {
	const n = 150
	rng := rand.New(rand.NewPCG(4, 5))
	x, c, w := make([]float64, n), make([]float64, n), make([]float64, n)
	for i := range n {
		c[i] = 1000 + 50*rng.NormFloat64()
		x[i], w[i] = (c[i]-1000)/50+0.1*rng.NormFloat64(), 1
		if i%10 == 0 {
			x[i], w[i] = 1e6, 0
		}
	}
	context1 := testkit.Must(bijector.RowsOf(c, n, 1))
	data := train.Tensor(testkit.Must(bijector.RowsOf(x, n, 1))).Given(context1).Weighted(w)
	m, report, err := auto.Fit[float64](context.Background(), data, auto.Options{Steps: 200})
	if err != nil {
		t.Fatal(err)
	}
	truth := math.Log(2*math.Pi*math.E)/2 + math.Log(0.1)
	if report.Rows != n-n/10 || report.Loss > truth+0.5 || m.ContextDim() != 1 {
		t.Errorf("%d rows, %.3f nats held out, the truth is %.3f\n%v", report.Rows, report.Loss, truth, report)
	}
}

// Trim leaves the rows out that do not belong, by their numbers in the data.
func TestFitTrims(t *testing.T) {
	rows := normalRows(200, 2, 6)
	for i := range 10 {
		rows[20*i] = []float64{40 + float64(i), -300 - 7*float64(i*i)}
	}
	m, report, err := auto.Fit[float64](context.Background(), source(rows), auto.Options{Steps: 20, Trim: 0.06})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 10 {
		if !slices.Contains(report.Trimmed, 20*i) {
			t.Errorf("row %d was not left out: %v", 20*i, report.Trimmed)
		}
	}
	truth := math.Log(2*math.Pi*math.E) + math.Log(0.6)
	if l := loss(t, m, normalRows(2000, 2, 7)); len(report.Trimmed) != 12 || l > truth+0.2 {
		t.Errorf("%d rows left out, %.3f nats on rows that belong, the truth is %.3f", len(report.Trimmed), l, truth)
	}
}

// Columns that differ by next to nothing, but for one new row: it is unlikely, and
// does not outweigh all others.
func TestFitOutlives(t *testing.T) {
	near := func(n int, seed uint64) [][]float64 {
		rows := normalRows(n, 2, seed)
		for _, r := range rows {
			r[1] = r[0] + 1e-4*r[1]
		}
		return rows
	}
	m, report, err := auto.Fit[float64](context.Background(), source(near(300, 3)), auto.Options{Steps: 20})
	if err != nil {
		t.Fatal(err)
	}
	if l := loss(t, m, near(1000, 4)); l > report.Gaussian+0.1 {
		t.Errorf("%.3f nats on new rows, a Gaussian has %.3f", l, report.Gaussian)
	}
	logp := testkit.Must(m.LogProb(testkit.Must(bijector.RowsOfSlices([][]float64{{1, -1}, {40, 40}}))))
	if !(logp[0] > -15 && logp[1] > -60) {
		t.Errorf("log-densities %v of a row of columns that differ and of one far out, want more than -15 and -60", logp)
	}
}

// Single asks for one flow or Gaussian.
func TestFitSingle(t *testing.T) {
	m, _, err := auto.Fit[float64](context.Background(), source(bananas(60, 8)), auto.Options{Steps: 30, Single: true})
	if err != nil {
		t.Fatal(err)
	}
	if k := len(m.Flows()); k < 1 || k > 8 { // a mixture of Gaussians has its components
		t.Errorf("%d members", k)
	}
}

// What cannot be fitted is an error that says why.
func TestFitRefuses(t *testing.T) {
	good := normalRows(50, 2, 9)
	with := func(i, j int, v float64) *train.TensorSource {
		rows := normalRows(50, 2, 9)
		rows[i][j] = v
		return source(rows)
	}
	constant := normalRows(50, 2, 9)
	for i := range constant {
		constant[i][1] = 3
	}
	times := make([][]float64, 500)
	for i := range times {
		times[i] = []float64{1.7e9 + float64(i), rand.New(rand.NewPCG(uint64(i), 1)).NormFloat64()}
	}
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	for name, c := range map[string]struct {
		ctx  context.Context
		data train.Source
		o    auto.Options
		want error
		says string
	}{
		"not a number":   {context.Background(), with(17, 1, math.NaN()), auto.Options{}, bijector.ErrNonFinite, "row 17 has NaN in column 1"},
		"constant":       {context.Background(), source(constant), auto.Options{}, flow.ErrDegenerate, "column 1"},
		"one row":        {context.Background(), source(good[:1]), auto.Options{}, bijector.ErrShape, "1 rows"},
		"no data":        {context.Background(), nil, auto.Options{}, auto.ErrOptions, "no data"},
		"steps":          {context.Background(), source(good), auto.Options{Steps: -1}, auto.ErrOptions, "steps -1"},
		"trim":           {context.Background(), source(good), auto.Options{Trim: 0.7}, auto.ErrOptions, "0.7"},
		"cancelled":      {cancelled, source(good), auto.Options{}, context.Canceled, "no run"},
		"weights":        {context.Background(), source(good).Weighted(make([]float64, 50)), auto.Options{}, train.ErrWeights, "0 rows"},
		"context is nil": {nil, source(good), auto.Options{}, auto.ErrOptions, "context"},
	} {
		_, _, err := auto.Fit[float64](c.ctx, c.data, c.o)
		if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %v and %q", name, err, c.want, c.says)
		}
	}
	if _, _, err := auto.Fit[float32](context.Background(), source(good), auto.Options{}); !errors.Is(err, bijector.ErrDType) {
		t.Errorf("float64 rows into a float32 model: %v, want ErrDType", err)
	}
	if _, _, err := auto.Fit[float32](context.Background(), source(times), auto.Options{Round: true}); !errors.Is(err, auto.ErrResolution) || !strings.Contains(err.Error(), "column 0") {
		t.Errorf("Unix seconds in float32: %v, want ErrResolution", err)
	}
	m, _, err := auto.Fit[float32](context.Background(), source(normalRows(30, 2, 1)), auto.Options{Round: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.LogProb(tensor.New(tensor.WithShape(1, 2), tensor.WithBacking([]float32{0, 0}))); err != nil {
		t.Error(err)
	}
}

// A run that is out of time gives what it has, the Gaussian above all.
func TestFitTime(t *testing.T) {
	first := ""
	progress := func(e auto.Event) {
		if e.Ended && first == "" {
			first = e.Candidate
		}
	}
	m, report, err := auto.Fit[float64](context.Background(), source(bananas(300, 4)), auto.Options{Steps: 1e6, Time: 300e6, Workers: 1, Progress: progress})
	if err != nil {
		t.Fatal(err)
	}
	if report.Time.Seconds() > 30 || m.Dim() != 2 {
		t.Errorf("took %v\n%v", report.Time, report)
	}
	if first != "Gaussian" {
		t.Errorf("the first run was %q, want the Gaussian's", first)
	}
}
