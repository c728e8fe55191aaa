// Convolutional conditioners, for couplings over images.

package coupling

import (
	"fmt"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/nn"
)

// ConvNetSpec describes a residual convolutional network with weight norm.
type ConvNetSpec struct {
	InChannels  int `json:"in_channels"`  // of the images that go in, at least 1
	OutChannels int `json:"out_channels"` // of those that come out, at least 1
	Height      int `json:"height"`       // of both, in pixels
	Width       int `json:"width"`
	// ContextDim is the number of features in front of the image. Each becomes
	// a channel with one value at all pixels.
	ContextDim int `json:"context_dim,omitempty"`
	// Checkerboard is for images of which every other pixel is missing: "odd"
	// takes the pixels (y, x) with y+x odd, channel by channel, and gives
	// those with y+x even; "even" is the reverse. Missing pixels count as
	// zeros. The default takes and gives whole images.
	Checkerboard string `json:"checkerboard,omitempty"`
	// Hidden is the number of channels within; 0 means 32.
	Hidden int `json:"hidden,omitempty"`
	// Blocks is the number of residual blocks; 0 means 2.
	Blocks int `json:"blocks,omitempty"`
	// Seed of the initial weights.
	Seed uint64 `json:"seed,omitempty"`
	// OutScale shrinks the initial last layer; 0 means 1. A small one starts
	// a flow near the identity.
	OutScale float64 `json:"out_scale,omitempty"`
}

// Values is the number of values that are saved: see registry.Sizer.
func (s ConvNetSpec) Values() float64 { return nn.ConvNetSpec(s).Values() }

// NewConvNet makes a residual convolutional network, the conditioner of Real
// NVP on images,
//
//	h_0 = W_i * x + b_i,
//	h_k = h_{k-1} + V_k * r(U_k * r(h_{k-1}) + c_k),  k = 1 ... Blocks,
//	y   = W_f * r(h_Blocks) + b_f,
//
// with r(h) = max(h, 0), kernels W_i and U of 3x3 and V and W_f of 1x1 (Dinh
// et al. 2017, arXiv 1605.08803, section 3.7). Its Params are "weight_v",
// "weight_g" and "bias" of "initial", "blocks.0.0" and so on, and "final"; the
// second convolution of a block has no bias. Its Spec is the ConvNetSpec with
// hidden channels and blocks filled in. Every x is in the domain; the cost of a
// sample is (9 In + 10 Blocks Hidden + Out) Hidden multiply-adds a pixel, with
// In and Out channels. It returns ErrSpec for sizes below 1 or too large and
// for an unknown checkerboard.
func NewConvNet[T bijector.Float](s ConvNetSpec) (bijector.Network[T], error) {
	c, err := nn.NewConvNet[T](nn.ConvNetSpec(s))
	if err != nil {
		return nil, err
	}
	return convNet[T]{c}, nil
}

// convNet is the network under its public spec.
type convNet[T bijector.Float] struct{ *nn.ConvNet[T] }

func (c convNet[T]) Spec() any { return ConvNetSpec(c.ConvNet.Spec().(nn.ConvNetSpec)) }

// ConvNet returns the constructor of a residual convolutional network for a
// coupling with the mask m, which must be a checkerboard or channel mask and
// gives the images' sizes; of s, only Hidden, Blocks, Seed and OutScale are
// read. Hand it to NewAffineWith and its like:
//
//	m := coupling.MaskSpec{Kind: "checkerboard", Channels: 1, Height: 28, Width: 28}
//	c, err := coupling.NewAffineWith(coupling.AffineSpec{Dim: 784, Mask: m},
//		coupling.ConvNet[float32](m, coupling.ConvNetSpec{Hidden: 32}))
//
// With a channel mask the network maps the kept channels to the moved ones.
// With a checkerboard it sees the kept pixels among zeros, and is asked for the
// moved ones (Dinh et al. 2017, arXiv 1605.08803, equation 9). Context features
// become constant channels.
func ConvNet[T bijector.Float](m MaskSpec, s ConvNetSpec) func(in, out int) (bijector.Network[T], error) {
	return func(in, out int) (bijector.Network[T], error) {
		mask, err := m.mask(m.Channels * m.Height * m.Width)
		if err != nil {
			return nil, err
		}
		s.Height, s.Width, s.Checkerboard = m.Height, m.Width, ""
		kept, _ := countKept(mask)
		moved := len(mask) - kept
		size := m.Height * m.Width
		switch m.Kind {
		case "channel":
			s.InChannels, s.OutChannels = kept/size, moved/size
		case "checkerboard":
			s.InChannels, s.OutChannels, s.Checkerboard = m.Channels, m.Channels, "odd"
			if m.Invert {
				s.Checkerboard = "even"
			}
		default:
			return nil, fmt.Errorf("a convolutional network for a mask of kind %q, want checkerboard or channel: %w", m.Kind, bijector.ErrSpec)
		}
		s.ContextDim = in - kept
		s.OutChannels *= out / moved
		return NewConvNet[T](s)
	}
}
