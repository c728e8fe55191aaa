// Functions of one value: logit, sigmoid, tanh, softplus.

package onnx

import (
	"math"

	"github.com/bijou-flow/bijou/bijector"
)

// elementwiseFuncs returns both directions of an elementwise layer.
func elementwiseFuncs[T bijector.Float](l bijector.Layer[T]) (f, b layerFunc, ok bool) {
	d := l.Dim()
	var up, down func(g *Graph, v Value) (w, logSlope Value)
	switch l := l.(type) {
	case *bijector.Sigmoid[T]:
		up, down = sigmoid, logit(0)
	case *bijector.Logit[T]:
		s := l.Spec().(bijector.LogitSpec)
		if s.Clamp {
			return clampedLogitFuncs[T](s)
		}
		up, down = logit(s.Alpha), inverseLogit(s.Alpha)
	case *bijector.Tanh[T]:
		up, down = tanh, atanh
	case *bijector.Softplus[T]:
		up, down = softplus, inverseSoftplus
	default:
		return nil, nil, false
	}
	each := func(f func(g *Graph, v Value) (w, logSlope Value)) layerFunc {
		return func(g *Graph, x, _ Value) (z, logDet Value) {
			z, s := f(g, x)
			return z, g.Sum(s, d)
		}
	}
	return each(up), each(down), true
}

// sigmoid has the log-slope log s(v)(1-s(v)) = -|v| - 2 log(1+e^-|v|).
func sigmoid(g *Graph, v Value) (w, logSlope Value) {
	return g.Sigmoid(v), g.Sub(g.Times(g.softplusNegAbs(v), -2), g.Abs(v))
}

// logit is log y - log(1-y) of y = alpha + (1-2 alpha) v.
func logit(alpha float64) func(g *Graph, v Value) (w, logSlope Value) {
	width := 1 - 2*alpha
	return func(g *Graph, v Value) (w, logSlope Value) {
		y, rest := v, g.Plus(g.Neg(v), 1)
		if alpha > 0 { // 1-y = alpha + (1-2 alpha)(1-v)
			y, rest = g.Plus(g.Times(y, width), alpha), g.Plus(g.Times(rest, width), alpha)
		}
		a, b := g.Log(y), g.Log(rest)
		return g.inDomain(g.Op("Min", nil, y, rest), g.Sub(a, b), g.Plus(g.Neg(g.Add(a, b)), math.Log(width)))
	}
}

// clampedLogitFuncs are those of bounds at 0 and 1, whose formula is the same with
// the margin alpha/(1-2 alpha).
func clampedLogitFuncs[T bijector.Float](s bijector.LogitSpec) (f, b layerFunc, ok bool) {
	bounds := bijector.BoundsSpec{Dim: s.Dim}
	for j := range s.Dim {
		unit := bijector.Between(j, 0, 1)
		unit.Margin = s.Alpha / (1 - 2*s.Alpha)
		bounds.Features = append(bounds.Features, unit)
	}
	l, err := bijector.NewBounds[T](bounds)
	if err != nil {
		return nil, nil, false
	}
	f, b = boundsFuncs(l)
	return f, b, true
}

func inverseLogit(alpha float64) func(g *Graph, v Value) (w, logSlope Value) {
	width := 1 - 2*alpha
	return func(g *Graph, v Value) (w, logSlope Value) {
		y, s := sigmoid(g, v)
		return g.Times(g.Plus(y, -alpha), 1/width), g.Plus(s, -math.Log(width))
	}
}

// tanh has the log-slope log(1-tanh^2) = 2 (log 2 - |v| - log(1+e^-2|v|)).
func tanh(g *Graph, v Value) (w, logSlope Value) {
	a := g.Abs(v)
	s := g.Add(a, g.softplusNegAbs(g.Times(v, 2)))
	return g.Tanh(v), g.Times(g.Plus(s, -math.Ln2), -2)
}

func atanh(g *Graph, v Value) (w, logSlope Value) {
	a, b := g.Log1p(v), g.Log1p(g.Neg(v))
	return g.inDomain(g.Plus(g.Neg(g.Abs(v)), 1), g.Times(g.Sub(a, b), 0.5), g.Neg(g.Add(a, b)))
}

// softplus has the log-slope log sigmoid(v) = min(v, 0) - log(1+e^-|v|).
func softplus(g *Graph, v Value) (w, logSlope Value) {
	positive, l := g.Relu(v), g.softplusNegAbs(v)
	return g.Add(positive, l), g.Sub(g.Sub(v, positive), l)
}

func inverseSoftplus(g *Graph, v Value) (w, logSlope Value) {
	l := g.logRest(v)
	return g.inDomain(v, g.Add(v, l), g.Neg(l))
}

// inDomain is w and logSlope where the margin, the distance from the nearest
// bound, is above 0; elsewhere the value is 0 and the log-slope -Inf, as in a
// bijector.Pass. A NaN stays one.
func (g *Graph) inDomain(margin, w, logSlope Value) (_, _ Value) {
	return g.unless(g.atLeast(g.Number(0), margin), w, logSlope)
}

// unless is inDomain for a condition that holds outside the domain.
func (g *Graph) unless(outside, w, logSlope Value) (_, _ Value) {
	g.hasDomain = true
	return g.where(outside, g.Number(0), w), g.where(outside, g.Number(math.Inf(-1)), logSlope)
}

// markOutside is w with NaN in the rows outside the domain of a layer, whose
// log-det is -Inf.
func (g *Graph) markOutside(w, logDet Value) Value {
	if !g.hasDomain {
		return w
	}
	return g.where(g.atLeast(g.Number(-math.MaxFloat32), logDet), g.Number(math.NaN()), w)
}
