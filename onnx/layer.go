// Layers that are no couplings, and how an outside one joins.

package onnx

import (
	"fmt"
	"math"

	"github.com/bijou-flow/bijou/bijector"
)

// Layer is an optional interface of layers of other modules: how they are
// expressed in ONNX. x and z are (n, Dim), context is (n, ContextDim) or none,
// and log-dets are (n, 1), or (1, 1) where they do not depend on the row, or
// none for 0.
type Layer interface {
	ExportForward(g *Graph, x, context Value) (z, logDet Value)
	ExportInverse(g *Graph, z, context Value) (x, logDet Value)
}

// step is a layer in one direction.
type step func(g *Graph, x, context Value) (z, logDet Value)

func forward[T bijector.Float](g *Graph, l bijector.Layer[T], x, context Value) (z, logDet Value) {
	f, _ := exporter(g, l)
	return f(g, x, context)
}

func inverse[T bijector.Float](g *Graph, l bijector.Layer[T], z, context Value) (x, logDet Value) {
	_, b := exporter(g, l)
	return b(g, z, context)
}

// exporter returns both directions of a layer. One that there is no form for
// fails the graph.
func exporter[T bijector.Float](g *Graph, l bijector.Layer[T]) (forward, inverse step) {
	if l.ContextDim() == 0 {
		defer func() { forward, inverse = unconditional(forward), unconditional(inverse) }()
	}
	switch l := l.(type) {
	case Layer:
		return l.ExportForward, l.ExportInverse
	case *bijector.Chain[T]:
		return chain(l)
	case *bijector.Inverted[T]:
		f, b := exporter(g, l.Members()[0])
		return b, f
	case *bijector.Part[T]:
		return part(g, l)
	case interface{ Indices() []int }: // Permute, Squeeze
		return permute(l.Indices())
	case *bijector.LU[T]:
		return affineMap(l)
	case *bijector.Conv1x1[T]:
		return pointwise(l)
	case bijector.Diagonal:
		return diagonal(l, l.(bijector.Layer[T]).Dim())
	}
	if f, b, ok := curve(l); ok {
		return f, b
	}
	if f, b, ok := autoregress(g, l); ok {
		return f, b
	}
	if f, b, ok := couple(g, l); ok {
		return f, b
	}
	g.Fail(fmt.Errorf("onnx: a %T has no form in ONNX; give it ExportForward and ExportInverse: %w", l, ErrUnsupported))
	identity := func(_ *Graph, x, _ Value) (z, logDet Value) { return x, Value{} }
	return identity, identity
}

// unconditional keeps the context of a chain from members that take none.
func unconditional(s step) step {
	return func(g *Graph, x, _ Value) (z, logDet Value) { return s(g, x, Value{}) }
}

func chain[T bijector.Float](c *bijector.Chain[T]) (f, b step) {
	members := c.Members()
	f = func(g *Graph, x, context Value) (z, logDet Value) {
		for _, m := range members {
			var ld Value
			x, ld = forward(g, m, x, context)
			logDet = g.Add(logDet, ld)
		}
		return x, logDet
	}
	b = func(g *Graph, z, context Value) (x, logDet Value) {
		for i := len(members) - 1; i >= 0; i-- {
			var ld Value
			z, ld = inverse(g, members[i], z, context)
			logDet = g.Add(logDet, ld)
		}
		return z, logDet
	}
	return f, b
}

// part applies a step to a range of features.
func part[T bijector.Float](g *Graph, p *bijector.Part[T]) (f, b step) {
	s := p.Spec().(bijector.PartSpec)
	within := func(inner step) step {
		return func(g *Graph, x, context Value) (z, logDet Value) {
			var before, after Value
			if s.Lo > 0 {
				before = g.Slice(x, 1, 0, s.Lo)
			}
			if s.Hi < s.Dim {
				after = g.Slice(x, 1, s.Hi, s.Dim)
			}
			z, logDet = inner(g, g.Slice(x, 1, s.Lo, s.Hi), context)
			return g.Concat(1, before, z, after), logDet
		}
	}
	f, b = exporter(g, p.Members()[0])
	return within(f), within(b)
}

func permute(order []int) (f, b step) {
	back := make([]int, len(order))
	for j, k := range order {
		back[k] = j
	}
	return reorder(order), reorder(back)
}

func reorder(order []int) step {
	return func(g *Graph, x, _ Value) (z, logDet Value) { return g.Select(x, order), Value{} }
}

// diagonal is z = a (x - c), x = (z - b)/a of z = a x + b with c = -b/a: the
// difference of what may be close comes first. Where c is out of range, it is
// a x + b.
func diagonal(l bijector.Diagonal, dim int) (f, b step) {
	scale, shift := make([]float64, dim), make([]float64, dim)
	back, centre := make([]float64, dim), make([]float64, dim)
	total, far := 0.0, false
	for j := range dim {
		a, b, logA := l.Coefficients(j)
		scale[j], shift[j] = a, b
		back[j], centre[j] = 1/a, -b/a
		far = far || !(math.Abs(centre[j]) <= math.MaxFloat32)
		total += logA
	}
	f, b = fixed(scale, centre, total), fixed(back, shift, -total)
	if far {
		f = func(g *Graph, x, _ Value) (z, _ Value) {
			return g.Add(g.Mul(x, g.Row(scale)), g.Row(shift)), g.Number(total)
		}
	}
	return f, b
}

// fixed is scale (x - centre).
func fixed(scale, centre []float64, logDet float64) step {
	return func(g *Graph, x, _ Value) (z, _ Value) {
		return g.Mul(g.Minus(x, centre), g.Row(scale)), g.Number(logDet)
	}
}

// widen copies values to float64.
func widen[T bijector.Float](v []T) []float64 {
	out := make([]float64, len(v))
	for i, x := range v {
		out[i] = float64(x)
	}
	return out
}
