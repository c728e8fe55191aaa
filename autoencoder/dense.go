// The fully connected autoencoder.

package autoencoder

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/nn"
)

// DenseSpec describes a fully connected autoencoder.
type DenseSpec struct {
	In int `json:"in"` // values of a row
	// Hidden are the widths of the encoder's hidden layers, from the data to
	// the embedding; the decoder has them backwards. None makes both affine.
	Hidden []int `json:"hidden,omitempty"`
	// Embedding is the number of values of an embedding, 0 means 20.
	Embedding int `json:"embedding,omitempty"`
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

// defaultEmbedding is the number of values of an embedding where a spec has
// none.
const defaultEmbedding = 20

// Values is the number of values that are saved: see registry.Sizer.
func (s DenseSpec) Values() float64 {
	in, embedding, c := float64(s.In), float64(cmp.Or(s.Embedding, defaultEmbedding)), s.criterion()
	return c.values() + nn.PerceptronValues(in, s.Hidden, embedding*float64(c.heads())) + nn.PerceptronValues(embedding, s.backwards(), in)
}

// backwards are the widths of the decoder's hidden layers.
func (s DenseSpec) backwards() []int {
	back := slices.Clone(s.Hidden)
	slices.Reverse(back)
	return back
}

func (s DenseSpec) criterion() criterion {
	return criterion{loss: lossName(s.Loss), variational: s.Variational, noise: s.Noise, seed: s.Seed}
}

// NewDense makes a fully connected autoencoder: two perceptrons with ReLU
// after each hidden layer.
func NewDense[T bijector.Float](s DenseSpec) (*Autoencoder[T], error) {
	s.Embedding = cmp.Or(s.Embedding, defaultEmbedding)
	s.Hidden, s.Loss = slices.Clone(s.Hidden), lossName(s.Loss)
	encoder, err := nn.NewMLP[T](nn.MLPSpec{In: s.In, Hidden: s.Hidden, Out: s.Embedding * s.criterion().heads(), Seed: s.Seed})
	if err != nil {
		return nil, fmt.Errorf("autoencoder: encoder: %w", err)
	}
	decoder, err := nn.NewMLP[T](nn.MLPSpec{In: s.Embedding, Hidden: s.backwards(), Out: s.In, Seed: ^s.Seed})
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
