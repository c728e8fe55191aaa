// Two-dimensional convolutions and their transposes: sizes, weights and names.
// The index arithmetic is in conv_geometry.go, the products in conv_pass.go.

package nn

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/kernel"
)

// ConvSpec describes a convolution or a transposed one.
type ConvSpec struct {
	InChannels, Height, Width int // of the images that go in
	OutChannels               int
	Kernel                    int // side of the square kernel
	Stride                    int // 0 means 1
	Padding                   int // rows and columns of zeros on each side
	// OutputPadding adds rows at the bottom and columns at the right of a
	// transposed convolution's output, fewer than Stride of each: several
	// sizes give the same one by convolution, and this names the one to return
	// to.
	OutputPaddingH, OutputPaddingW int
	Bias                           bool
	ReLU                           bool // the output is the positive part
	// ChannelsLast, by side: feature (y*w+x)*c+ch instead of (ch*h+y)*w+x.
	InChannelsLast, OutChannelsLast bool
}

// Conv2D is a convolution (cross-correlation, as is the custom) with square
// kernels,
//
//	y[o, i, j] = b[o] + sum_{c, u, v} W[o, c, u, v] x[c, s*i+u-p, s*j+v-p],
//
// or the transpose of that linear map,
//
//	y[o, s*i+u-p, s*j+v-p] += W[c, o, u, v] x[c, i, j],  plus b[o],
//
// where what falls outside of the image counts as zero.
type Conv2D[T bijector.Float] struct {
	spec       ConvSpec
	transposed bool
	geometry   geometry
	w          []T // (big channels, taps, small channels), see Params
	b          []T // (output channels), or nil
}

// NewConv2D makes a convolution with weights from
// U(-1/sqrt(fan in), 1/sqrt(fan in)), fan in = InChannels*Kernel^2.
func NewConv2D[T bijector.Float](s ConvSpec, rng *rand.Rand) (*Conv2D[T], error) {
	return newConv[T](s, false, rng)
}

// NewConvTranspose2D makes a transposed convolution. The bound of its weights
// has OutChannels*Kernel^2 for the fan in, as PyTorch's has.
func NewConvTranspose2D[T bijector.Float](s ConvSpec, rng *rand.Rand) (*Conv2D[T], error) {
	return newConv[T](s, true, rng)
}

// Limits on what a spec may ask for, so that a hostile one is refused before
// anything is allocated.
const (
	maxFeatures = 1 << 22
	maxWeights  = 1 << 26
)

func newConv[T bijector.Float](s ConvSpec, transposed bool, rng *rand.Rand) (*Conv2D[T], error) {
	if s.Stride == 0 {
		s.Stride = 1
	}
	geo, err := s.geometry(transposed)
	if err != nil {
		return nil, err
	}
	c := &Conv2D[T]{spec: s, transposed: transposed, geometry: geo}
	c.w = kernel.Make[T](geo.big.c * len(geo.taps) * geo.small.c)
	bound := 1 / math.Sqrt(float64(geo.big.c*len(geo.taps)))
	draw := func(p []T) {
		for i := range p {
			p[i] = T((2*rng.Float64() - 1) * bound)
		}
	}
	draw(c.w)
	if s.Bias {
		c.b = kernel.Make[T](s.OutChannels)
		draw(c.b)
	}
	return c, nil
}

// geometry checks the spec and lays out its two images.
func (s ConvSpec) geometry(transposed bool) (geometry, error) {
	in := image{s.InChannels, s.Height, s.Width, s.InChannelsLast}
	for _, v := range []struct {
		what          string
		got, min, max int
	}{
		{"input channels", s.InChannels, 1, 1 << 14},
		{"output channels", s.OutChannels, 1, 1 << 14},
		{"image height", s.Height, 1, 1 << 14},
		{"image width", s.Width, 1, 1 << 14},
		{"kernel", s.Kernel, 1, 31},
		{"stride", s.Stride, 1, 31},
		{"padding", s.Padding, 0, s.Kernel - 1},
		{"output padding of the height", s.OutputPaddingH, 0, s.Stride - 1},
		{"output padding of the width", s.OutputPaddingW, 0, s.Stride - 1},
	} {
		if v.got < v.min || v.got > v.max {
			return geometry{}, fmt.Errorf("nn: a convolution with %s %d, want %d to %d: %w", v.what, v.got, v.min, v.max, bijector.ErrSpec)
		}
	}
	out := image{c: s.OutChannels, last: s.OutChannelsLast}
	if transposed {
		out.h = (s.Height-1)*s.Stride - 2*s.Padding + s.Kernel + s.OutputPaddingH
		out.w = (s.Width-1)*s.Stride - 2*s.Padding + s.Kernel + s.OutputPaddingW
	} else {
		out.h = convOutSize(s.Height, s)
		out.w = convOutSize(s.Width, s)
		if s.OutputPaddingH != 0 || s.OutputPaddingW != 0 {
			return geometry{}, fmt.Errorf("nn: output padding is for transposed convolutions: %w", bijector.ErrSpec)
		}
	}
	if out.h < 1 || out.w < 1 {
		return geometry{}, fmt.Errorf("nn: a kernel of %d with padding %d leaves nothing of an image of %dx%d: %w: %w", s.Kernel, s.Padding, s.Height, s.Width, bijector.ErrSpec, bijector.ErrShape)
	}
	if in.featureCount() > maxFeatures || out.featureCount() > maxFeatures || float64(in.c)*float64(out.c)*float64(s.Kernel*s.Kernel) > maxWeights {
		return geometry{}, fmt.Errorf("nn: a convolution from %v to %v is too large: %w", in, out, bijector.ErrSpec)
	}
	if transposed {
		return newGeometry(out, in, s.Kernel, s.Stride, s.Padding), nil
	}
	return newGeometry(in, out, s.Kernel, s.Stride, s.Padding), nil
}

// convOutSize is the side of a convolution's output for an input of side n.
func convOutSize(n int, s ConvSpec) int {
	n += 2*s.Padding - s.Kernel
	if n < 0 {
		return 0
	}
	return n/s.Stride + 1
}

// images are what goes in and what comes out.
func (c *Conv2D[T]) images() (in, out image) {
	if c.transposed {
		return c.geometry.small, c.geometry.big
	}
	return c.geometry.big, c.geometry.small
}

// Transposed reports whether this is a transposed convolution.
func (c *Conv2D[T]) Transposed() bool { return c.transposed }

// In is the number of input features, channels*height*width.
func (c *Conv2D[T]) In() int { in, _ := c.images(); return in.features() }

// Out is the number of output features.
func (c *Conv2D[T]) Out() int { _, out := c.images(); return out.features() }

// InShape is the size of the images that go in.
func (c *Conv2D[T]) InShape() (ch, h, w int) { in, _ := c.images(); return in.c, in.h, in.w }

// OutShape is the size of the images that come out.
func (c *Conv2D[T]) OutShape() (ch, h, w int) { _, out := c.images(); return out.c, out.h, out.w }

// Params are "weight" and, with a bias, "bias" (out). The weight of a
// convolution has shape (in, Kernel^2, out), that of a transposed one
// (out, Kernel^2, in): both directions of both products then read it as it
// stands, so that there is no second copy to keep up to date. The taps (u, v)
// in the middle are sorted by (u mod Stride, v mod Stride, u, v): taps of the
// same residues meet the same pixels. SetWeight and Weight convert.
func (c *Conv2D[T]) Params() []bijector.Param[T] {
	ps := []bijector.Param[T]{{
		Name:  "weight",
		Shape: []int{c.geometry.big.c, len(c.geometry.taps), c.geometry.small.c},
		Data:  c.w,
	}}
	if c.b != nil {
		ps = append(ps, bijector.Param[T]{Name: "bias", Shape: []int{len(c.b)}, Data: c.b})
	}
	return ps
}

// SetWeight sets the weight from PyTorch's order: (out, in, u, v) for a
// convolution, (in, out, u, v) for a transposed one.
func (c *Conv2D[T]) SetWeight(w []T) { c.eachWeight(func(stored, at int) { c.w[stored] = w[at] }) }

// Weight copies a weight, or a gradient in the order of Params, to PyTorch's
// order.
func (c *Conv2D[T]) Weight(dst, stored []T) {
	c.eachWeight(func(i, at int) { dst[at] = stored[i] })
}

func (c *Conv2D[T]) eachWeight(f func(stored, at int)) {
	g := c.geometry
	for b := range g.big.c {
		for t, tap := range g.taps {
			for s := range g.small.c {
				f((b*len(g.taps)+t)*g.small.c+s, ((s*g.big.c+b)*g.k+tap.u)*g.k+tap.v)
			}
		}
	}
}

// Buffers: a convolution has none.
func (c *Conv2D[T]) Buffers() []bijector.Buffer { return nil }

// Spec is the ConvSpec.
func (c *Conv2D[T]) Spec() any { return c.spec }

// NewNetworkPass returns an evaluation pass.
func (c *Conv2D[T]) NewNetworkPass(o bijector.PassOptions) bijector.NetworkPass[T] {
	return newSequentialPass([]bijector.Network[T]{c}, o)
}

// NewNetworkGradPass returns a training pass.
func (c *Conv2D[T]) NewNetworkGradPass(o bijector.PassOptions) bijector.NetworkGradPass[T] {
	return newSequentialGradPass([]bijector.Network[T]{c}, o)
}
