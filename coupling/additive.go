// The additive coupling of NICE.

package coupling

import (
	"slices"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/kernel"
)

// Additive is the additive coupling
//
//	z_kept = x_kept,  z_moved = x_moved + t(context, x_kept)
//
// with inverse x_moved = z_moved - t and log|det dz/dx| = 0 (Dinh et al. 2015,
// arXiv 1410.8516, section 3.2). It preserves volume: a flow of these alone
// needs a bijector.Scale to stretch anything. Every x is in the domain; the
// cost either way is one evaluation of the net and an addition a moved
// feature.
type Additive[T bijector.Float] struct {
	*Coupling[T]
	spec AdditiveSpec
}

// AdditiveSpec describes an Additive.
type AdditiveSpec struct {
	Dim        int      `json:"dim"`                   // features, at least 2
	ContextDim int      `json:"context_dim,omitempty"` // features of the context; 0: unconditional
	Mask       MaskSpec `json:"mask"`                  // which features are kept; the zero value keeps the odd ones
	// Hidden are the widths of the conditioner's hidden layers; none means
	// 100 and 100.
	Hidden []int `json:"hidden,omitempty"`
	// Activation of the conditioner: "relu" (the default), "tanh" or another of MLPSpec's.
	Activation string `json:"activation,omitempty"`
	// Seed of the conditioner's initial weights.
	Seed uint64 `json:"seed,omitempty"`
	// OutScale shrinks the conditioner's initial last layer; 0 means 1.
	OutScale float64 `json:"out_scale,omitempty"`
	// Conditioner is the user's own, in place of the perceptron that the four
	// fields above describe.
	Conditioner *bijector.NamedSpec `json:"conditioner,omitempty"`
}

// Values is the number of values that are saved: see registry.Sizer.
func (s AdditiveSpec) Values() float64 {
	return couplingValues(s.Dim, s.ContextDim, s.Mask, s.Hidden, 1, s.Conditioner)
}

// NewAdditive makes an Additive with a perceptron for a conditioner. It
// returns ErrSpec for a field out of its range.
func NewAdditive[T bijector.Float](s AdditiveSpec) (*Additive[T], error) {
	return BuildAdditive[T](s, nil)
}

// BuildAdditive makes an Additive whose conditioner, where the spec names one,
// comes from b.
func BuildAdditive[T bijector.Float](s AdditiveSpec, b bijector.Builder[T]) (*Additive[T], error) {
	if s.Conditioner != nil {
		return NewAdditiveWith(s, builtConditioner(s.Conditioner, b))
	}
	return newAdditive(s, mlpConstructor[T](MLPSpec{Hidden: s.Hidden, Activation: s.Activation, Seed: s.Seed, OutScale: s.OutScale}))
}

// NewAdditiveWith makes an Additive with the conditioner that the function
// returns, for in = context and kept features and out = moved features. The
// spec's fields about the perceptron are not used.
func NewAdditiveWith[T bijector.Float](s AdditiveSpec, conditioner func(in, out int) (bijector.Network[T], error)) (*Additive[T], error) {
	a, err := newAdditive(s, conditioner)
	if err != nil {
		return nil, err
	}
	a.spec.Conditioner = conditionerSpec(a.net, s.Conditioner)
	return a, nil
}

func newAdditive[T bijector.Float](s AdditiveSpec, conditioner func(in, out int) (bijector.Network[T], error)) (*Additive[T], error) {
	c, err := New(Config[T]{Dim: s.Dim, ContextDim: s.ContextDim, Mask: s.Mask, Transform: shift[T]{}, Conditioner: conditioner})
	if err != nil {
		return nil, err
	}
	s.Mask.Keep, s.Hidden = slices.Clone(s.Mask.Keep), slices.Clone(s.Hidden)
	return &Additive[T]{Coupling: c, spec: s}, nil
}

// Spec is the AdditiveSpec.
func (a *Additive[T]) Spec() any { return a.spec }

// shift is y = x + t.
type shift[T bijector.Float] struct{}

func (shift[T]) Params() int       { return 1 }
func (shift[T]) Shared() []float64 { return nil }
func (shift[T]) Scratch() int      { return 0 }

func (shift[T]) Forward(y, x []T, f TransformArgs[T], _ []float64) {
	kernel.Combine(y, x, f.Theta.Feature(0), 1, 1, 0)
}

func (shift[T]) Inverse(x, y []T, f TransformArgs[T], _ []float64) {
	kernel.Combine(x, y, f.Theta.Feature(0), 1, -1, 0)
}

func (shift[T]) Backward(dx []T, dtheta bijector.Mat[T], dy, _ []T, _ TransformArgs[T], _ []float64) {
	copy(dtheta.Feature(0), dy)
	copy(dx, dy)
}
