// Draws: their law, their seed, their temperature, what goes wrong.

package flow

import (
	"errors"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/internal/rows"
	"github.com/bijou-flow/bijou/internal/testkit"
)

// The log-density that comes with a draw is LogProb at the draw, computed by
// the other direction of the layer.
func TestSampleWithLogProb(t *testing.T) {
	layer := testkit.Must(bijector.NewChain[float64](newBend[float64](3, 0, 1), newBend[float64](3, 0, 2)))
	for _, base := range []distribution.Base[float64]{distribution.StandardNormal[float64](3), testkit.Must(distribution.NewLogistic[float64](distribution.LogisticSpec{Dim: 3}))} {
		for _, temperature := range []float64{1, 0.5} {
			f := newFlow(layer, base).WithTemperature(temperature)
			for _, n := range testkit.Sizes {
				x, logp, err := f.SampleWithLogProb(testkit.NewRand(3), n)
				if err != nil {
					t.Fatal(err)
				}
				want := testkit.Must(f.LogProb(x))
				for i, got := range logp {
					if !(math.Abs(got-want[i]) <= 1e-9*max(1, math.Abs(want[i]))) {
						t.Fatalf("%T, temperature %v, draw %d of %d: log-density %v, LogProb says %v", base, temperature, i, n, got, want[i])
					}
				}
			}
		}
	}
}

// The draws of a transformed flow follow the integral of its density.
func TestFlowSamplesFollowTheDensity(t *testing.T) {
	const edge, step = 12, 0.001
	for _, base := range []distribution.Base[float64]{
		testkit.Must(distribution.NewNormal[float64](distribution.NormalSpec{Dim: 1, Loc: []float64{0.5}, Scale: []float64{1.5}})),
		testkit.Must(distribution.NewLogistic[float64](distribution.LogisticSpec{Dim: 1, Loc: []float64{0.5}, Scale: []float64{0.7}})),
	} {
		f := newFlow[float64](newBend[float64](1, 1, 3), base).Given(testkit.Rows([]float64{0.8}, 1, 1))
		var grid []float64
		for x := -float64(edge); x <= edge; x += step {
			grid = append(grid, x)
		}
		logp := testkit.Must(f.LogProb(testkit.Rows(grid, len(grid), 1)))
		cumulative := make([]float64, len(grid))
		for i := 1; i < len(grid); i++ {
			cumulative[i] = cumulative[i-1] + step*(math.Exp(logp[i-1])+math.Exp(logp[i]))/2
		}
		cdf := func(x float64) float64 {
			at := (x + edge) / step
			i := min(max(int(at), 0), len(grid)-2)
			return cumulative[i] + (at-float64(i))*(cumulative[i+1]-cumulative[i])
		}
		draws := testkit.Must(f.Sample(testkit.NewRand(12), testkit.Million)).Values()
		if d := testkit.Distance(draws, cdf); !(d < testkit.Farthest) {
			t.Errorf("%T: distance %v", base, d)
		}
	}
}

// Each piece of 128 draws has a generator seeded by two values of the
// caller's, in order; nothing else decides what is drawn.
func TestSampleIsAFunctionOfTheSeed(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	f := flowOf[float64](3, 0)
	o := bijector.PassOptions{MaxBatch: 128}
	for _, n := range testkit.Sizes {
		rng := testkit.NewRand(4)
		var want []float64
		for lo := 0; lo < n; lo += 128 {
			a := rng.Uint64()
			own := rand.New(rand.NewPCG(a, rng.Uint64()))
			m := min(128, n-lo)
			z := bijector.NewMat[float64](3, m)
			f.Base().NewBasePass(o).Sample(own, z, bijector.Mat[float64]{}, 1)
			f.Layer().NewPass(o).Inverse(z, z, bijector.Mat[float64]{}, make([]float64, m))
			piece := make([]float64, 3*m)
			rows.Store(piece, rows.Features[float64](z), 0)
			want = append(want, piece...)
		}
		for _, procs := range []int{1, 2} {
			runtime.GOMAXPROCS(procs)
			for _, parallelism := range []int{0, 1, 3} {
				f.SetParallelism(parallelism)
				caller := testkit.NewRand(4)
				got := testkit.Must(f.Sample(caller, n)).Values()
				if !slices.Equal(got, want) {
					t.Fatalf("%d draws, %d processors, parallelism %d: not the draws of the seed", n, procs, parallelism)
				}
				into := make([]float64, 3*n)
				if err := f.SampleInto(into, testkit.NewRand(4)); err != nil || !slices.Equal(into, want) {
					t.Fatalf("%d draws: SampleInto differs from Sample, %v", n, err)
				}
				if after := testkit.NewRand(4); caller.Uint64() == after.Uint64() {
					t.Fatalf("%d draws: the caller's generator did not move on", n)
				}
			}
		}
	}
	if slices.Equal(testkit.Must(f.Sample(testkit.NewRand(5), 2)).Values(), testkit.Must(f.Sample(testkit.NewRand(6), 2)).Values()) {
		t.Error("two seeds, the same draws")
	}
	// Few draws are the first of many.
	few, many := testkit.Must(f.Sample(testkit.NewRand(4), 50)).Values(), testkit.Must(f.Sample(testkit.NewRand(4), 300)).Values()
	if !slices.Equal(few, many[:len(few)]) {
		t.Error("50 draws are not the first of 300")
	}
}

func TestTemperature(t *testing.T) {
	f := flowOf[float64](2, 0)
	mode := testkit.Must(f.Inverse(testkit.Rows([]float64{0, 0.25}, 1, 2))).Values()
	still := testkit.Must(f.WithTemperature(0).Sample(testkit.NewRand(1), 3)).Values()
	for i, v := range still {
		if v != mode[i%2] {
			t.Errorf("temperature 0 draws %v, the mode is %v", still, mode)
		}
	}
	// In the latent, deviations from the location scale with temperature.
	warm := testkit.Must(f.Forward(testkit.Must(f.Sample(testkit.NewRand(1), 200)))).Values()
	cold := testkit.Must(f.Forward(testkit.Must(f.WithTemperature(0.3).Sample(testkit.NewRand(1), 200)))).Values()
	for i := range warm {
		loc := 0.25 * float64(i%2)
		if !testkit.IsNear(cold[i]-loc, 0.3*(warm[i]-loc), 1e-8) {
			t.Fatalf("latent %d: %v at temperature 0.3, %v at 1", i, cold[i], warm[i])
		}
	}
	x := rowsOf[float64](3, 2)
	testkit.Equal(t, "LogProb at a temperature", testkit.Must(f.WithTemperature(0.3).LogProb(x)), testkit.Must(f.LogProb(x)))
	if f.WithTemperature(-1); testkit.Must(f.Sample(testkit.NewRand(1), 1)) == nil || f.Check() != nil {
		t.Error("WithTemperature changes the flow itself")
	}
}

func TestSampleErrors(t *testing.T) {
	f, g := flowOf[float64](3, 0), flowOf[float64](3, 2)
	rng := testkit.NewRand(1)
	for name, c := range map[string]struct {
		f    *Flow[float64]
		rng  *rand.Rand
		n    int
		want error
	}{
		"no draws":                {f, rng, 0, bijector.ErrShape},
		"negative":                {f, rng, -3, bijector.ErrShape},
		"too many":                {f, rng, math.MaxInt, bijector.ErrShape},
		"nil generator":           {f, nil, 1, bijector.ErrSpec},
		"temperature -1":          {f.WithTemperature(-1), rng, 1, bijector.ErrSpec},
		"temperature NaN":         {f.WithTemperature(math.NaN()), rng, 1, bijector.ErrSpec},
		"temperature Inf":         {f.WithTemperature(math.Inf(1)), rng, 1, bijector.ErrSpec},
		"context, unconditional":  {f.Given(rowsOf[float64](1, 2)), rng, 1, bijector.ErrContext},
		"conditional, no context": {g, rng, 1, bijector.ErrContext},
		"context rows":            {g.Given(rowsOf[float64](3, 2)), rng, 4, bijector.ErrContext},
	} {
		if x, err := c.f.Sample(c.rng, c.n); !errors.Is(err, c.want) || x != nil {
			t.Errorf("%s: Sample returns %v, %v, want %v", name, x, err, c.want)
		}
		if x, logp, err := c.f.SampleWithLogProb(c.rng, c.n); !errors.Is(err, c.want) || x != nil || logp != nil {
			t.Errorf("%s: SampleWithLogProb returns %v, want %v", name, err, c.want)
		}
		if n := c.n; n > 0 && n < 100 {
			if err := c.f.SampleInto(make([]float64, 3*n), c.rng); !errors.Is(err, c.want) {
				t.Errorf("%s: SampleInto returns %v, want %v", name, err, c.want)
			}
		}
	}
	for _, n := range []int{0, 2, 4} {
		if err := f.SampleInto(make([]float64, n), rng); !errors.Is(err, bijector.ErrShape) {
			t.Errorf("a destination of %d values for 3 features: %v, want ErrShape", n, err)
		}
	}
}

// Draws that overflow are counted and the others stay.
func TestNonFiniteDraws(t *testing.T) {
	layer := bijector.Invert[float64](newBend[float64](2, 0, 1)) // draws are sinh of the latent
	base := testkit.Must(distribution.NewNormal[float64](distribution.NormalSpec{Dim: 2, Scale: []float64{1, 700}}))
	f := newFlow[float64](layer, base)
	const n = 300
	x, logp, err := f.SampleWithLogProb(testkit.NewRand(1), n)
	var row *bijector.RowError
	if !errors.As(err, &row) || row.What != "result" || row.N != n || row.Count < 20 || row.Count > 200 {
		t.Fatalf("draws that overflow: %v, want a RowError of some of %d", err, n)
	}
	bad := 0
	for i, v := range logp {
		if math.IsNaN(v) {
			if bad++; bad == 1 && row.Row != i {
				t.Errorf("the first bad draw is %d, the error says %d", i, row.Row)
			}
		}
		if a, b := x.Values()[2*i], x.Values()[2*i+1]; math.IsNaN(v) != (math.IsNaN(a) && math.IsNaN(b)) || math.IsInf(a+b, 0) {
			t.Errorf("draw %d is %v, %v with log-density %v", i, a, b, v)
		}
	}
	if bad != row.Count {
		t.Errorf("%d bad draws, the error says %d", bad, row.Count)
	}
	plain, err := f.Sample(testkit.NewRand(1), n)
	if !errors.As(err, &row) || row.Count != bad {
		t.Errorf("Sample: %v, want %d bad draws", err, bad)
	}
	for i, v := range plain.Values() {
		if w := x.Values()[i]; v != w && !(math.IsNaN(v) && math.IsNaN(w)) {
			t.Fatalf("value %d: %v without and %v with the log-density", i, v, w)
		}
	}
}

// rowLogDet is a layer whose inverse stretches negative latents without bound, as a
// root does at 0.
type rowLogDet struct{ *bend[float64] }

func (l rowLogDet) NewPass(o bijector.PassOptions) bijector.Pass[float64] {
	return steepPass{l.bend.NewPass(o)}
}

type steepPass struct{ bijector.Pass[float64] }

func (p steepPass) Inverse(x, z, cond bijector.Mat[float64], logDet []float64) {
	for i, v := range z.Feature(0) {
		if v < 0 {
			logDet[i] = math.Inf(1)
		}
	}
	p.Pass.Inverse(x, z, cond, logDet)
}

// A draw that has a density of 0 is a draw, with its log-density and without.
func TestDrawsWithoutDensity(t *testing.T) {
	f := newFlow[float64](rowLogDet{newBend[float64](1, 0, 1)}, distribution.StandardNormal[float64](1))
	plain := testkit.Must(f.Sample(testkit.NewRand(1), 100))
	draws, logp, err := f.SampleWithLogProb(testkit.NewRand(1), 100)
	if err != nil {
		t.Fatal(err)
	}
	testkit.Equal(t, "draws", draws.Values(), plain.Values())
	for i, z := range testkit.Must(f.Forward(draws)).Values() {
		if math.IsInf(logp[i], -1) != (z < 0) || math.IsNaN(logp[i]) {
			t.Errorf("draw %d, of latent %v: log-density %v", i, z, logp[i])
		}
	}
}
