// Gates of residual blocks: what a block adds is multiplied by a sigmoid of the
// context.

package nn

import (
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/kernel"
)

// gated says whether blocks have gates.
func (r *Residual[T]) gated() bool { return r.spec.ContextDim > 0 }

// gates are by block the sum t = V m + d and the gate s = sigmoid(G c + g) of a
// pass, of which t*s is added.
type gates[T bijector.Float] struct{ t, s []bijector.Mat[T] }

// newGates makes room for them: of each block where they are kept, and of one for
// all otherwise.
func (p *residualPass[T]) newGates(o bijector.PassOptions, kept bool) {
	if !p.net.gated() {
		return
	}
	for k := range p.net.spec.Blocks {
		if k > 0 && !kept {
			p.t, p.s = append(p.t, p.t[0]), append(p.s, p.s[0])
			continue
		}
		p.t, p.s = append(p.t, p.batch(o)), append(p.s, p.batch(o))
	}
}

// addGated adds samples lo to hi of what block k gives for m, the activation
// between its layers.
func (p *residualPass[T]) addGated(h, m, x bijector.Mat[T], k, lo, hi int) {
	_, second, at := p.net.block(k)
	t, s := p.t[k].Resize(x.N).Samples(lo, hi), p.s[k].Resize(x.N).Samples(lo, hi)
	second.Forward(t, m, false)
	p.net.layers[at+2].Forward(s, x.Samples(lo, hi).Features(0, p.net.spec.ContextDim), false)
	for j := range h.D {
		sum, gate, out := t.Feature(j), s.Feature(j), h.Feature(j)
		kernel.Sigmoid(gate, gate)
		for i, v := range sum {
			out[i] += v * gate[i]
		}
	}
}

// gateGradients are those of gates, by block, and of the context by one gate.
type gateGradients[T bijector.Float] struct {
	dt, dgate []bijector.Mat[T]
	dcontext  bijector.Mat[T]
}

func (p *residualGradPass[T]) newGateGradients(o bijector.PassOptions) {
	if !p.net.gated() {
		return
	}
	for range p.net.spec.Blocks {
		p.dt, p.dgate = append(p.dt, p.transient(o)), append(p.dgate, p.transient(o))
	}
	p.dcontext = bijector.Transient[T](o, p.net.spec.ContextDim)
}

// throughGate returns the gradient of a block's sum t, from that of h = ... + t*s
// with the gate s = sigmoid(u) of u = G c + g:
//
//	dt = dh * s,  du = dh * t * s * (1 - s).
func (g *gateGradients[T]) throughGate(of gates[T], dh bijector.Mat[T], k, n, lo, hi int) bijector.Mat[T] {
	samples := func(m bijector.Mat[T]) bijector.Mat[T] { return m.Resize(n).Samples(lo, hi) }
	t, s, dt, du := samples(of.t[k]), samples(of.s[k]), samples(g.dt[k]), samples(g.dgate[k])
	for j := range dh.D {
		d, sum, gate, dsum, dgate := dh.Feature(j), t.Feature(j), s.Feature(j), dt.Feature(j), du.Feature(j)
		for i, v := range d {
			dsum[i] = v * gate[i]
			dgate[i] = dsum[i] * sum[i] * (1 - gate[i])
		}
	}
	return dt
}

// addContextGradient adds G' du of all blocks to the gradient of the context.
func (p *residualGradPass[T]) addContextGradient(dx bijector.Mat[T], n, lo, hi int) {
	if !p.net.gated() {
		return
	}
	to, part := dx.Samples(lo, hi), p.dcontext.Resize(n).Samples(lo, hi)
	for k, du := range p.dgate {
		_, _, at := p.net.block(k)
		p.net.layers[at+2].Backward(part, du.Resize(n).Samples(lo, hi), bijector.Mat[T]{})
		for j := range part.D {
			kernel.AddTo(to.Feature(j), part.Feature(j))
		}
	}
}
