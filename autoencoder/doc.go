// Package autoencoder maps data to embeddings and back, so that a flow can
// live on a latent space: convolutional and fully connected autoencoders,
// principal components, the identity, and Latent, which joins an encoder with
// a flow.
//
// Encoder and Decoder are tensor to tensor, so that any model can stand in for
// the ones here.
package autoencoder

import (
	"errors"

	"gorgonia.org/tensor"

	"github.com/bijou-flow/bijou/bijector"
)

// Encoder maps rows of data, shape (n, d) or images (n, c, h, w), to
// embeddings, shape (n, e), of the element type of the flow on them:
// bijector.RowsOf makes rows of values. A row must not influence another. Where
// some rows are not finite, it returns a bijector.RowError and valid results
// for the others.
type Encoder[T bijector.Float] interface {
	Encode(x tensor.Tensor) (*bijector.Rows[T], error)
}

// Decoder maps embeddings (n, e) to rows of data (n, d).
type Decoder[T bijector.Float] interface {
	Decode(z tensor.Tensor) (*bijector.Rows[T], error)
}

// Errors besides those of package bijector.
var (
	// ErrNotFitted: a PCA is asked to map rows before Fit or a model file gave
	// it components.
	ErrNotFitted = errors.New("not fitted")
	// ErrNoDecoder: a Latent without a decoder is asked for data.
	ErrNoDecoder = errors.New("no decoder")
	// ErrTarget: data to reconstruct lies outside of [0, 1].
	ErrTarget = errors.New("value outside of [0, 1]")
)
