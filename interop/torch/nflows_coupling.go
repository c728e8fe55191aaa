// nflows' couplings, and the residual networks that they have.

package torch

import (
	"fmt"
	"math"
	"slices"

	"github.com/bijou-flow/bijou/autoregressive"
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/coupling"
)

func nflowsCoupling[T bijector.Float](r *reader, at string, d int, o NFlowsOptions) (bijector.Layer[T], error) {
	kept, err := r.indices(at+"identity_features", anySize, d)
	if err != nil {
		return nil, err
	}
	if len(kept) == d {
		return nil, r.errorf(at+"identity_features", bijector.ErrSpec, "keeps all %d features, want one to move at least", d)
	}
	moved, err := r.indices(at+"transform_features", d-len(kept), d)
	if err != nil {
		return nil, err
	}
	mask := maskOf(d, kept)
	for i, k := range moved {
		if mask.Keep[k] == 1 {
			return nil, r.errorf(at+"transform_features", bijector.ErrSpec, "index %d is %d, which is kept", i, k)
		}
	}
	n, m := len(kept), len(moved)
	net, c, err := r.residualNet(at+"transform_net.", n)
	if err != nil {
		return nil, err
	}
	conditioner := residualFrom[T](net, c, o.Activation)
	// The network may have its features in any order, a coupling here has them
	// ascending.
	columns, places := append(intRange(n, n+c), argsort(kept)...), argsort(moved)
	switch last := net[len(net)-1]; last.out {
	case m:
		reorderNet(net, columns, places)
		return coupling.NewAdditiveWith(coupling.AdditiveSpec{Dim: d, ContextDim: c, Mask: mask}, conditioner)
	case 2 * m:
		rows := make([]int, 0, 2*m)
		for _, j := range places {
			rows = append(rows, m+j)
		}
		reorderNet(net, columns, append(rows, places...))
		return coupling.NewAffineWith(coupling.AffineSpec{Dim: d, ContextDim: c, Mask: mask, Scale: "sigmoid"}, conditioner)
	default:
		bins := (last.out/m + 1) / 3
		if last.out != (3*bins-1)*m || bins < 2 {
			return nil, r.widthError(last, "%d outputs, shift and scale of %d moved features, %d, the shifts alone, or (3K-1) times %d, splines of K bins with tails=\"linear\"", 2*m, m, m, m)
		}
		reorderNet(net, columns, parametersOf(places, 3*bins-1, intRange(0, 3*bins-1)))
		nflowsKnots(&net[len(net)-1], bins, m, math.Sqrt(float64(net[0].out)))
		return coupling.NewSplineWith(coupling.SplineSpec{Dim: d, ContextDim: c, Mask: mask, Bins: bins, Bound: o.TailBound}, conditioner)
	}
}

// nflowsKnots makes the raw numbers of splines here from those of nflows, of which
// the first 2K of m features each are divided by by, and a slope is
// 1e-3 + softplus(v) where it is 1e-3 + softplus(v + c) here.
func nflowsKnots(last *linearLayer, bins, m int, by float64) {
	last.w, last.b = slices.Clone(last.w), slices.Clone(last.b)
	for i := range 2 * bins * m {
		last.b[i] /= by
		for j := range last.in {
			last.w[i*last.in+j] /= by
		}
	}
	for i := 2 * bins * m; i < last.out; i++ {
		last.b[i] -= splineOffset
	}
}

// splineOffset is c: softplus(c) + 1e-3 is 1.
var splineOffset = math.Log(math.Expm1(1 - 1e-3))

// argsort are the places of the smallest, the next larger and so on of
// different indices.
func argsort(indices []int) []int {
	places := intRange(0, len(indices))
	slices.SortFunc(places, func(a, b int) int { return indices[a] - indices[b] })
	return places
}

// residualNet takes a ResidualNet with n inputs and the context, of which there are c
// where its blocks have gates: the first layer, two of each block and its gate, the
// last.
func (r *reader) residualNet(at string, n int) (net []linearLayer, c int, err error) {
	gate := r.lastAxisLen(at + "blocks.0.context_layer.weight")
	if gate != anySize {
		c = gate
	}
	first, err := r.linear(at+"initial_layer", n+c, anySize, true)
	if err != nil {
		return nil, 0, err
	}
	h := first.out
	net = append(net, first)
	for i := 0; i == 0 || r.hasPrefix(fmt.Sprint(at, "blocks.", i, ".")); i++ {
		for j := range 2 {
			l, err := r.linear(fmt.Sprint(at, "blocks.", i, ".linear_layers.", j), h, h, true)
			if err != nil {
				return nil, 0, err
			}
			net = append(net, l)
		}
		if c > 0 {
			l, err := r.linear(fmt.Sprint(at, "blocks.", i, ".context_layer"), c, h, true)
			if err != nil {
				return nil, 0, err
			}
			net = append(net, l)
		}
	}
	last, err := r.linear(at+"final_layer", h, anySize, true)
	return append(net, last), c, err
}

// nflowsLoneSpline reads the coupling that sbi has for a lone feature, whose
// conditioner sees the context alone: here a masked network, of which the feature
// sees nothing.
func nflowsLoneSpline[T bijector.Float](r *reader, at string, o NFlowsOptions) (bijector.Layer[T], error) {
	if _, err := r.integers(at+"identity_features", 0, 0, 0); err != nil {
		return nil, err
	}
	if _, err := r.indices(at+"transform_features", 1, 1); err != nil {
		return nil, err
	}
	net, err := r.perceptron(at+"transform_net.spline_predictor.", true)
	if err != nil {
		return nil, err
	}
	last, c := &net[len(net)-1], net[0].in
	bins := (last.out + 1) / 3
	if len(net) < 2 || last.out != 3*bins-1 || bins < 2 {
		return nil, r.widthError(*last, "3K-1 outputs, a spline of K bins with tails=\"linear\"")
	}
	nflowsKnots(last, bins, 1, math.Sqrt(float64(net[0].out)))
	net[0] = net[0].columns(append(intRange(0, c), -1))
	l, err := autoregressive.NewSpline[T](autoregressive.SplineSpec{
		Dim: 1, ContextDim: c, Hidden: hiddenOf(net), Activation: o.Activation, Bins: bins, Bound: o.TailBound,
	})
	if err != nil {
		return nil, err
	}
	return l, copyMADE(l.Params(), net, c, 1)
}
