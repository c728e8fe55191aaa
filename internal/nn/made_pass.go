package nn

import (
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/kernel"
)

// NewMapPass returns an evaluation pass.
func (m *MADE[T]) NewMapPass(o bijector.PassOptions) bijector.MapPass[T] { return m.NewSteps(o) }

// NewSteps returns an evaluation pass that can also go feature by feature.
func (m *MADE[T]) NewSteps(o bijector.PassOptions) *Steps[T] {
	return &Steps[T]{mlpEvaluation: mlpEvaluation[T]{newMLPPass(m.MLP, o)}, made: m}
}

// Steps evaluates a MADE, at once or feature by feature.
type Steps[T bijector.Float] struct {
	mlpEvaluation[T]
	made *MADE[T]
}

// Step sets samples lo to hi of the outputs of feature j, from the context and
// the features before j: the others of x may not be known yet. It is called
// for j = 0, 1, 2, ... in turn and computes, in each layer, the units of
// degree j only; those below are there from the steps before. All steps
// together cost half the multiply-adds of a Forward, or less.
func (p *Steps[T]) Step(y, x bijector.Mat[T], j, lo, hi int) {
	n, last := x.N, len(p.made.layers)-1
	in := x.Samples(lo, hi)
	for l, layer := range p.made.layers[:last] {
		first, end := p.made.seen(l+1, j-1), p.made.seen(l+1, j)
		out := p.h[l].Resize(n).Samples(lo, hi)
		if first < end {
			e := kernel.Epilogue[T]{Mode: kernel.ReLU, Bias: layer.B[first:end]}
			if p.net.tanh {
				e.Mode = kernel.Store
			}
			kernel.Gemm(end-first, out.N, p.made.seen(l, j), layer.W[first*layer.In:], layer.In, 1,
				in.Data, in.Stride, out.Data[first*out.Stride:], out.Stride, e)
			if p.net.tanh {
				for i := first; i < end; i++ {
					kernel.Tanh(out.Feature(i), out.Feature(i))
				}
			}
		}
		in = out
	}
	// The rows of feature j are D apart, and so are their biases.
	layer, features := p.made.layers[last], p.made.spec.Features
	for i := j; i < layer.Out; i += features {
		row := y.Feature(i)[lo:hi]
		for k := range row {
			row[k] = layer.B[i]
		}
	}
	kernel.Gemm(p.made.spec.Params, hi-lo, p.made.seen(last, j), layer.W[j*layer.In:], features*layer.In, 1,
		in.Data, in.Stride, y.Data[j*y.Stride+lo:], features*y.Stride, kernel.Epilogue[T]{Mode: kernel.Add})
}

// NewMapGradPass returns a training pass.
func (m *MADE[T]) NewMapGradPass(o bijector.PassOptions) bijector.MapGradPass[T] {
	p := &madeGradPass[T]{MapGradPass: m.MLP.NewMapGradPass(o), made: m}
	p.all = p.MapGradPass.Grads()
	for i, g := range p.all {
		if i%2 == 0 { // weights
			g = kernel.Make[T](len(g))
		}
		p.grads = append(p.grads, g)
	}
	return p
}

// madeGradPass is an MLP's, but for the weights' gradients. Masked weights are
// 0, and add nothing to the gradient of what they multiply.
type madeGradPass[T bijector.Float] struct {
	bijector.MapGradPass[T]
	made  *MADE[T]
	all   [][]T // the MLP's gradients, masked weights among them
	grads [][]T // those that are wanted; the biases' are the MLP's
}

// Accumulate adds the weights' gradients, dW += M * (dy x').
func (p *madeGradPass[T]) Accumulate(dy, x, y bijector.Mat[T]) {
	for l := range p.made.layers {
		clear(p.all[2*l])
	}
	p.MapGradPass.Accumulate(dy, x, y)
	for l, layer := range p.made.layers {
		for i := range layer.Out {
			lo := i * layer.In
			hi := lo + p.made.seen(l, p.made.degree(l, i))
			kernel.AddTo(p.grads[2*l][lo:hi], p.all[2*l][lo:hi])
		}
	}
}

func (p *madeGradPass[T]) Grads() [][]T { return p.grads[p.made.unseen():] }
