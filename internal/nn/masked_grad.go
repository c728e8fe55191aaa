// The training pass of a Masked.

package nn

import (
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/kernel"
)

// MaskedGradPass trains a Masked, as a bijector.NetworkGradPass does a network.
type MaskedGradPass[T bijector.Float] struct {
	*MaskedPass[T]
	dh    []bijector.Mat[T] // gradients of h before each block and after the last
	dm    []bijector.Mat[T] // and by block of what its first layer gives
	g     *gradients[T]
	grads [][]T // parallel to Params, without those of masked weights
	raw   [][]T // what they are taken from, weights alone
}

// NewGradPass returns a training pass.
func (m *Masked[T]) NewGradPass(o bijector.PassOptions) *MaskedGradPass[T] {
	p := &MaskedGradPass[T]{MaskedPass: m.NewPass(o), g: newGradients(m.layers, o)}
	if m.in == 0 {
		p.grads = [][]T{p.g.db[0]}
		return p
	}
	batch := func() bijector.Mat[T] { return bijector.Transient[T](o, m.spec.Hidden) }
	for range m.spec.Blocks {
		p.dh, p.dm = append(p.dh, batch()), append(p.dm, batch())
	}
	p.dh = append(p.dh, batch())
	for range m.spec.Blocks {
		p.in = append(p.in, newInputs[T](m.act, o, m.spec.Hidden, m.spec.Hidden)...)
	}
	for l, layer := range m.layers {
		w := kernel.Make[T](len(layer.W))
		p.raw = append(p.raw, w)
		p.grads = append(p.grads, w)
		if l <= m.last() { // the direct connections have no bias
			p.grads = append(p.grads, p.g.db[l])
		}
	}
	return p
}

// Backward runs the chain rule from the outputs down, as that of a Residual, with
// the direct connections beside it:
//
//	dx = W_i' dh_0 + S' dy.
func (p *MaskedGradPass[T]) Backward(dx, dy, x bijector.Mat[T], lo, hi int) {
	if p.net.in == 0 {
		return
	}
	n, net := x.N, p.net
	samples := func(m bijector.Mat[T]) bijector.Mat[T] { return m.Resize(n).Samples(lo, hi) }
	final, direct := net.final()
	last := net.last()
	out := dy.Samples(lo, hi)
	d := samples(p.dh[net.spec.Blocks])
	p.g.storeInput(last, samples(p.h), lo)
	final.Backward(d, out, bijector.Mat[T]{})
	for k := net.spec.Blocks - 1; k >= 0; k-- {
		first, second := net.block(k)
		a, m, dm, below := samples(p.a[k]), samples(p.m[k]), samples(p.dm[k]), samples(p.dh[k])
		p.g.storeInput(1+2*k, a, lo)
		p.g.storeInput(2+2*k, m, lo)
		second.backwardThrough(dm, d, p.in.of(2*k+1, m, n, lo, hi), net.act)
		first.backwardThrough(below, dm, p.in.of(2*k, a, n, lo, hi), net.act)
		for j := range d.D {
			kernel.AddTo(below.Feature(j), d.Feature(j))
		}
		d = below
	}
	in := x.Samples(lo, hi)
	p.g.storeInput(0, in, lo)
	if direct != nil {
		p.g.storeInput(last+1, in, lo)
	}
	if dx.Empty() {
		return
	}
	to := dx.Samples(lo, hi)
	net.layers[0].Backward(to, d, bijector.Mat[T]{})
	if direct == nil {
		return
	}
	direct.backwardColumns(to, out, kernel.Epilogue[T]{Mode: kernel.Add})
}

// Accumulate adds the gradients of all weights over the whole batch.
func (p *MaskedGradPass[T]) Accumulate(dy bijector.Mat[T]) {
	n, last := dy.N, p.net.last()
	for l := last; l < len(p.net.layers); l++ { // and the direct connections
		p.g.dy[l] = dy
	}
	if p.net.in == 0 {
		for i := range dy.D {
			p.grads[0][i] += T(kernel.Sum(dy.Feature(i)))
		}
		return
	}
	p.g.dy[0] = p.dh[0].Resize(n)
	for k, dm := range p.dm {
		p.g.dy[1+2*k], p.g.dy[2+2*k] = dm.Resize(n), p.dh[k+1].Resize(n)
	}
	for _, w := range p.g.dw {
		clear(w)
	}
	p.g.accumulate()
	p.net.addSeen(p.raw, p.g.dw)
}

// Grads are the gradients, parallel to Params.
func (p *MaskedGradPass[T]) Grads() [][]T { return p.grads }
