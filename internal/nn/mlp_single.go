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
	layers  []kernel.Packed[T]
}

// pack returns the copies of the weights as they are now. Two passes may both
// make them; a version that Changed overtook is not found again.
func (m *MLP[T]) pack() *packed[T] {
	c := m.packed.Load()
	if v := m.version.Load(); c == nil || c.version != v {
		c = &packed[T]{version: v}
		for _, l := range m.layers {
			c.layers = append(c.layers, kernel.Pack(l.Out, l.In, l.W, l.In, l.B))
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
		layers[i].Apply(out, x, !p.net.tanh)
		if p.net.tanh {
			kernel.Tanh(out, out)
		}
		x = out
	}
	layers[last].Apply(y, x, false)
}
