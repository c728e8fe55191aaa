// normflows' models: their flows in turn, and stacks of affine couplings.

package torch

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/coupling"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/flow"
)

// NormFlowsOptions says what a normflows model's state does not.
type NormFlowsOptions struct {
	// Activation of the conditioners: "relu" (the leaky=0.0 of nets.MLP, its default), "tanh" or another of coupling.MLPSpec's. A state_dict does not
	// say it: it is required where the file has no proof rows, see Load.
	Activation string
	// Flows is len(model.flows). A Permute(mode="swap") leaves nothing in the
	// state, so that whatever is missing between two flows, and up to Flows, is
	// taken for one. 0 means that the last flow is the last one in the state,
	// or a swap if one is missing before it, as in a loop that appends a
	// coupling and a swap.
	Flows int
	// TailBound is the tail_bound of splines; 0 means 3, as in normflows.
	TailBound float64
}

// NormFlows makes a flow of the state of a normflows.NormalizingFlow of
// AffineCouplingBlocks, MaskedAffineFlows, CoupledRationalQuadraticSplines and
// AutoregressiveRationalQuadraticSplines, with permutations, LULinearPermutes and
// actnorms between, over a DiagGaussian. It runs from latent to data there; the first flow there is the
// last layer here, backwards. The classes are unconditional.
//
//   - AffineCouplingBlock (split_mode="channel", scale_map="exp") has the
//     network "flows.<k>.flows.1.param_map.net.<0, 2, 4 ...>", an nets.MLP. The
//     first ceil(d/2) features are kept. It gives for each moved feature in
//     turn t and s, and data is z*exp(s) + t: coupling.AffineSpec's Reverse,
//     with the scale "exp". With one value for each, it is scale=False, z + t.
//   - MaskedAffineFlow has the mask "flows.<k>.b" (1, d), 1 where a feature is kept,
//     and the networks "flows.<k>.s.net.<0, 2 ...>" and "flows.<k>.t.net.<0, 2 ...>"
//     of as many layers, from the features to a value for each; without s, it is
//     the additive coupling.
//   - CoupledRationalQuadraticSpline has "flows.<k>.prqct", a coupling as NFlows reads it
//     and for each kept feature a spline, "unconditional_transform.unnormalized_widths",
//     "unnormalized_heights" and "unnormalized_derivatives": a bijector.Part with
//     autoregressive.Spline of the one feature, whose net sees nothing.
//   - AutoregressiveRationalQuadraticSpline has "flows.<k>.mprqat.autoregressive_net",
//     and LULinearPermute "flows.<k>.permutation" and "flows.<k>.linear": see NFlows.
//   - Permute has "flows.<k>.perm" and its inverse "flows.<k>.inv_perm", data is
//     z[:, perm], or is a swap without a trace: data is the features from
//     floor(d/2) on, and then the first.
//   - ActNorm has "flows.<k>.s" and "flows.<k>.t" (1, d), data is z*exp(s) + t,
//     and "flows.<k>.data_dep_init_done", which must be 1.
//   - DiagGaussian has "q0.loc" and "q0.log_scale" (1, d). It is a learned
//     distribution.Normal here.
//   - Tensors of the target density, "p." and any name, are left unread.
//
// Some settings leave no trace, and their state would be read as another flow:
// the coupling's scale_map other than "exp" and split_mode other than "channel",
// and the MLP's output_fn. They have no mapping. Its leaky=0.01 is the activation
// "leaky_relu".
func NormFlows[T bijector.Float](s *State, o NormFlowsOptions) (*flow.Flow[T], error) {
	r, err := newReader[T](s)
	if err != nil {
		return nil, err
	}
	if o.TailBound == 0 {
		o.TailBound = 3
	}
	if o.Activation, err = r.activation(o.Activation); err != nil {
		return nil, err
	}
	loc, err := r.floats("q0.loc", 1, anySize)
	if err != nil {
		return nil, err
	}
	dim := len(loc)
	logScale, err := r.floats("q0.log_scale", 1, dim)
	if err != nil {
		return nil, err
	}
	n, err := normflowsCount(r, o.Flows)
	if err != nil {
		return nil, err
	}
	var layers []bijector.Layer[T]
	for k := n - 1; k >= 0; k-- {
		some, err := normflowsLayers[T](r, fmt.Sprintf("flows.%d.", k), dim, o)
		if err != nil {
			return nil, err
		}
		layers = append(layers, some...)
	}
	base, err := distribution.NewNormal[T](distribution.NormalSpec{Dim: dim, Learned: true})
	if err != nil {
		return nil, fmt.Errorf("torch: %w", err)
	}
	convert(base.Params()[0].Data, loc)
	convert(base.Params()[1].Data, logScale)
	r.ignoreUnder("p.")
	return newFlow[T](r, layers, base)
}

// maxFlows bounds the swaps that a number in a name can ask for.
const maxFlows = 1 << 12

// normflowsCount is the number of flows, with those without a trace.
func normflowsCount(r *reader, want int) (int, error) {
	if want < 0 || want > maxFlows {
		return 0, fmt.Errorf("torch: %d flows, want 1 to %d, or 0 to count them: %w", want, maxFlows, bijector.ErrSpec)
	}
	limit := want
	if want == 0 {
		limit = maxFlows
	}
	last := -1
	for name := range r.state.tensors {
		number, _, _ := strings.Cut(strings.TrimPrefix(name, "flows."), ".")
		k, err := strconv.Atoi(number)
		if err != nil || k < 0 {
			continue // none of these; if it is no other's, done refuses it
		}
		if k >= limit {
			return 0, r.errorf(name, ErrUnexpected, "want fewer than %d flows", limit)
		}
		last = max(last, k)
	}
	if want != 0 {
		return want, nil
	}
	missing := false
	for k := range last {
		missing = missing || !r.hasPrefix(fmt.Sprintf("flows.%d.", k))
	}
	// A loop that appends a coupling and a swap ends with a swap.
	if missing && r.hasPrefix(fmt.Sprintf("flows.%d.flows.", last)) {
		return last + 2, nil
	}
	return max(last, 0) + 1, nil
}

// normflowsLayers reads a flow, which is one layer or two.
func normflowsLayers[T bijector.Float](r *reader, at string, d int, o NormFlowsOptions) ([]bijector.Layer[T], error) {
	var l bijector.Layer[T]
	var err error
	switch {
	case r.hasPrefix(at + "linear."):
		return normflowsLU[T](r, at, d)
	case r.has(at + "b"):
		l, err = normflowsMasked[T](r, at, d, o.Activation)
	case r.hasPrefix(at + "mprqat."):
		l, err = normflowsSplines[T](r, at+"mprqat.", d, o)
	case r.hasPrefix(at + "prqct."):
		return normflowsCoupled[T](r, at+"prqct.", d, o)
	default:
		l, err = normflowsLayer[T](r, at, d, o.Activation)
	}
	return []bijector.Layer[T]{l}, err
}

func normflowsLayer[T bijector.Float](r *reader, at string, d int, activation string) (bijector.Layer[T], error) {
	switch {
	case r.has(at + "perm"):
		if _, err := r.permutation(at+"perm", at+"inv_perm", d); err != nil {
			return nil, err
		}
		// Data is z[perm], so z is data[inv_perm].
		inverse, err := r.indices(at+"inv_perm", d, d)
		if err != nil {
			return nil, err
		}
		return permute[T](inverse)
	case r.has(at + "s"):
		return normflowsActNorm[T](r, at, d)
	case r.hasPrefix(at) || at == "flows.0." && !r.hasPrefix("flows."): // without any, say which is missing
		return normflowsCoupling[T](r, at+"flows.1.param_map.net.", d, activation)
	}
	up := (d + 1) / 2 // data is z[d/2:], z[:d/2]: z is its last d/2, then the first
	return permute[T](append(intRange(up, d), intRange(0, up)...))
}

func normflowsCoupling[T bijector.Float](r *reader, at string, d int, activation string) (bijector.Layer[T], error) {
	net, err := r.perceptron(at, true)
	if err != nil {
		return nil, err
	}
	kept := (d + 1) / 2
	m := d - kept
	first, last := net[0], net[len(net)-1]
	if first.in != kept {
		return nil, r.widthError(first, "%d inputs, the first half of %d features", kept, d)
	}
	mask := maskOf(d, intRange(0, kept))
	switch last.out {
	case m:
		// z = x - t: the same coupling with the other sign of t.
		negate(&net[len(net)-1])
		return coupling.NewAdditiveWith(coupling.AdditiveSpec{Dim: d, Mask: mask}, mlpFrom[T](net, activation))
	case 2 * m:
		reorderNet(net, intRange(0, kept), append(everySecond(1, 2*m), everySecond(0, 2*m)...))
		return coupling.NewAffineWith(coupling.AffineSpec{Dim: d, Mask: mask, Scale: "exp", Reverse: true}, mlpFrom[T](net, activation))
	default:
		return nil, r.widthError(last, "%d outputs, shift and scale of %d moved features, or %d, the shifts alone", 2*m, m, m)
	}
}

// normflowsActNorm: data is z*exp(s) + t, so that z = exp(-s)*x - t*exp(-s).
func normflowsActNorm[T bijector.Float](r *reader, at string, d int) (bijector.Layer[T], error) {
	s, err := r.floats(at+"s", 1, d)
	if err != nil {
		return nil, err
	}
	t, err := r.floats(at+"t", 1, d)
	if err != nil {
		return nil, err
	}
	started, err := r.floats(at + "data_dep_init_done")
	if err != nil {
		return nil, err
	}
	r.fix(at + "data_dep_init_done")
	if started[0] != 1 {
		return nil, r.errorf(at+"data_dep_init_done", bijector.ErrSpec, "is %v: the layer starts from its first batch and has seen none", started[0])
	}
	l, err := bijector.NewActNorm[T](bijector.ActNormSpec{Dim: d})
	if err != nil {
		return nil, fmt.Errorf("torch: %w", err)
	}
	params := l.Params()
	for i, v := range s {
		params[0].Data[i], params[1].Data[i] = T(-v), T(-t[i]*math.Exp(-v))
	}
	l.Buffers()[0].Data.([]int64)[0] = 1
	return l, nil
}
