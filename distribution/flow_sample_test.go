// Draws: their law, their seed, their temperature, what goes wrong.

package distribution

import (
	"errors"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
)

// sizes are numbers of rows around the piece that a session computes.
var sizes = []int{1, 2, 127, 128, 129, 1000}

func newRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 2)) }

// The log-density that comes with a draw is LogProb at the draw, computed by
// the other direction of the layer.
func TestSampleWithLogProb(t *testing.T) {
	layer := must(bijector.NewChain[float64](newBend[float64](3, 0, 1), newBend[float64](3, 0, 2)))
	for _, base := range []Base[float64]{StandardNormal[float64](3), must(NewLogistic[float64](LogisticSpec{Dim: 3}))} {
		for _, temperature := range []float64{1, 0.5} {
			f := NewFlow(layer, base).WithTemperature(temperature)
			for _, n := range sizes {
				x, logp, err := f.SampleWithLogProb(newRand(3), n)
				if err != nil {
					t.Fatal(err)
				}
				want := must(f.LogProb(x)).Float64s()
				for i, got := range logp.Float64s() {
					if !(math.Abs(got-want[i]) <= 1e-9*max(1, math.Abs(want[i]))) {
						t.Fatalf("%T, temperature %v, draw %d of %d: log-density %v, LogProb says %v", base, temperature, i, n, got, want[i])
					}
				}
			}
		}
	}
}

// distance is the Kolmogorov-Smirnov statistic of draws against a distribution
// function; it sorts the draws.
func distance(draws []float64, cdf func(float64) float64) (d float64) {
	slices.Sort(draws)
	n := float64(len(draws))
	for i, x := range draws {
		p := cdf(x)
		d = max(d, math.Abs(p-float64(i)/n), math.Abs(float64(i+1)/n-p))
	}
	return d
}

// million draws of the right law are farther than farthest from it once in
// 10^9 tries.
const million, farthest = 1_000_000, 0.0033

func TestBaseSamplesFollowTheirLaw(t *testing.T) {
	s := NormalSpec{Dim: 2, Loc: []float64{-3, 40}, Scale: []float64{0.25, 7}}
	for _, fam := range families {
		for _, learned := range []bool{false, true} {
			for _, temperature := range []float64{1, 0.5} {
				s.Learned = learned
				z := bijector.NewMat[float64](2, million/2)
				must(fam.f64(s)).NewBasePass(bijector.PassOptions{MaxBatch: million / 2}).
					Sample(newRand(11), z, bijector.Mat[float64]{}, temperature)
				var both []float64 // as standard draws
				for j := range z.D {
					for _, v := range z.Feature(j) {
						both = append(both, (v-s.Loc[j])/s.Scale[j])
					}
				}
				if d := distance(both, fam.one(0, temperature).CDF); !(d < farthest) {
					t.Errorf("%s, learned %v, temperature %v: distance %v", fam.name, learned, temperature, d)
				}
			}
		}
	}
}

// The draws of a transformed flow follow the integral of its density.
func TestFlowSamplesFollowTheDensity(t *testing.T) {
	const edge, step = 12, 0.001
	for _, base := range []Base[float64]{
		must(NewNormal[float64](NormalSpec{Dim: 1, Loc: []float64{0.5}, Scale: []float64{1.5}})),
		must(NewLogistic[float64](LogisticSpec{Dim: 1, Loc: []float64{0.5}, Scale: []float64{0.7}})),
	} {
		f := NewFlow[float64](newBend[float64](1, 1, 3), base).Given(bijector.TensorOf([]float64{0.8}, 1, 1))
		var grid []float64
		for x := -float64(edge); x <= edge; x += step {
			grid = append(grid, x)
		}
		logp := must(f.LogProb(bijector.TensorOf(grid, len(grid), 1))).Float64s()
		cumulative := make([]float64, len(grid))
		for i := 1; i < len(grid); i++ {
			cumulative[i] = cumulative[i-1] + step*(math.Exp(logp[i-1])+math.Exp(logp[i]))/2
		}
		cdf := func(x float64) float64 {
			at := (x + edge) / step
			i := min(max(int(at), 0), len(grid)-2)
			return cumulative[i] + (at-float64(i))*(cumulative[i+1]-cumulative[i])
		}
		draws := must(f.Sample(newRand(12), million)).Float64s()
		if d := distance(draws, cdf); !(d < farthest) {
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
	for _, n := range sizes {
		rng := newRand(4)
		var want []float64
		for lo := 0; lo < n; lo += 128 {
			a := rng.Uint64()
			own := rand.New(rand.NewPCG(a, rng.Uint64()))
			m := min(128, n-lo)
			z := bijector.NewMat[float64](3, m)
			f.Base().NewBasePass(o).Sample(own, z, bijector.Mat[float64]{}, 1)
			f.Layer().NewPass(o).Inverse(z, z, bijector.Mat[float64]{}, make([]float64, m))
			rows := make([]float64, 3*m)
			bijector.Store(rows, z, 0)
			want = append(want, rows...)
		}
		for _, procs := range []int{1, 2} {
			runtime.GOMAXPROCS(procs)
			for _, parallelism := range []int{0, 1, 3} {
				f.SetParallelism(parallelism)
				caller := newRand(4)
				got := must(f.Sample(caller, n)).Float64s()
				if !slices.Equal(got, want) {
					t.Fatalf("%d draws, %d processors, parallelism %d: not the draws of the seed", n, procs, parallelism)
				}
				into := make([]float64, 3*n)
				if err := f.SampleInto(into, newRand(4)); err != nil || !slices.Equal(into, want) {
					t.Fatalf("%d draws: SampleInto differs from Sample, %v", n, err)
				}
				if after := newRand(4); caller.Uint64() == after.Uint64() {
					t.Fatalf("%d draws: the caller's generator did not move on", n)
				}
			}
		}
	}
	if slices.Equal(must(f.Sample(newRand(5), 2)).Float64s(), must(f.Sample(newRand(6), 2)).Float64s()) {
		t.Error("two seeds, the same draws")
	}
	// Few draws are the first of many.
	few, many := must(f.Sample(newRand(4), 50)).Float64s(), must(f.Sample(newRand(4), 300)).Float64s()
	if !slices.Equal(few, many[:len(few)]) {
		t.Error("50 draws are not the first of 300")
	}
}

func TestTemperature(t *testing.T) {
	f := flowOf[float64](2, 0)
	mode := must(f.Inverse(bijector.TensorOf([]float64{0, 0.25}, 1, 2))).Float64s()
	still := must(f.WithTemperature(0).Sample(newRand(1), 3)).Float64s()
	for i, v := range still {
		if v != mode[i%2] {
			t.Errorf("temperature 0 draws %v, the mode is %v", still, mode)
		}
	}
	// In the latent, deviations from the location scale with temperature.
	warm := must(f.Forward(must(f.Sample(newRand(1), 200)))).Float64s()
	cold := must(f.Forward(must(f.WithTemperature(0.3).Sample(newRand(1), 200)))).Float64s()
	for i := range warm {
		loc := 0.25 * float64(i%2)
		if !near(cold[i]-loc, 0.3*(warm[i]-loc), 1e-8) {
			t.Fatalf("latent %d: %v at temperature 0.3, %v at 1", i, cold[i], warm[i])
		}
	}
	x := rowsOf[float64](3, 2)
	equal(t, "LogProb at a temperature", must(f.WithTemperature(0.3).LogProb(x)), must(f.LogProb(x)))
	if f.WithTemperature(-1); must(f.Sample(newRand(1), 1)) == nil || f.Check() != nil {
		t.Error("WithTemperature changes the flow itself")
	}
}

func TestSampleErrors(t *testing.T) {
	f, g := flowOf[float64](3, 0), flowOf[float64](3, 2)
	rng := newRand(1)
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
		"base's width":            {NewFlow[float64](newBend[float64](3, 0, 1), StandardNormal[float64](2)), rng, 1, bijector.ErrShape},
		"bad base":                {NewFlow[float64](newBend[float64](3, 0, 1), StandardNormal[float64](-2)), rng, 1, bijector.ErrSpec},
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
	base := must(NewNormal[float64](NormalSpec{Dim: 2, Scale: []float64{1, 700}}))
	f := NewFlow[float64](layer, base)
	const n = 300
	x, logp, err := f.SampleWithLogProb(newRand(1), n)
	var row *bijector.RowError
	if !errors.As(err, &row) || row.What != "result" || row.N != n || row.Count < 20 || row.Count > 200 {
		t.Fatalf("draws that overflow: %v, want a RowError of some of %d", err, n)
	}
	bad := 0
	for i, v := range logp.Float64s() {
		if math.IsNaN(v) {
			if bad++; bad == 1 && row.Row != i {
				t.Errorf("the first bad draw is %d, the error says %d", i, row.Row)
			}
		}
		if a, b := x.Float64s()[2*i], x.Float64s()[2*i+1]; math.IsNaN(v) != (math.IsNaN(a) && math.IsNaN(b)) || math.IsInf(a+b, 0) {
			t.Errorf("draw %d is %v, %v with log-density %v", i, a, b, v)
		}
	}
	if bad != row.Count {
		t.Errorf("%d bad draws, the error says %d", bad, row.Count)
	}
	plain, err := f.Sample(newRand(1), n)
	if !errors.As(err, &row) || row.Count != bad {
		t.Errorf("Sample: %v, want %d bad draws", err, bad)
	}
	for i, v := range plain.Float64s() {
		if w := x.Float64s()[i]; v != w && !(math.IsNaN(v) && math.IsNaN(w)) {
			t.Fatalf("value %d: %v without and %v with the log-density", i, v, w)
		}
	}
}
