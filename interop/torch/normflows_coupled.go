// normflows' spline couplings, whose kept features have splines without a network.

package torch

import (
	"fmt"

	"github.com/bijou-flow/bijou/autoregressive"
	"github.com/bijou-flow/bijou/bijector"
)

// normflowsCoupled reads a CoupledRationalQuadraticSpline: nflows' coupling from data to
// latent, and then for each kept feature a spline by itself, the autoregressive layer of
// a lone feature. Its contexts have no mapping.
func normflowsCoupled[T bijector.Float](r *reader, at string, d int, o NormFlowsOptions) ([]bijector.Layer[T], error) {
	if name := at + "transform_net.blocks.0.context_layer.weight"; r.has(name) {
		return nil, r.errorf(name, ErrUnexpected, "want an unconditional model: contexts enter by gated blocks")
	}
	kept, err := r.indices(at+"identity_features", anySize, d)
	if err != nil {
		return nil, err
	}
	coupling, err := nflowsCoupling[T](r, at, d, NFlowsOptions{Activation: o.Activation, TailBound: o.TailBound})
	if err != nil {
		return nil, err
	}
	at += "unconditional_transform.unnormalized_"
	widths, err := r.floats(at+"widths", len(kept), anySize)
	if err != nil {
		return nil, err
	}
	bins := len(widths) / len(kept)
	heights, err := r.floats(at+"heights", len(kept), bins)
	if err != nil {
		return nil, err
	}
	slopes, err := r.floats(at+"derivatives", len(kept), bins-1)
	if err != nil {
		return nil, err
	}
	layers := []bijector.Layer[T]{coupling}
	for i, k := range kept {
		l, err := autoregressive.NewSpline[T](autoregressive.SplineSpec{Dim: 1, Bins: bins, Bound: o.TailBound, Hidden: []int{1}})
		if err != nil {
			return nil, r.errorf(at+"widths", bijector.ErrSpec, "%d bins: %v", bins, err)
		}
		params := l.Params() // of a net that sees nothing: its last biases, beside zeros that stay
		for _, p := range params {
			clear(p.Data)
		}
		theta := params[len(params)-1].Data
		convert(theta, widths[i*bins:(i+1)*bins])
		convert(theta[bins:], heights[i*bins:(i+1)*bins])
		for j, v := range slopes[i*(bins-1) : (i+1)*(bins-1)] {
			theta[2*bins+j] = T(v - splineOffset)
		}
		p, err := bijector.NewPart[T](d, k, k+1, l)
		if err != nil {
			return nil, fmt.Errorf("torch: %w", err)
		}
		layers = append(layers, p)
	}
	return layers, nil
}
