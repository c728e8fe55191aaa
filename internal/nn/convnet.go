// The residual convolutional network: the conditioner of couplings over images.

package nn

import (
	"cmp"
	"fmt"
	"math/rand/v2"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/kernel"
)

// ConvNetSpec describes a residual convolutional network: see
// coupling.ConvNetSpec, which has the same fields.
type ConvNetSpec struct {
	InChannels, OutChannels int
	Height, Width           int
	ContextDim              int
	Checkerboard            string
	Hidden, Blocks          int
	Seed                    uint64
	OutScale                float64
}

// defaultChannels is the number of channels within; that of blocks is a
// Residual's.
const defaultChannels = 32

// Values is the number of values that are saved, which are 3x3 and 1x1 kernels
// and the lengths and biases of their channels: see registry.Sizer.
func (s ConvNetSpec) Values() float64 {
	h, blocks := float64(cmp.Or(s.Hidden, defaultChannels)), float64(cmp.Or(s.Blocks, defaultBlocks))
	in, out := float64(s.InChannels)+float64(s.ContextDim), float64(s.OutChannels)
	return (9*in+2)*h + blocks*(10*h+3)*h + (h+2)*out
}

// ConvNet is a residual network of convolutions with normed weights,
//
//	h_0 = W_i * x + b_i,
//	h_k = h_{k-1} + V_k * r(U_k * r(h_{k-1}) + c_k),  k = 1 ... Blocks,
//	y   = W_f * r(h_Blocks) + b_f
//
// with r(h) = max(h, 0), 3x3 kernels W_i and U at stride 1 with one row of
// zeros around the image, and 1x1 kernels V and W_f (Dinh et al. 2017, arXiv
// 1605.08803, section 3.7: rectified residual networks with weight norm; the
// order within a block is that of He et al. 2016, arXiv 1603.05027, figure 4e,
// without its batch norm). An output pixel sees the input up to Blocks+1
// pixels away. A sample takes (9 In + 10 Blocks Hidden + Out) Hidden
// multiply-adds a pixel.
type ConvNet[T bijector.Float] struct {
	spec  ConvNetSpec
	convs []*weightNormConv[T] // initial, the two of each block, final
}

// NewConvNet makes a network with weights drawn from the spec's seed. It
// returns ErrSpec for sizes below 1 or too large and for an unknown
// checkerboard.
func NewConvNet[T bijector.Float](s ConvNetSpec) (*ConvNet[T], error) {
	s.Hidden, s.Blocks = cmp.Or(s.Hidden, defaultChannels), cmp.Or(s.Blocks, defaultBlocks)
	if s.Blocks < 1 || s.Blocks > maxBlocks {
		return nil, fmt.Errorf("nn: a residual network of %d blocks, want 1 to %d: %w", s.Blocks, maxBlocks, bijector.ErrSpec)
	}
	if s.ContextDim < 0 || s.InChannels < 1 {
		return nil, fmt.Errorf("nn: a residual network of %d input channels and %d context features: %w", s.InChannels, s.ContextDim, bijector.ErrSpec)
	}
	if err := s.checkPixels(); err != nil {
		return nil, err
	}
	net := &ConvNet[T]{spec: s}
	rng := rand.New(rand.NewPCG(s.Seed, 0x636f6e766e6574))
	add := func(c ConvSpec) error {
		c.Height, c.Width, c.Padding = s.Height, s.Width, c.Kernel/2
		c.InChannelsLast, c.OutChannelsLast = true, true
		conv, err := newWeightNormConv[T](c, rng)
		net.convs = append(net.convs, conv)
		return err
	}
	err := add(ConvSpec{InChannels: s.ContextDim + s.InChannels, OutChannels: s.Hidden, Kernel: 3, Bias: true})
	for k := 0; k < s.Blocks && err == nil; k++ {
		if err = add(ConvSpec{InChannels: s.Hidden, OutChannels: s.Hidden, Kernel: 3, Bias: true}); err == nil {
			err = add(ConvSpec{InChannels: s.Hidden, OutChannels: s.Hidden, Kernel: 1})
		}
	}
	if err == nil {
		err = add(ConvSpec{InChannels: s.Hidden, OutChannels: s.OutChannels, Kernel: 1, Bias: true})
	}
	if err != nil {
		return nil, err
	}
	if s.OutScale != 0 {
		last := net.convs[len(net.convs)-1]
		kernel.Scale(last.g, T(s.OutScale))
		kernel.Scale(last.conv.b, T(s.OutScale))
	}
	return net, nil
}

// checkPixels refuses a checkerboard of an unknown name, or without pixels that
// are seen or asked for.
func (s ConvNetSpec) checkPixels() error {
	switch s.Checkerboard {
	case "", "odd", "even":
	default:
		return fmt.Errorf("nn: checkerboard %q, want \"odd\", \"even\" or none: %w", s.Checkerboard, bijector.ErrSpec)
	}
	if seen, asked := s.pixelCounts(); seen == 0 || asked == 0 {
		return fmt.Errorf("nn: a checkerboard on images of %dx%d has pixels of one kind alone: %w: %w", s.Height, s.Width, bijector.ErrSpec, bijector.ErrShape)
	}
	return nil
}

// pixelCounts are the numbers of those that are seen and asked for. The first pixel
// is even.
func (s ConvNetSpec) pixelCounts() (seen, asked int) {
	all := s.Height * s.Width
	switch s.Checkerboard {
	case "odd":
		return all / 2, all - all/2
	case "even":
		return all - all/2, all / 2
	}
	return all, all
}

// splitPixels lists them.
func (s ConvNetSpec) splitPixels() (seen, asked []int) {
	for p := range s.Height * s.Width {
		odd := (p/s.Width+p%s.Width)%2 == 1
		if s.Checkerboard == "" || odd == (s.Checkerboard == "odd") {
			seen = append(seen, p)
		}
		if s.Checkerboard == "" || odd != (s.Checkerboard == "odd") {
			asked = append(asked, p)
		}
	}
	return seen, asked
}

// In is the number of input features: the context's, then those of the pixels
// that are seen, channel by channel.
func (c *ConvNet[T]) In() int {
	seen, _ := c.spec.pixelCounts()
	return c.spec.ContextDim + c.spec.InChannels*seen
}

// Out is the number of output features.
func (c *ConvNet[T]) Out() int {
	_, asked := c.spec.pixelCounts()
	return c.spec.OutChannels * asked
}

// Work is about the number of multiply-adds a sample.
func (c *ConvNet[T]) Work() int {
	weights := 0
	for _, l := range c.convs {
		weights += len(l.conv.w)
	}
	return weights * c.spec.Height * c.spec.Width
}

// Filter is one of the network's convolutions as it is applied.
type Filter struct {
	In, Out, Kernel int
	Weight          []float64 // (Out, In, Kernel, Kernel)
	Bias            []float64 // (Out), or nil
}

// Filters are the convolutions in order: the first, the two of each block, the
// last.
func (c *ConvNet[T]) Filters() []Filter {
	var all []Filter
	for _, l := range c.convs {
		s := l.conv.spec
		weight, lengths := make([]T, len(l.conv.w)), make([]float64, len(l.g))
		l.conv.Weight(weight, l.conv.w)
		l.norms(lengths)
		f := Filter{In: s.InChannels, Out: s.OutChannels, Kernel: s.Kernel}
		each := len(weight) / len(l.g)
		for i, v := range weight {
			f.Weight = append(f.Weight, float64(l.g[i/each])*float64(v)/lengths[i/each])
		}
		for _, v := range l.conv.b {
			f.Bias = append(f.Bias, float64(v))
		}
		all = append(all, f)
	}
	return all
}

// Pixels are the numbers y*Width+x of the pixels that are seen and of those
// that are asked for, in the order of the features of a channel.
func (c *ConvNet[T]) Pixels() (seen, asked []int) { return c.spec.splitPixels() }

// Params are "weight_v", "weight_g" and "bias" of "initial", "blocks.0.0" and
// so on, and "final"; the second convolution of a block has no bias.
func (c *ConvNet[T]) Params() []bijector.Param[T] {
	last := len(c.convs) - 1
	children := make(bijector.Children[T], len(c.convs))
	for i, conv := range c.convs {
		name := fmt.Sprintf("blocks.%d.%d", (i-1)/2, (i-1)%2)
		switch i {
		case 0:
			name = "initial"
		case last:
			name = "final"
		}
		children[i] = bijector.Child{Name: name, Part: conv}
	}
	return children.Params()
}

// Buffers: none.
func (c *ConvNet[T]) Buffers() []bijector.Buffer { return nil }

// Spec is the ConvNetSpec, with hidden channels and blocks filled in.
func (c *ConvNet[T]) Spec() any { return c.spec }
