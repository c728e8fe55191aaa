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
	f := NewFlow(layer, base)
	if f.err != nil {
		return nil, f.err
	}
	return f, nil
}

// Spec is the FlowSpec of layer and base. A layer without a spec leaves a nil
// one, which saving refuses by name.
func (f *Flow[T]) Spec() any {
	var s FlowSpec
	if l, ok := f.layer.(bijector.Stateful[T]); ok {
		s.Bijector.Spec = l.Spec()
	}
	if f.base != nil {
		s.Base.Spec = f.base.Spec()
	}
	return s
}

// Params are the layer's behind "bijector." and the base's behind "base.".
func (f *Flow[T]) Params() []bijector.Param[T] {
	var all []bijector.Param[T]
	if l, ok := f.layer.(bijector.Stateful[T]); ok {
		all = append(all, bijector.PrefixParams("bijector", l.Params())...)
	}
	if f.base != nil {
		all = append(all, bijector.PrefixParams("base", f.base.Params())...)
	}
	return all
}

// Buffers are named like Params.
func (f *Flow[T]) Buffers() []bijector.Buffer {
	var all []bijector.Buffer
	if l, ok := f.layer.(bijector.Stateful[T]); ok {
		all = append(all, bijector.PrefixBuffers("bijector", l.Buffers())...)
	}
	if f.base != nil {
		all = append(all, bijector.PrefixBuffers("base", f.base.Buffers())...)
	}
	return all
}

var (
	_ bijector.Objective[float32]  = (*Flow[float32])(nil)
	_ bijector.Stateful[float32]   = (*Flow[float32])(nil)
	_ bijector.Calibrator[float32] = (*Flow[float32])(nil)
	_ bijector.Changer             = (*Flow[float32])(nil)
	_ Base[float32]                = (*Normal[float32])(nil)
	_ Base[float32]                = (*Logistic[float32])(nil)
)
