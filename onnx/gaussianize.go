// Gaussianize as a graph: the features that were changed, a spline between
// their outer knots and tails beyond.

package onnx

import (
	"math"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/margin"
)

// gaussianizeFuncs returns both directions of a Gaussianize. Features that stay as
// they are pass by.
func gaussianizeFuncs[T bijector.Float](l *bijector.Gaussianize[T]) (f, b layerFunc) {
	margins, changed, rest := marginsOf(l.Buffers())
	if len(changed) == 0 {
		identity := func(_ *Graph, x, _ Value) (z, logDet Value) { return x, Value{} }
		return identity, identity
	}
	at := make([]int, len(changed)+len(rest)) // where each feature is behind the changed ones
	for i, j := range append(changed, rest...) {
		at[j] = i
	}
	s, t := newMarginBins(margins), newMarginTails(margins)
	run := func(move func(g *Graph, v Value) (w, logSlope Value)) layerFunc {
		return func(g *Graph, x, _ Value) (z, logDet Value) {
			if len(rest) == 0 {
				z, logDet = move(g, x)
				return z, g.Sum(logDet, len(changed))
			}
			z, logDet = move(g, g.Select(x, changed))
			z = g.Concat(1, z, g.Select(x, rest))
			return g.Select(z, at), g.Sum(logDet, len(changed))
		}
	}
	f = run(func(g *Graph, x Value) (z, logSlope Value) {
		beyond, far, farSlope := t.forward(g, x)
		near, nearSlope := s.forward(g, x)
		isTail := g.atLeast(beyond, g.Number(0))
		return g.where(isTail, far, near), g.where(isTail, farSlope, nearSlope)
	})
	b = run(func(g *Graph, z Value) (x, logSlope Value) {
		beyond, far, farSlope := t.inverse(g, z)
		near, nearSlope := s.inverse(g, z)
		isTail := g.atLeast(beyond, g.Number(0))
		return g.where(isTail, far, near), g.Neg(g.where(isTail, farSlope, nearSlope))
	})
	return f, b
}

// marginsOf are the margins of the features that were changed, and the numbers
// of those and of the others.
func marginsOf(buffers []bijector.Buffer) (all []margin.Margin, changed, rest []int) {
	figures := map[string][]float64{}
	var bins []int64
	for _, b := range buffers {
		switch data := b.Data.(type) {
		case []float64:
			figures[b.Name] = data
		case []int64:
			if b.Name == "bins" {
				bins = data
			}
		}
	}
	row := func(name string, j int) []float64 {
		width := len(figures[name]) / len(bins)
		return figures[name][j*width : (j+1)*width]
	}
	for j, k := range bins {
		if k == 0 {
			rest = append(rest, j)
			continue
		}
		changed = append(changed, j)
		tails := row("tails", j)
		all = append(all, margin.Margin{
			X: row("knots", j)[:k+1], Z: row("latents", j)[:k+1], Slope: row("slopes", j)[:k+1],
			Lower: margin.Tail{Shape: tails[0], Scale: tails[1]}, Upper: margin.Tail{Shape: tails[2], Scale: tails[3]},
		})
	}
	return all, changed, rest
}

// marginBins are the splines of m features with k bins, 0 where a feature has
// fewer: figures (k, m), row-major. Slopes are multiples of the bin's mean slope.
type marginBins struct {
	k, m                                                int // k is a power of 2
	left, right, width, bottom, top, height, start, end []float64
	logMean                                             []float64
}

func newMarginBins(margins []margin.Margin) (s marginBins) {
	s.k, s.m = 1, len(margins)
	for _, m := range margins {
		for s.k < len(m.X)-1 {
			s.k *= 2
		}
	}
	all := []*[]float64{&s.left, &s.right, &s.width, &s.bottom, &s.top, &s.height, &s.start, &s.end, &s.logMean}
	for _, f := range all {
		*f = make([]float64, s.k*s.m)
	}
	for j, m := range margins {
		for i := range len(m.X) - 1 {
			w, h := m.X[i+1]-m.X[i], m.Z[i+1]-m.Z[i]
			for f, v := range []float64{m.X[i], m.X[i+1], w, m.Z[i], m.Z[i+1], h, m.Slope[i] * w / h, m.Slope[i+1] * w / h, math.Log(h / w)} {
				(*all[f])[i*s.m+j] = v
			}
		}
	}
	return s
}

// locate finds the bins of values v, (n, m), between edges lo and hi, and returns
// what takes a figure of each value's bin, (n, 1, m), and the distance of v from
// lo there.
func (s marginBins) locate(g *Graph, v Value, lo, hi []float64) (pick func([]float64) Value, above Value) {
	v = g.Reshape(v, 1, s.m)
	at := func(edges []float64) Value { // 1 where v is at the edge or beyond
		up := make([]float64, len(edges))
		for i, e := range edges {
			up[i] = g.ceiling(e)
		}
		return g.Op("Cast", []Attr{{"to", int(g.elem)}}, g.atLeast(v, g.Constant(up, 1, s.k, s.m)))
	}
	chosen := g.Sub(at(lo), at(hi))
	pick = func(figures []float64) Value { // a mean of 2^i values, all but one 0, is exact
		mean := g.Op("ReduceMean", []Attr{{"axes", []int{1}}, {"keepdims", 1}}, g.Mul(chosen, g.Constant(figures, 1, s.k, s.m)))
		return g.times3D(mean, float64(s.k))
	}
	first, second := g.parts(lo)
	above = g.Sub(v, pick(first))
	if second != nil {
		above = g.Sub(above, pick(second))
	}
	return pick, above
}

// slope is, of the fraction a of a bin and b = 1-a, the denominator of the
// spline and its log-slope: sums of positive terms.
func (s marginBins) slope(g *Graph, pick func([]float64) Value, a, b Value) (start, ab, den, logSlope Value) {
	start, end := pick(s.start), pick(s.end)
	ab = g.Mul(a, b)
	aa, bb := g.Mul(a, a), g.Mul(b, b)
	den = g.Add(g.Add(aa, bb), g.Mul(g.Add(start, end), ab))
	inner := g.Add(g.Add(g.Mul(end, aa), g.times3D(ab, 2)), g.Mul(start, bb))
	logSlope = g.Add(pick(s.logMean), g.Sub(g.Log(inner), g.times3D(g.Log(den), 2)))
	return start, ab, den, g.Reshape(logSlope, s.m)
}

func (s marginBins) forward(g *Graph, x Value) (z, logSlope Value) {
	pick, above := s.locate(g, x, s.left, s.right)
	a := g.Div(above, pick(s.width))
	start, ab, den, logSlope := s.slope(g, pick, a, g.plus3D(g.Neg(a), 1))
	up := g.Div(g.Add(g.Mul(a, a), g.Mul(start, ab)), den)
	return g.Reshape(g.Add(pick(s.bottom), g.Mul(pick(s.height), up)), s.m), logSlope
}

// inverse solves up (a^2 + b^2 + (start+end) ab) = a^2 + start ab for a/b; with
//
//	d = start (1-up) - end up,  r = sqrt(d^2 + 4 up (1-up)),
//
// a/b is 2 up/(|d|+r) for a positive d, and (|d|+r)/(2 (1-up)) otherwise: no
// difference but d.
func (s marginBins) inverse(g *Graph, z Value) (x, logSlope Value) {
	pick, above := s.locate(g, z, s.bottom, s.top)
	up := g.Div(above, pick(s.height))
	rest := g.Relu(g.plus3D(g.Neg(up), 1))
	d := g.Sub(g.Mul(pick(s.start), rest), g.Mul(pick(s.end), up))
	r := g.Op("Sqrt", nil, g.Add(g.Mul(d, d), g.times3D(g.Mul(up, rest), 4)))
	sum := g.Add(g.Abs(d), r)
	rising := g.atLeast(d, g.Constant([]float64{0}, 1, 1, 1))
	a, b := g.where(rising, g.times3D(up, 2), sum), g.where(rising, sum, g.times3D(rest, 2))
	total := g.Add(a, b)
	a, b = g.Div(a, total), g.Div(b, total)
	_, _, _, logSlope = s.slope(g, pick, a, b)
	return g.Reshape(g.Add(pick(s.left), g.Mul(pick(s.width), a)), s.m), logSlope
}
