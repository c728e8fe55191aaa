// FlowJAX's coupling and masked autoregressive flows: the layers of a Scan, whose
// arrays have the layers for their first axis.

package torch

import (
	"cmp"
	"fmt"
	"math"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/flow"
)

// FlowJAXOptions says what the arrays of a FlowJAX flow do not.
type FlowJAXOptions struct {
	// Activation of the networks: "relu" (jax.nn.relu, FlowJAX's default), "tanh" or another of coupling.MLPSpec's. The
	// arrays do not say it: it is required where the file has no proof rows, see Load.
	Activation string
	// MinScale is the least scale of affine transformers; 0 means 1e-2, as where none
	// is given. Affine() has none: give 1e-30.
	MinScale float64
	// Interval is that of RationalQuadraticSpline, from -Interval to Interval, which
	// splines require.
	Interval float64
	// MinWidth and MinDerivative are those of the splines; 0 means 1e-3, the default.
	MinWidth, MinDerivative float64
}

// FlowJAX makes a flow of the arrays of a flowjax.flows.coupling_flow or
// masked_autoregressive_flow with affine or rational-quadratic transformers, which
// export_flowjax.py writes by their paths, over a Normal or StandardNormal.
//
//   - ".bijection.bijection.bijection." are the layers, or with invert=False
//     ".bijection.bijection.", in chains with a permutation: "bijections[0]." and
//     "bijections[1].permutation[0]", or for two features a Flip, which has no arrays.
//     What is left of the name has one array for all layers, of which the first axis
//     counts them.
//   - A coupling keeps the first half of the features, rounded down. Its network
//     "conditioner.layers[<k>]." sees these and then the condition, and gives for each
//     moved feature its parameters in turn.
//   - A masked layer has "masked_autoregressive_mlp.layers[<k>].bias" and
//     "weight.args[0]", the mask, and "weight.args[1]". It sees the features and then
//     the condition. Hidden units are sorted and widened as [Zuko]'s are.
//   - "transformer_constructor." has what is added to the outputs: "loc" and
//     "scale.args[0]", for z = x*(softplus(s) + MinScale) + b, the scale "softplus"
//     here; or "x_pos.arr", "y_pos.arr" and "derivatives.args[0]" of splines, with
//     FreeEnds here.
//   - Normal has "loc" and "scale.args[0]" behind ".base_dist.bijection.", in front of
//     softplus, and is a learned distribution.Normal; with ".tree" in the names it was
//     made non_trainable, and stays as it is.
//
// Layers of invert=False are the inverses: of affine couplings by AffineSpec.Reverse,
// of others by bijector.Invert, which scores and draws, but does not train on data.
// Planar, triangular spline and block neural autoregressive flows have no mapping.
func FlowJAX[T bijector.Float](s *State, o FlowJAXOptions) (*flow.Flow[T], error) {
	r, err := newReader[T](s)
	if err != nil {
		return nil, err
	}
	if o.Activation, err = r.activation(o.Activation); err != nil {
		return nil, err
	}
	o.MinScale, o.MinWidth, o.MinDerivative = cmp.Or(o.MinScale, 1e-2), cmp.Or(o.MinWidth, 1e-3), cmp.Or(o.MinDerivative, 1e-3)
	m, err := newFlowJAXScan(r)
	if err != nil {
		return nil, err
	}
	t, err := newFlowJAXTransformer(r, m.at+"transformer_constructor.", o)
	if err != nil {
		return nil, err
	}
	var layers []bijector.Layer[T]
	for k := range m.layers {
		some, dim, err := flowjaxLayers[T](r.flowjaxLayer(m, k), m, t)
		if err != nil {
			return nil, err
		}
		if m.dim = dim; m.inverted {
			layers = append(layers, some...)
		} else { // from data to latent, the last comes first
			layers = append(some, layers...)
		}
	}
	base, err := flowjaxBase[T](r, m.dim)
	if err != nil {
		return nil, err
	}
	return newFlow(r, layers, base)
}

// flowjaxScan is where the layers are, and what they are.
type flowjaxScan struct {
	scan, at string // of all arrays of a layer, and of its coupling or masked transform
	inverted bool   // invert=True: from data to latent, the layers are in their order
	chained  bool   // each has a permutation
	masked   bool
	layers   int
	dim      int
}

func newFlowJAXScan(r *reader) (m flowjaxScan, err error) {
	m.scan = ".bijection.bijection."
	if m.inverted = r.hasPrefix(m.scan + "bijection."); m.inverted {
		m.scan += "bijection."
	}
	m.at = m.scan
	if m.chained = r.hasPrefix(m.scan + "bijections[0]."); m.chained {
		m.at += "bijections[0]."
	}
	first := m.at + "conditioner.layers[0].weight"
	if m.masked = r.hasPrefix(m.at + "masked_autoregressive_mlp."); m.masked {
		first = m.at + "masked_autoregressive_mlp.layers[0].weight.args[1]"
	}
	v, err := r.take(first, anySize, anySize, anySize)
	if err != nil {
		return m, err
	}
	if m.layers = v.shape[0]; m.layers > maxFlows {
		return m, r.errorf(first, bijector.ErrShape, "%v, want up to %d layers", v.shape, maxFlows)
	}
	return m, nil
}

// flowjaxLayer is a reader of the arrays of layer k alone, without their first axis.
func (r *reader) flowjaxLayer(m flowjaxScan, k int) *reader {
	one := &State{tensors: map[string]values{}, prefix: r.state.prefix}
	for name, v := range r.state.tensors {
		if len(v.shape) > 0 && v.shape[0] == m.layers {
			v = values{v.shape[1:], nth(v.data, k, m.layers), v.single}
		} else {
			v.data = nil // of no layer
		}
		one.tensors[name] = v
	}
	return &reader{state: one, taken: r.taken, limit: r.limit}
}

// nth is the k-th of n equal parts of a tensor's values.
func nth(data any, k, n int) any {
	switch d := data.(type) {
	case []float64:
		return d[k*(len(d)/n):][:len(d)/n]
	case []int64:
		return d[k*(len(d)/n):][:len(d)/n]
	case []bool:
		return d[k*(len(d)/n):][:len(d)/n]
	}
	return data
}

// flowjaxBase takes the base distribution. That of StandardNormal has no arrays.
func flowjaxBase[T bijector.Float](r *reader, dim int) (distribution.Base[T], error) {
	const at = ".base_dist.bijection."
	if !r.hasPrefix(".base_dist.") {
		return newNormal[T](dim, nil, nil)
	}
	fixed := ""
	if r.has(at + "loc.tree") {
		fixed = ".tree"
	}
	loc, err := r.floats(at+"loc"+fixed, dim)
	if err != nil {
		return nil, err
	}
	raw, err := r.floats(at+"scale.args[0]"+fixed, dim)
	if err != nil {
		return nil, err
	}
	logScale := make([]float64, dim)
	for j, v := range raw {
		logScale[j] = logSoftplus(v)
	}
	if fixed == "" {
		return newLearnedNormal[T](loc, logScale)
	}
	for j, v := range logScale {
		logScale[j] = math.Exp(v)
	}
	return newNormal[T](dim, loc, logScale)
}

// logSoftplus is log(log(1 + exp(v))), which is v where exp(v) is less than rounding.
func logSoftplus(v float64) float64 {
	if v < -40 {
		return v
	}
	return math.Log(max(v, 0) + math.Log1p(math.Exp(-math.Abs(v))))
}

// newLearnedNormal is a base distribution that is trained along.
func newLearnedNormal[T bijector.Float](loc, logScale []float64) (distribution.Base[T], error) {
	base, err := distribution.NewNormal[T](distribution.NormalSpec{Dim: len(loc), Learned: true})
	if err != nil {
		return nil, fmt.Errorf("torch: %w", err)
	}
	convert(base.Params()[0].Data, loc)
	convert(base.Params()[1].Data, logScale)
	return base, nil
}
