// Autoencoders whose directions have biases or not, and files from before they
// could differ.

package registry_test

import (
	"math"
	"testing"

	"gorgonia.org/tensor"

	"github.com/bijou-flow/bijou/autoencoder"
	"github.com/bijou-flow/bijou/registry"
)

// TestConvBiasFile: a file with "bias": true is the model that it was when it
// was written, as a spec of that kind had one bias for both directions.
func TestConvBiasFile(t *testing.T) {
	e := must(registry.Load[autoencoder.Encoder[float64]]("testdata/conv_bias.safetensors"))
	x := make([]float64, 12)
	for i := range x {
		x[i] = float64(i) / 11
	}
	z := must(e.Encode(tensor.New(tensor.WithShape(1, 12), tensor.WithBacking(x))))
	y := must(e.(autoencoder.Decoder[float64]).Decode(z))
	for _, c := range []struct{ got, want []float64 }{
		{z.Float64s(), []float64{0.008173579135781648, -0.15563030970270042}},
		{y.Float64s(), []float64{
			0.5750786416060633, 0.5780323319758283, 0.5627749074513639, 0.5465592340972554, 0.5620150436438502, 0.5547869908841488,
			0.5579450735413402, 0.5579450735413402, 0.5579450735413402, 0.5579450735413402, 0.5579450735413402, 0.5579450735413402,
		}},
	} {
		for i, v := range c.want {
			if math.Abs(c.got[i]-v) > 1e-14 {
				t.Errorf("value %d is %v, was %v", i, c.got[i], v)
			}
		}
	}
}

// TestConvBiasRoundTrip saves and loads a bias of one direction.
func TestConvBiasRoundTrip(t *testing.T) {
	for _, s := range []autoencoder.ConvSpec{
		{Height: 4, Channels: []int{2, 3}, Embedding: 2, EncoderBias: true},
		{Height: 4, Channels: []int{2, 3}, Embedding: 2, DecoderBias: true},
	} {
		a := must(autoencoder.NewConv[float32](s))
		stir[float32](a, 3)
		file := path(t)
		must(0, registry.Save(file, a))
		e := must(registry.Load[autoencoder.Encoder[float32]](file)).(*autoencoder.Autoencoder[float32])
		if got := e.Spec().(autoencoder.ConvSpec); got.EncoderBias != s.EncoderBias || got.DecoderBias != s.DecoderBias || got.Bias {
			t.Errorf("%+v became %+v", s, got)
		}
		x := batch[float32](9, 16)
		sameBits(t, "Reconstruct", must(a.Reconstruct(x)), must(e.Reconstruct(x)))
	}
}
