// Mixtures of flows: density, draws, gradient, state.

package distribution

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"gorgonia.org/tensor"

	"github.com/bijou-flow/bijou/bijector"
)

// trio is a mixture of three unlike flows: the second has an embedding, the
// third is unconditional.
func trio[T bijector.Float](m Mixing) *Ensemble[T] {
	a := NewFlow[T](newBend[T](2, 3, 4), must(NewLogistic[T](LogisticSpec{Dim: 2, Learned: true})))
	b := embeddedFlow[T]()
	c := NewFlow[T](newBend[T](2, 0, 5), must(NewNormal[T](NormalSpec{Dim: 2, Loc: []float64{1, -1}})))
	return must(NewEnsemble(m, a, b, c))
}

var uneven = Mixing{Weights: []float64{3, 1, 2}}

// The density is the weighted sum of the flows', in both types.
func TestEnsembleDensity(t *testing.T) {
	t.Run("float32", func(t *testing.T) { ensembleDensity[float32](t, 1e-5) })
	t.Run("float64", func(t *testing.T) { ensembleDensity[float64](t, 1e-12) })
}

func ensembleDensity[T bijector.Float](t *testing.T, tol float64) {
	for _, m := range []Mixing{{}, uneven, {Weights: uneven.Weights, Learned: true}} {
		w := []float64{1. / 3, 1. / 3, 1. / 3}
		if m.Weights != nil {
			w = []float64{0.5, 1. / 6, 2. / 6}
		}
		e := trio[T](m)
		for k, got := range e.Weights() {
			if !near(got, w[k], 1e-6) {
				t.Errorf("weights %v, want %v", e.Weights(), w)
			}
		}
		for _, n := range []int{1, 5, 300} {
			x := rowsOf[T](n, 2)
			for _, c := range []*tensor.Dense{rowsOf[T](1, 3), rowsOf[T](n, 3)} {
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
					if v > 1e-200 && !near(got[i], math.Log(v), tol) {
						t.Fatalf("row %d of %d: %v, want %v", i, n, got[i], math.Log(v))
					}
				}
				if v := must(e.Given(c).LogProb(x)); v.Dtype() != x.Dtype() {
					t.Errorf("log-densities of %v", v.Dtype())
				}
			}
		}
	}
}

// Far from all flows the sum does not underflow, and outside of all supports
// it is -Inf.
func TestEnsembleFarAway(t *testing.T) {
	id := func() bijector.Layer[float64] {
		return must(bijector.NewShift[float64](bijector.ShiftSpec{Dim: 1}))
	}
	e := must(NewEnsemble(Mixing{},
		NewFlow[float64](id(), StandardNormal[float64](1)),
		NewFlow[float64](id(), must(NewNormal[float64](NormalSpec{Dim: 1, Loc: []float64{1}})))))
	got := must(e.LogProb(bijector.TensorOf([]float64{60, -1e200}, 2, 1))).Float64s()
	want := -math.Log(2*math.Pi)/2 - 59.*59/2 - math.Ln2 + math.Log1p(math.Exp(59.*59/2-60.*60/2))
	if !near(got[0], want, 1e-12) || !math.IsInf(got[1], -1) {
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
	if got := logSumExp([]float64{inf, -1000, -1000}); !near(got, math.Ln2-1000, 1e-15) {
		t.Errorf("two small terms give %v", got)
	}
}

// box is a base whose support is a box, for tests of -Inf in training.
func box(lo, hi float64) *Flow[float64] {
	u := must(NewUniform[float64](UniformSpec{Dim: 1, Lo: []float64{lo}, Hi: []float64{hi}}))
	return NewFlow[float64](must(bijector.NewShift[float64](bijector.ShiftSpec{Dim: 1})), Base[float64](u))
}

// A row outside one flow's support is the other's alone, in the gradient too.
func TestEnsembleSupports(t *testing.T) {
	e := must(NewEnsemble(Mixing{Weights: []float64{1, 3}, Learned: true}, box(0, 1), box(2, 4)))
	x := must(bijector.MatOf[float64](bijector.TensorOf([]float64{0.5, 3}, 2, 1), 1))
	checkStep(t, e, x, bijector.Mat[float64]{})
	loss := make([]float64, 2)
	p := e.NewStepPass(bijector.PassOptions{MaxBatch: 2})
	p.Step(x, bijector.Mat[float64]{}, loss)
	if !near(loss[0], math.Log(4), 1e-12) || !near(loss[1], math.Log(8./3), 1e-12) {
		t.Errorf("losses %v", loss)
	}
}

func TestEnsembleGradient(t *testing.T) {
	for _, m := range []Mixing{{}, {Weights: uneven.Weights, Learned: true}} {
		e := trio[float64](m)
		if err := e.Check(); err != nil {
			t.Fatal(err)
		}
		for _, n := range []int{1, 2, 9} {
			data, given := smallRows(n, 2), rowsOf[float64](n, 3)
			x, cond := must(bijector.MatOf[float64](data, 2)), must(bijector.MatOf[float64](given, 3))
			checkStep(t, e, x, cond)
			checkLoss(t, e, e.Given(given), data, x, cond)
		}
	}
}

// Draws follow the density: by each coordinate's distribution function,
// integrated over a grid.
func TestEnsembleDraws(t *testing.T) {
	shift := func(by float64) *Flow[float64] {
		base := must(NewNormal[float64](NormalSpec{Dim: 1, Loc: []float64{by}, Scale: []float64{0.5 + math.Abs(by)}}))
		return NewFlow[float64](newBend[float64](1, 0, uint64(by*by)), Base[float64](base))
	}
	e := must(NewEnsemble(Mixing{Weights: []float64{1, 2, 1}}, shift(-2), shift(0), shift(1)))
	const lo, step, cells = -12.0, 1e-3, 24000
	grid := make([]float64, cells)
	for i := range grid {
		grid[i] = lo + (float64(i)+0.5)*step
	}
	cdf := make([]float64, cells+1)
	for i, v := range must(e.LogProb(bijector.TensorOf(grid, cells, 1))).Float64s() {
		cdf[i+1] = cdf[i] + math.Exp(v)*step
	}
	if !near(cdf[cells], 1, 1e-4) {
		t.Fatalf("the density integrates to %v", cdf[cells])
	}
	const n = 100_000
	draws := slices.Clone(must(e.Sample(newRand(1), n)).Float64s())
	d := distance(draws, func(x float64) float64 {
		i := int(min(max((x-lo)/step, 0), cells))
		return cdf[i]
	})
	if d > 1.95/math.Sqrt(n) {
		t.Errorf("draws are %.5f from their law", d)
	}
	mode := must(e.WithTemperature(0).Sample(newRand(1), 1000)).Float64s()
	slices.Sort(mode)
	if got := slices.Compact(mode); len(got) != 3 {
		t.Errorf("%d modes at temperature 0, want 3", len(got))
	}
}

// Row i of a context conditions draw i, whichever flow draws it, and the
// log-densities are those of the draws.
func TestEnsembleDrawsUnderContexts(t *testing.T) {
	e := trio[float64](uneven)
	const n = 300
	c := rowsOf[float64](n, 3)
	draws, logp, err := e.Given(c).SampleWithLogProb(newRand(2), n)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "log-density", logp, must(e.Given(c).LogProb(draws)))
	// At temperature 0 a draw is the image of a flow's mode under its context.
	modes := make([][]float64, 3)
	for k, f := range e.Flows() {
		if k < 2 {
			f = f.Given(c)
		}
		modes[k] = must(f.WithTemperature(0).Sample(newRand(1), n)).Float64s()
	}
	count := [3]int{}
	for i, v := range must(e.Given(c).WithTemperature(0).Sample(newRand(3), n)).Float64s() {
		k := slices.IndexFunc(modes, func(m []float64) bool { return near(v, m[i], 1e-9) })
		if k < 0 {
			t.Fatalf("value %d is %v, no flow's mode", i, v)
		}
		count[k]++
	}
	if count[0] < 240 || count[0] > 360 || count[1] < 60 || count[1] > 150 { // of 600 values: 300, 100, 200
		t.Errorf("the flows drew %v values, want about 300, 100 and 200", count)
	}
}

// Results are functions of the seed, however many goroutines there are.
func TestEnsembleParallelism(t *testing.T) {
	e := trio[float32](uneven).Given(rowsOf[float32](1, 3))
	x := rowsOf[float32](700, 2)
	run := func(n int) []*tensor.Dense {
		e.SetParallelism(n)
		return []*tensor.Dense{must(e.LogProb(x)), must(e.Sample(newRand(1), 700))}
	}
	one := run(1)
	for i, got := range run(runtime.GOMAXPROCS(0) + 2) {
		equal(t, fmt.Sprint(i), got, one[i])
	}
	equal(t, "Sample", must(e.Sample(newRand(1), 700)), one[1])
	data := make([]float32, 20)
	if err := e.SampleInto(data, newRand(4)); err != nil {
		t.Fatal(err)
	}
	equal(t, "SampleInto", bijector.TensorOf(data, 10, 2), must(e.Sample(newRand(4), 10)))

	const n = 200
	m, cond := must(bijector.MatOf[float32](rowsOf[float32](n, 2), 2)), must(bijector.MatOf[float32](rowsOf[float32](n, 3), 3))
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
	e := trio[float64](uneven)
	const n = 200
	x, c := rowsOf[float64](n, 2), rowsOf[float64](n, 3)
	want := must(e.Given(c).LogProb(x)).Float64s()
	for what, spoil := range map[string]func(x, c []float64){
		"input":   func(x, _ []float64) { x[2*150] = math.Inf(1) },
		"context": func(_, c []float64) { c[3*150+1] = math.NaN() },
		"result":  func(x, _ []float64) { x[2*150] = 1e200 }, // a sinh of that
	} {
		x2, c2 := x.Clone().(*tensor.Dense), c.Clone().(*tensor.Dense)
		spoil(x2.Float64s(), c2.Float64s())
		logp, err := e.Given(c2).LogProb(x2)
		var r *bijector.RowError
		if !errors.As(err, &r) || r.What != what || r.Row != 150 || r.Count != 1 || r.N != n {
			t.Fatalf("%s: %v", what, err)
		}
		for i, v := range logp.Float64s() {
			if i == 150 && !math.IsNaN(v) || i != 150 && v != want[i] {
				t.Errorf("%s: row %d is %v, was %v", what, i, v, want[i])
			}
		}
		if what == "context" {
			draws, logp, err := e.Given(c2).SampleWithLogProb(newRand(1), n)
			if !errors.As(err, &r) || r.What != what || r.Row != 150 || r.Count != 1 {
				t.Errorf("draws: %v", err)
			}
			for i, v := range logp.Float64s() {
				if bad := math.IsNaN(draws.Float64s()[2*i]); bad != math.IsNaN(v) || bad && i != 150 {
					t.Errorf("draw %d: %v with log-density %v", i, draws.Float64s()[2*i], v)
				}
			}
		}
	}
}

func TestEnsembleRefuses(t *testing.T) {
	f, g := flowOf[float64](2, 0), flowOf[float64](2, 1)
	shared := NewFlow(f.Layer(), Base[float64](StandardNormal[float64](2)))
	for name, c := range map[string]struct {
		m     Mixing
		flows []*Flow[float64]
		want  error
		says  string
	}{
		"none":            {Mixing{}, nil, bijector.ErrSpec, "no flows"},
		"nil":             {Mixing{}, []*Flow[float64]{f, nil}, bijector.ErrSpec, "flow 1"},
		"features":        {Mixing{}, []*Flow[float64]{f, flowOf[float64](3, 0)}, bijector.ErrShape, "3 features"},
		"contexts":        {Mixing{}, []*Flow[float64]{f, g, flowOf[float64](2, 2)}, bijector.ErrContext, "flow 2"},
		"twice":           {Mixing{}, []*Flow[float64]{f, f.WithTemperature(2)}, bijector.ErrSpec, "share"},
		"a shared layer":  {Mixing{}, []*Flow[float64]{f, shared}, bijector.ErrSpec, `"bijector.0.a"`},
		"no flow":         {Mixing{}, []*Flow[float64]{f, NewFlow[float64](nil, nil)}, bijector.ErrSpec, "flow 1"},
		"few weights":     {Mixing{Weights: []float64{1}}, []*Flow[float64]{f, g}, bijector.ErrSpec, "1 weights, want one for each flow, 2"},
		"a zero":          {Mixing{Weights: []float64{1, 0}}, []*Flow[float64]{f, g}, bijector.ErrSpec, "weight of flow 1 is 0"},
		"infinite weight": {Mixing{Weights: []float64{math.Inf(1), 1}}, []*Flow[float64]{f, g}, bijector.ErrSpec, "weight of flow 0"},
		"NaN":             {Mixing{Weights: []float64{1, math.NaN()}}, []*Flow[float64]{f, g}, bijector.ErrSpec, "weight of flow 1"},
	} {
		if e, err := NewEnsemble(c.m, c.flows...); !errors.Is(err, c.want) || e != nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %v with %q", name, err, c.want, c.says)
		}
	}
	e := must(NewEnsemble(Mixing{}, f, g))
	x, rng := rowsOf[float64](2, 2), newRand(1)
	given := e.Given(rowsOf[float64](1, 1))
	for name, c := range map[string]struct{ got, want error }{
		"no context":      {second(e.LogProb(x)), bijector.ErrContext},
		"features":        {second(given.LogProb(rowsOf[float64](1, 3))), bijector.ErrShape},
		"type":            {second(given.LogProb(rowsOf[float32](1, 2))), bijector.ErrDType},
		"destination":     {given.LogProbInto(make([]float64, 3), x), bijector.ErrShape},
		"draw, context":   {second(e.Sample(rng, 1)), bijector.ErrContext},
		"no draws":        {second(given.Sample(rng, 0)), bijector.ErrShape},
		"no generator":    {second(given.Sample(nil, 1)), bijector.ErrSpec},
		"temperature":     {second(given.WithTemperature(-1).Sample(rng, 1)), bijector.ErrSpec},
		"redraws":         {second(given.WithRedraws(-1).Sample(rng, 1)), bijector.ErrSpec},
		"into nothing":    {given.SampleInto(nil, rng), bijector.ErrShape},
		"check":           {e.WithTemperature(math.NaN()).Check(), bijector.ErrSpec},
		"without a grad.": {must(NewEnsemble(Mixing{}, NewFlow[float64](plain{newBend[float64](2, 0, 1)}, StandardNormal[float64](2)))).Check(), bijector.ErrNotTrainable},
	} {
		if !errors.Is(c.got, c.want) {
			t.Errorf("%s: %v, want %v", name, c.got, c.want)
		}
	}
}

func second[V any](_ V, err error) error { return err }

func TestEnsembleState(t *testing.T) {
	e := trio[float64](Mixing{Weights: []float64{3, 1, 2}, Learned: true})
	var names []string
	for _, p := range e.Params() {
		names = append(names, p.Name)
	}
	if got := strings.Join(names, " "); !strings.HasPrefix(got, "0.bijector.a ") || !strings.Contains(got, " 1.embedding.1.bias 2.bijector.a ") || !strings.HasSuffix(got, " logits") {
		t.Errorf("parameters %s", got)
	}
	s := e.Spec().(EnsembleSpec)
	s.Weights[0] = 7
	text := string(must(json.Marshal(e.Spec())))
	if !strings.HasSuffix(text, `"weights":[3,1,2],"learned":true}`) || len(s.Flows) != 3 {
		t.Errorf("spec %s", text)
	}
	e.logits[1] = math.NaN()
	if err := e.Validate(); !errors.Is(err, bijector.ErrNonFinite) {
		t.Errorf("a NaN logit: %v", err)
	}
	e.logits[1] = 0
	if err := e.Validate(); err != nil {
		t.Error(err)
	}
	layer := &told{bend: newBend[float64](2, 0, 1), valid: bijector.ErrNonFinite}
	e = must(NewEnsemble(Mixing{}, flowOf[float64](2, 0), NewFlow[float64](layer, StandardNormal[float64](2))))
	e.Changed()
	e.Calibrate(bijector.NewMat[float64](2, 5), bijector.Mat[float64]{}, true, nil)
	if err := e.Validate(); layer.changed != 1 || layer.calibrated != 1 || !errors.Is(err, bijector.ErrNonFinite) || !strings.Contains(err.Error(), "flow 1") {
		t.Errorf("told of %d changes and %d calibrations; Validate says %v", layer.changed, layer.calibrated, err)
	}
}
