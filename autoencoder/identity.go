// Identity: the encoder that embeds every row as itself.

package autoencoder

import (
	"fmt"

	"gorgonia.org/tensor"

	"github.com/bijou-flow/bijou/bijector"
)

// IdentitySpec describes an Identity.
type IdentitySpec struct {
	Dim int `json:"dim"` // values of a row
}

// Identity embeds every row as itself, so that a Latent is a flow on the data.
type Identity[T bijector.Float] struct {
	spec IdentitySpec
	rows rowTransform[T]
}

// NewIdentity makes an Identity.
func NewIdentity[T bijector.Float](s IdentitySpec) (*Identity[T], error) {
	if s.Dim < 1 || s.Dim > maxWidth {
		return nil, fmt.Errorf("autoencoder: an identity of %d values, want 1 to %d: %w", s.Dim, maxWidth, bijector.ErrSpec)
	}
	m := &Identity[T]{spec: s}
	m.rows.in, m.rows.out = s.Dim, s.Dim
	m.rows.newApply = func() func(y, x bijector.Mat[T]) { return bijector.Mat[T].CopyFrom }
	return m, nil
}

// maxWidth bounds what a spec may ask for.
const maxWidth = 1 << 20

// Encode returns a copy of x of shape (n, d). Rows with a NaN or an infinity
// are NaN and named by a bijector.RowError.
func (m *Identity[T]) Encode(x tensor.Tensor) (*bijector.Rows[T], error) { return m.rows.run(x) }

// Decode is Encode.
func (m *Identity[T]) Decode(z tensor.Tensor) (*bijector.Rows[T], error) { return m.rows.run(z) }

// Embedding is the number of values of a row.
func (m *Identity[T]) Embedding() int { return m.spec.Dim }

// Params: none.
func (m *Identity[T]) Params() []bijector.Param[T] { return nil }

// Buffers: none.
func (m *Identity[T]) Buffers() []bijector.Buffer { return nil }

// Spec is the IdentitySpec.
func (m *Identity[T]) Spec() any { return m.spec }
