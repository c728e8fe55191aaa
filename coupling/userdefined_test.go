// What a user writes: a conditioner and an elementwise transform. Both are
// tested like the library's own and shown in the examples.

package coupling_test

import (
	"math"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/coupling"
)

// sineConditioner is a conditioner, y_o = sum_i w_oi sin(x_i), with parameters w.
type sineConditioner[T bijector.Float] struct {
	in, out int
	w       []T // (out, in)
}

// sineConditionerSpec is what a registry would build a waves from.
type sineConditionerSpec struct{ In, Out int }

func newSineConditioner[T bijector.Float](in, out int) (bijector.Network[T], error) {
	m := &sineConditioner[T]{in: in, out: out, w: make([]T, out*in)}
	for i := range m.w {
		m.w[i] = T(math.Cos(float64(i)) / 2)
	}
	return m, nil
}

func (m *sineConditioner[T]) In() int  { return m.in }
func (m *sineConditioner[T]) Out() int { return m.out }
func (m *sineConditioner[T]) Params() []bijector.Param[T] {
	return []bijector.Param[T]{{Name: "w", Shape: []int{m.out, m.in}, Data: m.w}}
}
func (m *sineConditioner[T]) Buffers() []bijector.Buffer { return nil }
func (m *sineConditioner[T]) Spec() any                  { return sineConditionerSpec{m.in, m.out} }
func (m *sineConditioner[T]) NewNetworkPass(bijector.PassOptions) bijector.NetworkPass[T] {
	return &sineConditionerPass[T]{sineConditioner: m}
}

func (m *sineConditioner[T]) NewNetworkGradPass(bijector.PassOptions) bijector.NetworkGradPass[T] {
	return &sineConditionerPass[T]{m, make([]T, len(m.w))}
}

type sineConditionerPass[T bijector.Float] struct {
	*sineConditioner[T]
	dw []T
}

func (p *sineConditionerPass[T]) Forward(y, x bijector.Mat[T], lo, hi int) {
	for o := range p.out {
		yo := y.Feature(o)
		clear(yo[lo:hi])
		for i := range p.in {
			xi := x.Feature(i)
			for k := lo; k < hi; k++ {
				yo[k] += p.w[o*p.in+i] * T(math.Sin(float64(xi[k])))
			}
		}
	}
}

// Backward: dx_i = cos(x_i) sum_o w_oi dy_o.
func (p *sineConditionerPass[T]) Backward(dx, dy, x, _ bijector.Mat[T], lo, hi int) {
	for i := range dx.D {
		xi, dxi := x.Feature(i), dx.Feature(i)
		for k := lo; k < hi; k++ {
			sum := T(0)
			for o := range p.out {
				sum += p.w[o*p.in+i] * dy.Feature(o)[k]
			}
			dxi[k] = sum * T(math.Cos(float64(xi[k])))
		}
	}
}

// Accumulate: dw_oi = sum over samples of dy_o sin(x_i).
func (p *sineConditionerPass[T]) Accumulate(dy, x, _ bijector.Mat[T]) {
	for o := range p.out {
		for i := range p.in {
			for k, v := range x.Feature(i) {
				p.dw[o*p.in+i] += dy.Feature(o)[k] * T(math.Sin(float64(v)))
			}
		}
	}
}

func (p *sineConditionerPass[T]) Grads() [][]T { return [][]T{p.dw} }

// Tails is a coupling that bends the tails of its moved features,
//
//	y = sinh(u),  u = exp(s) asinh(x) + t,
//	log|dy/dx| = log cosh(u) + s - log(1 + x^2)/2,
//
// the sinh-arcsinh transform (Jones and Pewsey 2009, Biometrika 96, eq. 1).
type Tails[T bijector.Float] struct {
	*coupling.Coupling[T]
	spec TailsSpec
}

// TailsSpec describes a Tails.
type TailsSpec struct {
	Dim        int
	ContextDim int
	Hidden     []int
	Seed       uint64
}

// NewTails makes a Tails.
func NewTails[T bijector.Float](s TailsSpec) (*Tails[T], error) {
	c, err := coupling.New(coupling.Config[T]{
		Dim: s.Dim, ContextDim: s.ContextDim, Transform: sinhArcsinh[T]{},
		Conditioner: func(in, out int) (bijector.Network[T], error) {
			return coupling.NewMLP[T](coupling.MLPSpec{In: in, Out: out, Hidden: s.Hidden, Activation: "tanh", Seed: s.Seed})
		},
	})
	if err != nil {
		return nil, err
	}
	return &Tails[T]{c, s}, nil
}

// Spec is the TailsSpec.
func (t *Tails[T]) Spec() any { return t.spec }

// sinhArcsinh is the transform, with theta = (s, t).
type sinhArcsinh[T bijector.Float] struct{}

func (sinhArcsinh[T]) Params() int       { return 2 }
func (sinhArcsinh[T]) Shared() []float64 { return nil }
func (sinhArcsinh[T]) Scratch() int      { return 0 }

func (sinhArcsinh[T]) Forward(y, x []T, f coupling.TransformArgs[T], logDet []float64) {
	s, t := f.Theta.Feature(0), f.Theta.Feature(1)
	for i, v := range x {
		x, s := float64(v), float64(s[i])
		u := math.Exp(s)*math.Asinh(x) + float64(t[i])
		y[i] = T(math.Sinh(u))
		logDet[i] += math.Log(math.Cosh(u)) + s - math.Log1p(x*x)/2
	}
}

func (sinhArcsinh[T]) Inverse(x, y []T, f coupling.TransformArgs[T], logDet []float64) {
	s, t := f.Theta.Feature(0), f.Theta.Feature(1)
	for i, v := range y {
		u, s := math.Asinh(float64(v)), float64(s[i])
		back := math.Sinh((u - float64(t[i])) * math.Exp(-s))
		x[i] = T(back)
		logDet[i] -= math.Log(math.Cosh(u)) + s - math.Log1p(back*back)/2
	}
}

// Backward. With L the gradient of the log-det,
//
//	du = dy cosh(u) + L tanh(u),  dt = du,  ds = du exp(s) asinh(x) + L,
//	dx = du exp(s)/sqrt(1 + x^2) - L x/(1 + x^2).
func (sinhArcsinh[T]) Backward(dx []T, dtheta bijector.Mat[T], dy, x []T, f coupling.TransformArgs[T], dLogDet []float64) {
	s, t := f.Theta.Feature(0), f.Theta.Feature(1)
	ds, dt := dtheta.Feature(0), dtheta.Feature(1)
	for i, v := range x {
		x, e, l := float64(v), math.Exp(float64(s[i])), dLogDet[i]
		a := math.Asinh(x)
		u := e*a + float64(t[i])
		du := float64(dy[i])*math.Cosh(u) + l*math.Tanh(u)
		ds[i], dt[i] = T(du*e*a+l), T(du)
		dx[i] = T(du*e/math.Sqrt(1+x*x) - l*x/(1+x*x))
	}
}
