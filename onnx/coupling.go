// Couplings: the skeleton, and the affine transforms put into it. Splines are in
// spline.go.

package onnx

import (
	"fmt"
	"math"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/coupling"
)

// elementwiseTransform moves m features by parameters theta, (n, Params*m) with parameter
// p of feature j at p*m + j; the results are (n, m).
type elementwiseTransform struct {
	forward, inverse func(g *Graph, x, theta Value) (y, logSlope Value)
}

// couplingLayer is what all couplings offer.
type couplingLayer[T bijector.Float] interface {
	bijector.Layer[T]
	bijector.Stateful[T]
	Conditioner() bijector.Network[T]
}

// couplingFuncs returns both directions of a coupling.
func couplingFuncs[T bijector.Float](g *Graph, l bijector.Layer[T]) (f, b layerFunc, ok bool) {
	c, ok := l.(couplingLayer[T])
	if !ok {
		return nil, nil, false
	}
	var kept, moved []int
	for i, k := range c.Buffers()[0].Data.([]int64) {
		if k == 1 {
			kept = append(kept, i)
		} else {
			moved = append(moved, i)
		}
	}
	m := len(moved)
	var t elementwiseTransform
	switch l := l.(type) {
	case *coupling.Additive[T]:
		t = shift
	case *coupling.Affine[T]:
		s := l.Spec().(coupling.AffineSpec)
		t = scaleShift(s.Scale, s.Clamp, m, sharedParams(l.Params()))
		if s.Reverse {
			t.forward, t.inverse = t.inverse, t.forward
		}
	case *coupling.Spline[T]:
		t = newSpline(l.Spec().(coupling.SplineSpec), m)
	default:
		return nil, nil, false
	}
	order := make([]int, 0, len(kept)+m) // where each feature is in kept and moved
	at := make([]int, len(kept)+m)
	for i, k := range append(append(order, kept...), moved...) {
		at[k] = i
	}
	run := func(move func(g *Graph, x, theta Value) (y, logSlope Value)) layerFunc {
		return func(g *Graph, x, context Value) (z, logDet Value) {
			k := g.Select(x, kept)
			theta := network(g, c.Conditioner(), g.Concat(1, context, k))
			y, s := move(g, g.Select(x, moved), theta)
			if !s.None() {
				logDet = g.Sum(s, m)
			}
			return g.Select(g.Concat(1, k, y), at), logDet
		}
	}
	return run(t.forward), run(t.inverse), true
}

// sharedParams are the parameters that a coupling's transform learns for all samples.
func sharedParams[T bijector.Float](params []bijector.Param[T]) []float64 {
	for _, p := range params {
		if p.Name == "shared" {
			return widen(p.Data)
		}
	}
	return nil
}

// shift is the additive transform.
var shift = elementwiseTransform{
	forward: func(g *Graph, x, theta Value) (y, logSlope Value) { return g.Add(x, theta), Value{} },
	inverse: func(g *Graph, y, theta Value) (x, logSlope Value) { return g.Sub(y, theta), Value{} },
}

// scaleShift is y = x exp(s) + t with theta = (r, t) for m features. factors
// are those of a learned-tanh, nil for none.
func scaleShift(scale string, clamp float64, m int, factors []float64) elementwiseTransform {
	logScale := func(g *Graph, theta Value) (s, t Value) {
		r := g.Slice(theta, 1, 0, m)
		t = g.Slice(theta, 1, m, 2*m)
		switch scale {
		case "", "learned-tanh":
			return g.Mul(g.Tanh(r), g.Row(factors)), t
		case "tanh":
			return g.Tanh(r), t
		case "softclamp":
			if clamp == 0 {
				clamp = 1.9
			}
			return g.Times(g.Op("Atan", nil, g.Times(r, 1/clamp)), 2/math.Pi*clamp), t
		case "softsign":
			if clamp == 0 {
				clamp = math.Log(1000)
			}
			return g.Div(r, g.Plus(g.Times(g.Abs(r), 1/clamp), 1)), t
		case "sigmoid":
			// log(sigma + floor), which is near 0 where sigma is near 1.
			v := g.Plus(r, 2)
			large := g.Log1p(g.Plus(g.Neg(g.Sigmoid(g.Neg(v))), 1e-3))
			return g.where(g.atLeast(v, g.Number(0)), large, g.Log(g.Plus(g.Sigmoid(v), 1e-3))), t
		case "softplus":
			if clamp == 0 {
				clamp = 1e-3
			}
			return g.Log(g.Plus(g.Softplus(r), clamp)), t
		case "exp":
			return r, t
		}
		g.Fail(fmt.Errorf("onnx: the scale %q has no form in ONNX: %w", scale, ErrUnsupported))
		return r, t
	}
	return elementwiseTransform{
		forward: func(g *Graph, x, theta Value) (y, logSlope Value) {
			s, t := logScale(g, theta)
			return g.Add(g.Mul(x, g.Exp(s)), t), s
		},
		inverse: func(g *Graph, y, theta Value) (x, logSlope Value) {
			s, t := logScale(g, theta)
			s = g.Neg(s)
			return g.Mul(g.Sub(y, t), g.Exp(s)), s
		},
	}
}
