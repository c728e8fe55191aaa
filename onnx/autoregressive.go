// Autoregressive layers: one evaluation of the net forward, one for each
// feature backward.

package onnx

import (
	"fmt"

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
	net := a.Conditioner()
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
func outputsOf[T bijector.Float](g *Graph, net bijector.Network[T], x Value, feature int) Value {
	all, features, outputs := net.Params(), 0, 0
	switch m := nn.Inner(net).(type) {
	case *nn.MADE[T]:
		params, s := m.MLP.Params(), m.Spec().(nn.MADESpec)
		features, outputs = s.Features, s.Params
		for i := 0; i < len(params)-2; i += 2 {
			x = activation(g, s.Activation, linear(g, params[i:], x))
		}
	case *nn.Blocks[T]:
		s := m.Spec().(nn.BlocksSpec)
		features, outputs = s.Features, s.Params
		x = blocks(g, m, x)
	default:
		g.Fail(fmt.Errorf("onnx: a masked %T has no form in ONNX: %w", net, ErrUnsupported))
		return x
	}
	w, b := all[len(all)-2], all[len(all)-1]
	in := w.Shape[1]
	var weight, bias []float64
	for p := range outputs {
		row := p*features + feature
		weight = append(weight, widen(w.Data[row*in:(row+1)*in])...)
		bias = append(bias, float64(b.Data[row]))
	}
	return g.Linear(x, weight, bias, in, outputs)
}
