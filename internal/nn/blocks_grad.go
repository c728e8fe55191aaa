// The training pass of a Blocks.

package nn

import (
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/kernel"
)

// NewNetworkGradPass returns a training pass.
func (b *Blocks[T]) NewNetworkGradPass(o bijector.PassOptions) bijector.NetworkGradPass[T] {
	p := &blocksGradPass[T]{blocksPass: newBlocksPass(b, o), g: newGradients(b.layers, o), at: map[*Linear[T]]int{}}
	batch := func() bijector.Mat[T] { return bijector.Transient[T](o, b.spec.Hidden) }
	p.dh = append(p.dh, batch())
	for range 2 + 2*len(b.blocks) {
		p.in = append(p.in, newInputs[T](b.act, o, b.spec.Hidden)...)
	}
	if b.context != nil {
		p.dc = batch()
		p.dcontext = bijector.Transient[T](o, b.spec.Context)
	}
	for range b.blocks {
		p.dh = append(p.dh, batch())
		if !b.spec.Plain {
			p.dm = append(p.dm, batch())
		}
	}
	for l, layer := range b.layers {
		w := kernel.Make[T](len(layer.W))
		p.at[layer] = l
		p.raw, p.grads = append(p.raw, w), append(p.grads, w)
		if !b.isBlockContext(layer) {
			p.grads = append(p.grads, p.g.db[l])
		}
	}
	return p
}

// blocksGradPass trains a Blocks.
type blocksGradPass[T bijector.Float] struct {
	*blocksPass[T]
	dh       []bijector.Mat[T] // gradients of h before each block and after the last, before a plain one's activation
	dm       []bijector.Mat[T] // by residual block: of what its first layer gives
	dc       bijector.Mat[T]   // of what the context's layer gives
	dcontext bijector.Mat[T]   // of the context, by one layer
	g        *gradients[T]
	at       map[*Linear[T]]int // where each layer stands
	grads    [][]T              // parallel to Params, without those of masked weights
	raw      [][]T              // those of the weights alone
}

// Backward runs the chain rule from the last layer down. With m_k = a(U_k
// a(h_{k-1}) + C_k c + e_k) and q = a(W_c c + b_c) kept,
//
//	dm_k = V_k' dh_k * a'(m_k),  dh_{k-1} = dh_k + U_k' dm_k * a'(h_{k-1}),
//	dq = dh_0 * a'(q),  dx = W_i' dh_0,  dc = W_c' dq + sum_k C_k' dm_k,
//
// and through plain blocks dh_{k-1} = U_k' dh_k * a'(h_{k-1}).
func (p *blocksGradPass[T]) Backward(dx, dy, x, _ bijector.Mat[T], lo, hi int) {
	net, n := p.net, x.N
	samples := func(m bijector.Mat[T]) bijector.Mat[T] { return m.Resize(n).Samples(lo, hi) }
	in := x.Samples(lo, hi)
	ctx, features := in.Features(0, net.spec.Context), in.Features(net.spec.Context, in.D)
	last := len(net.blocks)
	d, h := samples(p.dh[last]), samples(p.h[last])
	p.g.storeInput(p.at[net.final], h, lo)
	p.through(net.final, d, dy.Samples(lo, hi), p.in.of(last+1, h, n, lo, hi), net.spec.Plain)
	for k := last - 1; k >= 0; k-- {
		one, below := net.blocks[k], samples(p.dh[k])
		if net.spec.Plain {
			h := samples(p.h[k])
			p.g.storeInput(p.at[one.first], h, lo)
			p.through(one.first, below, d, p.in.of(k+1, h, n, lo, hi), true)
			d = below
			continue
		}
		a, m, dm := samples(p.a[k]), samples(p.m[k]), samples(p.dm[k])
		p.g.storeInput(p.at[one.first], a, lo)
		p.g.storeInput(p.at[one.second], m, lo)
		if one.context != nil {
			p.g.storeInput(p.at[one.context], ctx, lo)
		}
		p.through(one.second, dm, d, p.in.of(2*k+2, m, n, lo, hi), true)
		p.through(one.first, below, dm, p.in.of(2*k+1, a, n, lo, hi), true)
		for j := range d.D {
			kernel.AddTo(below.Feature(j), d.Feature(j))
		}
		d = below
	}
	p.g.storeInput(p.at[net.initial], features, lo)
	if net.context != nil {
		p.g.storeInput(p.at[net.context], ctx, lo)
		p.activationGradient(samples(p.dc), d, p.in.of(0, samples(p.c), n, lo, hi))
	}
	if dx.Empty() {
		return
	}
	to := dx.Samples(lo, hi)
	net.initial.Backward(to.Features(net.spec.Context, to.D), d, bijector.Mat[T]{})
	if net.context == nil {
		return
	}
	dctx, part := to.Features(0, net.spec.Context), samples(p.dcontext)
	net.context.Backward(dctx, samples(p.dc), bijector.Mat[T]{})
	for k, one := range net.blocks {
		if one.context == nil {
			continue
		}
		one.context.Backward(part, samples(p.dm[k]), bijector.Mat[T]{})
		for j := range part.D {
			kernel.AddTo(dctx.Feature(j), part.Feature(j))
		}
	}
}

// through sets dx = W' dy, times the derivative of the activation that x came
// from, where it did: see backwardThrough.
func (p *blocksGradPass[T]) through(l *Linear[T], dx, dy, x bijector.Mat[T], activated bool) {
	if !activated {
		l.Backward(dx, dy, bijector.Mat[T]{})
		return
	}
	l.backwardThrough(dx, dy, x, p.net.act)
}

// activationGradient sets dx = dy a'(x), for y = a(x).
func (p *blocksGradPass[T]) activationGradient(dx, dy, y bijector.Mat[T]) {
	for j := range dx.D {
		copy(dx.Feature(j), dy.Feature(j))
		backwardActivation(p.net.act, dx.Feature(j), y.Feature(j))
	}
}

// Accumulate adds the gradients of all weights over the whole batch.
func (p *blocksGradPass[T]) Accumulate(dy, _, _ bijector.Mat[T]) {
	n, net := dy.N, p.net
	set := func(l *Linear[T], d bijector.Mat[T]) {
		if l != nil {
			p.g.dy[p.at[l]] = d
		}
	}
	set(net.final, dy)
	set(net.initial, p.dh[0].Resize(n))
	if net.context != nil {
		set(net.context, p.dc.Resize(n))
	}
	for k, one := range net.blocks {
		if net.spec.Plain {
			set(one.first, p.dh[k+1].Resize(n))
			continue
		}
		dm := p.dm[k].Resize(n)
		set(one.first, dm)
		set(one.context, dm)
		set(one.second, p.dh[k+1].Resize(n))
	}
	for _, w := range p.g.dw {
		clear(w)
	}
	p.g.accumulate()
	net.addSeen(p.raw, p.g.dw)
}

// Grads are the gradients, parallel to Params.
func (p *blocksGradPass[T]) Grads() [][]T { return p.grads[p.net.maskedFirst():] }
