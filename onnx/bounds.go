// Bounds as a graph: the features of a kind together, each between its own
// bounds.

package onnx

import (
	"math"

	"github.com/bijou-flow/bijou/bijector"
)

// boundsKind tells features apart that have other operators.
type boundsKind struct{ below, above, closed bool } // a lower bound, an upper one, bounds in the domain

// boundedColumns are the features of a kind and their figures, one of each a feature.
type boundedColumns struct {
	boundsKind
	features          []int
	lo, hi, margin    []float64
	least, most       []float64 // of the domain, in the element type
	atLeast, atMost   []float64 // log-slopes there
	widths, logWidths []float64 // from pole to pole
}

// boundsFuncs returns both directions of a Bounds.
func boundsFuncs[T bijector.Float](l *bijector.Bounds[T]) (f, b layerFunc) {
	kinds := boundsColumns(l)
	var order []int
	for _, k := range kinds {
		order = append(order, k.features...)
	}
	at := make([]int, len(order)) // where each feature is in order
	for i, j := range order {
		at[j] = i
	}
	run := func(move func(k *boundedColumns, g *Graph, v Value) (w, logSlope Value)) layerFunc {
		return func(g *Graph, x, _ Value) (z, logDet Value) {
			for _, k := range kinds {
				v := g.Select(x, k.features)
				if k.below || k.above {
					var s Value
					v, s = move(k, g, v)
					logDet = g.Add(logDet, g.Sum(s, len(k.features)))
				}
				z = g.Concat(1, z, v)
			}
			return g.Select(z, at), logDet
		}
	}
	return run((*boundedColumns).forward), run((*boundedColumns).inverse)
}

// boundsColumns are the features of a Bounds by kind.
func boundsColumns[T bijector.Float](l *bijector.Bounds[T]) (all []*boundedColumns) {
	margins := make([]float64, l.Dim())
	for _, b := range l.Spec().(bijector.BoundsSpec).Features {
		margins[b.Feature] = b.Margin
	}
	byKind := map[boundsKind]*boundedColumns{}
	for j, m := range margins {
		lo, hi := l.Limits(j)
		kind := boundsKind{!math.IsInf(lo, -1), !math.IsInf(hi, 1), m > 0}
		k := byKind[kind]
		if k == nil {
			k = &boundedColumns{boundsKind: kind}
			byKind[kind] = k
			all = append(all, k)
		}
		before, after := l.Domain(j)
		k.add(j, lo, hi, m, nextOf[T](before, math.Inf(1)), nextOf[T](after, math.Inf(-1)))
	}
	return all
}

func (k *boundedColumns) add(j int, lo, hi, margin, least, most float64) {
	k.features = append(k.features, j)
	k.lo, k.hi, k.margin = append(k.lo, lo), append(k.hi, hi), append(k.margin, margin)
	k.least, k.most = append(k.least, least), append(k.most, most)
	width := hi - lo + 2*margin
	k.widths, k.logWidths = append(k.widths, width), append(k.logWidths, math.Log(width))
	slope := func(x float64) (s float64) {
		if k.below {
			s -= math.Log(x - lo + margin)
		}
		if k.above {
			s -= math.Log(hi - x + margin)
		}
		if k.below && k.above {
			s += math.Log(width)
		}
		return s
	}
	k.atLeast, k.atMost = append(k.atLeast, slope(least)), append(k.atMost, slope(most))
}

// forward has logarithms of the distances p and q from the poles.
func (k *boundedColumns) forward(g *Graph, v Value) (w, logSlope Value) {
	distance := func(d Value) (logP, inside Value) {
		p := d
		if k.closed {
			p = g.Add(d, g.Row(k.margin))
		}
		return g.Log(p), d
	}
	var a, b, fromLo, fromHi Value
	if k.below {
		a, fromLo = distance(g.Sub(v, g.Row(k.lo)))
	}
	if k.above {
		b, fromHi = distance(g.Sub(g.Row(k.hi), v))
	}
	w, logSlope = g.Sub(a, b), g.Neg(g.Add(a, b))
	nearest := g.Add(fromLo, fromHi) // of one bound
	if k.below && k.above {
		nearest = g.Op("Min", nil, fromLo, fromHi)
		logSlope = g.Add(logSlope, g.Row(k.logWidths))
	}
	if k.closed { // a distance of 0 is inside
		return g.unless(g.Op("Less", nil, nearest, g.Number(0)), w, logSlope)
	}
	return g.inDomain(nearest, w, logSlope)
}

// inverse goes from the nearer pole, and ends in the domain.
func (k *boundedColumns) inverse(g *Graph, v Value) (w, logSlope Value) {
	fromPole := func(p Value) Value {
		if k.closed {
			return g.Sub(p, g.Row(k.margin))
		}
		return p
	}
	switch {
	case !k.above:
		w, logSlope = g.Add(fromPole(g.Exp(v)), g.Row(k.lo)), v
	case !k.below:
		w, logSlope = g.Sub(g.Row(k.hi), fromPole(g.Exp(g.Neg(v)))), g.Neg(v)
	default:
		e := g.Exp(g.Neg(g.Abs(v)))
		d := fromPole(g.Mul(g.Div(e, g.Plus(e, 1)), g.Row(k.widths)))
		w = g.where(g.atLeast(g.Number(0), v), g.Add(d, g.Row(k.lo)), g.Sub(g.Row(k.hi), d))
		logSlope = g.Sub(g.Sub(g.Row(k.logWidths), g.Abs(v)), g.Times(g.softplusNegAbs(v), 2))
	}
	least, most := g.Row(k.least), g.Row(k.most)
	logSlope = g.where(g.atLeast(least, w), g.Neg(g.Row(k.atLeast)), logSlope)
	logSlope = g.where(g.atLeast(w, most), g.Neg(g.Row(k.atMost)), logSlope)
	return g.Op("Min", nil, g.Op("Max", nil, w, least), most), logSlope
}

// nextOf is the number of T next to v, which T holds, on the way to another.
func nextOf[T bijector.Float](v, towards float64) float64 {
	if _, double := any(T(0)).(float64); double {
		return math.Nextafter(v, towards)
	}
	return float64(math.Nextafter32(float32(v), float32(towards)))
}
