package autoencoder

import (
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

// NewDense makes a fully connected autoencoder: two perceptrons with ReLU
// after each hidden layer.
func NewDense[T bijector.Float](s DenseSpec) (*Autoencoder[T], error) {
	if s.Embedding == 0 {
		s.Embedding = 20
	}
	s.Hidden = slices.Clone(s.Hidden)
	back := slices.Clone(s.Hidden)
	slices.Reverse(back)
	encoder, err := nn.NewMLP[T](nn.MLPSpec{In: s.In, Hidden: s.Hidden, Out: s.Embedding, Seed: s.Seed})
	if err != nil {
		return nil, fmt.Errorf("autoencoder: encoder: %w", err)
	}
	decoder, err := nn.NewMLP[T](nn.MLPSpec{In: s.Embedding, Hidden: back, Out: s.In, Seed: ^s.Seed})
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
