// Package shear is a complete layer written with the public interface of
// bijector alone: conditional, trainable, saved, with tensor methods. The
// conformance suite is itself tested with it, and an author of a layer may
// copy it.
package shear

import (
	"fmt"
	"math"

	"github.com/bijou-flow/bijou/bijector"
)

// Spec describes a Layer.
type Spec struct {
	Dim     int `json:"dim"`               // features, at least 2
	Context int `json:"context,omitempty"` // features of the context; 0: unconditional
}

// Layer scales each feature by a factor that the context sets and adds some of
// the feature before it,
//
//	z_j = exp(a_j) x_j + v_j x_{j-1},  a_j = w_j0 + sum_k w_jk c_k,
//
// with x_{-1} = 0 and log|det dz/dx| = sum_j a_j, since the Jacobian is
// triangular.
type Layer[T bijector.Float] struct {
	bijector.TensorMethods[T]
	spec Spec
	w, v []T // (dim, 1+context) and (dim-1), v_1 first
}

// New makes a Layer that is still the identity.
func New[T bijector.Float](s Spec) (*Layer[T], error) {
	if s.Dim < 2 || s.Context < 0 {
		return nil, fmt.Errorf("shear: %d features and %d of context, want at least 2 and 0: %w", s.Dim, s.Context, bijector.ErrSpec)
	}
	l := &Layer[T]{spec: s, w: make([]T, s.Dim*(1+s.Context)), v: make([]T, s.Dim-1)}
	l.TensorMethods = bijector.NewTensorMethods[T](l)
	return l, nil
}

// Dim is the number of features.
func (l *Layer[T]) Dim() int { return l.spec.Dim }

// ContextDim is the number of context features.
func (l *Layer[T]) ContextDim() int { return l.spec.Context }

// Params are "weight" and "shear".
func (l *Layer[T]) Params() []bijector.Param[T] {
	return []bijector.Param[T]{
		{Name: "weight", Shape: []int{l.spec.Dim, 1 + l.spec.Context}, Data: l.w},
		{Name: "shear", Shape: []int{l.spec.Dim - 1}, Data: l.v},
	}
}

// Buffers: a Layer has none.
func (l *Layer[T]) Buffers() []bijector.Buffer { return nil }

// Spec is the Spec.
func (l *Layer[T]) Spec() any { return l.spec }

// NewPass returns an evaluation pass.
func (l *Layer[T]) NewPass(bijector.PassOptions) bijector.Pass[T] { return &pass[T]{l: l} }

// NewGradPass returns a training pass.
func (l *Layer[T]) NewGradPass(bijector.PassOptions) bijector.GradPass[T] {
	return &pass[T]{l: l, dw: make([]T, len(l.w)), dv: make([]T, len(l.v))}
}

type pass[T bijector.Float] struct {
	l      *Layer[T]
	dw, dv []T
}

// logScale is a_j of sample i.
func (p *pass[T]) logScale(j, i int, cond bijector.Mat[T]) float64 {
	w := p.l.w[j*(1+p.l.spec.Context):]
	a := float64(w[0])
	for k := range p.l.spec.Context {
		a += float64(w[1+k]) * float64(cond.Feature(k)[i])
	}
	return a
}

func (p *pass[T]) Forward(z, x, cond bijector.Mat[T], logDet []float64) {
	for j := x.D - 1; j >= 0; j-- { // downwards: z may be x
		for i, v := range x.Feature(j) {
			a := p.logScale(j, i, cond)
			y := math.Exp(a) * float64(v)
			if j > 0 {
				y += float64(p.l.v[j-1]) * float64(x.Feature(j - 1)[i])
			}
			z.Feature(j)[i] = T(y)
			logDet[i] += a
		}
	}
}

func (p *pass[T]) Inverse(x, z, cond bijector.Mat[T], logDet []float64) {
	for j := range z.D {
		for i, v := range z.Feature(j) {
			a, y := p.logScale(j, i, cond), float64(v)
			if j > 0 {
				y -= float64(p.l.v[j-1]) * float64(x.Feature(j - 1)[i])
			}
			x.Feature(j)[i] = T(y * math.Exp(-a))
			logDet[i] -= a
		}
	}
}

// Backward. With da_j = dz_j exp(a_j) x_j + dLogDet in each sample,
//
//	dx_j = exp(a_j) dz_j + v_{j+1} dz_{j+1},  dv_j = sum_i dz_j x_{j-1},
//	dw_j0 = sum_i da_j,  dw_jk = sum_i da_j c_k,  dc_k = sum_j da_j w_jk.
func (p *pass[T]) Backward(dx, dcond, dz, x, _, cond bijector.Mat[T], dLogDet []float64) {
	c := p.l.spec.Context
	for j := range x.D { // upwards: dx may be dz
		w, dw := p.l.w[j*(1+c):], p.dw[j*(1+c):]
		for i, d := range dz.Feature(j) {
			g := math.Exp(p.logScale(j, i, cond)) * float64(d)
			da := T(g*float64(x.Feature(j)[i]) + dLogDet[i])
			dw[0] += da
			for k := range c {
				dw[1+k] += da * cond.Feature(k)[i]
				if !dcond.Empty() {
					dcond.Feature(k)[i] += da * w[1+k]
				}
			}
			if j > 0 {
				p.dv[j-1] += d * x.Feature(j - 1)[i]
			}
			if j+1 < x.D {
				g += float64(p.l.v[j]) * float64(dz.Feature(j + 1)[i])
			}
			dx.Feature(j)[i] = T(g)
		}
	}
}

func (p *pass[T]) Grads() [][]T { return [][]T{p.dw, p.dv} }
