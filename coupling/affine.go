// The affine coupling of Real NVP.

package coupling

import (
	"slices"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/kernel"
)

// Affine is the affine coupling
//
//	z_kept = x_kept,  z_moved = x_moved * exp(s) + t
//
// with inverse x_moved = (z_moved - t) * exp(-s) and log|det dz/dx| = sum s
// (Dinh et al. 2017, arXiv 1605.08803, eq. 4 to 8). One conditioner computes
// both: its first outputs are the raw scales of the moved features, from which
// AffineSpec.Scale makes s, and the others are the shifts t. Every x is in the
// domain; the cost either way is one evaluation of the net, the function that
// makes s and an exponential a moved feature.
type Affine[T bijector.Float] struct {
	*Coupling[T]
	spec AffineSpec
}

// AffineSpec describes an Affine.
type AffineSpec struct {
	Dim        int      `json:"dim"`                   // features, at least 2
	ContextDim int      `json:"context_dim,omitempty"` // features of the context; 0: unconditional
	Mask       MaskSpec `json:"mask"`                  // which features are kept; the zero value keeps the odd ones
	// Scale is how the log-scale s comes from the conditioner's output r:
	//
	//	learned-tanh  s = a tanh(r), a learned factor a for each moved feature, at first 1
	//	tanh          s = tanh(r), within 1
	//	softclamp     s = 2/pi c atan(r/c), within c = Clamp
	//	softsign      s = r/(1 + |r|/c), within c = Clamp
	//	sigmoid       s = log(1/(1 + exp(-r-2)) + 0.001), from log 0.001 to log 1.001
	//	softplus      s = log(log(1 + exp(r)) + c), from log c on, c = Clamp
	//	exp           s = r, without bounds
	//
	// The default is learned-tanh, as in the paper. The choice matters little
	// with decoupled weight decay; without it, exp and sigmoid train less
	// well. docs/recipes.md compares them.
	Scale string `json:"scale,omitempty"`
	// Clamp is the bound of softclamp, 0 means 1.9, and of softsign, 0 means
	// log 1000 (zuko's slope of 1e-3), and the least scale of softplus, 0 means
	// 0.001 (nflows').
	Clamp float64 `json:"clamp,omitempty"`
	// Reverse swaps the moved features' way, from z to x instead of from x to
	// z: z_moved = (x_moved - t) exp(-s), log|det dz/dx| = -sum s. This is the
	// parametrisation of flows written from latent to data, such as normflows',
	// whose weights interop/torch reads. bijector.Invert of an Affine computes
	// the same, but has no gradients: with Reverse the coupling also trains.
	Reverse bool `json:"reverse,omitempty"`
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
func (s AffineSpec) Values() float64 {
	return couplingValues(s.Dim, s.ContextDim, s.Mask, s.Hidden, 2, s.Conditioner)
}

// NewAffine makes an Affine with a perceptron for a conditioner. It returns
// ErrSpec for a field out of its range.
func NewAffine[T bijector.Float](s AffineSpec) (*Affine[T], error) {
	return BuildAffine[T](s, nil)
}

// BuildAffine makes an Affine whose conditioner, where the spec names one,
// comes from b.
func BuildAffine[T bijector.Float](s AffineSpec, b bijector.Builder[T]) (*Affine[T], error) {
	if s.Conditioner != nil {
		return NewAffineWith(s, builtConditioner(s.Conditioner, b))
	}
	return newAffine(s, mlpConstructor[T](MLPSpec{Hidden: s.Hidden, Activation: s.Activation, Seed: s.Seed, OutScale: s.OutScale}))
}

// NewAffineWith makes an Affine with the conditioner that the function
// returns, for in = context and kept features and out = two for each moved
// feature: raw scales, then shifts. The spec's fields about the perceptron are
// not used.
func NewAffineWith[T bijector.Float](s AffineSpec, conditioner func(in, out int) (bijector.Network[T], error)) (*Affine[T], error) {
	a, err := newAffine(s, conditioner)
	if err != nil {
		return nil, err
	}
	a.spec.Conditioner = conditionerSpec(a.net, s.Conditioner)
	return a, nil
}

func newAffine[T bijector.Float](s AffineSpec, conditioner func(in, out int) (bijector.Network[T], error)) (*Affine[T], error) {
	l, err := newLogScale(s.Scale, s.Clamp)
	if err != nil {
		return nil, err
	}
	var transform Elementwise[T] = scaleShift[T]{l}
	if s.Reverse {
		transform = reverseScaleShift[T]{scaleShift[T]{l}}
	}
	c, err := New(Config[T]{Dim: s.Dim, ContextDim: s.ContextDim, Mask: s.Mask, Transform: transform, Conditioner: conditioner})
	if err != nil {
		return nil, err
	}
	s.Mask.Keep, s.Hidden = slices.Clone(s.Mask.Keep), slices.Clone(s.Hidden)
	return &Affine[T]{Coupling: c, spec: s}, nil
}

// Spec is the AffineSpec.
func (a *Affine[T]) Spec() any { return a.spec }

// ScaleShift is the transform of Affine, y = x exp(s) + t, for layers of other
// kinds: two parameters, the raw scale and the shift t. scale and clamp are
// those of an AffineSpec. It returns ErrSpec for a scale there is not.
func ScaleShift[T bijector.Float](scale string, clamp float64) (Elementwise[T], error) {
	l, err := newLogScale(scale, clamp)
	return scaleShift[T]{l}, err
}

// scaleShift is y = x exp(a s(r)) + t, with theta = (r, t) or, where the
// factor a is learned, (r, t, a).
type scaleShift[T bijector.Float] struct{ logScale }

// The rows of its scratch.
const (
	rowSaved = iota // what logScale.slope needs
	rowExp          // exp(a s)
	rowWork
	scaleRows
)

func (scaleShift[T]) Params() int  { return 2 }
func (scaleShift[T]) Scratch() int { return scaleRows }

// Shared is the factor of a learned-tanh.
func (l scaleShift[T]) Shared() []float64 {
	if l.learned {
		return []float64{1}
	}
	return nil
}

// logScales returns the log-scales a s.
func (l scaleShift[T]) logScales(f TransformArgs[T]) []float64 {
	kept, s := f.Scratch.Feature(rowSaved), f.Scratch.Feature(rowExp)
	kernel.Widen(kept, f.Theta.Feature(0))
	l.eval(s, kept)
	if l.learned {
		for i, a := range f.Theta.Feature(2) {
			s[i] *= float64(a)
		}
	}
	return s
}

func (l scaleShift[T]) Forward(y, x []T, f TransformArgs[T], logDet []float64) {
	if l.learned {
		kernel.TanhAffineForward(y, x, f.Theta.Feature(1), f.Theta.Feature(0), f.Theta.Feature(2), f.Scratch.Feature(rowSaved), f.Scratch.Feature(rowExp), logDet)
		return
	}
	s := l.logScales(f)
	kernel.AffineForward(y, x, f.Theta.Feature(1), s, s, logDet)
}

func (l scaleShift[T]) Inverse(x, y []T, f TransformArgs[T], logDet []float64) {
	if l.learned {
		kernel.TanhAffineInverse(x, y, f.Theta.Feature(1), f.Theta.Feature(0), f.Theta.Feature(2), logDet)
		return
	}
	kernel.AffineInverse(x, y, f.Theta.Feature(1), l.logScales(f), logDet)
}

// Backward. With y = x exp(a s) + t and log|dy/dx| = a s,
//
//	dx = dy exp(a s),  dt = dy,  d(a s) = dy exp(a s) x + dLogDet,
//	da = d(a s) s,  dr = d(a s) a ds/dr.
func (l scaleShift[T]) Backward(dx []T, dtheta bijector.Mat[T], dy, x []T, f TransformArgs[T], dLogDet []float64) {
	if l.learned {
		kernel.TanhAffineBackward(dx, dtheta.Feature(1), dtheta.Feature(0), dtheta.Feature(2), dy, x, f.Theta.Feature(2),
			f.Scratch.Feature(rowSaved), f.Scratch.Feature(rowExp), dLogDet)
		return
	}
	ds := f.Scratch.Feature(rowWork)
	kernel.AffineBackward(dx, dtheta.Feature(1), ds, dy, x, f.Scratch.Feature(rowExp), dLogDet)
	l.backward(dtheta, ds, f)
}

// backward sets dr and da from ds, the gradient of a s.
func (l scaleShift[T]) backward(dtheta bijector.Mat[T], ds []float64, f TransformArgs[T]) {
	kept := f.Scratch.Feature(rowSaved)
	if l.learned {
		da := dtheta.Feature(2)
		for i, a := range f.Theta.Feature(2) {
			da[i] = T(ds[i] * kept[i]) // kept is tanh(r)
			ds[i] *= float64(a)
		}
	}
	l.gradient(ds, kept)
	kernel.Narrow(dtheta.Feature(0), ds)
}

// Saturated: see Elementwise. A learned factor moves the bound and not what is
// near it.
func (l scaleShift[T]) Saturated(f TransformArgs[T], hit []bool) {
	s, kept := f.Scratch.Feature(rowExp), f.Scratch.Feature(rowSaved)
	for i, r := range f.Theta.Feature(0) {
		kept[i] = float64(r)
	}
	l.eval(s, kept)
	for i, v := range s {
		hit[i] = hit[i] || l.atBound(v)
	}
}

// reverseScaleShift is y = (x - t) exp(-a s(r)), the inverse of scaleShift,
// with the same theta.
type reverseScaleShift[T bijector.Float] struct{ scaleShift[T] }

func (l reverseScaleShift[T]) Forward(y, x []T, f TransformArgs[T], logDet []float64) {
	kernel.AffineInverse(y, x, f.Theta.Feature(1), l.logScales(f), logDet)
}

func (l reverseScaleShift[T]) Inverse(x, y []T, f TransformArgs[T], logDet []float64) {
	s := l.logScales(f)
	kernel.AffineForward(x, y, f.Theta.Feature(1), s, s, logDet)
}

// Backward. With y = (x - t) exp(-a s) and log|dy/dx| = -a s,
//
//	dx = dy exp(-a s),  dt = -dx,  d(a s) = -dx (x - t) - dLogDet.
func (l reverseScaleShift[T]) Backward(dx []T, dtheta bijector.Mat[T], dy, x []T, f TransformArgs[T], dLogDet []float64) {
	ds, s := f.Scratch.Feature(rowWork), f.Scratch.Feature(rowExp)
	t, dt := f.Theta.Feature(1), dtheta.Feature(1)
	for i, v := range s {
		ds[i] = -v
	}
	kernel.Exp(ds, ds)
	for i, e := range ds {
		d := float64(dy[i]) * e
		ds[i] = -d*(float64(x[i])-float64(t[i])) - dLogDet[i]
		dx[i], dt[i] = T(d), T(-d)
	}
	l.backward(dtheta, ds, f)
}
