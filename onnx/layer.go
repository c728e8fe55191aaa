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

// layerFunc is a layer in one direction.
type layerFunc func(g *Graph, x, context Value) (z, logDet Value)

func forward[T bijector.Float](g *Graph, l bijector.Layer[T], x, context Value) (z, logDet Value) {
	f, _ := layerFuncs(g, l)
	return f(g, x, context)
}

func inverse[T bijector.Float](g *Graph, l bijector.Layer[T], z, context Value) (x, logDet Value) {
	_, b := layerFuncs(g, l)
	return b(g, z, context)
}

// layerFuncs returns both directions of a layer. One that there is no form for
// fails the graph.
func layerFuncs[T bijector.Float](g *Graph, l bijector.Layer[T]) (forward, inverse layerFunc) {
	if l.ContextDim() == 0 {
		defer func() { forward, inverse = unconditional(forward), unconditional(inverse) }()
	}
	switch l := l.(type) {
	case Layer:
		return l.ExportForward, l.ExportInverse
	case *bijector.Chain[T]:
		return chainFuncs(l)
	case *bijector.Inverted[T]:
		f, b := layerFuncs(g, l.Members()[0])
		return b, f
	case *bijector.Part[T]:
		return partFuncs(g, l)
	case bijector.Reorderer: // Permute, Squeeze
		return permuteFuncs(l.Indices())
	case *bijector.Bounds[T]:
		return boundsFuncs(l)
	case *bijector.Gaussianize[T]:
		return gaussianizeFuncs(l)
	case *bijector.Whiten[T]:
		return whitenFuncs(l)
	case *bijector.LU[T]:
		return luFuncs(l)
	case *bijector.Conv1x1[T]:
		return conv1x1Funcs(l)
	case bijector.Diagonal:
		return diagonalFuncs(l, l.(bijector.Layer[T]).Dim())
	}
	if f, b, ok := elementwiseFuncs(l); ok {
		return f, b
	}
	if f, b, ok := autoregressiveFuncs(g, l); ok {
		return f, b
	}
	if f, b, ok := couplingFuncs(g, l); ok {
		return f, b
	}
	g.Fail(fmt.Errorf("onnx: a %T has no form in ONNX; give it ExportForward and ExportInverse: %w", l, ErrUnsupported))
	identity := func(_ *Graph, x, _ Value) (z, logDet Value) { return x, Value{} }
	return identity, identity
}

// unconditional keeps the context of a chain from members that take none.
func unconditional(s layerFunc) layerFunc {
	return func(g *Graph, x, _ Value) (z, logDet Value) { return s(g, x, Value{}) }
}

func chainFuncs[T bijector.Float](c *bijector.Chain[T]) (f, b layerFunc) {
	members := c.Members()
	f = func(g *Graph, x, context Value) (z, logDet Value) {
		context = embed(g, c, context)
		for _, m := range members {
			var ld Value
			x, ld = forward(g, m, x, context)
			logDet = g.Add(logDet, ld)
		}
		return x, logDet
	}
	b = func(g *Graph, z, context Value) (x, logDet Value) {
		context = embed(g, c, context)
		for i := len(members) - 1; i >= 0; i-- {
			var ld Value
			z, ld = inverse(g, members[i], z, context)
			logDet = g.Add(logDet, ld)
		}
		return z, logDet
	}
	return f, b
}

// embed is what the members of a chain see of its context.
func embed[T bijector.Float](g *Graph, c *bijector.Chain[T], context Value) Value {
	if m := c.Embedding(); m != nil {
		return network(g, m, context)
	}
	return context
}

// partFuncs applies a step to a range of features.
func partFuncs[T bijector.Float](g *Graph, p *bijector.Part[T]) (f, b layerFunc) {
	s := p.Spec().(bijector.PartSpec)
	within := func(inner layerFunc) layerFunc {
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
	f, b = layerFuncs(g, p.Members()[0])
	return within(f), within(b)
}

func permuteFuncs(order []int) (f, b layerFunc) {
	back := make([]int, len(order))
	for j, k := range order {
		back[k] = j
	}
	return gatherFeatures(order), gatherFeatures(back)
}

func gatherFeatures(order []int) layerFunc {
	return func(g *Graph, x, _ Value) (z, logDet Value) { return g.Select(x, order), Value{} }
}

// diagonalFuncs is z = a (x - c), x = (z - b)/a of z = a x + b with c = -b/a: the
// difference of what may be close comes first. Where c is out of range, it is
// a x + b.
func diagonalFuncs(l bijector.Diagonal, dim int) (f, b layerFunc) {
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
	f, b = scaleShiftFunc(scale, centre, total), scaleShiftFunc(back, shift, -total)
	if far {
		f = func(g *Graph, x, _ Value) (z, _ Value) {
			return g.Add(g.Mul(x, g.Row(scale)), g.Row(shift)), g.Number(total)
		}
	}
	return f, b
}

// scaleShiftFunc is scale (x - centre).
func scaleShiftFunc(scale, centre []float64, logDet float64) layerFunc {
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
