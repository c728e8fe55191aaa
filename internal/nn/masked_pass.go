// The evaluation passes of a Masked, at once and column by column.

package nn

import (
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/kernel"
)

// MaskedPass evaluates a Masked, for ranges of samples, at once or column by
// column.
type MaskedPass[T bijector.Float] struct {
	net *Masked[T]
	h   bijector.Mat[T]   // the sum so far
	a   []bijector.Mat[T] // by block: the activation of its input
	m   []bijector.Mat[T] // and that between its layers
	in  inputs[T]         // of both, in training
}

// NewPass returns an evaluation pass.
func (m *Masked[T]) NewPass(o bijector.PassOptions) *MaskedPass[T] {
	p := &MaskedPass[T]{net: m}
	if m.in == 0 {
		return p
	}
	n := max(o.MaxBatch, 2) // a single sample may come with the stride of more
	p.h = bijector.NewMat[T](m.spec.Hidden, n)
	for range m.spec.Blocks { // each block has its own: Step comes back to them
		p.a = append(p.a, bijector.NewMat[T](m.spec.Hidden, n))
		p.m = append(p.m, bijector.NewMat[T](m.spec.Hidden, n))
	}
	return p
}

// Forward sets samples lo to hi of y.
func (p *MaskedPass[T]) Forward(y, x bijector.Mat[T], lo, hi int) {
	p.hidden(x, 0, p.net.spec.Hidden, lo, hi)
	p.outputs(y, x, 0, p.net.out, p.net.spec.Hidden, p.net.in, lo, hi)
}

// Step sets samples lo to hi of the outputs of column j, from the context and
// the columns before j: the others of x may not be known yet. It is called
// for j = 0, 1, 2, ... in turn and computes the hidden units that column j sees
// and no earlier one did.
func (p *MaskedPass[T]) Step(y, x bijector.Mat[T], j, lo, hi int) {
	first, end := 0, p.net.units[j]
	if j > 0 {
		first = p.net.units[j-1]
	}
	p.hidden(x, first, end, lo, hi)
	at, to := p.net.OutputsOf(j)
	p.outputs(y, x, at, to, end, p.net.inputs[j], lo, hi)
}

// hidden computes hidden units first to end of all layers. What they see of the
// layer below are the units before end.
func (p *MaskedPass[T]) hidden(x bijector.Mat[T], first, end, lo, hi int) {
	net := p.net
	if net.in == 0 || first == end {
		return
	}
	in := x.Samples(lo, hi)
	h := like(p.h, x).Samples(lo, hi)
	net.layers[0].forwardRows(h, in, first, end, net.visible[0][end-1], kernel.Store)
	for k := range net.spec.Blocks {
		one, two := net.block(k)
		a, m := like(p.a[k], x).Samples(lo, hi), like(p.m[k], x).Samples(lo, hi)
		p.in.keep(2*k, h, x.N, lo, hi)
		for j := first; j < end; j++ {
			activate(net.act, a.Feature(j), h.Feature(j))
			kernel.Affine(h.Feature(j), h.Feature(j), 1, two.B[j])
		}
		mode := kernel.ReLU
		if net.act != relu {
			mode = kernel.Store
		}
		one.forwardRows(m, a, first, end, end, mode)
		if net.act != relu {
			p.in.keep(2*k+1, m, x.N, lo, hi)
			for j := first; j < end; j++ {
				activate(net.act, m.Feature(j), m.Feature(j))
			}
		}
		two.forwardRows(h, m, first, end, end, kernel.Add)
	}
}

// like is a view of m's storage with the samples and the stride of x.
func like[T bijector.Float](m, x bijector.Mat[T]) bijector.Mat[T] {
	return bijector.Mat[T]{Data: m.Data, D: m.D, N: x.N, Stride: x.Stride}
}

// outputs computes outputs at to end from the first units and inputs.
func (p *MaskedPass[T]) outputs(y, x bijector.Mat[T], at, end, units, inputs, lo, hi int) {
	if at == end {
		return
	}
	final, direct := p.net.final()
	out := y.Samples(lo, hi)
	if p.net.in == 0 {
		for i := at; i < end; i++ {
			f := out.Feature(i)
			for k := range f {
				f[k] = final.B[i]
			}
		}
		return
	}
	h, in := like(p.h, x).Samples(lo, hi), x.Samples(lo, hi)
	final.forwardRows(out, h, at, end, units, kernel.Store)
	if direct != nil {
		direct.forwardRows(out, in, at, end, inputs, kernel.Add)
	}
}
