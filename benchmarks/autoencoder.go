// Benchmarks of the autoencoder: a training step and encoding.

package benchmarks

import (
	"math/rand/v2"
	"testing"

	"github.com/bijou-flow/bijou/autoencoder"
	"github.com/bijou-flow/bijou/bijector"
)

// NewConv is the demonstration's autoencoder, untrained.
func NewConv[T bijector.Float]() (*autoencoder.Autoencoder[T], error) {
	return autoencoder.NewConv[T](autoencoder.ConvSpec{Embedding: dim, Seed: 1})
}

// Pixels is a tensor of n images of uniform noise.
func Pixels[T bijector.Float](n int) *bijector.Rows[T] {
	rng := rand.New(rand.NewPCG(2, 2))
	rows := bijector.NewRows[T](n, pixels)
	for i := range rows.Values() {
		rows.Values()[i] = T(rng.Float64())
	}
	return rows
}

// AutoencoderTraining measures training steps of the convolutional
// autoencoder.
func AutoencoderTraining(b *testing.B) {
	b.Run("float32", autoencoderTraining[float32])
	b.Run("float64", autoencoderTraining[float64])
}

func autoencoderTraining[T bijector.Float](b *testing.B) {
	fit(b, mustMake(b, NewConv[T]), newRepeatedSource(Pixels[T](1000), nil, Batch*b.N))
}

// Encode measures embeddings of images.
func Encode(b *testing.B) {
	ae := mustMake(b, NewConv[float32])
	forEachBatchSize(b, func(b *testing.B, n int) {
		x := Pixels[float32](n)
		b.ResetTimer()
		for range b.N {
			if _, err := ae.Encode(x); err != nil {
				b.Fatal(err)
			}
		}
	})
}
