// Invert swaps a layer's directions: what was fast to sample becomes fast to
// score, and the other way round.

package bijector

import (
	"fmt"
	"math"

	"github.com/bijou-flow/bijou/internal/nilcheck"
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
// 3). Its domain is the range of f, without its bounds, and its costs are f's, exchanged: the
// inverse of a layer that is slow to invert is slow to evaluate.
//
// It saves and loads what the layer inside does, under names that start with
// "0.". It is trainable where the layer inside is a fixed function of each
// feature (Logit, Sigmoid, Softplus, Tanh), and not elsewhere, since a gradient
// pass has no Inverse: CheckTrainable says so. It is no Calibrator: the inputs
// that a start from data needs are the outputs of this direction, which only
// exist once it has started. Train the layer inside and invert it afterwards.
type Inverted[T Float] struct {
	TensorMethods[T]
	layer Layer[T]
}

// Invert swaps the directions of a layer, which it shares: changes to the one
// are changes to the other. The inverse of nil has no features, and is ErrSpec
// or ErrShape wherever it is used.
func Invert[T Float](layer Layer[T]) *Inverted[T] {
	if nilcheck.IsNil(layer) {
		return &Inverted[T]{}
	}
	v := &Inverted[T]{layer: layer}
	v.TensorMethods = NewTensorMethods[T](v)
	return v
}

// BuildInvert makes an Inverted from its spec.
func BuildInvert[T Float](s InvertSpec, b Builder[T]) (*Inverted[T], error) {
	if nilcheck.IsNil(b) {
		return nil, fmt.Errorf("bijector: an inverted layer without a builder of its parts: %w", ErrSpec)
	}
	l, err := b.Layer(s.Layer)
	if err != nil {
		return nil, fmt.Errorf("inverted layer: %w", err)
	}
	if nilcheck.IsNil(l) {
		return nil, fmt.Errorf("bijector: the builder made no layer to invert: %w", ErrSpec)
	}
	return Invert(l), nil
}

// Dim is the number of features.
func (v *Inverted[T]) Dim() int {
	if v.layer == nil {
		return 0
	}
	return v.layer.Dim()
}

// ContextDim is that of the layer inside.
func (v *Inverted[T]) ContextDim() int {
	if v.layer == nil {
		return 0
	}
	return v.layer.ContextDim()
}

// Members is the layer inside.
func (v *Inverted[T]) Members() []Layer[T] { return []Layer[T]{v.layer} }

// children is the layer inside.
func (v *Inverted[T]) children() Children[T] { return Children[T]{{Name: "0", Part: v.layer}} }

// Params are those of the layer inside, behind "0.".
func (v *Inverted[T]) Params() []Param[T] { return v.children().Params() }

// Buffers are those of the layer inside, behind "0.".
func (v *Inverted[T]) Buffers() []Buffer { return v.children().Buffers() }

// Spec is the InvertSpec. A layer without a spec leaves a nil one, which
// saving refuses by name.
func (v *Inverted[T]) Spec() any { return InvertSpec{Layer: NamedSpecOf[T](v.layer)} }

// Invalidate tells the layer inside that its state was written to.
func (v *Inverted[T]) Invalidate() { v.children().Invalidate() }

// Validate returns the objection of the layer inside to its state.
func (v *Inverted[T]) Validate() error {
	if v.layer == nil {
		return fmt.Errorf("bijector: the inverse of a nil layer: %w", ErrSpec)
	}
	return v.children().Validate()
}

// NewPass returns a pass of the layer inside with its methods swapped.
func (v *Inverted[T]) NewPass(o PassOptions) Pass[T] {
	o.inverted = !o.inverted
	return invertedPass[T]{v.layer.NewPass(o)}
}

// inverseTrainable is a layer whose inverse has a gradient.
type inverseTrainable[T Float] interface {
	newInverseGradPass(o PassOptions) GradPass[T]
}

// CheckTrainable returns nil where the inverse of the layer inside has a
// gradient, and otherwise ErrNotTrainable.
func (v *Inverted[T]) CheckTrainable() error {
	if _, ok := v.layer.(inverseTrainable[T]); !ok {
		return fmt.Errorf("bijector: %T of a %T has no gradient; train the layer inside as it is and invert it afterwards: %w", v, v.layer, ErrNotTrainable)
	}
	return nil
}

// NewGradPass returns a training pass. It panics where CheckTrainable returns
// an error.
func (v *Inverted[T]) NewGradPass(o PassOptions) GradPass[T] {
	t, ok := v.layer.(inverseTrainable[T])
	if !ok {
		panic("bijector: NewGradPass of an inverted layer that is not trainable")
	}
	return t.newInverseGradPass(o)
}

// Domain is the open interval that feature j of x is from: the image of the
// layer inside.
func (v *Inverted[T]) Domain(j int) (lo, hi float64) {
	if r, ok := v.layer.(Ranged); ok {
		return r.Image(j)
	}
	return math.Inf(-1), math.Inf(1)
}

// Image is the open interval that feature j of z is from: the domain of the
// layer inside.
func (v *Inverted[T]) Image(j int) (lo, hi float64) {
	if r, ok := v.layer.(Ranged); ok {
		return r.Domain(j)
	}
	return math.Inf(-1), math.Inf(1)
}

type invertedPass[T Float] struct{ inner Pass[T] }

func (p invertedPass[T]) Forward(z, x, cond Mat[T], logDet []float64) {
	p.inner.Inverse(z, x, cond, logDet)
}

func (p invertedPass[T]) Inverse(x, z, cond Mat[T], logDet []float64) {
	p.inner.Forward(x, z, cond, logDet)
}
