// The flow as a model file sees it: parameters, buffers and spec.

package flow

import (
	"fmt"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/internal/nilcheck"
)

// Spec describes a Flow by its parts.
type Spec struct {
	Bijector bijector.NamedSpec `json:"bijector"`
	Base     bijector.NamedSpec `json:"base"`
	// Embedding is the network that contexts pass through; nil: layer and base
	// see the context itself.
	Embedding *bijector.NamedSpec `json:"embedding,omitempty"`
}

// Builder makes the parts of a flow from their specs. The registry implements
// it.
type Builder[T bijector.Float] interface {
	bijector.Builder[T]
	Base(bijector.NamedSpec) (distribution.Base[T], error)
}

// Build makes a Flow from its spec, with errors that name the part.
func Build[T bijector.Float](s Spec, b Builder[T]) (*Flow[T], error) {
	if nilcheck.IsNil(b) {
		return nil, fmt.Errorf("flow: a flow without a builder of its parts: %w", bijector.ErrSpec)
	}
	layer, err := b.Layer(s.Bijector)
	if err != nil {
		return nil, fmt.Errorf("bijector: %w", err)
	}
	base, err := b.Base(s.Base)
	if err != nil {
		return nil, fmt.Errorf("base: %w", err)
	}
	var embedding bijector.Network[T]
	if s.Embedding != nil {
		if embedding, err = b.Network(*s.Embedding); err != nil {
			return nil, fmt.Errorf("embedding: %w", err)
		}
	}
	return NewWithEmbedding(layer, base, embedding)
}

// Spec is the Spec of the parts.
func (f *Flow[T]) Spec() any {
	s := Spec{Bijector: bijector.NamedSpecOf[T](f.layer), Base: bijector.NamedSpecOf[T](f.base)}
	if f.embedding != nil {
		n := bijector.NamedSpecOf[T](f.embedding)
		s.Embedding = &n
	}
	return s
}

// children are the parts, in the order of Params and of gradients. An embedding
// that is nil has no state.
func (p *flowParts[T]) children() bijector.Children[T] {
	return bijector.Children[T]{
		{Name: "bijector", Part: p.layer}, {Name: "base", Part: p.base}, {Name: "embedding", Part: p.embedding},
	}
}

// Params are the layer's behind "bijector.", the base's behind "base." and
// those of an embedding of contexts behind "embedding.".
func (f *Flow[T]) Params() []bijector.Param[T] { return f.children().Params() }

// Buffers are named like Params.
func (f *Flow[T]) Buffers() []bijector.Buffer { return f.children().Buffers() }

// Invalidate tells the parts that their state was written to.
func (f *Flow[T]) Invalidate() { f.children().Invalidate() }

// Validate returns nil where the state of the parts is usable: a model file is
// asked after it was read.
func (f *Flow[T]) Validate() error { return f.children().Validate() }

var (
	_ bijector.Objective[float32]          = (*Flow[float32])(nil)
	_ bijector.Stateful[float32]           = (*Flow[float32])(nil)
	_ bijector.WeightedCalibrator[float32] = (*Flow[float32])(nil)
	_ bijector.Invalidator                 = (*Flow[float32])(nil)
)
