// The gradients of affine maps: what perceptrons and residual networks share in
// training.

package nn

import (
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/kernel"
)

// padWidth rounds a width up to whole cache lines of float32.
func padWidth(n int) int { return (n + 15) &^ 15 }

// transposed is a layer's input with a sample a row, as the product
// dW = dy x' wants it.
type transposed[T bijector.Float] struct {
	data []T
	ld   int
}

// gradients are those of the layers of a network. A step keeps each layer's
// input, in ranges of samples, sets dy and then accumulates.
type gradients[T bijector.Float] struct {
	layers       []*Linear[T]
	workers      *bijector.Workers
	xt           []transposed[T]   // input of each layer
	dy           []bijector.Mat[T] // gradient of each layer's output
	dw, db       [][]T
	all          [][]T                  // dw and db in turns
	zeroing      *bijector.ZeroingOwner // of all; nil: the caller zeroes them
	first        bool                   // they count as zero
	work         int                    // multiply-adds a sample
	accumulateFn func(lo, hi int)
}

func newGradients[T bijector.Float](layers []*Linear[T], o bijector.PassOptions) *gradients[T] {
	g := &gradients[T]{layers: layers, workers: o.Workers, dy: make([]bijector.Mat[T], len(layers))}
	for i, l := range layers {
		g.dw = append(g.dw, kernel.Make[T](len(l.W)))
		g.db = append(g.db, kernel.Make[T](len(l.B)))
		g.all = append(g.all, g.dw[i], g.db[i])
		g.xt = append(g.xt, transposed[T]{data: bijector.Transient[T](o, padWidth(l.In)).Data, ld: padWidth(l.In)})
		g.work += l.work(l.Out)
	}
	g.accumulateFn = g.accumulateRows
	return g
}

// storeInput lays samples lo, lo+1 ... of layer i's input out for accumulate.
func (g *gradients[T]) storeInput(i int, samples bijector.Mat[T], lo int) {
	xt := g.xt[i]
	kernel.Transpose(samples.D, samples.N, samples.Data, samples.Stride, xt.data[lo*xt.ld:], xt.ld)
}

// accumulate shares the rows of all weight gradients among the workers, by the
// work that they are.
func (g *gradients[T]) accumulate() {
	if g.dy[0].N == 0 {
		return
	}
	g.first = g.zeroing.First()
	g.workers.For(g.work, 1, g.accumulateFn)
}

// accumulateRows does the rows whose first multiply-add is in [lo, hi).
func (g *gradients[T]) accumulateRows(lo, hi int) {
	start := 0
	for i, l := range g.layers {
		first, end := l.rowAt(lo-start), l.rowAt(hi-start)
		if first < end {
			l.Accumulate(g.dw[i], g.db[i], g.dy[i], g.xt[i].data, g.xt[i].ld, first, end, g.first)
		}
		start += l.work(l.Out)
	}
}
