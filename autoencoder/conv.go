// The convolutional autoencoder: its spec, encoder and decoder.

package autoencoder

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/nn"
)

// ConvSpec describes a convolutional autoencoder. The zero value suits
// MNIST: images of 28x28x1, two convolutions, embeddings of 20 values.
type ConvSpec struct {
	// Height and Width of the images: 0 means 28 for the height, and the
	// height for the width.
	Height int `json:"height,omitempty"`
	Width  int `json:"width,omitempty"`
	// InChannels of the images, 0 means 1.
	InChannels int `json:"in_channels,omitempty"`
	// Channels after each convolution; none means 32, 64. Each convolution
	// halves height and width, rounding up.
	Channels []int `json:"channels,omitempty"`
	// Embedding is the number of values of an embedding, 0 means 20.
	Embedding int `json:"embedding,omitempty"`
	// Bias gives the convolutions of both directions a bias, EncoderBias and
	// DecoderBias those of one direction. The affine maps always have one.
	Bias        bool `json:"bias,omitempty"`
	EncoderBias bool `json:"encoder_bias,omitempty"`
	DecoderBias bool `json:"decoder_bias,omitempty"`
	// Loss is what training lowers, by its name: "bce" (the default) for data in
	// [0, 1], "squared" or "gaussian" for any. See Autoencoder.
	Loss string `json:"loss,omitempty"`
	// Variational makes the encoder give a Gaussian for each row, of which the
	// embedding is the mean: the loss is the variational bound of Autoencoder.
	Variational bool `json:"variational,omitempty"`
	// Noise is the deviation of those Gaussians where it is fixed instead of the
	// encoder's; 0: it is not. It goes without Variational.
	Noise float64 `json:"noise,omitempty"`
	// Seed of the initial weights, and of the noise.
	Seed uint64 `json:"seed,omitempty"`
}

// The convolutions: 3x3, stride 2, padding 1, which halves a side.
const (
	convKernel  = 3
	convStride  = 2
	convPadding = 1
)

func (s ConvSpec) withDefaults() ConvSpec {
	if s.Height == 0 {
		s.Height = 28
	}
	if s.Width == 0 {
		s.Width = s.Height
	}
	if s.InChannels == 0 {
		s.InChannels = 1
	}
	s.Channels = slices.Clone(s.Channels)
	if len(s.Channels) == 0 {
		s.Channels = []int{32, 64}
	}
	if s.Embedding == 0 {
		s.Embedding = defaultEmbedding
	}
	if s.Bias || s.EncoderBias && s.DecoderBias { // one spec for one model
		s.Bias, s.EncoderBias, s.DecoderBias = true, false, false
	}
	s.Loss = lossName(s.Loss)
	return s
}

// Values is the number of values that are saved: the kernels, which both
// directions have, their biases, and the affine maps between the smallest image
// and the embedding. See registry.Sizer.
func (s ConvSpec) Values() float64 {
	s = s.withDefaults()
	n, in := 0.0, float64(s.InChannels)
	for _, c := range s.Channels {
		n += 2 * convKernel * convKernel * in * float64(c)
		if s.Bias || s.EncoderBias {
			n += float64(c)
		}
		if s.Bias || s.DecoderBias { // of the way back, to in channels
			n += in
		}
		in = float64(c)
		s.Height, s.Width = s.Height-s.Height/convStride, s.Width-s.Width/convStride
	}
	smallest, embedding, c := in*float64(s.Height)*float64(s.Width), float64(s.Embedding), s.criterion()
	return n + nn.PerceptronValues(smallest, nil, embedding*float64(c.heads())) + nn.PerceptronValues(embedding, nil, smallest) + c.values()
}

func (s ConvSpec) criterion() criterion {
	return criterion{loss: s.Loss, variational: s.Variational, noise: s.Noise, seed: s.Seed}
}

// NewConv makes a convolutional autoencoder. The encoder is a convolution and
// a ReLU for each of Channels, then an affine map to the embedding; the
// decoder mirrors it with transposed convolutions, a ReLU after each map but
// the last. For the zero spec,
//
//	28x28x1 -> 14x14x32 -> 7x7x64 -> 20 -> 7x7x64 -> 14x14x32 -> 28x28x1.
//
// Feature (ch*h+y)*w+x of a row is pixel (y, x) of channel ch. Weights and
// biases start from U(-1/sqrt(fan in), 1/sqrt(fan in)), PyTorch's default.
//
// # Parameters
//
// The weight of convolution i of the encoder, "encoder.<i>.weight", has shape
// (in, 9, out), that of transposed convolution i of the decoder,
// "decoder.<i+1>.weight", (out, 9, in). The nine taps are in the order 00, 02,
// 20, 22, 01, 21, 10, 12, 11 (row and column in the kernel). The affine maps,
// "encoder.<k>.weight" and "decoder.0.weight", both have shape (h*w*c,
// embedding), where feature (y*w+x)*c+ch is pixel (y, x) of channel ch; the
// bias "decoder.0.bias" is in that order too.
func NewConv[T bijector.Float](s ConvSpec) (*Autoencoder[T], error) {
	s = s.withDefaults()
	if s.Embedding < 1 || s.Embedding > maxWidth || len(s.Channels) > 14 {
		return nil, fmt.Errorf("autoencoder: %d embedding values and %d convolutions, want at least 1 and at most 14: %w", s.Embedding, len(s.Channels), bijector.ErrSpec)
	}
	rng := rand.New(rand.NewPCG(s.Seed, 0x636f6e76))
	encoder, sizes, err := convEncoder[T](s, rng)
	if err != nil {
		return nil, fmt.Errorf("autoencoder: encoder: %w", err)
	}
	decoder, err := convDecoder[T](s, sizes, rng)
	if err != nil {
		return nil, fmt.Errorf("autoencoder: decoder: %w", err)
	}
	a, err := newAutoencoder[T](encoder, decoder, s.criterion())
	if err != nil {
		return nil, err
	}
	a.spec = s
	return a, nil
}

// imageSize is an image's.
type imageSize struct{ c, h, w int }

// convEncoder returns the encoder and the sizes of its images, from the data
// to the smallest.
func convEncoder[T bijector.Float](s ConvSpec, rng *rand.Rand) (*nn.Sequential[T], []imageSize, error) {
	var maps []bijector.Network[T]
	sizes := []imageSize{{s.InChannels, s.Height, s.Width}}
	for i, out := range s.Channels {
		in := sizes[i]
		c, err := nn.NewConv2D[T](nn.ConvSpec{
			InChannels: in.c, Height: in.h, Width: in.w, OutChannels: out,
			Kernel: convKernel, Stride: convStride, Padding: convPadding,
			Bias: s.Bias || s.EncoderBias, ReLU: true, InChannelsLast: i > 0, OutChannelsLast: true,
		}, rng)
		if err != nil {
			return nil, nil, err
		}
		_, h, w := c.OutShape()
		sizes, maps = append(sizes, imageSize{out, h, w}), append(maps, c)
	}
	last, err := nn.NewDense[T](maps[len(maps)-1].Out(), s.Embedding*s.criterion().heads(), false, rng)
	if err != nil {
		return nil, nil, err
	}
	encoder, err := nn.NewSequential(append(maps, last)...)
	return encoder, sizes, err
}

// convDecoder returns the decoder through the same sizes backwards.
func convDecoder[T bijector.Float](s ConvSpec, sizes []imageSize, rng *rand.Rand) (*nn.Sequential[T], error) {
	z := sizes[len(sizes)-1]
	first, err := nn.NewDense[T](s.Embedding, z.c*z.h*z.w, true, rng)
	if err != nil {
		return nil, err
	}
	maps := []bijector.Network[T]{first}
	for i := len(sizes) - 1; i > 0; i-- {
		in, out := sizes[i], sizes[i-1]
		c, err := nn.NewConvTranspose2D[T](nn.ConvSpec{
			InChannels: in.c, Height: in.h, Width: in.w, OutChannels: out.c,
			Kernel: convKernel, Stride: convStride, Padding: convPadding,
			// An odd side 2k-1 comes from k by itself, an even one needs a row more.
			OutputPaddingH: 1 - out.h%2, OutputPaddingW: 1 - out.w%2,
			Bias: s.Bias || s.DecoderBias, ReLU: i > 1, InChannelsLast: true, OutChannelsLast: i > 1,
		}, rng)
		if err != nil {
			return nil, err
		}
		maps = append(maps, c)
	}
	return nn.NewSequential(maps...)
}
