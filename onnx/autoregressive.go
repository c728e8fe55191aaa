// Autoregressive layers: one evaluation of the net forward, one for each
// feature backward.

package onnx

import (
	"github.com/bijou-flow/bijou/autoregressive"
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/nn"
)

// autoregressiveFuncs returns both directions of an autoregressive layer. The inverse
// holds the net's hidden layers once for each feature: Dim times the operators,
// over the same weights.
func autoregressiveFuncs[T bijector.Float](g *Graph, l bijector.Layer[T]) (f, b layerFunc, ok bool) {
	a, isSkeleton := l.(couplingLayer[T])
	if !isSkeleton {
		return nil, nil, false
	}
	d := l.Dim()
	factors := sharedParams(a.Params())
	var of func(features int, factors []float64) elementwiseTransform // for all features, or for one
	switch l := l.(type) {
	case *autoregressive.Affine[T]:
		s := l.Spec().(autoregressive.AffineSpec)
		of = func(m int, factors []float64) elementwiseTransform { return scaleShift(s.Scale, s.Clamp, m, factors) }
	case *autoregressive.Spline[T]:
		q := l.Spec().(autoregressive.SplineSpec).Spline()
		of = func(m int, _ []float64) elementwiseTransform { return newSpline(q, m) }
	default:
		return nil, nil, false
	}
	net := nn.Inner(a.Conditioner()).(*nn.MADE[T])
	order := make([]int, d)
	for i, k := range a.Buffers()[0].Data.([]int64) {
		order[i] = int(k)
	}
	there, back := permuteFuncs(order)
	all := of(d, factors)
	f = func(g *Graph, x, context Value) (z, logDet Value) {
		x, _ = there(g, x, Value{})
		z, s := all.forward(g, x, network(g, net, g.Concat(1, context, x)))
		z, _ = back(g, z, Value{})
		return z, g.Sum(s, d)
	}
	b = func(g *Graph, z, context Value) (x, logDet Value) {
		z, _ = there(g, z, Value{})
		known := g.Times(z, 0) // features not known yet are masked
		var slopes Value
		for j := range d {
			var own []float64
			if len(factors) > 0 {
				own = factors[j : j+1]
			}
			theta := outputsOf(g, net, g.Concat(1, context, known), j)
			v, s := of(1, own).inverse(g, g.Slice(z, 1, j, j+1), theta)
			slopes = g.Add(slopes, s)
			var before, after Value
			if j > 0 {
				before = g.Slice(known, 1, 0, j)
			}
			if j+1 < d {
				after = g.Slice(known, 1, j+1, d)
			}
			known = g.Concat(1, before, v, after)
		}
		x, _ = back(g, known, Value{})
		return x, slopes
	}
	return f, b, true
}

// outputsOf are the net's outputs for one feature, (n, Params).
func outputsOf[T bijector.Float](g *Graph, m *nn.MADE[T], x Value, feature int) Value {
	params, s := m.MLP.Params(), m.Spec().(nn.MADESpec)
	last := len(params) - 2
	for i := 0; i < last; i += 2 {
		x = activation(g, s.Activation, linear(g, params[i:], x))
	}
	w, b := params[last], params[last+1]
	in := w.Shape[1]
	var weight, bias []float64
	for p := range s.Params {
		row := p*s.Features + feature
		weight = append(weight, widen(w.Data[row*in:(row+1)*in])...)
		bias = append(bias, float64(b.Data[row]))
	}
	return g.Linear(x, weight, bias, in, s.Params)
}
