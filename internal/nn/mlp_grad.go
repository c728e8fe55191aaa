// The training pass of an MLP.

package nn

import "github.com/bijou-flow/bijou/bijector"

// NewNetworkGradPass returns a training pass.
func (m *MLP[T]) NewNetworkGradPass(o bijector.PassOptions) bijector.NetworkGradPass[T] {
	p := &mlpGradPass[T]{mlpPass: newMLPPass(m, o), g: newGradients(m.layers, o)}
	p.g.zeroing = bijector.HandOver(o, p.g.all)
	for _, l := range m.layers[1:] {
		p.dh = append(p.dh, bijector.Transient[T](o, l.In))
		p.in = append(p.in, newInputs[T](m.act, o, l.In)...)
	}
	return p
}

type mlpGradPass[T bijector.Float] struct {
	mlpPass[T]
	dh []bijector.Mat[T] // gradient of each hidden layer's output
	g  *gradients[T]
}

// Forward also drops the copies of the weights, which are about to be written
// to, in case that the caller is no more told of it than that.
func (p *mlpGradPass[T]) Forward(y, x bijector.Mat[T], lo, hi int) {
	if p.net.packed.Load() != nil {
		p.net.Invalidate()
	}
	p.mlpPass.Forward(y, x, lo, hi)
}

// Backward runs the chain rule from the last layer down,
//
//	dh_{l-1} = W_l' dh_l * a'(h_{l-1}),  a' = [h > 0] or 1 - h^2,
//
// and lays each layer's input out for Accumulate.
func (p *mlpGradPass[T]) Backward(dx, dy, x, y bijector.Mat[T], lo, hi int) {
	p.BackwardFrom(dx, dy, x, y, lo, hi, 0)
}

// BackwardFrom is Backward that sets dx from an input on alone.
func (p *mlpGradPass[T]) BackwardFrom(dx, dy, x, _ bijector.Mat[T], lo, hi, from int) {
	n := x.N
	d := dy.Samples(lo, hi)
	for i := len(p.net.layers) - 1; i >= 0; i-- {
		l := p.net.layers[i]
		in := x
		if i > 0 {
			in = p.h[i-1].Resize(n)
		}
		in = in.Samples(lo, hi)
		p.g.storeInput(i, in, lo)
		if i == 0 {
			if !dx.Empty() {
				l.backwardFrom(dx.Samples(lo, hi), d, from)
			}
			return
		}
		below := p.dh[i-1].Resize(n).Samples(lo, hi)
		l.backwardThrough(below, d, p.in.of(i-1, in, n, lo, hi), p.net.act)
		d = below
	}
}

// Accumulate adds the gradients of all weights.
func (p *mlpGradPass[T]) Accumulate(dy, _, _ bijector.Mat[T]) {
	last := len(p.dh)
	for i, dh := range p.dh {
		p.g.dy[i] = dh.Resize(dy.N)
	}
	p.g.dy[last] = dy
	p.g.accumulate()
}

func (p *mlpGradPass[T]) Grads() [][]T { return p.g.all }
