// The products of a convolution. Output pixel by output pixel, each is one
// product of the weight with the rows that the pixel reads, straight from the
// batch: no patch is copied.

package nn

import (
	"slices"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/kernel"
)

// convPass runs a convolution within a sequence.
type convPass[T bijector.Float] struct {
	conv    *Conv2D[T]
	patches []patches // by stride of slabs

	workers      *bijector.Workers
	dw, db       []T
	st           transposed[T] // one pixel of the small image: a sample a row
	patchRows    [][]T         // one patch of the big image, for each split of the small channels
	weightGradFn func(lo, hi int)
	biasGradFn   func(lo, hi int)
	dy, x        bijector.Mat[T] // of the current accumulate
}

// minChannelsPerWorker is the smallest number of small channels that one worker takes of the
// weight's gradient: a cache line of float32.
const minChannelsPerWorker = 16

// gatherBelow is the number of big channels below which the taps of a patch are
// gathered, so that the gradient's product has rows enough for its tiles.
const gatherBelow = 8

func (c *Conv2D[T]) rectified() bool { return c.spec.ReLU }

func (c *Conv2D[T]) newStage(o bijector.PassOptions, grad bool, tile int) stagePass[T] {
	p := &convPass[T]{conv: c, workers: o.Workers}
	g := &c.geometry
	for _, n := range tileSizes(o.MaxBatch, tile) {
		ld := newSlab[T](0, n).Stride
		if slices.ContainsFunc(p.patches, func(q patches) bool { return q.ld == ld }) {
			continue
		}
		q := patches{ld: ld}
		if grad || !c.transposed {
			q.down = g.downPatches(ld)
		}
		if grad || c.transposed {
			q.up = g.upPatches(ld)
		}
		p.patches = append(p.patches, q)
	}
	if !grad {
		return p
	}
	p.dw, p.db = kernel.Make[T](len(c.w)), kernel.Make[T](len(c.b))
	p.st = transposed[T]{data: kernel.Make[T](p.patches[0].ld * padWidth(g.small.c)), ld: padWidth(g.small.c)}
	if g.big.c < gatherBelow {
		p.patchRows = make([][]T, padWidth(g.small.c)/minChannelsPerWorker)
		for i := range p.patchRows {
			p.patchRows[i] = kernel.Make[T](g.big.c * len(g.taps) * p.patches[0].ld)
		}
	}
	p.weightGradFn, p.biasGradFn = p.accumulateWeights, p.accumulateBiases
	return p
}

func (p *convPass[T]) slabs() bool { return true }

// patches are those of slabs with ld samples a feature. Those for the way back are
// made in training only.
type patches struct {
	ld       int
	down, up []patch
}

// patchesOf are the ones for a slab.
func (p *convPass[T]) patchesOf(slab bijector.Mat[T]) patches {
	for _, q := range p.patches {
		if q.ld == slab.Stride {
			return q
		}
	}
	panic("nn: a batch that is no slab of this pass")
}

func (p *convPass[T]) forward(y, x bijector.Mat[T], lo, hi int) {
	e := kernel.Epilogue[T]{Bias: p.conv.b}
	if p.conv.spec.ReLU {
		e.Mode = kernel.ReLU
	}
	if p.conv.transposed {
		p.runUp(y, x, e, lo, hi)
	} else {
		p.runDown(y, x, e, lo, hi)
	}
}

// backward is the transposed map: a convolution's is the transposed
// convolution with the same weight, and the other way about. With gate, x is
// what a ReLU gave, and the gradient passes where x is positive.
func (p *convPass[T]) backward(dx, dy, x, _ bijector.Mat[T], gate bool, lo, hi int) {
	if dx.Empty() {
		return
	}
	var e kernel.Epilogue[T]
	if gate {
		e = kernel.Epilogue[T]{Mode: kernel.Gate, Aux: x.Data}
	}
	if p.conv.transposed {
		p.runDown(dx, dy, e, lo, hi)
	} else {
		p.runUp(dx, dy, e, lo, hi)
	}
}

// runDown goes from the big image to the small one:
//
//	small[s, (i,j)] = sum_{b, t} W[b, t, s] big[b, (i,j) by t],
//
// at the pixels that count.
func (p *convPass[T]) runDown(small, big bijector.Mat[T], e kernel.Epilogue[T], lo, hi int) {
	g, ld := &p.conv.geometry, small.Stride
	pixel, channel := g.small.strides()
	aux := e.Aux
	for i, q := range p.patchesOf(big).down {
		if len(q.rows) == 0 {
			continue
		}
		at := i*pixel*ld + lo
		if aux != nil {
			e.Aux = aux[at:]
		}
		kernel.GemmIndirect(g.small.c, hi-lo, len(q.rows), p.conv.w, 1, g.small.c,
			big.Data[q.base+lo:], q.rows, small.Data[at:], channel*ld, e)
	}
}

// runUp goes from the small image to the big one:
//
//	big[b, (y,x)] = sum_{t of its class, s} W[b, t, s] small[s, (y,x) by t],
//
// for a board at the pixels that a tap leads to.
func (p *convPass[T]) runUp(big, small bijector.Mat[T], e kernel.Epilogue[T], lo, hi int) {
	g, ld := &p.conv.geometry, big.Stride
	pixel, channel := g.big.strides()
	row := len(g.taps) * g.small.c
	aux := e.Aux
	for i, q := range p.patchesOf(small).up {
		if g.board && len(q.rows) == 0 {
			continue
		}
		at := i*pixel*ld + lo
		if aux != nil {
			e.Aux = aux[at:]
		}
		kernel.GemmIndirect(g.big.c, hi-lo, len(q.rows), p.conv.w[g.classStart[q.class]*g.small.c:], row, 1,
			small.Data[q.base+lo:], q.rows, big.Data[at:], channel*ld, e)
	}
}

// accumulate adds the gradients. The workers share the small channels, each
// summing over the whole batch.
func (p *convPass[T]) accumulate(dy, x, _ bijector.Mat[T]) {
	p.dy, p.x = dy, x
	p.workers.For(p.conv.geometry.small.c, minChannelsPerWorker, p.weightGradFn)
	p.workers.For(len(p.db), 1, p.biasGradFn)
}

// accumulateWeights does small channels lo to hi of
//
//	dW[b, t, s] += sum_{(i,j), n} big[b, (i,j) by t, n] small[s, (i,j), n],
//
// where small is the gradient of a convolution's output, or a transposed one's
// input, and big the other.
func (p *convPass[T]) accumulateWeights(lo, hi int) {
	g := &p.conv.geometry
	big, small := p.x, p.dy
	if p.conv.transposed {
		big, small = p.dy, p.x
	}
	n, ld, taps := big.N, big.Stride, len(g.taps)
	whole := min((n+7)&^7, ld) // columns that the transpose takes in blocks, padding included
	bigPixel, bigChannel := g.big.strides()
	pixel, channel := g.small.strides()
	add := kernel.Epilogue[T]{Mode: kernel.Add}
	for i, q := range p.patchesOf(big).down {
		if len(q.rows) == 0 {
			continue
		}
		kernel.Transpose(hi-lo, whole, small.Data[(i*pixel+lo*channel)*small.Stride:], channel*small.Stride, p.st.data[lo:], p.st.ld)
		if p.patchRows != nil {
			rows := p.patchRows[lo/minChannelsPerWorker]
			for l, r := range q.rows {
				copy(rows[l*ld:][:n], big.Data[q.base+r:])
			}
			kernel.Gemm(len(q.rows), hi-lo, n, rows, ld, 1, p.st.data[lo:], p.st.ld, p.dw[lo:], g.small.c, add)
			continue
		}
		for t, tap := range g.taps {
			if at := g.bigPixel(i, tap); at >= 0 {
				kernel.Gemm(g.big.c, hi-lo, n, big.Data[at*bigPixel*ld:], bigChannel*ld, 1,
					p.st.data[lo:], p.st.ld, p.dw[t*g.small.c+lo:], taps*g.small.c, add)
			}
		}
	}
}

// accumulateBiases does output channels lo to hi of db[o] += sum dy[o].
func (p *convPass[T]) accumulateBiases(lo, hi int) {
	_, out := p.conv.images()
	g := &p.conv.geometry
	pixel, channel := out.strides()
	for c := lo; c < hi; c++ {
		var sum float64
		for i := range out.h * out.w {
			if g.board && !g.counts(i) {
				continue
			}
			sum += kernel.Sum(p.dy.Feature(i*pixel + c*channel))
		}
		p.db[c] += T(sum)
	}
}

func (p *convPass[T]) grads() [][]T {
	if p.db == nil {
		return [][]T{p.dw}
	}
	return [][]T{p.dw, p.db}
}
