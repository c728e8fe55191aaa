// Mixtures of flows: density, draws, gradient.

package flow

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"runtime"
	"slices"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/internal/testkit"
)

// threeFlows is a mixture of three unlike flows: the second has an embedding, the
// third is unconditional.
func threeFlows[T bijector.Float](m Mixing) *Ensemble[T] {
	a := newFlow[T](newBend[T](2, 3, 4), testkit.Must(distribution.NewLogistic[T](distribution.LogisticSpec{Dim: 2, Learned: true})))
	b := embeddedFlow[T]()
	c := newFlow[T](newBend[T](2, 0, 5), testkit.Must(distribution.NewNormal[T](distribution.NormalSpec{Dim: 2, Loc: []float64{1, -1}})))
	return testkit.Must(NewEnsemble(m, a, b, c))
}

var unevenMixing = Mixing{Weights: []float64{3, 1, 2}}

// The density is the weighted sum of the flows', in both types.
func TestEnsembleDensity(t *testing.T) {
	t.Run("float32", func(t *testing.T) { ensembleDensity[float32](t, 1e-5) })
	t.Run("float64", func(t *testing.T) { ensembleDensity[float64](t, 1e-12) })
}

func ensembleDensity[T bijector.Float](t *testing.T, tol float64) {
	for _, m := range []Mixing{{}, unevenMixing, {Weights: unevenMixing.Weights, Learned: true}} {
		w := []float64{1. / 3, 1. / 3, 1. / 3}
		if m.Weights != nil {
			w = []float64{0.5, 1. / 6, 2. / 6}
		}
		e := threeFlows[T](m)
		for k, got := range e.Weights() {
			if !testkit.IsNear(got, w[k], 1e-6) {
				t.Errorf("weights %v, want %v", e.Weights(), w)
			}
		}
		for _, n := range []int{1, 5, 300} {
			x := rowsOf[T](n, 2)
			for _, c := range []*bijector.Rows[T]{rowsOf[T](1, 3), rowsOf[T](n, 3)} {
				want := make([]float64, n)
				for k, f := range e.Flows() {
					if k < 2 {
						f = f.Given(c)
					}
					lp := make([]float64, n)
					if err := f.LogProbInto(lp, x); err != nil {
						t.Fatal(err)
					}
					for i, v := range lp {
						want[i] += w[k] * math.Exp(v)
					}
				}
				got := make([]float64, n)
				if err := e.Given(c).LogProbInto(got, x); err != nil {
					t.Fatal(err)
				}
				for i, v := range want {
					if v > 1e-200 && !testkit.IsNear(got[i], math.Log(v), tol) {
						t.Fatalf("row %d of %d: %v, want %v", i, n, got[i], math.Log(v))
					}
				}
				testkit.Equal(t, "LogProb", testkit.Must(e.Given(c).LogProb(x)), got)
			}
		}
	}
}

// Far from all flows the sum does not underflow, and outside of all supports
// it is -Inf.
func TestEnsembleFarAway(t *testing.T) {
	id := func() bijector.Layer[float64] {
		return testkit.Must(bijector.NewShift[float64](bijector.ShiftSpec{Dim: 1}))
	}
	e := testkit.Must(NewEnsemble(Mixing{},
		newFlow[float64](id(), distribution.StandardNormal[float64](1)),
		newFlow[float64](id(), testkit.Must(distribution.NewNormal[float64](distribution.NormalSpec{Dim: 1, Loc: []float64{1}})))))
	got := testkit.Must(e.LogProb(testkit.Rows([]float64{60, -1e200}, 2, 1)))
	want := -math.Log(2*math.Pi)/2 - 59.*59/2 - math.Ln2 + math.Log1p(math.Exp(59.*59/2-60.*60/2))
	if !testkit.IsNear(got[0], want, 1e-12) || !math.IsInf(got[1], -1) {
		t.Errorf("%v, want %v and -Inf", got, want)
	}
}

// A flow that says nothing of a row leaves nothing to be said, even where
// another gives it no density.
func TestLogSumExp(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(-1)
	for _, v := range [][]float64{{nan, inf}, {inf, nan}, {nan, 1}, {nan}} {
		if got := logSumExp(v); !math.IsNaN(got) {
			t.Errorf("%v gives %v", v, got)
		}
	}
	if got := logSumExp([]float64{inf, inf}); got != inf {
		t.Errorf("nothing at all gives %v", got)
	}
	if got := logSumExp([]float64{inf, -1000, -1000}); !testkit.IsNear(got, math.Ln2-1000, 1e-15) {
		t.Errorf("two small terms give %v", got)
	}
}

// uniformFlow is a base whose support is a box, for tests of -Inf in training.
func uniformFlow(lo, hi float64) *Flow[float64] {
	u := testkit.Must(distribution.NewUniform[float64](distribution.UniformSpec{Dim: 1, Lo: []float64{lo}, Hi: []float64{hi}}))
	return newFlow[float64](testkit.Must(bijector.NewShift[float64](bijector.ShiftSpec{Dim: 1})), distribution.Base[float64](u))
}

// A row outside one flow's support is the other's alone, in the gradient too.
func TestEnsembleSupports(t *testing.T) {
	e := testkit.Must(NewEnsemble(Mixing{Weights: []float64{1, 3}, Learned: true}, uniformFlow(0, 1), uniformFlow(2, 4)))
	x := testkit.Must(bijector.MatOf[float64](testkit.Rows([]float64{0.5, 3}, 2, 1), 1))
	checkStep(t, e, x, bijector.Mat[float64]{})
	loss := make([]float64, 2)
	p := e.NewStepPass(bijector.PassOptions{MaxBatch: 2})
	p.Step(x, bijector.Mat[float64]{}, loss)
	if !testkit.IsNear(loss[0], math.Log(4), 1e-12) || !testkit.IsNear(loss[1], math.Log(8./3), 1e-12) {
		t.Errorf("losses %v", loss)
	}
}

func TestEnsembleGradient(t *testing.T) {
	for _, m := range []Mixing{{}, {Weights: unevenMixing.Weights, Learned: true}} {
		e := threeFlows[float64](m)
		if err := e.Check(); err != nil {
			t.Fatal(err)
		}
		for _, n := range []int{1, 2, 9} {
			data, given := smallRows(n, 2), rowsOf[float64](n, 3)
			x, cond := testkit.Must(bijector.MatOf[float64](data, 2)), testkit.Must(bijector.MatOf[float64](given, 3))
			checkStep(t, e, x, cond)
			checkLoss(t, e, e.Given(given), data, x, cond)
		}
	}
}

// Draws follow the density: by each coordinate's distribution function,
// integrated over a grid.
func TestEnsembleDraws(t *testing.T) {
	shift := func(by float64) *Flow[float64] {
		base := testkit.Must(distribution.NewNormal[float64](distribution.NormalSpec{Dim: 1, Loc: []float64{by}, Scale: []float64{0.5 + math.Abs(by)}}))
		return newFlow[float64](newBend[float64](1, 0, uint64(by*by)), distribution.Base[float64](base))
	}
	e := testkit.Must(NewEnsemble(Mixing{Weights: []float64{1, 2, 1}}, shift(-2), shift(0), shift(1)))
	const lo, step, cells = -12.0, 1e-3, 24000
	grid := make([]float64, cells)
	for i := range grid {
		grid[i] = lo + (float64(i)+0.5)*step
	}
	cdf := make([]float64, cells+1)
	for i, v := range testkit.Must(e.LogProb(testkit.Rows(grid, cells, 1))) {
		cdf[i+1] = cdf[i] + math.Exp(v)*step
	}
	if !testkit.IsNear(cdf[cells], 1, 1e-4) {
		t.Fatalf("the density integrates to %v", cdf[cells])
	}
	const n = 100_000
	draws := testkit.Must(e.Sample(testkit.NewRand(1), n)).Values()
	d := testkit.Distance(draws, func(x float64) float64 {
		i := int(min(max((x-lo)/step, 0), cells))
		return cdf[i]
	})
	if d > 1.95/math.Sqrt(n) {
		t.Errorf("draws are %.5f from their law", d)
	}
	mode := testkit.Must(e.WithTemperature(0).Sample(testkit.NewRand(1), 1000)).Values()
	slices.Sort(mode)
	if got := slices.Compact(mode); len(got) != 3 {
		t.Errorf("%d modes at temperature 0, want 3", len(got))
	}
}

// Row i of a context conditions draw i, whichever flow draws it, and the
// log-densities are those of the draws.
func TestEnsembleDrawsUnderContexts(t *testing.T) {
	e := threeFlows[float64](unevenMixing)
	const n = 300
	c := rowsOf[float64](n, 3)
	draws, logp, err := e.Given(c).SampleWithLogProb(testkit.NewRand(2), n)
	if err != nil {
		t.Fatal(err)
	}
	testkit.Equal(t, "log-density", logp, testkit.Must(e.Given(c).LogProb(draws)))
	// At temperature 0 a draw is the image of a flow's mode under its context.
	modes := make([][]float64, 3)
	for k, f := range e.Flows() {
		if k < 2 {
			f = f.Given(c)
		}
		modes[k] = testkit.Must(f.WithTemperature(0).Sample(testkit.NewRand(1), n)).Values()
	}
	count := [3]int{}
	for i, v := range testkit.Must(e.Given(c).WithTemperature(0).Sample(testkit.NewRand(3), n)).Values() {
		k := slices.IndexFunc(modes, func(m []float64) bool { return testkit.IsNear(v, m[i], 1e-9) })
		if k < 0 {
			t.Fatalf("value %d is %v, no flow's mode", i, v)
		}
		count[k]++
	}
	if count[0] < 240 || count[0] > 360 || count[1] < 60 || count[1] > 150 { // of 600 values: 300, 100, 200
		t.Errorf("the flows drew %v values, want about 300, 100 and 200", count)
	}
}

// The log-densities that come with draws are LogProb at the draws, to the bit,
// and do not change the draws.
func TestEnsembleSampleWithLogProb(t *testing.T) {
	t.Run("float32", ensembleSampleWithLogProb[float32])
	t.Run("float64", ensembleSampleWithLogProb[float64])
}

func ensembleSampleWithLogProb[T bijector.Float](t *testing.T) {
	for _, m := range []Mixing{unevenMixing, {Weights: unevenMixing.Weights, Learned: true}} {
		for _, n := range testkit.Sizes {
			for _, context := range []*bijector.Rows[T]{rowsOf[T](1, 3), rowsOf[T](n, 3)} {
				e := threeFlows[T](m).Given(context)
				for _, model := range []*Ensemble[T]{e, e.WithTemperature(0.5)} {
					draws, logp, err := model.SampleWithLogProb(testkit.NewRand(3), n)
					if err != nil {
						t.Fatal(err)
					}
					what := fmt.Sprintf("%d draws under %d contexts", n, context.Len())
					testkit.Equal(t, what+", log-density", logp, testkit.Must(e.LogProb(draws)))
					testkit.Equal(t, what, draws.Values(), testkit.Must(model.Sample(testkit.NewRand(3), n)).Values())
				}
			}
		}
	}
}

// Results are functions of the seed, however many goroutines there are.
func TestEnsembleParallelism(t *testing.T) {
	e := threeFlows[float32](unevenMixing).Given(rowsOf[float32](1, 3))
	x := rowsOf[float32](700, 2)
	run := func(n int) (logp []float64, draws []float32) {
		e.SetParallelism(n)
		return testkit.Must(e.LogProb(x)), testkit.Must(e.Sample(testkit.NewRand(1), 700)).Values()
	}
	logp, draws := run(1)
	manyLogp, manyDraws := run(runtime.GOMAXPROCS(0) + 2)
	testkit.Equal(t, "LogProb", manyLogp, logp)
	testkit.Equal(t, "Sample", manyDraws, draws)
	testkit.Equal(t, "Sample again", testkit.Must(e.Sample(testkit.NewRand(1), 700)).Values(), draws)
	data := make([]float32, 20)
	if err := e.SampleInto(data, testkit.NewRand(4)); err != nil {
		t.Fatal(err)
	}
	testkit.Equal(t, "SampleInto", data, testkit.Must(e.Sample(testkit.NewRand(4), 10)).Values())

	const n = 200
	m, cond := testkit.Must(bijector.MatOf[float32](rowsOf[float32](n, 2), 2)), testkit.Must(bijector.MatOf[float32](rowsOf[float32](n, 3), 3))
	step := func(w *bijector.Workers) ([]float64, [][]float32) {
		loss := make([]float64, n)
		p := e.NewStepPass(bijector.PassOptions{MaxBatch: n, Workers: w})
		p.Step(m, cond, loss)
		return loss, p.Grads()
	}
	loss, grads := step(nil)
	w := bijector.NewWorkers(3)
	defer w.Close()
	if l, g := step(w); !slices.Equal(l, loss) || !reflect.DeepEqual(g, grads) {
		t.Error("three workers change the bits of a step")
	}
}

// A row that is not finite is NaN and named, the others are as they were.
func TestEnsembleNonFinite(t *testing.T) {
	e := threeFlows[float64](unevenMixing)
	const n = 200
	x, c := rowsOf[float64](n, 2), rowsOf[float64](n, 3)
	want := testkit.Must(e.Given(c).LogProb(x))
	for what, spoil := range map[string]func(x, c []float64){
		"input":   func(x, _ []float64) { x[2*150] = math.Inf(1) },
		"context": func(_, c []float64) { c[3*150+1] = math.NaN() },
		"result":  func(x, _ []float64) { x[2*150] = 1e200 }, // a sinh of that
	} {
		x2, c2 := x.Clone().(*bijector.Rows[float64]), c.Clone().(*bijector.Rows[float64])
		spoil(x2.Values(), c2.Values())
		logp, err := e.Given(c2).LogProb(x2)
		var r *bijector.RowError
		if !errors.As(err, &r) || r.What != what || r.Row != 150 || r.Count != 1 || r.N != n {
			t.Fatalf("%s: %v", what, err)
		}
		for i, v := range logp {
			if i == 150 && !math.IsNaN(v) || i != 150 && v != want[i] {
				t.Errorf("%s: row %d is %v, was %v", what, i, v, want[i])
			}
		}
		if what == "context" {
			draws, logp, err := e.Given(c2).SampleWithLogProb(testkit.NewRand(1), n)
			if !errors.As(err, &r) || r.What != what || r.Row != 150 || r.Count != 1 {
				t.Errorf("draws: %v", err)
			}
			for i, v := range logp {
				if bad := math.IsNaN(draws.Values()[2*i]); bad != math.IsNaN(v) || bad && i != 150 {
					t.Errorf("draw %d: %v with log-density %v", i, draws.Values()[2*i], v)
				}
			}
		}
	}
}
