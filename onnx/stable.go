// Functions that lose no digits where the plain form would: ONNX has neither
// log1p nor expm1.

package onnx

import "math"

// Log1p is log(1+a), with all digits for an a near 0.
func (g *Graph) Log1p(a Value) Value { return g.log1p(a, g.Number) }

// log1p takes its constants from number, in the rank of a. Near 0 it is the
// series
//
//	log(1+a) = 2 (s + s^3/3 + s^5/5 + ...),  s = a/(2+a),
//
// which a runtime that rearranges sums does not turn back into log(1+a), as it
// may what corrects the rounding of 1+a.
func (g *Graph) log1p(a Value, number func(float64) Value) Value {
	const near = 0.1 // |s| <= 1/19 below it
	terms := 6       // up to s^11; what is left out is below 1e-16
	if g.elem == elemFloat {
		terms = 3 // up to s^5, below 1e-8
	}
	s := g.Div(a, g.Add(a, number(2)))
	q := g.Mul(s, s)
	sum := number(2 / float64(2*terms-1))
	for k := terms - 2; k >= 0; k-- {
		sum = g.Add(g.Mul(sum, q), number(2/float64(2*k+1)))
	}
	return g.where(g.atLeast(g.Abs(a), number(near)), g.Log(g.Add(a, number(1))), g.Mul(s, sum))
}

// asinh is log(a + sqrt(1+a^2)), for |a| whose square the element type holds.
func (g *Graph) asinh(a Value) Value {
	size := g.Abs(a)
	root := g.Op("Sqrt", nil, g.Plus(g.Mul(a, a), 1))
	up := g.Log1p(g.Add(size, g.Div(g.Mul(a, a), g.Plus(root, 1))))
	return g.where(g.atLeast(a, g.Number(0)), up, g.Neg(up))
}

// Sigmoid is 1/(1 + e^-a), and e^a where a is far below 0.
func (g *Graph) Sigmoid(a Value) Value {
	return g.Div(g.Exp(g.Neg(g.Relu(g.Neg(a)))), g.Plus(g.Exp(g.Neg(g.Abs(a))), 1))
}

// softplusNegAbs is log(1 + e^-|a|), which never overflows.
func (g *Graph) softplusNegAbs(a Value) Value { return g.Log1p(g.Exp(g.Neg(g.Abs(a)))) }

// Softplus is log(1 + e^a).
func (g *Graph) Softplus(a Value) Value { return g.Add(g.Relu(a), g.softplusNegAbs(a)) }

// logRest is log(1 - e^-a). Below log 2, 1 - e^-a = 2t/(1+t) with
// t = tanh(a/2) keeps its digits, above it log1p(-e^-a).
func (g *Graph) logRest(a Value) Value {
	t := g.Tanh(g.Times(a, 0.5))
	small := g.Log(g.Div(g.Times(t, 2), g.Plus(t, 1)))
	return g.where(g.atLeast(a, g.Number(math.Ln2)), g.Log1p(g.Neg(g.Exp(g.Neg(a)))), small)
}

// where is a where the condition holds, and b elsewhere, whatever a is there.
func (g *Graph) where(condition, a, b Value) Value { return g.Op("Where", nil, condition, a, b) }

// atLeast is the condition a >= b.
func (g *Graph) atLeast(a, b Value) Value { return g.Op("GreaterOrEqual", nil, a, b) }

// floor is the largest number of the model's element type that is at most v,
// ceiling the smallest that is at least v.
func (g *Graph) floor(v float64) float64 {
	if g.elem != elemFloat {
		return v
	}
	f := float32(v)
	if float64(f) > v {
		f = math.Nextafter32(f, float32(math.Inf(-1)))
	}
	return float64(f)
}

func (g *Graph) ceiling(v float64) float64 { return -g.floor(-v) }

// Minus is a - row, which keeps the digits of a difference where the two are
// close: a row that the element type does not hold is taken off in two parts.
func (g *Graph) Minus(a Value, row []float64) Value {
	first, rest := g.parts(row)
	a = g.Sub(a, g.Row(first))
	if rest == nil {
		return a
	}
	return g.Sub(a, g.Row(rest))
}

// parts are values as the model's element type has them, and what is missing
// from them, nil for nothing.
func (g *Graph) parts(values []float64) (first, rest []float64) {
	if g.elem != elemFloat {
		return values, nil
	}
	first, rest = make([]float64, len(values)), make([]float64, len(values))
	exact := true
	for j, v := range values {
		first[j] = float64(float32(v))
		if !math.IsInf(first[j], 0) {
			rest[j] = v - first[j]
		}
		exact = exact && rest[j] == 0
	}
	if exact {
		rest = nil
	}
	return first, rest
}
