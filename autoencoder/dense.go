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
	// Seed of the initial weights.
	Seed uint64 `json:"seed,omitempty"`
}

// defaultEmbedding is the number of values of an embedding where a spec has
// none.
const defaultEmbedding = 20

// Values is the number of values that are saved: see registry.Sizer.
func (s DenseSpec) Values() float64 {
	in, embedding := float64(s.In), float64(cmp.Or(s.Embedding, defaultEmbedding))
	return nn.PerceptronValues(in, s.Hidden, embedding) + nn.PerceptronValues(embedding, s.backwards(), in)
}

// backwards are the widths of the decoder's hidden layers.
func (s DenseSpec) backwards() []int {
	back := slices.Clone(s.Hidden)
	slices.Reverse(back)
	return back
}

// NewDense makes a fully connected autoencoder: two perceptrons with ReLU
// after each hidden layer.
func NewDense[T bijector.Float](s DenseSpec) (*Autoencoder[T], error) {
	s.Embedding = cmp.Or(s.Embedding, defaultEmbedding)
	s.Hidden = slices.Clone(s.Hidden)
	encoder, err := nn.NewMLP[T](nn.MLPSpec{In: s.In, Hidden: s.Hidden, Out: s.Embedding, Seed: s.Seed})
	if err != nil {
		return nil, fmt.Errorf("autoencoder: encoder: %w", err)
	}
	decoder, err := nn.NewMLP[T](nn.MLPSpec{In: s.Embedding, Hidden: s.backwards(), Out: s.In, Seed: ^s.Seed})
	if err != nil {
		return nil, fmt.Errorf("autoencoder: decoder: %w", err)
	}
	a, err := New[T](encoder, decoder)
	if err != nil {
		return nil, err
	}
	a.spec = s
	return a, nil
}
