// nflows' masked autoregressive transforms, whose networks are of blocks.

package torch

import (
	"fmt"

	"github.com/bijou-flow/bijou/autoregressive"
	"github.com/bijou-flow/bijou/bijector"
)

// madeBlocks are the parts of an nflows MADE, sorted as autoregressive.NewBlocks
// has them.
type madeBlocks struct {
	of              autoregressive.BlocksOf
	context         int
	layers          []linearLayer // in the order of Params
	features, width int
	params          int // outputs of a feature
}

// nflowsMADE reads the network at of d features: "initial_layer", "context_layer",
// "blocks.<k>.linear_layers.<0, 1>" and "blocks.<k>.context_layer", or
// "blocks.<k>.linear", and "final_layer", with weights, biases, masks and degrees.
func (r *reader) nflowsMADE(at string, d int) (*madeBlocks, error) {
	initial, err := r.nflowsMasked(at+"initial_layer", d, d, anySize)
	if err != nil {
		return nil, err
	}
	m := &madeBlocks{features: initial.in, width: initial.out}
	m.of.Plain = r.has(at + "blocks.0.linear.weight")
	var context *linearLayer
	if r.hasPrefix(at + "context_layer.") {
		l, err := r.linear(at+"context_layer", anySize, m.width, true)
		if err != nil {
			return nil, err
		}
		context, m.context = &l, l.in
	}
	// All hidden layers have the degrees of the first: a residual block adds to what
	// it reads.
	degrees, least := initial.degreesOf(degreesOfInputs(0, m.features)), leastDegree(m.context, m.features)
	slots, err := r.slots(initial.linearLayer, degrees, least, m.features)
	if err != nil {
		return nil, err
	}
	hidden := func(name string) (linearLayer, error) {
		l, err := r.nflowsMasked(name, m.features, m.width, m.width)
		if err != nil {
			return linearLayer{}, err
		}
		for i, of := range l.degreesOf(degrees) {
			if of > degrees[i] {
				return linearLayer{}, r.errorf(name+".mask", bijector.ErrSpec, "unit %d sees units of degree %d, want %d at most, what it sees in the first layer", i, of, degrees[i])
			}
		}
		return l.linearLayer.columns(slots).rows(slots), nil
	}
	m.layers = append(m.layers, initial.linearLayer.rows(slots))
	if context != nil {
		m.layers = append(m.layers, context.rows(slots))
	}
	for k := 0; k == 0 || r.hasPrefix(fmt.Sprint(at, "blocks.", k, ".")); k++ {
		m.of.Number++
		block := fmt.Sprint(at, "blocks.", k, ".")
		if m.of.Plain {
			l, err := hidden(block + "linear")
			if err != nil {
				return nil, err
			}
			m.layers = append(m.layers, l)
			continue
		}
		first, err := hidden(block + "linear_layers.0")
		if err != nil {
			return nil, err
		}
		second, err := hidden(block + "linear_layers.1")
		if err != nil {
			return nil, err
		}
		m.layers = append(m.layers, first)
		if context != nil {
			l, err := r.linear(block+"context_layer", m.context, m.width, true)
			if err != nil {
				return nil, err
			}
			l = l.rows(slots)
			for i, v := range l.b { // the layer before adds it here
				m.layers[len(m.layers)-1].b[i] += v
			}
			l.b = nil
			m.layers = append(m.layers, l)
		}
		m.layers = append(m.layers, second)
	}
	final, err := r.nflowsMasked(at+"final_layer", m.features, m.width, anySize)
	if err != nil {
		return nil, err
	}
	if m.params = final.out / m.features; final.out != m.params*m.features {
		return nil, r.widthError(final.linearLayer, "a multiple of %d outputs, one for each feature", m.features)
	}
	final = final.columns(slots).rows(parametersOf(intRange(0, m.features), m.params, intRange(0, m.params)))
	if err := r.checkOutputs(final, pick(degrees, slots), 0, m.features); err != nil {
		return nil, err
	}
	m.of.Hidden = len(slots)
	m.layers = append(m.layers, final.linearLayer)
	return m, nil
}

// nflowsMasked takes a masked layer of a network of d features, and the degrees of
// its outputs, which its mask says too.
func (r *reader) nflowsMasked(name string, d, in, out int) (maskedLayer, error) {
	l, err := r.masked(name, in, out)
	if err != nil {
		return l, err
	}
	if d == anySize {
		d = l.in
	}
	_, err = r.integers(name+".degrees", l.out, 0, d)
	return l, err
}

// copyBlocks sets the parameters of a layer's net of blocks. That of a lone feature
// has no weight in its first layer.
func copyBlocks[T bijector.Float](params []bijector.Param[T], m *madeBlocks) error {
	values := make([][]float64, 0, len(params))
	for _, l := range m.layers {
		values = append(values, l.w)
		if l.b != nil {
			values = append(values, l.b)
		}
	}
	if m.features == 1 {
		values = values[1:]
	}
	for i, v := range values {
		if len(params[i].Data) != len(v) {
			return fmt.Errorf("torch: %s of shape %v gets %d values: %w", params[i].Name, params[i].Shape, len(v), bijector.ErrShape)
		}
		convert(params[i].Data, v)
	}
	return nil
}

// nflowsAutoregressive reads a MaskedAffineAutoregressiveTransform or a
// MaskedPiecewiseRationalQuadraticAutoregressiveTransform with tails="linear".
func nflowsAutoregressive[T bijector.Float](r *reader, at string, d int, o NFlowsOptions) (bijector.Layer[T], error) {
	m, err := r.nflowsMADE(at+"autoregressive_net.", d)
	if err != nil {
		return nil, err
	}
	last := &m.layers[len(m.layers)-1]
	var l parametricLayer[T]
	switch bins := (m.params + 1) / 3; {
	case m.params == 2:
		l, err = autoregressive.NewAffine[T](autoregressive.AffineSpec{
			Dim: m.features, ContextDim: m.context, Scale: "softplus", Clamp: nflowsFloor, Blocks: &m.of, Activation: o.Activation,
		})
	case m.params == 3*bins-1 && bins >= 2:
		nflowsKnots(last, bins, m.features, 1)
		l, err = autoregressive.NewSpline[T](autoregressive.SplineSpec{
			Dim: m.features, ContextDim: m.context, Bins: bins, Bound: o.TailBound, Blocks: &m.of, Activation: o.Activation,
		})
	default:
		return nil, r.widthError(*last, "2 outputs for each of %d features, scale and shift, or 3K-1, splines of K bins with tails=\"linear\"", m.features)
	}
	if err != nil {
		return nil, err
	}
	return l, copyBlocks(l.Params(), m)
}
