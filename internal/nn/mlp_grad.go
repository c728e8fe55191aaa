package nn

import (
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/kernel"
)

// NewMapGradPass returns a training pass.
func (m *MLP[T]) NewMapGradPass(o bijector.PassOptions) bijector.MapGradPass[T] {
	p := &mlpGradPass[T]{mlpPass: newMLPPass(m, o), workers: o.Workers}
	for i, l := range m.layers {
		if i > 0 {
			p.dh = append(p.dh, bijector.Activations[T](o, l.In))
		}
		p.dw = append(p.dw, kernel.Make[T](len(l.W)))
		p.db = append(p.db, kernel.Make[T](len(l.B)))
		p.grads = append(p.grads, p.dw[i], p.db[i])
		p.xt = append(p.xt, transposed[T]{data: bijector.Activations[T](o, pad(l.In)).Data, ld: pad(l.In)})
		p.cost += len(l.W)
	}
	p.rows = p.accumulateRows
	return p
}

// pad rounds a width up to whole cache lines of float32.
func pad(n int) int { return (n + 15) &^ 15 }

// transposed is a layer's input with a sample a row, as the product
// dW = dy x' wants it.
type transposed[T bijector.Float] struct {
	data []T
	ld   int
}

type mlpGradPass[T bijector.Float] struct {
	mlpPass[T]
	workers *bijector.Workers
	dh      []bijector.Mat[T] // gradient of each hidden layer's output
	xt      []transposed[T]   // input of each layer
	dw, db  [][]T
	grads   [][]T
	cost    int // multiply-adds a sample
	rows    func(lo, hi int)
	dy      bijector.Mat[T] // of the current Accumulate
}

// Forward also drops the copies of the weights, which are about to be written
// to, in case that the caller is no more told of it than that.
func (p *mlpGradPass[T]) Forward(y, x bijector.Mat[T], lo, hi int) {
	if p.net.packed.Load() != nil {
		p.net.Changed()
	}
	p.mlpPass.Forward(y, x, lo, hi)
}

// Backward runs the chain rule from the last layer down,
//
//	dh_{l-1} = W_l' dh_l * a'(h_{l-1}),  a' = [h > 0] or 1 - h^2,
//
// and lays each layer's input out for Accumulate.
func (p *mlpGradPass[T]) Backward(dx, dy, x, _ bijector.Mat[T], lo, hi int) {
	n := x.N
	d := dy.Samples(lo, hi)
	for i := len(p.net.layers) - 1; i >= 0; i-- {
		l := p.net.layers[i]
		in := x
		if i > 0 {
			in = p.h[i-1].Resize(n)
		}
		in = in.Samples(lo, hi)
		xt := p.xt[i]
		kernel.Transpose(l.In, hi-lo, in.Data, in.Stride, xt.data[lo*xt.ld:], xt.ld)
		if i == 0 {
			if !dx.Empty() {
				l.Backward(dx.Samples(lo, hi), d, bijector.Mat[T]{})
			}
			return
		}
		below := p.dh[i-1].Resize(n).Samples(lo, hi)
		if p.net.tanh {
			l.Backward(below, d, bijector.Mat[T]{})
			for j := range below.D {
				g, h := below.Feature(j), in.Feature(j)
				for k, v := range h {
					g[k] *= 1 - v*v
				}
			}
		} else {
			l.Backward(below, d, in)
		}
		d = below
	}
}

// Accumulate shares the rows of all weight gradients among the workers, by
// the work that they are.
func (p *mlpGradPass[T]) Accumulate(dy, _, _ bijector.Mat[T]) {
	p.dy = dy
	p.workers.For(p.cost, 1, p.rows)
}

// accumulateRows does the rows whose first multiply-add is in [lo, hi).
func (p *mlpGradPass[T]) accumulateRows(lo, hi int) {
	start := 0
	for i, l := range p.net.layers {
		d := p.dy
		if i < len(p.net.layers)-1 {
			d = p.dh[i].Resize(p.dy.N)
		}
		first := min(max(0, (lo-start+l.In-1)/l.In), l.Out)
		end := min(max(0, (hi-start+l.In-1)/l.In), l.Out)
		if first < end {
			l.Accumulate(p.dw[i], p.db[i], d, p.xt[i].data, p.xt[i].ld, first, end)
		}
		start += len(l.W)
	}
}

func (p *mlpGradPass[T]) Grads() [][]T { return p.grads }
