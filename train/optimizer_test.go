// Adam and SGD against PyTorch's, value by value, and what lies around them:
// the share of each parameter, ranges, clipping, undo.

package train

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
)

// torchRuns is what testdata/optimizers.py writes.
type torchRuns struct {
	Rates []float64   `json:"rates"`
	Start []float64   `json:"start"`
	Grads [][]float64 `json:"grads"`
	Runs  map[string]struct {
		Float64 [][]float64 `json:"float64"`
		Float32 [][]float64 `json:"float32"`
	} `json:"runs"`
}

func cast[T bijector.Float](s []float64) []T {
	out := make([]T, len(s))
	for i, v := range s {
		out[i] = T(v)
	}
	return out
}

// maxRelDiff is the largest difference between p and want, relative to values of
// at least 1 in size.
func maxRelDiff[T bijector.Float](p []T, want []float64) float64 {
	most := 0.0
	for i, v := range p {
		d := math.Abs(float64(v)-want[i]) / math.Max(1, math.Abs(want[i]))
		if !(d <= most) {
			most = d
		}
	}
	return most
}

func TestOptimizersAgreeWithPyTorch(t *testing.T) {
	data, err := os.ReadFile("testdata/optimizers.json")
	if err != nil {
		t.Fatal(err)
	}
	var runs torchRuns
	if err := json.Unmarshal(data, &runs); err != nil {
		t.Fatal(err)
	}
	optimizers := map[string]Optimizer{
		"adam":                 Adam{},
		"adam, settings":       Adam{Beta1: 0.5, Beta2: 0.75, Eps: 1e-3},
		"adam, decay":          Adam{WeightDecay: 0.3},
		"adamw":                Adam{WeightDecay: 0.3, Decoupled: true},
		"sgd":                  SGD{},
		"sgd, momentum":        SGD{Momentum: 0.7},
		"sgd, momentum, decay": SGD{Momentum: 0.7, WeightDecay: 0.3},
	}
	if len(runs.Runs) != len(optimizers) {
		t.Fatalf("the fixture has %d runs, want %d", len(runs.Runs), len(optimizers))
	}
	for name, run := range runs.Runs {
		t.Run(name, func(t *testing.T) {
			compareTrace[float64](t, optimizers[name], runs, run.Float64, 1e-12)
			compareTrace[float32](t, optimizers[name], runs, run.Float32, 1e-6)
		})
	}
}

func compareTrace[T bijector.Float](t *testing.T, opt Optimizer, runs torchRuns, trace [][]float64, tol float64) {
	t.Helper()
	p, g := cast[T](runs.Start), make([]T, len(runs.Start))
	u, err := newUpdater(opt, []bijector.Param[T]{{Name: "p", Data: p}}, [][]T{g}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(trace) < 5 {
		t.Fatalf("%d steps are too few", len(trace))
	}
	for k, want := range trace {
		copy(g, cast[T](runs.Grads[k]))
		before := slices.Clone(p)
		u.apply(runs.Rates[k], 1)
		if d := maxRelDiff(p, want); d > tol {
			t.Errorf("%T step %d: off by %g, more than %g: %v, PyTorch has %v", p[0], k+1, d, tol, p, want)
		}
		if slices.ContainsFunc(g, func(v T) bool { return v != 0 }) {
			t.Errorf("step %d left gradients %v", k+1, g)
		}
		after := slices.Clone(p)
		if u.undo(); !slices.Equal(p, before) {
			t.Errorf("undo of step %d gave %v, want %v", k+1, p, before)
		}
		copy(p, after)
	}
}

// By hand, from Kingma and Ba's algorithm 1: with one constant gradient both
// corrected moments are the gradient's, so each step is the rate long.
func TestAdamsFirstStepsAreAsLongAsTheRate(t *testing.T) {
	p, g := []float64{5}, []float64{0}
	u, err := newUpdater(Adam{}, []bijector.Param[float64]{{Data: p}}, [][]float64{g}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for k := 1; k <= 6; k++ {
		g[0] = 3
		u.apply(0.25, 1)
		if want := 5 - 0.25*float64(k)*3/(3+1e-8); math.Abs(p[0]-want) > 1e-12 {
			t.Errorf("after step %d: %.17g, want %.17g", k, p[0], want)
		}
	}
}

// A parameter's Rate multiplies the learning rate, NoDecay exempts it, in
// whatever order parameters of different kinds stand.
func TestRateAndNoDecayOfAParameter(t *testing.T) {
	for _, opt := range []Optimizer{
		SGD{Momentum: 0.5, WeightDecay: 0.2}, Adam{WeightDecay: 0.2}, Adam{WeightDecay: 0.2, Decoupled: true},
	} {
		plain := opt
		switch o := opt.(type) {
		case SGD:
			o.WeightDecay = 0
			plain = o
		case Adam:
			o.WeightDecay = 0
			plain = o
		}
		kinds := []bijector.Param[float64]{{}, {NoDecay: true}, {Rate: 0.1}, {Rate: 3, NoDecay: true}}
		alone := func(i int) (o Optimizer, rate float64) {
			o, rate = opt, 0.05
			if kinds[i].NoDecay {
				o = plain
			}
			if kinds[i].Rate != 0 {
				rate *= kinds[i].Rate
			}
			return o, rate
		}
		var params []bijector.Param[float64]
		var grads [][]float64
		var singles []*updater[float64]
		for i, k := range kinds {
			k.Data = []float64{1, -2, float64(i)}
			params, grads = append(params, k), append(grads, make([]float64, 3))
			o, _ := alone(i)
			u, err := newUpdater(o, []bijector.Param[float64]{{Data: slices.Clone(k.Data)}}, [][]float64{make([]float64, 3)}, nil)
			if err != nil {
				t.Fatal(err)
			}
			singles = append(singles, u)
		}
		together, err := newUpdater(opt, params, grads, nil)
		if err != nil {
			t.Fatal(err)
		}
		for step := range 5 {
			for i, u := range singles {
				for j := range 3 {
					v := math.Sin(float64(step*12 + i*3 + j))
					grads[i][j], u.grads[0][j] = v, v
				}
				_, rate := alone(i)
				u.apply(rate, 1)
			}
			together.apply(0.05, 1)
		}
		for i, u := range singles {
			if !slices.Equal(params[i].Data, u.params[0].Data) {
				t.Errorf("%+v: parameter of kind %+v went to %v, alone to %v", opt, kinds[i], params[i].Data, u.params[0].Data)
			}
		}
	}
}

// One worker and three cut parameters, their state and their gradients at
// different places; the bits are the same.
func TestUpdatesDoNotDependOnTheWorkers(t *testing.T) {
	sharedUpdates[float32](t)
	sharedUpdates[float64](t)
}

func sharedUpdates[T bijector.Float](t *testing.T) {
	sizes := []int{1, 2047, 5, 0, 4099, 17, 1023}
	run := func(opt Optimizer, workers int) (p [][]T, norms []float64) {
		w := bijector.NewWorkers(workers)
		defer w.Close()
		rng := rand.New(rand.NewPCG(1, 2))
		var params []bijector.Param[T]
		var grads [][]T
		for _, n := range sizes {
			data := make([]T, n)
			for i := range data {
				data[i] = T(rng.NormFloat64())
			}
			p = append(p, data)
			params, grads = append(params, bijector.Param[T]{Data: data}), append(grads, make([]T, n))
		}
		u, err := newUpdater(opt, params, grads, w)
		if err != nil {
			t.Fatal(err)
		}
		for range 5 {
			for _, g := range grads {
				for i := range g {
					g[i] = T(rng.NormFloat64())
				}
			}
			norms = append(norms, u.gradNorm())
			u.apply(0.1, 0.7)
		}
		return p, norms
	}
	for _, opt := range []Optimizer{Adam{}, Adam{WeightDecay: 0.1}, Adam{WeightDecay: 0.1, Decoupled: true}, SGD{Momentum: 0.9, WeightDecay: 0.1}} {
		want, norms := run(opt, 1)
		for _, workers := range []int{2, 3} {
			got, n := run(opt, workers)
			if !slices.Equal(n, norms) {
				t.Errorf("%+v: norms with %d workers %v, with one %v", opt, workers, n, norms)
			}
			for i := range want {
				if !slices.Equal(got[i], want[i]) {
					t.Errorf("%T %+v: parameter of %d values differs with %d workers", want[i], opt, sizes[i], workers)
				}
			}
		}
	}
}

func TestNormIsOfTheWholeGradient(t *testing.T) {
	grads := [][]float32{{3, 0}, {}, {0, 4, 12}}
	var params []bijector.Param[float32]
	for _, g := range grads {
		params = append(params, bijector.Param[float32]{Data: make([]float32, len(g))})
	}
	u, err := newUpdater(Adam{}, params, grads, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := u.gradNorm(); got != 13 {
		t.Errorf("norm %g, want 13", got)
	}
	grads[0][1] = float32(math.Inf(1))
	if got := u.gradNorm(); !math.IsInf(got, 1) {
		t.Errorf("norm with an infinity is %g", got)
	}
	grads[2][0] = float32(math.NaN())
	if got := u.gradNorm(); !math.IsNaN(got) {
		t.Errorf("norm with a NaN is %g", got)
	}
	// Squares that overflow float32 do not overflow the norm.
	grads[0][1], grads[2] = 3e38, []float32{0, 0, 0}
	u.grads = grads
	if got := u.gradNorm(); math.Abs(got/3e38-1) > 1e-6 {
		t.Errorf("norm of a gradient of 3e38 is %g", got)
	}
}

func TestUpdaterRefusesGradientsThatDoNotFit(t *testing.T) {
	p := []bijector.Param[float64]{{Name: "w", Data: make([]float64, 3)}}
	for _, grads := range [][][]float64{nil, {make([]float64, 2)}, {make([]float64, 3), nil}} {
		if _, err := newUpdater(Adam{}, p, grads, nil); err == nil {
			t.Errorf("gradients %v for 3 values: no error", grads)
		}
	}
}
