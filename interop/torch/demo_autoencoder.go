// The original demo's autoencoder, in and out.

package torch

import (
	"fmt"
	"io"
	"math"

	"github.com/bijou-flow/bijou/autoencoder"
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/safetensors"
)

// DemoAutoencoderOptions says what an autoencoder's state does not.
type DemoAutoencoderOptions struct {
	// Height of the images, a multiple of 4; 0 means that they are square.
	Height int
}

// DemoAutoencoder makes an autoencoder (see autoencoder.NewConv) of the state of the demo's:
// convolutions "conv1" and "conv2" and an affine map "linear1" to the
// embedding, and back an affine map "linear2" and transposed convolutions
// "convt1" and "convt2", with a ReLU after each but linear1 and convt2, and the
// sigmoid of the last for a decoded image. Kernels are 3x3 with stride 2,
// padding 1 and, transposed, output padding 1, so that sides are multiples of
// 4. The demo's transposed convolutions have a bias and its convolutions have
// not; either pair may have one or lack it. Channels, embedding and the images'
// area follow from the shapes.
//
// The mapping reorders weights as autoencoder.NewConv documents its own.
func DemoAutoencoder[T bijector.Float](s *State, o DemoAutoencoderOptions) (*autoencoder.Autoencoder[T], error) {
	r, err := newReader[T](s)
	if err != nil {
		return nil, err
	}
	spec, err := demoConvSpec(r, o.Height)
	if err != nil {
		return nil, err
	}
	a, err := autoencoder.NewConv[T](spec)
	if err != nil {
		return nil, fmt.Errorf("torch: %w", err)
	}
	for i, p := range demoMappings(spec) {
		v, err := r.floats(p.name, p.shape...)
		if err != nil {
			return nil, err
		}
		data := a.Params()[i].Data
		for j := range data {
			data[j] = T(v[p.source(j)])
		}
	}
	if err := r.checkAllTaken(); err != nil {
		return nil, err
	}
	a.Invalidate()
	return a, nil
}

// SaveDemoAutoencoder writes an autoencoder as the state of the demo's: see
// DemoAutoencoder. It is a Conv with two convolutions, for images whose sides
// are multiples of 4; another is ErrSpec. The demo's class loads it where the
// convolutions have no bias; transposed ones without a bias get zeros.
func SaveDemoAutoencoder[T bijector.Float](path string, a *autoencoder.Autoencoder[T]) error {
	items, err := demoAutoencoderItems(a)
	if err != nil {
		return err
	}
	return save(path, items, nil)
}

// WriteDemoAutoencoder is SaveDemoAutoencoder to w.
func WriteDemoAutoencoder[T bijector.Float](w io.Writer, a *autoencoder.Autoencoder[T]) error {
	items, err := demoAutoencoderItems(a)
	if err != nil {
		return err
	}
	return write(w, items, nil)
}

func demoAutoencoderItems[T bijector.Float](a *autoencoder.Autoencoder[T]) ([]safetensors.Item, error) {
	if a == nil {
		return nil, fmt.Errorf("torch: no autoencoder to write: %w", bijector.ErrSpec)
	}
	s, ok := a.Spec().(autoencoder.ConvSpec)
	if !ok {
		return nil, fmt.Errorf("torch: the autoencoder is a %T, want a convolutional one: %w", a.Spec(), bijector.ErrSpec)
	}
	if len(s.Channels) != 2 || s.Height%4 != 0 || s.Width%4 != 0 {
		return nil, fmt.Errorf("torch: the autoencoder has %d convolutions of %dx%d images, the demo's 2 of sides that are multiples of 4: %w: %w", len(s.Channels), s.Height, s.Width, bijector.ErrSpec, bijector.ErrShape)
	}
	if s.Loss != "" || s.Variational {
		return nil, fmt.Errorf("torch: an autoencoder of the loss %.40q, variational: %v; the demo's gives logits and plain embeddings: %w", s.Loss, s.Variational, bijector.ErrSpec)
	}
	if err := checkEmbedding(s); err != nil {
		return nil, err
	}
	state := s
	state.DecoderBias = true
	params, own := a.Params(), demoMappings(s)
	var items []safetensors.Item
	for _, p := range demoMappings(state) {
		n := 1
		for _, axis := range p.shape {
			n *= axis
		}
		out := make([]T, n)
		if len(own) > 0 && own[0].name == p.name {
			for j, v := range params[0].Data {
				out[p.source(j)] = v
			}
			params, own = params[1:], own[1:]
		}
		items = append(items, safetensors.Item{Name: p.name, Shape: p.shape, Data: out})
	}
	return items, nil
}

// demoConvSpec reads the sizes off the shapes. It takes no tensor.
func demoConvSpec(r *reader, height int) (s autoencoder.ConvSpec, err error) {
	shape := func(name string, want ...int) (axes []int) {
		if err == nil {
			var v values
			v, err = r.take(name, want...)
			axes = v.shape
		}
		return append(axes, 0, 0) // none to read past the end of
	}
	conv1 := shape("conv1.weight", anySize, anySize, 3, 3)
	conv2 := shape("conv2.weight", anySize, anySize, 3, 3)
	linear1 := shape("linear1.weight", anySize, anySize)
	if err != nil {
		return s, err
	}
	s = autoencoder.ConvSpec{
		InChannels: conv1[1], Channels: []int{conv1[0], conv2[0]}, Embedding: linear1[0],
		EncoderBias: r.has("conv1.bias"), DecoderBias: r.has("convt1.bias"),
	}
	pixels := linear1[1] / conv2[0] // of the smallest image
	h, w := height/4, 0
	if height == 0 {
		h = int(math.Round(math.Sqrt(float64(pixels))))
	}
	if h > 0 {
		w = pixels / h
	}
	if height%4 != 0 || h*w*conv2[0] != linear1[1] || height == 0 && h != w {
		return s, r.errorf("linear1.weight", bijector.ErrShape, "%v, want inputs of %d channels of a quarter of the images (height %d)", linear1[:2], conv2[0], height)
	}
	s.Height, s.Width = 4*h, 4*w
	return s, checkEmbedding(s)
}

// checkEmbedding refuses embeddings for which NewConv lays its affine maps out
// differently.
func checkEmbedding(s autoencoder.ConvSpec) error {
	if n := s.Channels[1] * (s.Height / 4) * (s.Width / 4); s.Embedding > n {
		return fmt.Errorf("torch: an embedding of %d values, want at most the %d that it is computed from: %w: %w", s.Embedding, n, bijector.ErrSpec, bijector.ErrShape)
	}
	return nil
}

// tensorMapping is a tensor of the demo's state and where it goes: value j of the
// parameter is value source(j) of the tensor.
type tensorMapping struct {
	name   string
	shape  []int
	source func(j int) int
}

// demoMappings are those of an autoencoder's parameters, in their order.
func demoMappings(s autoencoder.ConvSpec) []tensorMapping {
	a, b, e := s.Channels[0], s.Channels[1], s.Embedding
	pixels := (s.Height / 4) * (s.Width / 4)
	// feature is where an image has its value j of the order (pixel, channel).
	feature := func(j int) int { return j%b*pixels + j/b }
	var parts []tensorMapping
	conv := func(name string, rows, columns, out int, bias bool) {
		parts = append(parts, tensorMapping{name + ".weight", []int{rows, columns, 3, 3}, kernelSource(rows, columns)})
		if bias {
			parts = append(parts, tensorMapping{name + ".bias", []int{out}, identityIndex})
		}
	}
	conv("conv1", a, s.InChannels, a, s.Bias || s.EncoderBias)
	conv("conv2", b, a, b, s.Bias || s.EncoderBias)
	parts = append(
		parts,
		tensorMapping{"linear1.weight", []int{e, b * pixels}, func(j int) int { return j%e*b*pixels + feature(j/e) }},
		tensorMapping{"linear1.bias", []int{e}, identityIndex},
		tensorMapping{"linear2.weight", []int{b * pixels, e}, func(j int) int { return feature(j/e)*e + j%e }},
		tensorMapping{"linear2.bias", []int{b * pixels}, feature},
	)
	conv("convt1", b, a, a, s.Bias || s.DecoderBias)
	conv("convt2", a, s.InChannels, s.InChannels, s.Bias || s.DecoderBias)
	return parts
}

func identityIndex(j int) int { return j }

// taps is the order of a kernel's places, row and column, in NewConv's weights.
var taps = [9]int{0, 2, 6, 8, 1, 7, 3, 5, 4}

// kernelSource turns (columns, taps, rows) into (rows, columns, 3, 3).
func kernelSource(rows, columns int) func(j int) int {
	return func(j int) int {
		row, tap, column := j%rows, taps[j/rows%9], j/rows/9
		return (row*columns+column)*9 + tap
	}
}
