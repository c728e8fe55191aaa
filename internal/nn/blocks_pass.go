// The evaluation passes of a Blocks, at once and feature by feature.

package nn

import (
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/kernel"
)

// Stepwise is a masked network that evaluates the features one after the other,
// too.
type Stepwise[T bijector.Float] interface {
	bijector.Network[T]
	bijector.Invalidator
	Validate() error
	// NewStepPass returns an evaluation pass.
	NewStepPass(o bijector.PassOptions) StepPass[T]
}

// StepPass is the pass of a Stepwise.
type StepPass[T bijector.Float] interface {
	bijector.NetworkPass[T]
	// Step sets samples lo to hi of the outputs of feature j, from the context and
	// the features before j: the others of x may not be known yet. It is called
	// for j = 0, 1, 2, ... in turn.
	Step(y, x bijector.Mat[T], j, lo, hi int)
}

// NewNetworkPass returns an evaluation pass.
func (b *Blocks[T]) NewNetworkPass(o bijector.PassOptions) bijector.NetworkPass[T] {
	return newBlocksPass(b, o)
}

// NewStepPass returns an evaluation pass that can also go feature by feature.
func (b *Blocks[T]) NewStepPass(o bijector.PassOptions) StepPass[T] { return newBlocksPass(b, o) }

// blocksPass evaluates a Blocks.
type blocksPass[T bijector.Float] struct {
	net *Blocks[T]
	c   bijector.Mat[T]   // activation of the context
	h   []bijector.Mat[T] // before the first block and after each; of residual blocks all the same, the sum so far
	a   []bijector.Mat[T] // by residual block: the activation of its input
	m   []bijector.Mat[T] // and that between its layers
	in  inputs[T]         // in training: of the context's, and then in turns of a and m, or of each h of plain blocks
}

func newBlocksPass[T bijector.Float](b *Blocks[T], o bijector.PassOptions) *blocksPass[T] {
	p := &blocksPass[T]{net: b}
	batch := func() bijector.Mat[T] { return bijector.Activations[T](o, b.spec.Hidden) }
	if b.context != nil {
		p.c = batch()
	}
	p.h = append(p.h, batch())
	for range b.blocks {
		if b.spec.Plain {
			p.h = append(p.h, batch())
			continue
		}
		p.h = append(p.h, p.h[0])
		p.a, p.m = append(p.a, batch()), append(p.m, batch())
	}
	return p
}

// Forward sets samples lo to hi of y.
func (p *blocksPass[T]) Forward(y, x bijector.Mat[T], lo, hi int) {
	p.hidden(x, 0, p.net.spec.Hidden, lo, hi)
	h := p.h[len(p.h)-1].Resize(x.N).Samples(lo, hi)
	p.net.final.Forward(y.Samples(lo, hi), h, false)
}

// Step computes the hidden units that feature j sees and no earlier one did.
func (p *blocksPass[T]) Step(y, x bijector.Mat[T], j, lo, hi int) {
	first, end := 0, p.net.units[j]
	if j > 0 {
		first = p.net.units[j-1]
	}
	p.hidden(x, first, end, lo, hi)
	// The rows of feature j are D apart, and so are their biases.
	final, features := p.net.final, p.net.spec.Features
	for i := j; i < final.Out; i += features {
		row := y.Feature(i)[lo:hi]
		for k := range row {
			row[k] = final.B[i]
		}
	}
	h := p.h[len(p.h)-1].Resize(x.N).Samples(lo, hi)
	kernel.Gemm(p.net.spec.Params, hi-lo, end, final.W[j*final.In:], features*final.In, 1,
		h.Data, h.Stride, y.Data[j*y.Stride+lo:], features*y.Stride, kernel.Epilogue[T]{Mode: kernel.Add})
}

// hidden computes hidden units first to end of all layers. What they see of the
// layer below are the units before end.
func (p *blocksPass[T]) hidden(x bijector.Mat[T], first, end, lo, hi int) {
	if first == end {
		return
	}
	net, n := p.net, x.N
	samples := func(m bijector.Mat[T]) bijector.Mat[T] { return m.Resize(n).Samples(lo, hi) }
	ctx := x.Samples(lo, hi)
	in := bijector.Mat[T]{Data: ctx.Data[net.spec.Context*ctx.Stride:], D: net.spec.Features, N: ctx.N, Stride: ctx.Stride}
	h := samples(p.h[0])
	net.initial.forwardRows(h, in, first, end, net.visible[0][end-1], kernel.Store)
	if net.context != nil {
		c := samples(p.c)
		net.context.forwardRows(c, ctx, first, end, net.spec.Context, kernel.Store)
		p.in.keep(0, c, n, lo, hi)
		net.activate(c, first, end)
		for j := first; j < end; j++ {
			kernel.AddTo(h.Feature(j), c.Feature(j))
		}
	}
	if net.spec.Plain {
		p.in.keep(1, h, n, lo, hi)
		net.activate(h, first, end)
	}
	for k, one := range net.blocks {
		if net.spec.Plain {
			next := samples(p.h[k+1])
			one.first.forwardRows(next, h, first, end, end, kernel.Store)
			p.in.keep(k+2, next, n, lo, hi)
			net.activate(next, first, end)
			h = next
			continue
		}
		a, m := samples(p.a[k]), samples(p.m[k])
		for j := first; j < end; j++ {
			copy(a.Feature(j), h.Feature(j))
			kernel.Affine(h.Feature(j), h.Feature(j), 1, one.second.B[j])
		}
		p.in.keep(2*k+1, a, n, lo, hi)
		net.activate(a, first, end)
		one.first.forwardRows(m, a, first, end, end, kernel.Store)
		if one.context != nil {
			one.context.forwardRows(m, ctx, first, end, net.spec.Context, kernel.Add)
		}
		p.in.keep(2*k+2, m, n, lo, hi)
		net.activate(m, first, end)
		one.second.forwardRows(h, m, first, end, end, kernel.Add)
	}
}

// activate puts the activation on units first to end.
func (b *Blocks[T]) activate(m bijector.Mat[T], first, end int) {
	for j := first; j < end; j++ {
		activate(b.act, m.Feature(j), m.Feature(j))
	}
}
