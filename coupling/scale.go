// The parametrisations of an affine coupling's log-scale, by name.

package coupling

import (
	"fmt"
	"math"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/kernel"
)

// logScale computes a log-scale s from a conditioner's output r, on rows of
// float64.
type logScale struct {
	kind    scaleKind
	learned bool // s is to be multiplied by a learned factor
	clamp   float64
}

type scaleKind uint8

const (
	scaleTanh scaleKind = iota
	scaleSoftclamp
	scaleSoftsign
	scaleSigmoid
	scaleExp
	scaleSoftplus
)

// The bounds of softclamp and softsign where a spec has none: one coupling
// scales by 1/6.7 to 6.7, or by 1/1000 to 1000.
const (
	defaultSoftclamp = 1.9
	defaultSoftsign  = 6.907755278982137 // log 1000
)

// defaultFloor is the least scale of softplus where a spec has none.
const defaultFloor = 1e-3

// sigmoid's scale is sigma(r + sigmoidShift) + sigmoidFloor: near 1 for r = 0,
// and never so small that the inverse blows up.
const (
	sigmoidShift = 2
	sigmoidFloor = 1e-3
)

// newLogScale finds a parametrisation by its name.
func newLogScale(name string, clamp float64) (logScale, error) {
	var l logScale
	switch name {
	case "", "learned-tanh":
		l.kind, l.learned = scaleTanh, true
	case "tanh":
		l.kind = scaleTanh
	case "softclamp":
		l.kind, l.clamp = scaleSoftclamp, defaultSoftclamp
	case "softsign":
		l.kind, l.clamp = scaleSoftsign, defaultSoftsign
	case "sigmoid":
		l.kind = scaleSigmoid
	case "exp":
		l.kind = scaleExp
	case "softplus":
		l.kind, l.clamp = scaleSoftplus, defaultFloor
	default:
		return l, fmt.Errorf("coupling: scale %q, want tanh, learned-tanh, softclamp, softsign, sigmoid, softplus or exp: %w", name, bijector.ErrSpec)
	}
	if clamp == 0 {
		return l, nil
	}
	if l.clamp == 0 {
		return l, fmt.Errorf("coupling: clamp %g with a scale other than softclamp, softsign and softplus: %w", clamp, bijector.ErrSpec)
	}
	if !(clamp > 0 && clamp <= math.MaxFloat32) {
		return l, fmt.Errorf("coupling: clamp %g, want a positive number: %w", clamp, bijector.ErrSpec)
	}
	if l.kind == scaleSoftplus && !(clamp < 1) {
		return l, fmt.Errorf("coupling: softplus with the least scale %g, want less than 1: %w", clamp, bijector.ErrSpec)
	}
	l.clamp = clamp
	return l, nil
}

// eval sets s from r and replaces r by what slope needs.
func (l logScale) eval(s, r []float64) {
	switch l.kind {
	case scaleTanh:
		kernel.Tanh(r, r)
		copy(s, r)
	case scaleSoftclamp:
		for i, v := range r {
			u := v / l.clamp
			s[i] = 2 / math.Pi * l.clamp * math.Atan(u)
			r[i] = 2 / math.Pi / (1 + u*u)
		}
	case scaleSoftsign:
		for i, v := range r {
			u := 1 / (1 + math.Abs(v)/l.clamp)
			s[i] = v * u
			r[i] = u * u
		}
	case scaleSigmoid:
		l.evalSigmoid(s, r)
	case scaleExp:
		copy(s, r)
	case scaleSoftplus:
		kernel.Softplus(s, r)
		kernel.Sigmoid(r, r)
		for i, v := range s {
			s[i] = math.Log(v + l.clamp)
			r[i] /= v + l.clamp
		}
	}
}

// evalSigmoid is value for s = log(sigma(v) + floor), v = r + 2. With e = exp(-|v|)
// neither sigma nor 1 - sigma cancels: they are 1/(1+e) and e/(1+e) in one
// order or the other. The slope is sigma (1 - sigma) / (sigma + floor), and
// log1p(floor - (1 - sigma)) keeps small s exact.
func (logScale) evalSigmoid(s, r []float64) {
	for i, v := range r {
		s[i] = -math.Abs(v + sigmoidShift)
	}
	kernel.Exp(s, s)
	for i, v := range r {
		e := s[i]
		small, large := e/(1+e), 1/(1+e)
		if v+sigmoidShift < 0 {
			s[i] = sigmoidFloor - large
			r[i] = small * large / (small + sigmoidFloor)
		} else {
			s[i] = sigmoidFloor - small
			r[i] = small * large / (large + sigmoidFloor)
		}
	}
	kernel.Log1p(s, s)
}

// gradient turns ds, the gradient of s, into that of r. kept is what value left
// in r.
func (l logScale) gradient(ds, kept []float64) {
	switch l.kind {
	case scaleTanh:
		for i, t := range kept {
			ds[i] *= (1 - t) * (1 + t)
		}
	case scaleSoftclamp, scaleSoftsign, scaleSigmoid, scaleSoftplus:
		for i, v := range kept {
			ds[i] *= v
		}
	case scaleExp:
	}
}

// atBound reports whether a log-scale is within a hundredth of its bound: of
// the lower one, for sigmoid, whose upper one leaves a feature as it is, and for
// softplus, which has no other. A learned factor moves the bound and not what is near it.
func (l logScale) atBound(s float64) bool {
	const near = 0.99
	switch l.kind {
	case scaleTanh:
		return math.Abs(s) > near
	case scaleSoftclamp, scaleSoftsign:
		return math.Abs(s) > near*l.clamp
	case scaleSigmoid:
		return s < near*math.Log(sigmoidFloor)
	case scaleSoftplus:
		return s < near*math.Log(l.clamp)
	case scaleExp:
	}
	return false
}
