// Models put together at random: gradients against differences, log-dets against
// Jacobians.

package flow_test

import (
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/bijou-flow/bijou/autoregressive"
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/coupling"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/internal/conform"
	"github.com/bijou-flow/bijou/internal/testkit"
	"github.com/bijou-flow/bijou/registry"
)

// pick is one of some values.
func pick[V any](rng *rand.Rand, of ...V) V { return of[rng.IntN(len(of))] }

// randomFlow is a flow of one to four parts, recipes among them, over a base drawn like
// them.
func randomFlow[T bijector.Float](rng *rand.Rand) *flow.Flow[T] {
	dim, context := 2+rng.IntN(4), rng.IntN(3)
	var layers []bijector.Layer[T]
	for range 1 + rng.IntN(4) {
		seed := rng.Uint64()
		var l bijector.Layer[T]
		switch k := rng.IntN(14); k {
		case 0:
			l = testkit.Must(bijector.NewLU[T](bijector.LUSpec{Dim: dim, Seed: seed}))
		case 1:
			l = testkit.Must(bijector.NewPermute[T](bijector.PermuteSpec{Dim: dim, Seed: seed}))
		case 2:
			l = testkit.Must(bijector.NewActNorm[T](bijector.ActNormSpec{Dim: dim}))
		case 3:
			l = testkit.Must(bijector.NewBatchNorm[T](bijector.BatchNormSpec{Dim: dim}))
		case 4:
			l = testkit.Must(bijector.NewScale[T](bijector.ScaleSpec{Dim: dim}))
		case 5:
			l = testkit.Must(bijector.NewShift[T](bijector.ShiftSpec{Dim: dim}))
		case 6, 7:
			r := autoregressive.Recipe{
				Dim: dim, ContextDim: context, Layers: 1 + rng.IntN(2), Hidden: []int{3 + rng.IntN(6)}, Seed: seed,
				Activation: pick(rng, "", "tanh", "elu", "leaky_relu", "sigmoid", "softplus"), Norm: pick(rng, "", "act", "none"),
			}
			if k == 6 {
				r.Scale = pick(rng, "", "tanh", "softclamp", "exp")
				l = testkit.Must(autoregressive.MAF[T](r))
			} else {
				r.Bins = 2 + rng.IntN(6)
				l = testkit.Must(autoregressive.NSF[T](r))
			}
		default:
			r := coupling.Recipe{
				Dim: dim, ContextDim: context, Layers: 1 + rng.IntN(3), Hidden: []int{3 + rng.IntN(6)}, Blocks: rng.IntN(2), Seed: seed,
				Activation: pick(rng, "", "tanh", "elu", "leaky_relu", "sigmoid", "softplus"), Norm: pick(rng, "", "batch", "act", "none"),
				Order: pick(rng, "", "balanced", "lu", "alternate", "random"), Whiten: rng.IntN(4) == 0,
			}
			recipe := pick(rng, coupling.NICE[T], coupling.RealNVP[T], coupling.Glow[T], coupling.NSF[T])
			if k < 12 {
				recipe = pick(rng, coupling.RealNVP[T], coupling.Glow[T])
				r.Scale = pick(rng, "", "tanh", "softclamp", "softsign", "sigmoid", "exp", "softplus")
			}
			l = testkit.Must(recipe(r))
			if k == 13 {
				l = bijector.Invert(l) // which has no gradient
			}
		}
		layers = append(layers, l)
	}
	base := pick(rng,
		func() distribution.Base[T] {
			return testkit.Must(distribution.NewNormal[T](distribution.NormalSpec{Dim: dim, Learned: true}))
		},
		func() distribution.Base[T] {
			return testkit.Must(distribution.NewLogistic[T](distribution.LogisticSpec{Dim: dim, Learned: true}))
		},
		func() distribution.Base[T] {
			return testkit.Must(distribution.NewStudentT[T](distribution.StudentTSpec{Dim: dim, Learned: true}))
		},
		func() distribution.Base[T] {
			return testkit.Must(distribution.NewMixture[T](distribution.MixtureSpec{Dim: dim, Components: 1 + rng.IntN(3), Full: rng.IntN(2) == 0}))
		},
	)()
	f := testkit.Must(flow.New[T](testkit.Must(bijector.NewChain(layers...)), base))
	for _, p := range f.Params() {
		for i := range p.Data {
			p.Data[i] += T(0.2 * rng.NormFloat64())
		}
	}
	f.Invalidate()
	return f
}

// randomBatch draws n rows and their contexts, of a standard deviation.
func randomBatch[T bijector.Float](rng *rand.Rand, f *flow.Flow[T], n int, deviation float64) (x, cond bijector.Mat[T]) {
	x, cond = bijector.NewMat[T](f.Dim(), n), bijector.NewMat[T](f.ContextDim(), n)
	for _, m := range []bijector.Mat[T]{x, cond} {
		for j := range m.D {
			for i := range m.Feature(j) {
				m.Feature(j)[i] = T(deviation * rng.NormFloat64())
			}
		}
	}
	return x, cond
}

// TestRandomModels compares gradients of the loss, along directions of all parameters and
// of single ones, with differences of it, and log-dets with those of numeric Jacobians:
// 1e-6, relative to the larger or to 1. BIJOU_RANDOM is the number of models.
func TestRandomModels(t *testing.T) {
	count := 100
	if testing.Short() {
		count = 20
	}
	if s := os.Getenv("BIJOU_RANDOM"); s != "" {
		count = testkit.Must(strconv.Atoi(s))
	}
	var worst [2]float64
	var judged [2]int
	for seed := range uint64(count) {
		rng := rand.New(rand.NewPCG(seed, 11))
		f := randomFlow[float64](rng)
		x, cond := randomBatch(rng, f, 6, 1.3)
		note := func(k int, off float64, ok bool) {
			if worst[k] = max(worst[k], off); ok {
				judged[k]++
			}
		}
		if f.Check() == nil {
			off, ok := checkRandomGradient(t, seed, f, x, cond, rng)
			note(0, off, ok)
		}
		off, ok := checkRandomLogDet(t, seed, f.Layer(), x, cond)
		note(1, off, ok)
	}
	t.Logf("%d models: gradients of %d within %.1g, log-dets of %d within %.1g", count, judged[0], worst[0], judged[1], worst[1])
	if judged[0] < count/2 || judged[1] < count/2 {
		t.Error("of most models nothing was compared")
	}
}

// checkRandomGradient compares gradients, where losses are not beyond what differences
// can tell.
func checkRandomGradient(t *testing.T, seed uint64, f *flow.Flow[float64], x, cond bijector.Mat[float64], rng *rand.Rand) (worst float64, judged bool) {
	p := f.NewStepPass(bijector.PassOptions{MaxBatch: x.N})
	loss, params := make([]float64, x.N), f.Params()
	p.Step(x, cond, loss)
	if !(slices.Max(loss) < 1e4) {
		return 0, false
	}
	var grads [][]float64
	for _, g := range p.Grads() {
		grads = append(grads, append([]float64(nil), g...))
	}
	for probe := range 4 {
		one := rng.IntN(len(params)) // of the probes behind the first
		directions, want := make([][]float64, len(params)), 0.0
		for k := range params {
			directions[k] = make([]float64, len(params[k].Data))
			for i := range directions[k] {
				if probe == 0 || k == one {
					directions[k][i] = rng.NormFloat64()
					want += directions[k][i] * grads[k][i]
				}
			}
		}
		best, got := math.Inf(1), 0.0
		for _, h := range append([]float64{1e-7, 1e-8}, conform.Steps...) { // a long step may cross a kink, a short one has few digits
			sum := 0.0
			for _, s := range conform.Stencil {
				move(f, params, directions, s.Offset*h)
				p.Step(x, cond, loss)
				for _, l := range loss {
					sum += s.Weight * l / (h * float64(x.N))
				}
				move(f, params, directions, -s.Offset*h)
			}
			if off := math.Abs(sum-want) / max(1, math.Abs(want), math.Abs(sum)); off < best {
				best, got = off, sum
			}
		}
		if !(best <= 1e-6) {
			t.Errorf("model %d, probe %d: the gradient gives %v, differences %v\n%s", seed, probe, want, got, testkit.Must(registry.MarshalSpec(f)))
		}
		worst = max(worst, best)
	}
	return worst, true
}

func move(f *flow.Flow[float64], params []bijector.Param[float64], directions [][]float64, by float64) {
	for k := range params {
		for i, d := range directions[k] {
			params[k].Data[i] += by * d
		}
	}
	f.Invalidate()
}

// checkRandomLogDet differentiates by the first row, where the Jacobian's condition leaves
// its determinant enough digits.
func checkRandomLogDet(t *testing.T, seed uint64, l bijector.Layer[float64], x, cond bijector.Mat[float64]) (best float64, judged bool) {
	d := x.D
	n := len(conform.Stencil) * d
	in, z, c := bijector.NewMat[float64](d, n), bijector.NewMat[float64](d, n), bijector.NewMat[float64](cond.D, n)
	logDet, pass := make([]float64, n), l.NewPass(bijector.PassOptions{MaxBatch: n})
	for j := range cond.D {
		for i := range c.Feature(j) {
			c.Feature(j)[i] = cond.Feature(j)[0]
		}
	}
	for j := range d {
		in.Feature(j)[0] = x.Feature(j)[0]
	}
	pass.Forward(z, in, c, logDet)
	best, got, want, condition := math.Inf(1), logDet[0], 0.0, 0.0
	for _, h := range conform.Steps {
		for j := range d {
			for k, s := range conform.Stencil {
				for b := range d {
					in.Feature(j)[k*d+b] = x.Feature(j)[0]
				}
				in.Feature(j)[k*d+j] += s.Offset * h
			}
		}
		clear(logDet)
		pass.Forward(z, in, c, logDet)
		jacobian := mat.NewDense(d, d, nil)
		for a := range d {
			for b := range d {
				sum := 0.0
				for k, s := range conform.Stencil {
					sum += s.Weight * z.Feature(a)[k*d+b] / h
				}
				jacobian.Set(a, b, sum)
			}
		}
		var lu mat.LU
		lu.Factorize(jacobian)
		condition = lu.Cond()
		numeric, _ := lu.LogDet()
		if off := math.Abs(numeric-got) / max(1, math.Abs(numeric), math.Abs(got)); off < best {
			best, want = off, numeric
		}
	}
	if !(condition < 1e6) {
		return 0, false
	}
	if !(best <= 1e-6) {
		t.Errorf("model %d: log-det %v, that of the Jacobian %v", seed, got, want)
	}
	return best, true
}
