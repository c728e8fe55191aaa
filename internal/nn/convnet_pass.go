// The passes of a residual convolutional network. Images lie pixel after
// pixel, all channels of one together, in slabs as Sequential's.

package nn

import (
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/kernel"
)

// sampleBlock is the number of samples that go through the whole network before the
// next ones do: enough columns to fill the tiles of the products. Fewer were
// slower, 32 by half, though their activations stay in nearer caches.
const sampleBlock = 128

// convNetPass holds what Forward writes. r and m are kept by block for the way
// back; in evaluation all blocks share one.
type convNetPass[T bijector.Float] struct {
	net   *ConvNet[T]
	convs []*weightNormPass[T]
	in    bijector.Mat[T]   // the input, scattered
	h     bijector.Mat[T]   // the sum so far
	r     []bijector.Mat[T] // its positive part before each block and after the last
	m     []bijector.Mat[T] // what lies between a block's convolutions
	out   bijector.Mat[T]

	// Pixels that come in and that go out. Where those are one colour of a
	// checkerboard, the last block and the last convolution compute no others.
	inPixels, outPixels []int
}

func newConvNetPass[T bijector.Float](c *ConvNet[T], o bijector.PassOptions, grad bool) *convNetPass[T] {
	p := &convNetPass[T]{net: c}
	p.inPixels, p.outPixels = c.spec.splitPixels()
	parity := 0
	if c.spec.Checkerboard == "even" {
		parity = 1 // the odd pixels go out
	}
	for i, l := range c.convs {
		board := c.spec.Checkerboard != "" && i >= len(c.convs)-3
		p.convs = append(p.convs, newWeightNormPass(l, o, grad, board, parity))
	}
	p.in, p.h, p.out = p.slab(o, c.spec.ContextDim+c.spec.InChannels), p.slab(o, c.spec.Hidden), p.slab(o, c.spec.OutChannels)
	for k := range c.spec.Blocks + 1 {
		if grad || k == 0 {
			p.r, p.m = append(p.r, p.slab(o, c.spec.Hidden)), append(p.m, p.slab(o, c.spec.Hidden))
			continue
		}
		p.r, p.m = append(p.r, p.r[0]), append(p.m, p.m[0])
	}
	return p
}

// slab is a newSlab of images in memory that may be shared: the row of zeros is
// cleared again by whoever needs it.
func (p *convNetPass[T]) slab(o bijector.PassOptions, channels int) bijector.Mat[T] {
	m := bijector.Activations[T](o, channels*p.net.spec.Height*p.net.spec.Width+1)
	m.D--
	return m
}

// clearBorder clears samples lo to hi of a slab's row of zeros.
func clearBorder[T bijector.Float](slab bijector.Mat[T], lo, hi int) {
	clear(slab.Data[slab.D*slab.Stride:][lo:hi])
}

// NewNetworkPass returns an evaluation pass.
func (c *ConvNet[T]) NewNetworkPass(o bijector.PassOptions) bijector.NetworkPass[T] {
	return newConvNetPass(c, o, false)
}

func (p *convNetPass[T]) Forward(y, x bijector.Mat[T], lo, hi int) {
	for ; lo < hi; lo += sampleBlock {
		p.forward(y, x, lo, min(lo+sampleBlock, hi))
	}
}

func (p *convNetPass[T]) forward(y, x bijector.Mat[T], lo, hi int) {
	n, last := x.N, len(p.convs)-1
	in, h, out := view(p.in, n), view(p.h, n), view(p.out, n)
	p.scatter(in, x, lo, hi)
	p.convs[0].run(h, in, kernel.Epilogue[T]{Bias: p.convs[0].conv.b}, lo, hi)
	for k := range p.net.spec.Blocks {
		first, second := p.convs[1+2*k], p.convs[2+2*k]
		r, m := view(p.r[k], n), view(p.m[k], n)
		rectify(r, h, lo, hi)
		first.run(m, r, kernel.Epilogue[T]{Mode: kernel.ReLU, Bias: first.conv.b}, lo, hi)
		second.run(h, m, kernel.Epilogue[T]{Mode: kernel.Add}, lo, hi)
	}
	r := view(p.r[last/2], n)
	p.rectifyOut(r, h, lo, hi)
	p.convs[last].run(out, r, kernel.Epilogue[T]{Bias: p.convs[last].conv.b}, lo, hi)
	channels := p.net.spec.OutChannels
	for c := range channels {
		for k, pixel := range p.outPixels {
			copy(y.Feature(c*len(p.outPixels) + k)[lo:hi], out.Feature(pixel*channels + c)[lo:hi])
		}
	}
}

// scatter lays the input out as an image: context and seen pixels where they
// belong, zeros elsewhere.
func (p *convNetPass[T]) scatter(in, x bijector.Mat[T], lo, hi int) {
	clearBorder(in, lo, hi)
	s, seen := p.net.spec, p.inPixels
	channels := s.ContextDim + s.InChannels
	if len(seen) < s.Height*s.Width {
		for j := range in.D {
			clear(in.Feature(j)[lo:hi])
		}
	}
	for c := range s.ContextDim {
		for pixel := range s.Height * s.Width {
			copy(in.Feature(pixel*channels + c)[lo:hi], x.Feature(c)[lo:hi])
		}
	}
	for c := range s.InChannels {
		for k, pixel := range seen {
			copy(in.Feature(pixel*channels + s.ContextDim + c)[lo:hi], x.Feature(s.ContextDim + c*len(seen) + k)[lo:hi])
		}
	}
}

// rectify sets r to the positive part of h, and its border.
func rectify[T bijector.Float](r, h bijector.Mat[T], lo, hi int) {
	clearBorder(r, lo, hi)
	for j := range r.D {
		kernel.Rectify(r.Feature(j)[lo:hi], h.Feature(j)[lo:hi])
	}
}

// rectifyOut is rectify at the pixels that go out.
func (p *convNetPass[T]) rectifyOut(r, h bijector.Mat[T], lo, hi int) {
	channels := p.net.spec.Hidden
	for _, pixel := range p.outPixels {
		for j := pixel * channels; j < (pixel+1)*channels; j++ {
			kernel.Rectify(r.Feature(j)[lo:hi], h.Feature(j)[lo:hi])
		}
	}
}

// NewNetworkGradPass returns a training pass.
func (c *ConvNet[T]) NewNetworkGradPass(o bijector.PassOptions) bijector.NetworkGradPass[T] {
	p := &convNetGradPass[T]{convNetPass: newConvNetPass(c, o, true)}
	p.din, p.dout = p.slab(o, c.spec.ContextDim+c.spec.InChannels), p.slab(o, c.spec.OutChannels)
	for range c.spec.Blocks {
		p.dh, p.dm = append(p.dh, p.slab(o, c.spec.Hidden)), append(p.dm, p.slab(o, c.spec.Hidden))
	}
	p.dh = append(p.dh, p.slab(o, c.spec.Hidden))
	for _, l := range p.convs {
		p.grads = append(p.grads, l.paramGrads()...)
	}
	return p
}

// convNetGradPass trains a network. The gradients are those of the fields of
// the same name.
type convNetGradPass[T bijector.Float] struct {
	*convNetPass[T]
	din, dout bijector.Mat[T]
	dh, dm    []bijector.Mat[T]
	grads     [][]T
}

// Backward runs the chain rule from the last convolution down. A block's input
// reaches its output directly and through both convolutions, so that with r
// and m kept,
//
//	dm_k = V' dh_k [m_k > 0],
//	dh_{k-1} = dh_k + U' dm_k [r_{k-1} > 0].
//
// A context feature's gradient is the sum of its channel's.
func (p *convNetGradPass[T]) Backward(dx, dy, x, _ bijector.Mat[T], lo, hi int) {
	for ; lo < hi; lo += sampleBlock {
		p.backward(dx, dy, x, lo, min(lo+sampleBlock, hi))
	}
}

func (p *convNetGradPass[T]) backward(dx, dy, x bijector.Mat[T], lo, hi int) {
	n, last := x.N, len(p.convs)-1
	dout, d := view(p.dout, n), view(p.dh[last/2], n)
	p.scatterOutput(dout, dy, lo, hi)
	none := bijector.Mat[T]{}
	p.convs[last].backward(d, dout, view(p.r[last/2], n), none, true, lo, hi)
	for k := p.net.spec.Blocks - 1; k >= 0; k-- {
		dm, below := view(p.dm[k], n), view(p.dh[k], n)
		p.convs[2+2*k].backward(dm, d, view(p.m[k], n), none, true, lo, hi)
		clearBorder(dm, lo, hi)
		p.convs[1+2*k].backward(below, dm, view(p.r[k], n), none, true, lo, hi)
		if k == p.net.spec.Blocks-1 {
			p.addOut(below, d, lo, hi)
		} else {
			for j := range d.D {
				kernel.AddTo(below.Feature(j)[lo:hi], d.Feature(j)[lo:hi])
			}
		}
		d = below
	}
	if dx.Empty() {
		return
	}
	din := view(p.din, n)
	clearBorder(d, lo, hi)
	p.convs[0].backward(din, d, none, none, false, lo, hi)
	s, seen := p.net.spec, p.inPixels
	channels := s.ContextDim + s.InChannels
	for c := range s.ContextDim {
		sum := dx.Feature(c)[lo:hi]
		clear(sum)
		for pixel := range s.Height * s.Width {
			kernel.AddTo(sum, din.Feature(pixel*channels + c)[lo:hi])
		}
	}
	for c := range s.InChannels {
		for k, pixel := range seen {
			copy(dx.Feature(s.ContextDim + c*len(seen) + k)[lo:hi], din.Feature(pixel*channels + s.ContextDim + c)[lo:hi])
		}
	}
}

// addOut adds d to below at the pixels that go out, where alone it is computed.
func (p *convNetGradPass[T]) addOut(below, d bijector.Mat[T], lo, hi int) {
	channels := p.net.spec.Hidden
	for _, pixel := range p.outPixels {
		for j := pixel * channels; j < (pixel+1)*channels; j++ {
			kernel.AddTo(below.Feature(j)[lo:hi], d.Feature(j)[lo:hi])
		}
	}
}

// scatterOutput lays dy out as an image. Nobody reads the pixels that do not go out.
func (p *convNetGradPass[T]) scatterOutput(dout, dy bijector.Mat[T], lo, hi int) {
	channels, asked := p.net.spec.OutChannels, p.outPixels
	for c := range channels {
		for k, pixel := range asked {
			copy(dout.Feature(pixel*channels + c)[lo:hi], dy.Feature(c*len(asked) + k)[lo:hi])
		}
	}
}

func (p *convNetGradPass[T]) Accumulate(_, x, _ bijector.Mat[T]) {
	n, last := x.N, len(p.convs)-1
	p.convs[0].addGradients(view(p.dh[0], n), view(p.in, n))
	for k := range p.net.spec.Blocks {
		p.convs[1+2*k].addGradients(view(p.dm[k], n), view(p.r[k], n))
		p.convs[2+2*k].addGradients(view(p.dh[k+1], n), view(p.m[k], n))
	}
	p.convs[last].addGradients(view(p.dout, n), view(p.r[last/2], n))
}

func (p *convNetGradPass[T]) Grads() [][]T { return p.grads }
