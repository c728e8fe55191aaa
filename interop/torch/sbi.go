// sbi's density estimators: flows of nflows and of zuko behind a standardisation of
// what they model, and an embedding of what they condition on.

package torch

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/coupling"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/flow"
)

// SBIOptions says what the state of a density estimator of sbi does not.
type SBIOptions struct {
	// Activation of the conditioners: "" is that of sbi's builders, "tanh" for maf and
	// maf_rqs and "relu" for nsf. Those of zuko may have any, and it is required where
	// the file has no proof rows, see Load.
	Activation string
	// EmbeddingActivation is that of the embedding network, "relu" (nn.ReLU, the
	// default of FCEmbedding) or "tanh", and likewise required where there is one.
	EmbeddingActivation string
	// TailBound is the tail_bound of nsf and maf_rqs; 0 means 3, as in sbi.
	TailBound float64
	// Class is "NSF" where the estimator is zuko_nsf, and Slope the least slope of one of
	// zuko: see ZukoOptions.
	Class string
	Slope float64
}

// SBI makes a flow of the state of a density estimator that sbi trained by NPE or
// NLE: the estimator itself, not the posterior around it, with density_estimator
// "maf", "nsf", "maf_rqs", "zuko_maf" or "zuko_nsf". By NPE the flow is the density of parameters, and its context the data; by NLE it is
// the other way around.
//
//   - "net._transform" is a flow of nflows, see NFlows. It begins with "_shift" and
//     "_scale" (d, or one for all) for z = x*scale + shift, where z_score_theta is not
//     "none". Its couplings have gated blocks, with "context_layer": see
//     coupling.ResidualSpec. That of a lone feature sees the context alone, by the
//     perceptron "transform_net.spline_predictor".
//   - "net.transform" and "net.base" are a flow of zuko, see Zuko, which begins with
//     "loc" and "scale" likewise.
//   - "_embedding_net", below "net." or not, becomes the flow's embedding. It begins
//     with "0._mean" and "0._std", for (c - mean) / std, where z_score_x is not
//     "none". What follows is nothing, an FCEmbedding without layer norm, which ends
//     in its activation, or a torch.nn.Sequential of linear layers and activations in
//     turns. Convolutional and other embeddings have no mapping.
//
// The bounds of a prior are no part of an estimator.
func SBI[T bijector.Float](s *State, o SBIOptions) (*flow.Flow[T], error) {
	if o.TailBound == 0 {
		o.TailBound = 3
	}
	r, err := newReader[T](s)
	if err != nil {
		return nil, err
	}
	at := "net."
	if r.hasPrefix("_transform.") { // older versions have the flow of nflows itself
		at = ""
	}
	embedding := at + "_embedding_net."
	var layers []bijector.Layer[T]
	var base distribution.Base[T]
	if r.hasPrefix(at + "transform.") {
		embedding = "_embedding_net."
		layers, base, err = zukoParts[T](r, at, ZukoOptions{Activation: o.Activation, Class: o.Class, Slope: o.Slope})
	} else {
		o.Activation = cmp.Or(o.Activation, s.exported.options.Activation)
		if o.Activation == "" && (r.hasPrefix(at+"_transform._transforms.0.autoregressive_net.") || r.hasPrefix(at+"_transform._transforms.1.autoregressive_net.")) {
			o.Activation = "tanh"
		}
		layers, base, err = nflowsParts[T](r, at, NFlowsOptions{Activation: cmp.Or(o.Activation, "relu"), TailBound: o.TailBound})
	}
	if err != nil {
		return nil, err
	}
	width := 0
	for _, l := range layers {
		width = max(width, l.ContextDim())
	}
	net, err := sbiEmbedding[T](r, embedding, width, o.EmbeddingActivation)
	if err != nil {
		return nil, err
	}
	return newFlowWithEmbedding(r, layers, base, net)
}

// sbiEmbedding reads what contexts of the flow come from, width of them, at the names
// that begin with at: nil for contexts as they are.
func sbiEmbedding[T bijector.Float](r *reader, at string, width int, activation string) (bijector.Network[T], error) {
	standardised, inner := r.has(at+"0._mean") || r.has(at+"0._std"), at
	if standardised {
		inner += "1."
	}
	net, err := sbiPerceptron[T](r, inner, activation)
	if err != nil || !standardised {
		return net, err
	}
	if net != nil {
		width = net.In()
	}
	mean, err := r.repeated(at+"0._mean", width)
	if err != nil {
		return nil, err
	}
	deviation, err := r.repeated(at+"0._std", width)
	if err != nil {
		return nil, err
	}
	for i, v := range deviation {
		if !(v > 0) {
			return nil, r.errorf(at+"0._std", bijector.ErrSpec, "value %d is %v, want a positive deviation", i, v)
		}
	}
	standardise, err := bijector.NewStandardizeContext[T](bijector.StandardizeContextSpec{Dim: width})
	if err != nil {
		return nil, fmt.Errorf("torch: %w", err)
	}
	setMoments(standardise.Buffers(), mean, deviation)
	if net == nil {
		return standardise, nil
	}
	return coupling.NewSequential[T](standardise, net)
}

// sbiPerceptron reads an FCEmbedding, whose last layer has an activation behind it and
// here one more behind that, of ones on the diagonal; or linear layers with activations
// between them. It is nil where there are neither.
func sbiPerceptron[T bijector.Float](r *reader, at, activation string) (bijector.Network[T], error) {
	var net []linearLayer
	read := func(prefix string, step int) error {
		in := anySize
		for i := 0; i == 0 || r.has(fmt.Sprintf("%s%d.weight", prefix, i)); i += step {
			l, err := r.linear(fmt.Sprint(prefix, i), in, anySize, true)
			if err != nil {
				return err
			}
			net, in = append(net, l), l.out
		}
		return nil
	}
	switch {
	case r.hasPrefix(at + "net."):
		if err := read(at+"net.", 3); err != nil { // a layer, a norm or nothing, an activation
			return nil, err
		}
		n := net[len(net)-1].out
		same := linearLayer{name: net[len(net)-1].name, in: n, out: n, w: make([]float64, n*n), b: make([]float64, n)}
		for i := range n {
			same.w[i*n+i] = 1
		}
		net = append(net, same)
	case r.has(at + "0.weight"):
		if err := read(at, 2); err != nil {
			return nil, err
		}
	default:
		return nil, nil
	}
	e := r.state.exported
	if activation = cmp.Or(activation, e.options.EmbeddingActivation); activation == "" && e.proof == nil {
		return nil, fmt.Errorf(`torch: a state_dict does not say the activation of its embedding network; set EmbeddingActivation to "relu", "tanh" or what else the model has, or write the file with export.py: %w`, bijector.ErrSpec)
	}
	return mlpFrom[T](net, cmp.Or(activation, "relu"))(net[0].in, net[len(net)-1].out)
}

// repeated takes a vector of n numbers, or one number for all.
func (r *reader) repeated(name string, n int) ([]float64, error) {
	v, ok := r.state.tensors[name]
	if !ok || len(v.shape) > 0 {
		return r.floats(name, n)
	}
	one, err := r.floats(name)
	if err != nil {
		return nil, err
	}
	return slices.Repeat(one, max(n, 1)), nil
}

// standardize reads z = x*scale + shift of dim features, as the prefixes of sbi's flows
// have it.
func standardize[T bijector.Float](r *reader, shift, scale string, dim int) (bijector.Layer[T], error) {
	shifts, err := r.repeated(shift, dim)
	if err != nil {
		return nil, err
	}
	scales, err := r.repeated(scale, dim)
	if err != nil {
		return nil, err
	}
	mean, deviation := make([]float64, len(scales)), make([]float64, len(scales))
	for i, v := range scales {
		if !(v > 0) {
			return nil, r.errorf(scale, bijector.ErrSpec, "value %d is %v, want a positive scale", i, v)
		}
		mean[i], deviation[i] = -shifts[i]/v, 1/v
	}
	l, err := bijector.NewStandardize[T](bijector.StandardizeSpec{Dim: len(scales)})
	if err != nil {
		return nil, fmt.Errorf("torch: %w", err)
	}
	setMoments(l.Buffers(), mean, deviation)
	return l, nil
}

// setMoments sets what a standardisation takes from its first data, so that training
// leaves it.
func setMoments(buffers []bijector.Buffer, mean, deviation []float64) {
	copy(buffers[0].Data.([]float64), mean)
	copy(buffers[1].Data.([]float64), deviation)
	buffers[2].Data.([]int64)[0] = 1
}
