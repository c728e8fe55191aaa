// nflows' SimpleRealNVP.

package torch

import (
	"fmt"
	"math"
	"slices"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/coupling"
	"github.com/bijou-flow/bijou/flow"
)

// NFlowsOptions says what an nflows flow's state does not.
type NFlowsOptions struct {
	// Activation of the conditioners: "relu" (the default, F.relu) or "tanh".
	Activation string
}

// nflowsEps is that of nflows' batch norm, in two places.
const nflowsEps = 1e-5

// NFlows makes a flow of the state of an nflows.flows.SimpleRealNVP: couplings,
// each followed by batch norm where batch_norm_between_layers is set, over the
// standard normal. The class is unconditional. One with
// batch_norm_within_layers is refused, since its conditioners have statistics.
// Dropout does nothing in evaluation.
//
//   - A coupling has "_transform._transforms.<k>.identity_features", the
//     indices of those kept, and "transform_features", of the m moved, and the
//     residual network "transform_net", with "initial_layer",
//     "blocks.<i>.linear_layers.<0, 1>" and "final_layer": see
//     coupling.Residual. That sees the kept features, and gives m shifts t and
//     then m values u, for z = x*(sigmoid(u+2) + 1e-3) + t: the scale "sigmoid"
//     here. With m values, it is use_volume_preserving, z = x + t.
//   - Batch norm has "unconstrained_weight", "bias", "running_mean" and
//     "running_var" (d each), for
//     z = (softplus(unconstrained_weight) + 1e-5) * (x - mean) / sqrt(var + 1e-5) + bias.
func NFlows[T bijector.Float](s *State, o NFlowsOptions) (*flow.Flow[T], error) {
	r, err := newReader[T](s)
	if err != nil {
		return nil, err
	}
	const prefix = "_transform._transforms."
	kept, moved := r.lastAxisLen(prefix+"0.identity_features"), r.lastAxisLen(prefix+"0.transform_features")
	dim := anySize
	if kept != anySize && moved != anySize {
		dim = kept + moved
	}
	var layers []bijector.Layer[T]
	for k := 0; k == 0 || r.hasPrefix(fmt.Sprint(prefix, k, ".")); k++ {
		at := fmt.Sprint(prefix, k, ".")
		var l bijector.Layer[T]
		var err error
		if r.has(at + "unconstrained_weight") {
			l, err = nflowsBatchNorm[T](r, at, dim)
		} else {
			l, err = nflowsCoupling[T](r, at, dim, o.Activation)
		}
		if err != nil {
			return nil, err
		}
		layers = append(layers, l)
	}
	r.ignore("_distribution._log_z") // d/2 log(2 pi), in the files of some versions
	base, err := newNormal[T](dim, nil, nil)
	if err != nil {
		return nil, err
	}
	return newFlow(r, layers, base)
}

func nflowsCoupling[T bijector.Float](r *reader, at string, d int, activation string) (bijector.Layer[T], error) {
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
	net, err := r.residualNet(at+"transform_net.", n)
	if err != nil {
		return nil, err
	}
	// The network may have its features in any order, a coupling here has them
	// ascending.
	columns, places := argsort(kept), argsort(moved)
	switch last := net[len(net)-1]; last.out {
	case m:
		reorderNet(net, columns, places)
		return coupling.NewAdditiveWith(coupling.AdditiveSpec{Dim: d, Mask: mask}, residualFrom[T](net, activation))
	case 2 * m:
		rows := make([]int, 0, 2*m)
		for _, j := range places {
			rows = append(rows, m+j)
		}
		reorderNet(net, columns, append(rows, places...))
		return coupling.NewAffineWith(coupling.AffineSpec{Dim: d, Mask: mask, Scale: "sigmoid"}, residualFrom[T](net, activation))
	default:
		return nil, r.widthError(last, "%d outputs, shift and scale of %d moved features, or %d, the shifts alone", 2*m, m, m)
	}
}

// argsort are the places of the smallest, the next larger and so on of
// different indices.
func argsort(indices []int) []int {
	places := intRange(0, len(indices))
	slices.SortFunc(places, func(a, b int) int { return indices[a] - indices[b] })
	return places
}

// residualNet takes a ResidualNet with n inputs.
func (r *reader) residualNet(at string, n int) ([]linearLayer, error) {
	first, err := r.linear(at+"initial_layer", n, anySize, true)
	if err != nil {
		return nil, err
	}
	net, h := []linearLayer{first}, first.out
	for i := 0; i == 0 || r.hasPrefix(fmt.Sprint(at, "blocks.", i, ".")); i++ {
		for j := range 2 {
			l, err := r.linear(fmt.Sprint(at, "blocks.", i, ".linear_layers.", j), h, h, true)
			if err != nil {
				return nil, err
			}
			net = append(net, l)
		}
	}
	last, err := r.linear(at+"final_layer", h, anySize, true)
	return append(net, last), err
}

func nflowsBatchNorm[T bijector.Float](r *reader, at string, dim int) (bijector.Layer[T], error) {
	var s batchNorm
	weight, err := r.floats(at+"unconstrained_weight", dim)
	if err != nil {
		return nil, err
	}
	for _, v := range weight {
		softplus := max(v, 0) + math.Log1p(math.Exp(-math.Abs(v)))
		s.logGamma = append(s.logGamma, math.Log(softplus+nflowsEps))
	}
	if s.beta, err = r.floats(at+"bias", dim); err != nil {
		return nil, err
	}
	if s.mean, err = r.floats(at+"running_mean", dim); err != nil {
		return nil, err
	}
	if s.variance, err = r.variance(at+"running_var", dim); err != nil {
		return nil, err
	}
	return newBatchNorm[T](s, nflowsEps)
}
