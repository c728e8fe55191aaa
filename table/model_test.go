// Models of tables: fitted, scored, saved, drawn from.

package table_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/testkit"
	"github.com/bijou-flow/bijou/registry"
	"github.com/bijou-flow/bijou/table"
	"github.com/bijou-flow/bijou/train"
)

// shop are rows of a category, a count that depends on it, an amount that is 0
// where the count is, and a number that may be missing; and their entropy, in nats.
func shop(t *testing.T, n int, seed uint64) (*table.Schema, []float64) {
	t.Helper()
	rng := testkit.NewRand(seed)
	infer := testkit.Must(table.NewInference([]string{"kind", "count", "amount", "score"}, table.InferOptions{}))
	var rows [][]string
	for range n {
		kind := rng.IntN(2)
		count := 0
		for rng.Float64() < 0.3+0.3*float64(kind) {
			count++
		}
		amount := "0"
		if count > 0 {
			amount = strconv.FormatFloat(math.Exp(float64(kind)+0.3*rng.NormFloat64()), 'g', -1, 64)
		}
		score := ""
		if rng.Float64() < 0.8 {
			score = strconv.FormatFloat(float64(kind)+rng.NormFloat64(), 'g', -1, 64)
		}
		rows = append(rows, []string{[]string{"a", "b"}[kind], strconv.Itoa(count), amount, score})
		if err := infer.Add(rows[len(rows)-1]); err != nil {
			t.Fatal(err)
		}
	}
	s := testkit.Must(infer.Schema())
	codes := make([]float64, 0, 4*n)
	row := make([]float64, 4)
	for _, r := range rows {
		if err := s.Encode(r, row); err != nil {
			t.Fatal(err)
		}
		codes = append(codes, row...)
	}
	return s, codes
}

// shopEntropy is that of a row: a bit, geometric counts, log-normal amounts where the count is not 0, and
// a number with one in five missing.
func shopEntropy() float64 {
	binary := func(p float64) float64 { return -p*math.Log(p) - (1-p)*math.Log1p(-p) }
	gauss := 0.5 * math.Log(2*math.Pi*math.E)
	h := math.Ln2 + binary(0.8) + 0.8*gauss
	for kind, p := range []float64{0.3, 0.6} {
		h += 0.5 * (binary(p)/(1-p) + p*(gauss+math.Log(0.3)+float64(kind)))
	}
	return h
}

func fitShop[T bijector.Float](t *testing.T, o table.FitOptions) (*table.Model[T], []float64) {
	t.Helper()
	s, codes := shop(t, 3000, 1)
	if o.Hidden == 0 {
		o.Hidden, o.Epochs = 24, 25
	}
	m, report, err := table.Fit[T](context.Background(), s, table.MemoryRows(4, codes), o)
	if err != nil {
		t.Fatal(err)
	}
	if report.Train != 2400 || report.Validation != 300 || report.Calibrated != 300 {
		t.Errorf("rows are split as %+v", report)
	}
	return m, codes
}

func TestFitIsCloseToTheTruth(t *testing.T) {
	m, _ := fitShop[float32](t, table.FitOptions{})
	s := m.Schema()
	_, test := shop(t, 4000, 2)
	// The scales of another sample's schema differ: encode by this model's.
	other, _ := shop(t, 4000, 2)
	for j := range s.Columns {
		for i := j; i < len(test); i += 4 {
			if s.Columns[j].Number() && test[i] != table.Missing {
				test[i] = s.Columns[j].ToModel(other.Columns[j].FromModel(test[i]))
			}
		}
	}
	logp := testkit.Must(m.LogProb(test))
	terms := testkit.Must(m.Contributions(test))
	mean := 0.0
	for i, v := range logp {
		mean += v / float64(len(logp))
		if sum := terms[4*i] + terms[4*i+1] + terms[4*i+2] + terms[4*i+3]; !(math.Abs(sum-v) <= 1e-4*(1+math.Abs(v))) {
			t.Fatalf("row %d: contributions %v sum to %v, want %v", i, terms[4*i:4*i+4], sum, v)
		}
	}
	if kl := -shopEntropy() - mean; !(math.Abs(kl) < 0.12) { // the mean itself is within 0.04
		t.Errorf("the mean log-density is %v, want about %v", mean, -shopEntropy())
	}
	p := m.PValues(logp)
	below := 0
	for _, v := range p {
		if v <= 0.1 {
			below++
		}
	}
	if share := float64(below) / float64(len(p)); math.Abs(share-0.1) > 0.05 {
		t.Errorf("%v of normal rows have a p-value up to 0.1", share)
	}
}

func TestModelIsSavedAndLoaded(t *testing.T) {
	m, codes := fitShop[float32](t, table.FitOptions{Members: 2, Hidden: 8, Epochs: 2})
	file := filepath.Join(t.TempDir(), "model.safetensors")
	if err := registry.Save(file, m); err != nil {
		t.Fatal(err)
	}
	again, err := registry.Load[*table.Model[float32]](file)
	if err != nil {
		t.Fatal(err)
	}
	a, b := testkit.Must(m.LogProb(codes)), testkit.Must(again.LogProb(codes))
	if !slices.Equal(a, b) || !slices.Equal(m.PValues(a), again.PValues(b)) {
		t.Error("a model that was loaded scores otherwise")
	}
	s := testkit.Must(m.Surprise(codes))
	if !slices.Equal(s, testkit.Must(again.Surprise(codes))) || !slices.Equal(m.SurprisePValues(s), again.SurprisePValues(s)) {
		t.Error("a model that was loaded is surprised otherwise")
	}
	if !slices.Equal(testkit.Must(m.Sample(testkit.NewRand(1), 50)), testkit.Must(again.Sample(testkit.NewRand(1), 50))) {
		t.Error("a model that was loaded draws otherwise")
	}
	if _, err := registry.Load[*table.Model[float64]](file); !errors.Is(err, bijector.ErrDType) {
		t.Errorf("as float64: %v, want ErrDType", err)
	}
}

// A fit that is stopped and resumed ends with the bits of one that was not, on any number of
// cores.
func TestFitIsResumed(t *testing.T) {
	s, codes := shop(t, 600, 3)
	rows := table.MemoryRows(4, codes)
	o := table.FitOptions{Hidden: 8, Blocks: 1, Epochs: 6, Workers: 1}
	whole, _, err := table.Fit[float32](context.Background(), s, rows, o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	o.Workers, o.Checkpoint = 2, train.Checkpoint{Dir: t.TempDir()}
	o.Observer = stopper{stop, 3}
	part, _, err := table.Fit[float32](ctx, s, rows, o)
	if !errors.Is(err, context.Canceled) || part == nil {
		t.Fatalf("a fit that was stopped: %v, %v", part, err)
	}
	o.Observer, o.Checkpoint.Resume = nil, true
	resumed, _, err := table.Fit[float32](context.Background(), s, rows, o)
	if err != nil {
		t.Fatal(err)
	}
	a, b := testkit.Must(whole.LogProb(codes)), testkit.Must(resumed.LogProb(codes))
	if !slices.Equal(a, b) {
		t.Error("a fit that was resumed ends elsewhere")
	}
	if slices.Equal(a, testkit.Must(part.LogProb(codes))) {
		t.Error("the fit was not stopped")
	}
}

type stopper struct {
	stop  func()
	epoch int
}

func (stopper) Step(train.StepEvent) {}

func (s stopper) Epoch(e train.EpochEvent) {
	if e.Epoch == s.epoch {
		s.stop()
	}
}

func TestGivenColumns(t *testing.T) {
	m, _ := fitShop[float64](t, table.FitOptions{First: []string{"kind"}})
	rng := testkit.NewRand(4)
	mean := func(codes []float64, j int) (sum float64) {
		n := 0.0
		for i := j; i < len(codes); i += 4 {
			if codes[i] != table.Missing {
				sum += m.Schema().Columns[j].FromModel(codes[i])
				n++
			}
		}
		return sum / n
	}
	row := []float64{1, 0, 0, 0}
	codes, ess, err := m.SampleGiven(rng, row, []bool{true, false, false, false}, 4000)
	if err != nil || ess != 4000 || math.Abs(mean(codes, 3)-1) > 0.15 || math.Abs(mean(codes, 1)-1.5) > 0.25 {
		t.Errorf("given the kind b: counts of %v and scores of %v, ess %v, %v", mean(codes, 1), mean(codes, 3), ess, err)
	}
	// A score of 1.5 speaks for b: odds of e.
	row[3] = m.Schema().Columns[3].ToModel(1.5)
	codes, ess, err = m.SampleGiven(rng, row, []bool{false, false, false, true}, 2000)
	want := 1 / (1 + math.Exp(-1))
	if err != nil || !(ess > 500 && ess < 32_000) || math.Abs(mean0(codes)-want) > 0.05 {
		t.Errorf("given a score of 1.5: b in %v, want %v; ess %v, %v", mean0(codes), want, ess, err)
	}
	row[2], row[1] = m.Schema().Columns[2].ToModel(0), m.Schema().Columns[1].ToModel(0)
	p := testkit.Must(m.Classify(row, 0))
	want = 1 / (1 + 0.7/0.4*math.Exp(-1)) // a count of 0 speaks for a
	if len(p) != 2 || math.Abs(p[0]+p[1]-1) > 1e-9 || math.Abs(p[1]-want) > 0.07 {
		t.Errorf("the kinds have probabilities %v, want %v for b", p, want)
	}
	other := []float64{0, 1, 1, row[3]}
	q := testkit.Must(m.Classify(other, 0))
	testkit.Equal(t, "two rows at once", testkit.Must(m.Classify(slices.Concat(row, other), 0)), slices.Concat(p, q))
	row[0] = 1
	c, err := m.Complete(rng, row, []bool{true, true, true, false}, 2000)
	if err != nil || math.Abs(m.Schema().Columns[3].FromModel(c.Codes[3])-1) > 0.2 {
		t.Errorf("a missing score of a b is %v, want about 1: %v", m.Schema().Columns[3].FromModel(c.Codes[3]), err)
	}
	if want := math.Log(0.5 * 0.4); math.Abs(c.LogProb-want) > 0.15 {
		t.Errorf("the log-probability of the rest is %v, want about %v", c.LogProb, want)
	}
	if _, _, err := m.SampleGiven(rng, []float64{7, 0, 0, 0}, []bool{true, false, false, true}, 3); !errors.Is(err, bijector.ErrDomain) {
		t.Errorf("an impossible kind: %v, want ErrDomain", err)
	}
}

func mean0(codes []float64) (sum float64) {
	for i := 0; i < len(codes); i += 4 {
		sum += codes[i] / float64(len(codes)/4)
	}
	return sum
}

func TestScoringDoesNotAllocate(t *testing.T) {
	m, codes := fitShop[float32](t, table.FitOptions{Hidden: 8, Epochs: 1})
	dst := make([]float64, 100)
	if err := m.LogProbInto(dst, codes[:400]); err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(20, func() { _ = m.LogProbInto(dst, codes[:400]) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// Values on a bound belong to the column, although their codes are rounded to float32.
func TestValuesOnBounds(t *testing.T) {
	for seed := range uint64(20) {
		rng := testkit.NewRand(seed)
		infer := testkit.Must(table.NewInference([]string{"x"}, table.InferOptions{}))
		texts := []string{"0", "1"}
		for range 98 {
			texts = append(texts, strconv.FormatFloat(rng.Float64(), 'g', -1, 64))
		}
		for _, v := range texts {
			if err := infer.Add([]string{v}); err != nil {
				t.Fatal(err)
			}
		}
		s := testkit.Must(infer.Schema())
		codes := make([]float64, len(texts))
		for i, v := range texts {
			codes[i] = testkit.Must(s.Columns[0].Encode(v))
		}
		if s.Columns[0].Upper == nil {
			t.Fatal("no bounds were inferred")
		}
		m, _, err := table.Fit[float32](context.Background(), s, table.MemoryRows(1, codes), table.FitOptions{Epochs: 1, Hidden: 4})
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		for i, v := range testkit.Must(m.LogProb(codes[:2])) {
			if math.IsInf(v, 0) || math.IsNaN(v) {
				t.Errorf("seed %d: log-density %v at %s", seed, v, texts[i])
			}
		}
	}
}

// A model's file grows with its columns, and so does what its description may have.
func TestWideTablesAreSaved(t *testing.T) {
	const columns, categories, n = 1000, 12, 20
	s := &table.Schema{}
	for j := range columns {
		c := table.Column{Name: "c" + strconv.Itoa(j), Kind: table.Category}
		for k := range categories {
			c.Categories = append(c.Categories, "category "+strconv.Itoa(10+k))
		}
		s.Columns = append(s.Columns, c)
	}
	codes := make([]float64, n*columns)
	for i := range codes {
		codes[i] = float64(i * 7 % categories)
	}
	m, _, err := table.Fit[float32](context.Background(), s, table.MemoryRows(columns, codes), table.FitOptions{Hidden: 8, Epochs: 1})
	if err != nil {
		t.Fatal(err)
	}
	var file bytes.Buffer
	if err := registry.Write(&file, m); err != nil {
		t.Fatal(err)
	}
	again, err := registry.Read[*table.Model[float32]](&file, int64(file.Len()))
	if err != nil {
		t.Fatal(err)
	}
	if a, b := testkit.Must(m.LogProb(codes)), testkit.Must(again.LogProb(codes)); !slices.Equal(a, b) {
		t.Error("a wide model that was loaded scores otherwise")
	}
}

// What could not be saved is refused before it is trained.
func TestFitRefuses(t *testing.T) {
	s, codes := shop(t, 100, 5)
	ctx, rows := context.Background(), table.MemoryRows(4, codes)
	many := &table.Schema{Columns: slices.Clone(s.Columns)}
	many.Columns[0].Categories = nil
	for k := range 80_000 {
		many.Columns[0].Categories = append(many.Columns[0].Categories, "c"+strconv.Itoa(100_000+k))
	}
	for name, c := range map[string]struct {
		s    *table.Schema
		rows table.Rows
		o    table.FitOptions
		want error
	}{
		"no schema":       {nil, rows, table.FitOptions{}, bijector.ErrSpec},
		"no rows":         {s, nil, table.FitOptions{}, bijector.ErrSpec},
		"few rows":        {s, table.MemoryRows(4, codes[:36]), table.FitOptions{}, bijector.ErrShape},
		"other columns":   {s, table.MemoryRows(5, codes), table.FitOptions{}, bijector.ErrShape},
		"shares":          {s, rows, table.FitOptions{Validation: 0.6, Calibration: 0.5}, bijector.ErrSpec},
		"nothing left":    {s, rows, table.FitOptions{Validation: 0.5, Calibration: 0.5}, bijector.ErrSpec},
		"unknown first":   {s, rows, table.FitOptions{First: []string{"colour"}}, table.ErrColumns},
		"many categories": {many, rows, table.FitOptions{Members: 64}, bijector.ErrSpec},
	} {
		if m, _, err := table.Fit[float32](ctx, c.s, c.rows, c.o); m != nil || !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

// encoded are the codes of cells of a table's only column.
func encoded(t *testing.T, s *table.Schema, cells ...string) []float64 {
	t.Helper()
	codes := make([]float64, len(cells))
	for i := range cells {
		if err := s.Encode(cells[i:i+1], codes[i:i+1]); err != nil {
			t.Fatal(err)
		}
	}
	return codes
}

// oneColumn are the schema and the codes of a table of one column.
func oneColumn(t *testing.T, name string, cells []string) (*table.Schema, []float64) {
	t.Helper()
	infer := testkit.Must(table.NewInference([]string{name}, table.InferOptions{}))
	for i := range cells {
		if err := infer.Add(cells[i : i+1]); err != nil {
			t.Fatal(err)
		}
	}
	s := testkit.Must(infer.Schema())
	return s, encoded(t, s, cells...)
}

// roundedRows hands over codes as float32 has them.
type roundedRows struct{ table.Rows }

func (r roundedRows) Codes(dst []float64, rows []int) error {
	err := r.Rows.Codes(dst, rows)
	for i, v := range dst {
		dst[i] = float64(float32(v))
	}
	return err
}

// The share of each atom among the draws is that in the data, on a grid and off it, also where the
// rows come in float32; and an atom comes back as it was written.
func TestAtomsHaveTheirShares(t *testing.T) {
	for _, form := range []string{"%.2f", "%.9f"} {
		rng := testkit.NewRand(4)
		const n = 4000
		cells := make([]string, n)
		for i := range cells {
			v := 10 + 3*rng.NormFloat64()
			cells[i] = fmt.Sprintf(form, v*v/10+0.01)
			if rng.Float64() < 0.1 {
				cells[i] = "5"
			}
		}
		s, codes := oneColumn(t, "fare", cells)
		m, _, err := table.Fit[float32](context.Background(), s, roundedRows{table.MemoryRows(1, codes)}, table.FitOptions{Epochs: 10, Seed: 1})
		if err != nil {
			t.Fatal(err)
		}
		if logp := testkit.Must(m.LogProb(encoded(t, s, "5")))[0]; math.Abs(math.Exp(logp)-0.1) > 0.02 {
			t.Errorf("%s: the atom's probability is %v, its share 0.1", form, math.Exp(logp))
		}
		draws, fives := testkit.Must(m.Sample(testkit.NewRand(1), n)), 0
		for _, v := range draws {
			text := testkit.Must(s.Columns[0].Decode(v))
			if number := testkit.Must(strconv.ParseFloat(text, 64)); number == 5 {
				fives++
			} else if math.Abs(number-5) < 1e-6 {
				t.Fatalf("%s: a draw is %s, want 5 or another number", form, text)
			}
		}
		if share := float64(fives) / n; math.Abs(share-0.1) > 0.025 {
			t.Errorf("%s: the atom is %v of the draws, want 0.1", form, share)
		}
	}
}
