// nflows' flows: their transforms in turn, and those that mix features.

package torch

import (
	"fmt"
	"math"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/flow"
)

// NFlowsOptions says what an nflows flow's state does not.
type NFlowsOptions struct {
	// Activation of the conditioners: "relu" (F.relu, the default of the classes), "tanh" or another of coupling.MLPSpec's. A state_dict does not
	// say it: it is required where the file has no proof rows, see Load.
	Activation string
	// TailBound is the tail_bound of splines with tails="linear"; 0 means 1, as in
	// nflows.
	TailBound float64
}

// nflowsEps is that of nflows' batch norm, in two places.
const nflowsEps = 1e-5

// nflowsFloor is the eps of LULinear's diagonal.
const nflowsFloor = 1e-3

// NFlows makes a flow of the state of an nflows.flows.Flow over the standard
// normal, such as a SimpleRealNVP: transforms in turn, each of these, in a
// CompositeTransform that may hold others. Flows of a batch_norm_within_layers are
// refused, since their conditioners have statistics. Dropout does nothing in
// evaluation.
//
//   - A coupling has "_transform._transforms.<k>.identity_features", the
//     indices of those kept, and "transform_features", of the m moved, and the
//     residual network "transform_net", with "initial_layer",
//     "blocks.<i>.linear_layers.<0, 1>" and "final_layer": see
//     coupling.Residual. That sees the kept features and then the context, which gates
//     its blocks by "blocks.<i>.context_layer". With 2m values it is
//     AffineCouplingTransform, m shifts t and then m values u, for
//     z = x*(sigmoid(u+2) + 1e-3) + t: the scale "sigmoid" here. With m values, it
//     is AdditiveCouplingTransform, z = x + t. With (3K-1) m values, it is
//     PiecewiseRationalQuadraticCouplingTransform(tails="linear") of K bins: for
//     each moved feature K widths and K heights, both over the root of the hidden
//     width, and K-1 slopes.
//   - MaskedAffineAutoregressiveTransform has the network "autoregressive_net" with
//     "initial_layer", "context_layer" where there is a context, "blocks.<i>" and
//     "final_layer", masks and degrees: see autoregressive.NewBlocks. For each
//     feature in turn it gives u and t, for z = x*(softplus(u) + 1e-3) + t: the scale
//     "softplus" here. With 3K-1 values it is
//     MaskedPiecewiseRationalQuadraticAutoregressiveTransform(tails="linear"). Its
//     hidden units are sorted and widened as Zuko's are.
//   - LULinear has "lower_entries", "upper_entries", "unconstrained_upper_diag"
//     and "bias", for z = L U x + bias, with softplus(v) + 1e-3 on U's diagonal.
//   - PointwiseAffineTransform has "_shift" and "_scale" (d, or one for all), for
//     z = x*scale + shift.
//   - RandomPermutation and ReversePermutation have "_permutation", for z = x[p].
//   - Batch norm has "unconstrained_weight", "bias", "running_mean" and
//     "running_var" (d each), for
//     z = (softplus(unconstrained_weight) + 1e-5) * (x - mean) / sqrt(var + 1e-5) + bias.
//
// Splines of other degrees leave the same names: a quadratic one of 3j bins has as
// many parameters as a rational-quadratic one of 2j, and has no mapping.
func NFlows[T bijector.Float](s *State, o NFlowsOptions) (*flow.Flow[T], error) {
	if o.TailBound == 0 {
		o.TailBound = 1
	}
	r, err := newReader[T](s)
	if err != nil {
		return nil, err
	}
	layers, base, err := nflowsParts[T](r, "", o)
	if err != nil {
		return nil, err
	}
	return newFlow(r, layers, base)
}

// nflowsParts reads the flow whose names begin with at.
func nflowsParts[T bijector.Float](r *reader, at string, o NFlowsOptions) ([]bijector.Layer[T], distribution.Base[T], error) {
	var err error
	if o.Activation, err = r.activation(o.Activation); err != nil {
		return nil, nil, err
	}
	dim := nflowsDim(r, at+"_transform.")
	layers, err := nflowsTransform[T](r, at+"_transform.", dim, o)
	if err != nil {
		return nil, nil, err
	}
	r.ignore(at + "_distribution._log_z") // d/2 log(2 pi), in the files of some versions
	base, err := newNormal[T](dim, nil, nil)
	return layers, base, err
}

// nflowsDim is the number of features of the first transform below at that says
// so, or anySize.
func nflowsDim(r *reader, at string) int {
	if r.hasPrefix(at + "_transforms.0.") {
		for k := 0; r.hasPrefix(fmt.Sprint(at, "_transforms.", k, ".")); k++ {
			if d := nflowsDim(r, fmt.Sprint(at, "_transforms.", k, ".")); d != anySize {
				return d
			}
		}
		return anySize
	}
	kept, moved := r.lastAxisLen(at+"identity_features"), r.lastAxisLen(at+"transform_features")
	if kept != anySize && moved != anySize {
		return kept + moved
	}
	return r.lastAxisLen(at+"_permutation", at+"unconstrained_upper_diag", at+"unconstrained_weight", at+"autoregressive_net.initial_layer.weight")
}

// nflowsTransform reads a transform, or all of a CompositeTransform.
func nflowsTransform[T bijector.Float](r *reader, at string, dim int, o NFlowsOptions) ([]bijector.Layer[T], error) {
	var l bijector.Layer[T]
	var err error
	switch {
	case r.hasPrefix(at + "_transforms."):
		var layers []bijector.Layer[T]
		for k := 0; k == 0 || r.hasPrefix(fmt.Sprint(at, "_transforms.", k, ".")); k++ {
			some, err := nflowsTransform[T](r, fmt.Sprint(at, "_transforms.", k, "."), dim, o)
			if err != nil {
				return nil, err
			}
			layers = append(layers, some...)
		}
		return layers, nil
	case r.hasPrefix(at + "autoregressive_net."):
		l, err = nflowsAutoregressive[T](r, at, dim, o)
	case r.has(at+"_scale") || r.has(at+"_shift"):
		l, err = standardize[T](r, at+"_shift", at+"_scale", dim)
	case r.hasPrefix(at + "transform_net.spline_predictor."):
		l, err = nflowsLoneSpline[T](r, at, o)
	case r.has(at + "unconstrained_weight"):
		l, err = nflowsBatchNorm[T](r, at, dim)
	case r.has(at + "_permutation"):
		l, err = nflowsPermutation[T](r, at, dim)
	case r.has(at+"lower_entries") || r.has(at+"unconstrained_upper_diag"):
		l, err = nflowsLU[T](r, at, dim)
	case !r.hasPrefix(at): // without any, say which is missing
		l, err = nflowsCoupling[T](r, at+"_transforms.0.", dim, o)
	default:
		l, err = nflowsCoupling[T](r, at, dim, o)
	}
	return []bijector.Layer[T]{l}, err
}

func nflowsPermutation[T bijector.Float](r *reader, at string, dim int) (bijector.Layer[T], error) {
	p, err := r.indices(at+"_permutation", dim, dim)
	if err != nil {
		return nil, err
	}
	return permute[T](p)
}

// nflowsLU: the triangles are written row by row.
func nflowsLU[T bijector.Float](r *reader, at string, dim int) (bijector.Layer[T], error) {
	diagonal, err := r.floats(at+"unconstrained_upper_diag", dim)
	if err != nil {
		return nil, err
	}
	d := len(diagonal)
	lower, err := r.floats(at+"lower_entries", d*(d-1)/2)
	if err != nil {
		return nil, err
	}
	upper, err := r.floats(at+"upper_entries", d*(d-1)/2)
	if err != nil {
		return nil, err
	}
	bias, err := r.floats(at+"bias", d)
	if err != nil {
		return nil, err
	}
	l, err := bijector.NewLU[T](bijector.LUSpec{Dim: d, Start: "identity"})
	if err != nil {
		return nil, fmt.Errorf("torch: %w", err)
	}
	factors := make([]float64, d*d)
	for i := range d {
		n := copy(factors[i*d:i*d+i], lower)
		lower = lower[n:]
		factors[i*d+i] = math.Log(softplus(diagonal[i]) + nflowsFloor)
		n = copy(factors[i*d+i+1:(i+1)*d], upper)
		upper = upper[n:]
	}
	convert(l.Params()[0].Data, factors)
	convert(l.Params()[1].Data, bias)
	return l, nil
}

// softplus is log(1 + exp(v)).
func softplus(v float64) float64 { return max(v, 0) + math.Log1p(math.Exp(-math.Abs(v))) }

func nflowsBatchNorm[T bijector.Float](r *reader, at string, dim int) (bijector.Layer[T], error) {
	var s batchNorm
	weight, err := r.floats(at+"unconstrained_weight", dim)
	if err != nil {
		return nil, err
	}
	for _, v := range weight {
		s.logGamma = append(s.logGamma, math.Log(softplus(v)+nflowsEps))
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
