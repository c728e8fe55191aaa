// The layer, to copy: its spec, constructor, passes and gradient.

package main

import (
	"fmt"
	"math"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/registry"
)

// The compiler checks the names of the methods that training and saving need: a
// layer that lacks one of them is a layer without a gradient.
var _ bijector.Trainable[float32] = (*Tails[float32])(nil)

// A registered layer is made from JSON, saved and loaded by its name.
func init() { registry.Register("app.tails", NewTails[float32], NewTails[float64]) }

// TailsSpec describes a Tails.
type TailsSpec struct {
	Dim int `json:"dim"`
}

// Values is how many values are saved, by which a spec that asks for more than
// there may be is refused before the constructor sees it: see registry.Sizer.
func (s TailsSpec) Values() float64 { return float64(s.Dim) }

// Tails is z = sinh(exp(s) asinh(x)) for each feature (Jones and Pewsey 2009):
// a learned weight of the tails. exp(s) is positive whatever s is, so that a
// step of training cannot make the layer something that has no inverse: what is
// trained of a positive number is its logarithm. log dz/dx = log cosh(u) + s - log(1+x^2)/2
// with u = exp(s) asinh(x).
type Tails[T bijector.Float] struct {
	bijector.TensorMethods[T]
	s []T
}

// NewTails makes a Tails that is still the identity.
func NewTails[T bijector.Float](spec TailsSpec) (*Tails[T], error) {
	if spec.Dim < 1 {
		return nil, fmt.Errorf("tails: dim %d, want at least 1: %w", spec.Dim, bijector.ErrSpec)
	}
	l := &Tails[T]{s: make([]T, spec.Dim)}
	l.TensorMethods = bijector.NewTensorMethods[T](l)
	return l, nil
}

// Dim is the number of features.
func (l *Tails[T]) Dim() int { return len(l.s) }

// ContextDim is 0: the layer is unconditional.
func (l *Tails[T]) ContextDim() int { return 0 }

// Spec is what makes an equal layer.
func (l *Tails[T]) Spec() any { return TailsSpec{Dim: len(l.s)} }

// Params is "s".
func (l *Tails[T]) Params() []bijector.Param[T] {
	return []bijector.Param[T]{{Name: "s", Shape: []int{len(l.s)}, Data: l.s}}
}

// Buffers: all that is saved is trained.
func (l *Tails[T]) Buffers() []bijector.Buffer { return nil }

// NewPass returns an evaluation pass.
func (l *Tails[T]) NewPass(bijector.PassOptions) bijector.Pass[T] { return pass[T]{l, nil} }

// NewGradPass returns a training pass.
func (l *Tails[T]) NewGradPass(bijector.PassOptions) bijector.GradPass[T] {
	return pass[T]{l, make([]T, len(l.s))}
}

// pass evaluates with the parameters as they are, and holds their gradient ds
// where it trains.
type pass[T bijector.Float] struct {
	l  *Tails[T]
	ds []T
}

// run is Forward for a sign of 1 and Inverse for -1, which is Forward with -s.
func (p pass[T]) run(out, in bijector.Mat[T], logDet []float64, sign float64) {
	for j, s := range p.l.s {
		o, k := out.Feature(j), math.Exp(sign*float64(s))
		for i, v := range in.Feature(j) {
			x := float64(v)
			u := k * math.Asinh(x)
			o[i] = T(math.Sinh(u))
			logDet[i] += math.Log(math.Cosh(u)) + sign*float64(s) - math.Log1p(x*x)/2
		}
	}
}

func (p pass[T]) Forward(z, x, _ bijector.Mat[T], ld []float64) { p.run(z, x, ld, 1) }
func (p pass[T]) Inverse(x, z, _ bijector.Mat[T], ld []float64) { p.run(x, z, ld, -1) }
func (p pass[T]) Grads() [][]T                                  { return [][]T{p.ds} }

// Backward overwrites dx, which may be dz, and adds to Grads, here ds, and to
// dcond, which an unconditional layer has not; the other arguments it leaves
// alone. With g = dL/du = dz cosh(u) + dLogDet tanh(u),
// dx = g exp(s)/sqrt(1+x^2) - dLogDet x/(1+x^2) and ds = sum g u + dLogDet.
func (p pass[T]) Backward(dx, _, dz, x, _, _ bijector.Mat[T], dLogDet []float64) {
	for j, s := range p.l.s {
		d, out, k := dz.Feature(j), dx.Feature(j), math.Exp(float64(s))
		for i, v := range x.Feature(j) {
			x := float64(v)
			u := k * math.Asinh(x)
			g := float64(d[i])*math.Cosh(u) + dLogDet[i]*math.Tanh(u)
			out[i] = T(g*k/math.Sqrt(1+x*x) - dLogDet[i]*x/(1+x*x))
			p.ds[j] += T(g*u + dLogDet[i])
		}
	}
}
