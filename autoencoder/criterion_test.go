// Losses by name and embeddings that are drawn: values, gradients, determinism.

package autoencoder

import (
	"context"
	"errors"
	"fmt"
	"math"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/coupling"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/train"
	"gonum.org/v1/gonum/stat"
)

// reals are n rows of d values that are not confined to [0, 1].
func reals[T bijector.Float](n, d int) *bijector.Rows[T] {
	x := images[T](n, d)
	for i, v := range x.Values() {
		x.Values()[i] = 3*v - 1
	}
	return x
}

// criteria are small autoencoders of each loss and kind of embedding, on rows that
// may be any for all but the cross-entropy.
func criteria[T bijector.Float]() map[string]*Autoencoder[T] {
	all := map[string]*Autoencoder[T]{}
	for _, loss := range []string{"bce", "squared", "gaussian"} {
		for _, kind := range []string{"plain", "variational", "noise"} {
			dense := DenseSpec{In: 9, Hidden: []int{7}, Embedding: 2, Loss: loss, Variational: kind == "variational", Seed: 3}
			conv := ConvSpec{Height: 3, Channels: []int{3}, Embedding: 2, Loss: loss, Variational: kind == "variational", Seed: 3}
			if kind == "noise" {
				dense.Noise, conv.Noise = 0.3, 0.3
			}
			all[loss+", "+kind] = must(NewDense[T](dense))
			all[loss+", "+kind+", conv"] = must(NewConv[T](conv))
		}
	}
	return all
}

func rawFlow[T bijector.Float](dim, context int) *flow.Flow[T] {
	chain := must(coupling.RealNVP[T](coupling.Recipe{Dim: dim, ContextDim: context, Layers: 3, Hidden: []int{9}, Norm: "none", Raw: true, Seed: 4}))
	f := must(flow.New(chain, distribution.StandardNormal[T](dim)))
	rng := newRand()
	for _, p := range f.Params() { // of which the last of a conditioner start at 0
		for i := range p.Data {
			p.Data[i] += T(0.2 * rng.NormFloat64())
		}
	}
	f.Invalidate()
	return f
}

// objectives are the criteria, and those of embeddings that are drawn under a flow,
// with a context or without.
func objectives[T bijector.Float]() map[string]bijector.Objective[T] {
	all := map[string]bijector.Objective[T]{}
	for name, a := range criteria[T]() {
		all[name] = a
	}
	for name, a := range criteria[T]() {
		if a.criterion.stochastic() {
			all[name+", flow"] = must(NewVariational(a, rawFlow[T](2, 0)))
		}
	}
	for name, a := range criteria[T]() {
		if a.criterion.stochastic() {
			all[name+", flow, context"] = must(NewVariational(a, rawFlow[T](2, 2)))
		}
	}
	return all
}

// resetDraws makes the next step of a model draw what its first one draws.
func resetDraws[T bijector.Float](m bijector.Objective[T]) {
	for _, b := range m.Buffers() {
		if b.Name == "draws" || b.Name == "encoder.draws" {
			b.Data.([]int64)[0] = 0
		}
	}
}

// TestCriterionGradient compares the gradient of the weighted mean loss of a step
// with central differences under the same draws, for every parameter.
func TestCriterionGradient(t *testing.T) {
	const n, h = 3, 1e-6
	for name, m := range objectives[float64]() {
		x := must(bijector.MatOf[float64](images[float64](n, 9), 9))
		cond := bijector.NewMat[float64](m.ContextDim(), n)
		for j := range cond.D {
			cond.Feature(j)[j] = 1
		}
		for _, weights := range [][]float64{nil, {2, 0.5, 1.25}} {
			loss := make([]float64, n)
			step := m.NewStepPass(bijector.PassOptions{MaxBatch: n + 2}).(bijector.WeightedStepPass[float64])
			scratch := m.NewStepPass(bijector.PassOptions{MaxBatch: n}).(bijector.WeightedStepPass[float64])
			for _, p := range m.Params() {
				if p.Name == "log_scale" || p.Name == "encoder.log_scale" {
					p.Data[0] = -0.4
				}
			}
			resetDraws(m)
			step.StepWeighted(x, cond, weights, loss)
			mean := func() (sum float64) {
				resetDraws(m)
				scratch.StepWeighted(x, cond, weights, loss)
				for i, v := range loss {
					w := 1.0
					if weights != nil {
						w = weights[i]
					}
					sum += w * v / n
				}
				return sum
			}
			checkGradients(t, name, step.Grads(), m.Params(), h, mean)
		}
	}
}

// TestCriterionValues: losses are what their formulas give for what is decoded.
func TestCriterionValues(t *testing.T) {
	const n = 140
	x := reals[float64](n, 9)
	for _, loss := range []string{"squared", "gaussian"} {
		a := must(NewDense[float64](DenseSpec{In: 9, Hidden: []int{7}, Embedding: 2, Loss: loss, Seed: 3}))
		s := 1.0
		if loss == "gaussian" {
			a.logScale[0] = math.Log(0.7)
			s = a.Scale()
		}
		y, got := must(a.Reconstruct(x)), must(a.Loss(x))
		for i := range n {
			want := 0.0
			for j, v := range x.Row(i) {
				e := v - y.Row(i)[j]
				if loss == "gaussian" {
					want -= math.Log(math.Exp(-e*e/(2*s*s))/math.Sqrt(2*math.Pi*s*s)) / 9
				} else {
					want += e * e / 9
				}
			}
			if math.Abs(got[i]-want) > 1e-12 {
				t.Fatalf("%s: row %d has loss %v, its reconstruction %v", loss, i, got[i], want)
			}
		}
	}
	if s := must(NewDense[float64](DenseSpec{In: 9})).Scale(); s == s {
		t.Errorf("a cross-entropy has the scale %v", s)
	}
}

// TestDivergence: the closed form of KL(N(m, v) || N(0, I)) is the mean of what a
// standard normal flow gives over many draws.
func TestDivergence(t *testing.T) {
	const rows, steps = 4, 40000
	act := must(bijector.NewActNorm[float64](bijector.ActNormSpec{Dim: 2}))
	normal := must(flow.New(must(bijector.NewChain[float64](act)), distribution.StandardNormal[float64](2)))
	for _, spec := range []DenseSpec{{Variational: true}, {Noise: 0.6}} {
		spec.In, spec.Embedding, spec.Loss, spec.Seed = 9, 2, "squared", 5
		a := must(NewDense[float64](spec))
		for _, p := range a.decoder.Params() {
			clear(p.Data) // so that draws show in nothing else
		}
		x := must(bijector.MatOf[float64](reals[float64](rows, 9), 9))
		closed, drawn, mean := make([]float64, rows), make([]float64, rows), make([]float64, rows)
		a.NewLossPass(bijector.PassOptions{MaxBatch: rows}).Loss(x, bijector.Mat[float64]{}, closed)
		step := must(NewVariational(a, normal)).NewStepPass(bijector.PassOptions{MaxBatch: rows})
		for range steps {
			step.Step(x, bijector.Mat[float64]{}, drawn)
			for i, v := range drawn {
				mean[i] += v / steps
			}
		}
		for i := range closed {
			if math.Abs(mean[i]-closed[i]) > 5e-3 {
				t.Errorf("%+v: row %d has loss %v over draws, %v in closed form", spec, i, mean[i], closed[i])
			}
		}
	}
}

// TestDraws: steps differ in their draws and not by the number of workers; an
// evaluation of a row does not depend on the rows around it.
func TestDraws(t *testing.T) {
	for name, m := range objectives[float32]() {
		const n = 53
		x := must(bijector.MatOf[float32](images[float32](n, 9), 9))
		cond := bijector.NewMat[float32](m.ContextDim(), n)
		var first [2][]float64
		for _, count := range []int{0, 1, 3} {
			var w *bijector.Workers
			if count > 0 {
				w = bijector.NewWorkers(count)
			}
			resetDraws(m)
			step, loss := m.NewStepPass(bijector.PassOptions{MaxBatch: n, Workers: w}), make([]float64, n)
			for k := range first {
				step.Step(x, cond, loss)
				if count == 0 {
					first[k] = append([]float64(nil), loss...)
				} else if fmt.Sprint(loss) != fmt.Sprint(first[k]) {
					t.Errorf("%s: step %d with %d workers has other losses", name, k, count)
				}
			}
			w.Close()
		}
		if drawn := len(m.Buffers()) > 0; drawn == (fmt.Sprint(first[0]) == fmt.Sprint(first[1])) {
			t.Errorf("%s: draws %v, and two steps have losses %v and %v", name, drawn, first[0][:2], first[1][:2])
		}
		pass, all, some := m.NewLossPass(bijector.PassOptions{MaxBatch: n}), make([]float64, n), make([]float64, 5)
		pass.Loss(x, cond, all)
		pass.Loss(x.Samples(20, 25), cond.Samples(20, 25), some)
		for i, v := range some {
			if math.Abs(v-all[20+i]) > 1e-6 {
				t.Errorf("%s: row %d has loss %v among 5 rows and %v among %d", name, 20+i, v, all[20+i], n)
			}
		}
	}
}

// TestLearnedScale: training finds the deviation of noise about what can be decoded,
// and the variational bound of it is a bound.
func TestLearnedScale(t *testing.T) {
	const n, d, sigma = 1200, 12, 0.25
	rng := newRand()
	x := bijector.NewRows[float64](n, d)
	for i := range n {
		a, b := rng.NormFloat64(), rng.NormFloat64()
		for j := range d {
			x.Row(i)[j] = a*math.Cos(float64(j)) + b*math.Sin(float64(j)) + sigma*rng.NormFloat64()
		}
	}
	o := train.Options{ValidationFraction: train.NoValidation, Epochs: 40, Batch: 50, Rate: 1e-2, Schedule: train.Cosine{}}
	plain := must(NewDense[float64](DenseSpec{In: d, Embedding: 2, Loss: "gaussian", Seed: 1}))
	variational := must(NewDense[float64](DenseSpec{In: d, Embedding: 2, Loss: "gaussian", Variational: true, Seed: 1}))
	must(train.Fit(context.Background(), plain, train.Tensor(x), o))
	must(train.Fit(context.Background(), variational, train.Tensor(x), o))
	// Two of twelve directions are encoded, noise and all.
	if s, want := plain.Scale(), sigma*math.Sqrt(10.0/12); math.Abs(s-want) > 0.01 {
		t.Errorf("scale %.4f, want %.4f", s, want)
	}
	if s := variational.Scale(); math.Abs(s-sigma) > 0.015 {
		t.Errorf("variational: scale %.4f, want %.4f", s, sigma)
	}
	// The rows are N(0, 6 P + sigma^2 I), of which the bound is tight for affine maps.
	entropy := (d*(math.Log(2*math.Pi)+1) + 10*math.Log(sigma*sigma) + 2*math.Log(6+sigma*sigma)) / 2 / d
	if got := stat.Mean(must(variational.Loss(x)), nil); got < entropy-0.02 || got > entropy+0.05 {
		t.Errorf("the bound is %.4f nats a value, the rows' entropy %.4f", got, entropy)
	}
}

func TestCriterionErrors(t *testing.T) {
	for name, s := range map[string]DenseSpec{
		"loss": {Loss: "hinge"}, "noise": {Noise: -1}, "infinite": {Noise: math.Inf(1)}, "both": {Noise: 1, Variational: true},
	} {
		s.In = 4
		if _, err := NewDense[float64](s); !errors.Is(err, bijector.ErrSpec) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := NewConv[float64](ConvSpec{Loss: s.Loss, Noise: s.Noise, Variational: s.Variational}); !errors.Is(err, bijector.ErrSpec) {
			t.Errorf("%s, conv: %v", name, err)
		}
	}
	a := must(NewDense[float64](DenseSpec{In: 4, Embedding: 2, Variational: true}))
	for name, c := range map[string]struct {
		a    *Autoencoder[float64]
		f    *flow.Flow[float64]
		want error
	}{
		"no autoencoder": {nil, rawFlow[float64](2, 0), bijector.ErrSpec},
		"no flow":        {a, nil, bijector.ErrSpec},
		"no draws":       {must(NewDense[float64](DenseSpec{In: 4, Embedding: 2})), rawFlow[float64](2, 0), bijector.ErrSpec},
		"widths":         {a, rawFlow[float64](3, 0), bijector.ErrShape},
	} {
		if v, err := NewVariational(c.a, c.f); !errors.Is(err, c.want) || v != nil {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	if err := a.CheckTargets(reals[float64](5, 4)); !errors.Is(err, ErrTarget) {
		t.Errorf("a cross-entropy of any numbers: %v", err)
	}
	if err := must(NewDense[float64](DenseSpec{In: 4, Loss: "gaussian"})).CheckTargets(reals[float64](5, 4)); err != nil {
		t.Errorf("a Gaussian of any numbers: %v", err)
	}
}
