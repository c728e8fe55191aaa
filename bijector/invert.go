package bijector

// Invert swaps a layer's directions: what was fast to sample becomes fast to
// score, and the other way round.

import (
	"fmt"
)

// InvertSpec describes an Inverted by the layer inside.
type InvertSpec struct {
	Layer NamedSpec `json:"layer"`
}

// Inverted is a layer run backwards,
//
//	z = f^-1(x),  x = f(z),  log|det dz/dx| = -log|det df/dz| at z
//
// (Papamakarios et al. 2021, arXiv 1912.02762, section 2.1, equations 2 and
// 3). Its domain is the range of f, and its costs are f's, exchanged: the
// inverse of a layer that is slow to invert is slow to evaluate.
//
// It saves and loads what the layer inside does, under names that start with
// "0.". It is not trainable, since a gradient pass has no Inverse, and not a
// Calibrator: the inputs a start from data needs are the outputs of this
// direction, which only exist once it has started. Train the layer inside and
// invert it afterwards.
type Inverted[T Float] struct {
	TensorMethods[T]
	layer Layer[T]
}

// Invert swaps the directions of a layer, which it shares: changes to the one
// are changes to the other. It panics on nil.
func Invert[T Float](layer Layer[T]) *Inverted[T] {
	if layer == nil {
		panic("bijector: Invert of a nil layer")
	}
	v := &Inverted[T]{layer: layer}
	v.TensorMethods = NewTensorMethods[T](v)
	return v
}

// BuildInvert makes an Inverted from its spec.
func BuildInvert[T Float](s InvertSpec, b Builder[T]) (*Inverted[T], error) {
	l, err := b.Layer(s.Layer)
	if err != nil {
		return nil, fmt.Errorf("inverted layer: %w", err)
	}
	return Invert(l), nil
}

// Dim is the number of features.
func (v *Inverted[T]) Dim() int { return v.layer.Dim() }

// ContextDim is that of the layer inside.
func (v *Inverted[T]) ContextDim() int { return v.layer.ContextDim() }

// Members is the layer inside.
func (v *Inverted[T]) Members() []Layer[T] { return []Layer[T]{v.layer} }

// Params are those of the layer inside, behind "0.".
func (v *Inverted[T]) Params() []Param[T] { return memberParams(v.layer) }

// Buffers are those of the layer inside, behind "0.".
func (v *Inverted[T]) Buffers() []Buffer { return memberBuffers(v.layer) }

// Spec is the InvertSpec. A layer without a spec leaves a nil one, which
// saving refuses by name.
func (v *Inverted[T]) Spec() any { return InvertSpec{Layer: NamedSpec{Spec: memberSpec(v.layer)}} }

// Invalidate tells the layer inside that its state was written to.
func (v *Inverted[T]) Invalidate() { invalidate(v.layer) }

// Validate returns the objection of the layer inside to its state.
func (v *Inverted[T]) Validate() error { return validateLayer(v.layer) }

// NewPass returns a pass of the layer inside with its methods swapped.
func (v *Inverted[T]) NewPass(o PassOptions) Pass[T] {
	return invertedPass[T]{v.layer.NewPass(o)}
}

type invertedPass[T Float] struct{ inner Pass[T] }

func (p invertedPass[T]) Forward(z, x, cond Mat[T], logDet []float64) {
	p.inner.Inverse(z, x, cond, logDet)
}

func (p invertedPass[T]) Inverse(x, z, cond Mat[T], logDet []float64) {
	p.inner.Forward(x, z, cond, logDet)
}

// memberParams are a single member's parameters, behind "0.".
func memberParams[T Float](l Layer[T]) []Param[T] {
	if s, ok := l.(Stateful[T]); ok {
		return PrefixParams("0", s.Params())
	}
	return nil
}

// memberBuffers are a single member's buffers, behind "0.".
func memberBuffers[T Float](l Layer[T]) []Buffer {
	if s, ok := l.(Stateful[T]); ok {
		return PrefixBuffers("0", s.Buffers())
	}
	return nil
}

// memberSpec is a member's spec, or nil where it has none.
func memberSpec[T Float](l Layer[T]) any {
	if s, ok := l.(Stateful[T]); ok {
		return s.Spec()
	}
	return nil
}

// invalidate passes Invalidate on.
func invalidate[T Float](l Layer[T]) {
	if c, ok := l.(Invalidator); ok {
		c.Invalidate()
	}
}
