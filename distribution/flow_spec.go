// The flow as a model file sees it: parameters, buffers and spec.

package distribution

import (
	"fmt"

	"github.com/bijou-flow/bijou/bijector"
)

// FlowSpec describes a Flow by its parts.
type FlowSpec struct {
	Bijector bijector.Node `json:"bijector"`
	Base     bijector.Node `json:"base"`
	// Embedding is the map that contexts pass through; nil: none.
	Embedding *bijector.Node `json:"embedding,omitempty"`
}

// BuildFlow makes a Flow from its spec, with errors that name the part.
func BuildFlow[T bijector.Float](s FlowSpec, b Builder[T]) (*Flow[T], error) {
	layer, err := b.Layer(s.Bijector)
	if err != nil {
		return nil, fmt.Errorf("bijector: %w", err)
	}
	base, err := b.Base(s.Base)
	if err != nil {
		return nil, fmt.Errorf("base: %w", err)
	}
	var embedding bijector.Map[T]
	if s.Embedding != nil {
		if embedding, err = b.Map(*s.Embedding); err != nil {
			return nil, fmt.Errorf("embedding: %w", err)
		}
	}
	f := NewConditional(layer, base, embedding)
	if f.err != nil {
		return nil, f.err
	}
	return f, nil
}

// Spec is the FlowSpec of the parts. A layer without a spec leaves a nil one,
// which saving refuses by name.
func (f *Flow[T]) Spec() any {
	var s FlowSpec
	if l, ok := f.layer.(bijector.Stateful[T]); ok {
		s.Bijector.Spec = l.Spec()
	}
	if f.base != nil {
		s.Base.Spec = f.base.Spec()
	}
	if f.embedding != nil {
		s.Embedding = &bijector.Node{Spec: f.embedding.Spec()}
	}
	return s
}

// part is a part of a flow under the name it is stored by.
type part struct {
	name string
	is   any
}

// named are those that there are, in the order of Params and of gradients.
func (p *parts[T]) named() []part {
	all := []part{{"bijector", p.layer}}
	if p.base != nil {
		all = append(all, part{"base", p.base})
	}
	if p.embedding != nil {
		all = append(all, part{"embedding", p.embedding})
	}
	return all
}

// Params are the layer's behind "bijector.", the base's behind "base." and
// those of an embedding of contexts behind "embedding.".
func (f *Flow[T]) Params() []bijector.Param[T] {
	var all []bijector.Param[T]
	for _, p := range f.named() {
		if s, ok := p.is.(bijector.Stateful[T]); ok {
			all = append(all, bijector.PrefixParams(p.name, s.Params())...)
		}
	}
	return all
}

// Buffers are named like Params.
func (f *Flow[T]) Buffers() []bijector.Buffer {
	var all []bijector.Buffer
	for _, p := range f.named() {
		if s, ok := p.is.(bijector.Stateful[T]); ok {
			all = append(all, bijector.PrefixBuffers(p.name, s.Buffers())...)
		}
	}
	return all
}

// Changed tells the parts that their state was written to.
func (f *Flow[T]) Changed() {
	for _, p := range f.named() {
		if c, ok := p.is.(bijector.Changer); ok {
			c.Changed()
		}
	}
}

// Validate returns nil where the parts fit and their state is usable: a model
// file is asked after it was read.
func (f *Flow[T]) Validate() error {
	if f.err != nil {
		return f.err
	}
	for _, p := range f.named() {
		if err := validate(p.is); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	return nil
}

var (
	_ bijector.Objective[float32]  = (*Flow[float32])(nil)
	_ bijector.Stateful[float32]   = (*Flow[float32])(nil)
	_ bijector.Calibrator[float32] = (*Flow[float32])(nil)
	_ bijector.Changer             = (*Flow[float32])(nil)
	_ Base[float32]                = (*Normal[float32])(nil)
	_ Base[float32]                = (*Logistic[float32])(nil)
)
