// The passes of a MADE, at once and feature by feature.

package nn

import (
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/kernel"
)

// NewNetworkPass returns an evaluation pass.
func (m *MADE[T]) NewNetworkPass(o bijector.PassOptions) bijector.NetworkPass[T] {
	return m.NewStepPass(o)
}

// NewStepPass returns an evaluation pass that can also go feature by feature.
func (m *MADE[T]) NewStepPass(o bijector.PassOptions) StepPass[T] {
	return &madePass[T]{mlpEvalPass: mlpEvalPass[T]{newMLPPass(m.MLP, o)}, net: m}
}

// madePass evaluates a MADE, at once or feature by feature.
type madePass[T bijector.Float] struct {
	mlpEvalPass[T]
	net *MADE[T]
}

// Step sets samples lo to hi of the outputs of feature j, from the context and
// the features before j: the others of x may not be known yet. It is called
// for j = 0, 1, 2, ... in turn and computes, in each layer, the units of
// degree j only; those below are there from the steps before. All steps
// together cost half the multiply-adds of a Forward, or less.
func (p *madePass[T]) Step(y, x bijector.Mat[T], j, lo, hi int) {
	n, last := x.N, len(p.net.layers)-1
	in := x.Samples(lo, hi)
	for l, layer := range p.net.layers[:last] {
		first, end := p.net.visibleInputs(l+1, j-1), p.net.visibleInputs(l+1, j)
		out := p.h[l].Resize(n).Samples(lo, hi)
		if first < end {
			e := kernel.Epilogue[T]{Mode: kernel.ReLU, Bias: layer.B[first:end]}
			if p.net.act != relu {
				e.Mode = kernel.Store
			}
			kernel.Gemm(end-first, out.N, p.net.visibleInputs(l, j), layer.W[first*layer.In:], layer.In, 1,
				in.Data, in.Stride, out.Data[first*out.Stride:], out.Stride, e)
			if p.net.act != relu {
				for i := first; i < end; i++ {
					activate(p.net.act, out.Feature(i), out.Feature(i))
				}
			}
		}
		in = out
	}
	// The rows of feature j are D apart, and so are their biases.
	layer, features := p.net.layers[last], p.net.spec.Features
	for i := j; i < layer.Out; i += features {
		row := y.Feature(i)[lo:hi]
		for k := range row {
			row[k] = layer.B[i]
		}
	}
	kernel.Gemm(p.net.spec.Params, hi-lo, p.net.visibleInputs(last, j), layer.W[j*layer.In:], features*layer.In, 1,
		in.Data, in.Stride, y.Data[j*y.Stride+lo:], features*y.Stride, kernel.Epilogue[T]{Mode: kernel.Add})
}

// NewNetworkGradPass returns a training pass.
func (m *MADE[T]) NewNetworkGradPass(o bijector.PassOptions) bijector.NetworkGradPass[T] {
	p := &madeGradPass[T]{NetworkGradPass: m.MLP.NewNetworkGradPass(o), net: m}
	p.all = p.NetworkGradPass.Grads()
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
	bijector.NetworkGradPass[T]
	net   *MADE[T]
	all   [][]T // the MLP's gradients, masked weights among them
	grads [][]T // those that are wanted; the biases' are the MLP's
}

// Accumulate adds the weights' gradients, dW += M * (dy x').
func (p *madeGradPass[T]) Accumulate(dy, x, y bijector.Mat[T]) {
	for l := range p.net.layers {
		clear(p.all[2*l])
	}
	p.NetworkGradPass.Accumulate(dy, x, y)
	for l, layer := range p.net.layers {
		for i := range layer.Out {
			lo := i * layer.In
			hi := lo + p.net.visibleInputs(l, p.net.degree(l, i))
			kernel.AddTo(p.grads[2*l][lo:hi], p.all[2*l][lo:hi])
		}
	}
}

func (p *madeGradPass[T]) Grads() [][]T { return p.grads[p.net.maskedFirstLayer():] }
