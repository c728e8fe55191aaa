// Single samples: products of a matrix and a vector, which have a layout of
// their own.

package nn

import (
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/kernel"
)

// packed holds an MLP's weights and biases of one version. It is not written
// to once it is made: any number of passes read it.
type packed[T bijector.Float] struct {
	version int64
	layers  [][]packedRows[T]
}

// packedRows are rows of a layer up to end, and their first inputs.
type packedRows[T bijector.Float] struct {
	kernel.Packed[T]
	end, inputs int
}

// packSpans is how many spans of a masked layer are packed as one: a row of fewer
// outputs does not fill the vector units.
const packSpans = 2

// pack lays a layer out, without most of what is masked.
func (l *Linear[T]) pack() (all []packedRows[T]) {
	rows := l.rows
	if rows == nil {
		rows = []span{{l.Out, l.In}}
	}
	lo, inputs := 0, 0
	for i, s := range rows {
		inputs = max(inputs, s.at)
		if (i+1)%packSpans != 0 && i < len(rows)-1 {
			continue
		}
		all = append(all, packedRows[T]{kernel.Pack(s.end-lo, inputs, l.W[lo*l.In:], l.In, l.B[lo:s.end]), s.end, inputs})
		lo, inputs = s.end, 0
	}
	return all
}

// pack returns the copies of the weights as they are now. Two passes may both
// make them; a version that Changed overtook is not found again.
func (m *MLP[T]) pack() *packed[T] {
	c := m.packed.Load()
	if v := m.version.Load(); c == nil || c.version != v {
		c = &packed[T]{version: v}
		for _, l := range m.layers {
			c.layers = append(c.layers, l.pack())
		}
		m.packed.Store(c)
	}
	return c
}

// mlpEvalPass is a pass that is not for training: the weights stay as they
// are until Changed.
type mlpEvalPass[T bijector.Float] struct{ mlpPass[T] }

func (p *mlpEvalPass[T]) Forward(y, x bijector.Mat[T], lo, hi int) {
	if x.N == 1 && hi-lo == 1 && x.Stride == 1 && y.Stride == 1 {
		p.forwardSingle(y.Data[:y.D], x.Data[:x.D])
		return
	}
	p.mlpPass.Forward(y, x, lo, hi)
}

// forwardSingle is Forward for one sample, without views, whose making would cost as
// much as the smaller products.
func (p *mlpEvalPass[T]) forwardSingle(y, x []T) {
	layers := p.net.pack().layers
	last := len(layers) - 1
	for i := range last {
		out := p.h[i].Data[:p.net.layers[i].Out]
		apply(layers[i], out, x, p.net.act == relu)
		if p.net.act != relu {
			activate(p.net.act, out, out)
		}
		x = out
	}
	apply(layers[last], y, x, false)
}

// apply computes a layer's outputs.
func apply[T bijector.Float](layer []packedRows[T], y, x []T, relu bool) {
	lo := 0
	for i := range layer {
		r := &layer[i]
		r.Apply(y[lo:r.end], x[:r.inputs], relu)
		lo = r.end
	}
}
