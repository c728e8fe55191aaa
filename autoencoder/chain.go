// Chain: an encoder of what another encoder gives.

package autoencoder

import (
	"fmt"

	"gorgonia.org/tensor"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/nilcheck"
)

// ChainSpec describes a Chain by its parts.
type ChainSpec struct {
	First bijector.NamedSpec `json:"first"`
	Then  bijector.NamedSpec `json:"then"`
}

// Chain embeds the embeddings of an encoder by another one,
//
//	z = then(first(x)),
//
// such as the vectors of a language model by their principal components. It decodes
// where both do, in the opposite order.
type Chain[T bijector.Float] struct {
	first, then Encoder[T]
}

// NewChain joins two encoders.
func NewChain[T bijector.Float](first, then Encoder[T]) (*Chain[T], error) {
	if nilcheck.IsNil(first) || nilcheck.IsNil(then) {
		return nil, fmt.Errorf("autoencoder: a chain of encoders without its first or its second: %w", bijector.ErrSpec)
	}
	if sameValue(first, then) {
		return nil, fmt.Errorf("autoencoder: a chain of a %T and itself; make a second one: %w", first, bijector.ErrSpec)
	}
	return &Chain[T]{first: first, then: then}, nil
}

// BuildChain makes a Chain from its spec.
func BuildChain[T bijector.Float](s ChainSpec, b Builder[T]) (*Chain[T], error) {
	if nilcheck.IsNil(b) {
		return nil, fmt.Errorf("autoencoder: a chain of encoders without a builder of its parts: %w", bijector.ErrSpec)
	}
	first, err := b.Encoder(s.First)
	if err != nil {
		return nil, fmt.Errorf("first: %w", err)
	}
	then, err := b.Encoder(s.Then)
	if err != nil {
		return nil, fmt.Errorf("then: %w", err)
	}
	return NewChain(first, then)
}

// Parts are the encoders.
func (c *Chain[T]) Parts() (first, then Encoder[T]) { return c.first, c.then }

// Encode is the second encoder's embedding of the first one's. Rows that either
// names by a bijector.RowError are NaN.
func (c *Chain[T]) Encode(x tensor.Tensor) (*bijector.Rows[T], error) {
	z, err := c.first.Encode(x)
	if z == nil || !someRowsValid(err) {
		return nil, checkEncoded(z, err)
	}
	y, later := c.then.Encode(z)
	return y, firstOf(err, later)
}

// Decode maps embeddings back through both, and returns ErrNoDecoder where one does
// not decode.
func (c *Chain[T]) Decode(z tensor.Tensor) (*bijector.Rows[T], error) {
	then, ok := c.then.(Decoder[T])
	first, also := c.first.(Decoder[T])
	if !ok || !also {
		return nil, fmt.Errorf("autoencoder: a chain of a %T and a %T, which do not both decode: %w", c.first, c.then, ErrNoDecoder)
	}
	y, err := then.Decode(z)
	if y == nil || !someRowsValid(err) {
		return nil, err
	}
	x, later := first.Decode(y)
	return x, firstOf(err, later)
}

// Embedding is the number of values of an embedding, 0 where the second encoder does
// not tell.
func (c *Chain[T]) Embedding() int {
	if e, ok := c.then.(bijector.Embedder); ok {
		return e.Embedding()
	}
	return 0
}

func (c *Chain[T]) children() bijector.Children[T] {
	return bijector.Children[T]{{Name: "first", Part: c.first}, {Name: "then", Part: c.then}}
}

// Params are those of the parts behind "first." and "then.".
func (c *Chain[T]) Params() []bijector.Param[T] { return c.children().Params() }

// Buffers are named like Params.
func (c *Chain[T]) Buffers() []bijector.Buffer { return c.children().Buffers() }

// Spec is the ChainSpec of the parts. One without a spec leaves a nil one, which
// saving refuses.
func (c *Chain[T]) Spec() any {
	return ChainSpec{First: bijector.NamedSpecOf[T](c.first), Then: bijector.NamedSpecOf[T](c.then)}
}

// Invalidate tells the parts that their state was written to.
func (c *Chain[T]) Invalidate() { c.children().Invalidate() }

// Validate returns nil where the state of both parts is usable.
func (c *Chain[T]) Validate() error { return c.children().Validate() }

var _ bijector.Stateful[float32] = (*Chain[float32])(nil)
