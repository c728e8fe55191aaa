// The rational-quadratic spline as a graph: all bins at once, each value's bin
// chosen by a row of ones and zeros.

package onnx

import (
	"math"

	"github.com/bijou-flow/bijou/coupling"
)

// spline is the transform of coupling.Spline for m features. Its intermediate
// values are (n, K, m), a bin a row.
type spline struct {
	bins, m                       int
	bound                         float64
	minWidth, minHeight, minSlope float64
	clip                          float64 // of exponential knots; 0: softplus
	turned                        bool    // the box is a circle
	free                          bool    // slopes at the ends of the box too
}

func newSpline(s coupling.SplineSpec, m int) elementwiseTransform {
	or := func(v, otherwise float64) float64 {
		if v == 0 {
			return otherwise
		}
		return v
	}
	q := spline{
		bins: int(or(float64(s.Bins), 8)), m: m, bound: or(s.Bound, 5),
		minWidth: or(s.MinWidth, 1e-3), minHeight: or(s.MinHeight, 1e-3), minSlope: or(s.MinSlope, 1e-3),
	}
	if q.turned, q.free = s.HalfTurn, s.FreeEnds; s.Knots == "exponential" {
		q.clip, q.minWidth, q.minHeight = -math.Log(q.minSlope), 0, 0
	}
	return elementwiseTransform{q.forward, q.inverse}
}

// softClip is v/(1 + |v|/bound).
func (q spline) softClip(g *Graph, v Value, bound float64) Value {
	return g.Div(v, g.plus3D(g.times3D(g.Abs(v), 1/bound), 1))
}

// slopes are those at the knots that have parameters: the inner ones, or all.
func (q spline) slopes(g *Graph, raw Value) Value {
	if q.clip > 0 {
		return g.Exp(q.softClip(g, raw, q.clip))
	}
	// A slope of 1 comes from raw = 0; the outermost knots have it.
	shift := math.Log(math.Expm1(1 - q.minSlope))
	raw = g.Op("Min", nil, raw, g.Constant([]float64{1 / q.minSlope}, 1, 1, 1))
	return g.plus3D(g.softplus3D(g.plus3D(raw, shift)), q.minSlope)
}

// turn is v half a circle on, for boxes that are circles.
func (q spline) turn(g *Graph, v Value) Value {
	if !q.turned {
		return v
	}
	turns := g.Op("Floor", nil, g.times3D(v, 1/(2*q.bound)))
	return g.plus3D(g.Sub(v, g.times3D(turns, 2*q.bound)), -q.bound)
}

// bin is the bin of each value, (n, 1, m) each: its corner, its size, and the
// slopes at its ends.
type bin struct{ left, width, bottom, height, start, end Value }

// locate finds the bins of values v, (n, 1, m), on the axis of the widths or of
// the heights.
func (q spline) locate(g *Graph, v, theta Value, onHeights bool) bin {
	k := q.bins
	params := 3*k - 1
	if q.free {
		params += 2
	}
	theta = g.Reshape(theta, params, q.m)
	left, right, widths := q.knots(g, g.Slice(theta, 1, 0, k), q.minWidth)
	bottom, top, heights := q.knots(g, g.Slice(theta, 1, k, 2*k), q.minHeight)
	lo, hi := left, right
	if onHeights {
		lo, hi = bottom, top
	}
	// The outermost bins reach as far as there are values.
	const far = 1e30
	reach := func(first, last float64) Value {
		ends := make([]float64, k)
		ends[0] += first
		ends[k-1] += last
		return g.Constant(ends, 1, k, 1)
	}
	at := func(edge Value) Value { // 1 where v is at the edge or beyond
		return g.Op("Cast", []Attr{{"to", int(g.elem)}}, g.atLeast(v, edge))
	}
	chosen := g.Sub(at(g.Add(lo, reach(-far, 0))), at(g.Add(hi, reach(0, far))))
	pick := func(all Value) Value {
		return g.times3D(g.Op("ReduceMean", []Attr{{"axes", []int{1}}, {"keepdims", 1}}, g.Mul(chosen, all)), float64(k))
	}
	slopes := q.slopes(g, g.Slice(theta, 1, 2*k, params))
	if !q.free {
		one := g.plus3D(g.times3D(g.Slice(theta, 1, 0, 1), 0), 1)
		slopes = g.Concat(1, one, slopes, one)
	}
	var b bin
	b.left, b.bottom = pick(left), pick(bottom)
	b.width, b.height = pick(widths), pick(heights)
	b.start, b.end = pick(g.Slice(slopes, 1, 0, k)), pick(g.Slice(slopes, 1, 1, k+1))
	return b
}

// knots are the lower and upper ends of the bins of one axis, and their sizes:
// the difference of two ends has fewer digits.
func (q spline) knots(g *Graph, raw Value, least float64) (lo, hi, sizes Value) {
	if q.clip > 0 {
		raw = q.softClip(g, raw, q.clip/2)
	}
	spread := 2*q.bound - 2*q.bound*least*float64(q.bins)
	sizes = g.plus3D(g.times3D(g.Op("Softmax", []Attr{{"axis", 1}}, raw), spread), 2*q.bound*least)
	sums := g.plus3D(g.Op("CumSum", nil, sizes, g.scalar(1)), -q.bound)
	inner := g.Slice(sums, 1, 0, q.bins-1)
	zero := g.times3D(g.Slice(raw, 1, 0, 1), 0)
	return g.Concat(1, g.plus3D(zero, -q.bound), inner), g.Concat(1, inner, g.plus3D(zero, q.bound)), sizes
}

// evalBin returns what eq. 4 and 5 of the paper are made of, at the fraction u of
// the bin with mean slope s: sums of positive terms.
func (q spline) evalBin(g *Graph, b bin, u, s Value) (num, den, inner Value) {
	rest := g.plus3D(g.Neg(u), 1)
	t := g.Mul(u, rest)
	square := g.Mul(u, u)
	num = g.Add(g.Mul(s, square), g.Mul(b.start, t))
	den = g.Add(g.Mul(s, g.plus3D(g.times3D(t, -2), 1)), g.Mul(g.Add(b.start, b.end), t))
	inner = g.Add(g.Add(g.Mul(b.end, square), g.times3D(g.Mul(s, t), 2)), g.Mul(b.start, g.Mul(rest, rest)))
	return num, den, inner
}

// clampUnit clips to [0, 1].
func clampUnit(g *Graph, v Value) Value {
	return g.Op("Min", nil, g.Relu(v), g.Constant([]float64{1}, 1, 1, 1))
}

// selectInBox leaves values outside of the box and at its ends alone, lets rounding
// move no other out of it, and returns (n, m).
func (q spline) selectInBox(g *Graph, v, moved, slope, den, inner Value, sign float64) (w, logSlope Value) {
	bound := func(x float64) Value { return g.Constant([]float64{x}, 1, 1, 1) }
	edge := g.floor(q.bound)
	size := g.Abs(v)
	inside := g.atLeast(bound(edge), size)
	moved = g.Op("Min", nil, g.Op("Max", nil, moved, bound(-edge)), bound(edge))
	l := g.Sub(g.Log(inner), g.times3D(g.Log(g.Div(den, slope)), 2))
	zero := g.Op("Min", nil, size, bound(0))
	w = g.where(g.atLeast(size, bound(edge)), v, moved)
	l = g.where(inside, g.times3D(l, sign), zero)
	return g.Reshape(w, q.m), g.Reshape(l, q.m)
}

func (q spline) forward(g *Graph, x, theta Value) (y, logSlope Value) {
	v := q.turn(g, g.Reshape(x, 1, q.m))
	b := q.locate(g, v, theta, false)
	s := g.Div(b.height, b.width)
	u := clampUnit(g, g.Div(g.Sub(v, b.left), b.width))
	num, den, inner := q.evalBin(g, b, u, s)
	return q.selectInBox(g, v, g.Add(b.bottom, g.Mul(b.height, g.Div(num, den))), s, den, inner, 1)
}

// inverse finds the root of the quadratic as the library does.
func (q spline) inverse(g *Graph, y, theta Value) (x, logSlope Value) {
	v := g.Reshape(y, 1, q.m)
	b := q.locate(g, v, theta, true)
	s := g.Div(b.height, b.width)
	up := g.Div(g.Sub(v, b.bottom), b.height) // the equation is divided by the height
	e := g.Mul(up, g.Sub(g.Add(b.start, b.end), g.times3D(s, 2)))
	a := g.Add(g.Sub(s, b.start), e)
	h := g.Sub(b.start, e)
	c := g.Neg(g.Mul(s, up))
	root := g.Op("Sqrt", nil, g.Relu(g.Sub(g.Mul(h, h), g.times3D(g.Mul(a, c), 4))))
	u := clampUnit(g, g.Div(g.times3D(c, 2), g.Sub(g.Neg(h), root)))
	_, den, inner := q.evalBin(g, b, u, s)
	back, slope := q.selectInBox(g, v, g.Add(b.left, g.Mul(b.width, u)), s, den, inner, -1)
	if q.turned {
		back = g.Reshape(q.turn(g, g.Reshape(back, 1, q.m)), q.m)
	}
	return back, slope
}

// plus3D, times3 and softplus3 are Plus, Times and Softplus for three axes.
func (g *Graph) plus3D(a Value, v float64) Value {
	return g.Op("Add", nil, a, g.Constant([]float64{v}, 1, 1, 1))
}

func (g *Graph) times3D(a Value, v float64) Value {
	return g.Op("Mul", nil, a, g.Constant([]float64{v}, 1, 1, 1))
}

func (g *Graph) softplus3D(a Value) Value {
	number := func(v float64) Value { return g.Constant([]float64{v}, 1, 1, 1) }
	return g.Add(g.Relu(a), g.log1p(g.Exp(g.Neg(g.Abs(a))), number))
}

// scalar is an int64 of no axes.
func (g *Graph) scalar(v int) Value { return g.constant(elemInt64, nil, encodeInts([]int{v})) }
