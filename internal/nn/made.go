// Masked perceptrons: outputs that see some of the inputs only.

package nn

import (
	"fmt"
	"math"
	"slices"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/kernel"
)

// MADESpec describes a masked perceptron: see autoregressive.MADESpec, which
// has the same fields.
type MADESpec struct {
	Features, Context, Params int
	Hidden                    []int
	Activation                string
	Seed                      uint64
	OutScale                  float64
}

// Values is the number of values that are saved, masked weights included: see
// registry.Sizer.
func (s MADESpec) Values() float64 {
	return MADEValues(float64(s.Features), float64(s.Context), s.Hidden, float64(s.Params))
}

// MADEValues is MADESpec.Values. A lone feature without a context has no weights
// in the first layer: see MADE.Params.
func MADEValues(features, context float64, hidden []int, params float64) float64 {
	in := features + context
	if in == 1 {
		in = 0
	}
	return PerceptronValues(in, hidden, params*features)
}

// MADE is a masked autoencoder for distribution estimation (Germain et al.
// 2015, arXiv 1502.03509, section 4): a perceptron of D = Features features
// whose outputs for feature j depend on the context and on the features before
// j alone,
//
//	h_1 = a((W_1 * M_1) (context, x) + b_1),  h_l = a((W_l * M_l) h_(l-1) + b_l),
//	y   = (W_L * M_L) h_(L-1) + b_L.
//
// The inputs are the context and then the features in their order; output
// p*D + j is parameter p of feature j.
//
// Every unit has a degree, the number of features it may see: feature j is seen
// from degree j+1 on, a unit sees the units of its own degree and below, and
// the outputs of feature j are of degree j (section 4.2, which numbers outputs
// from 1 and lets them see lower degrees alone). The context has degree 0:
// every unit sees it. Hidden degrees ascend evenly from 1, or with a context or
// a lone feature from 0, to D-1, so that what a unit sees is always the first
// so many units of the layer below. In a layer of fewer units than degrees the
// first and the last have a unit, and outputs whose degree is between those of
// two units do without the features in between; a layer as wide as D at least
// leaves nothing out. Outputs that see no unit at all, those of feature 0
// without a context, are their biases.
//
// Masked weights are 0. They start so, Changed makes them so again whatever was
// written to them, and their gradient is 0, so that no optimiser and no weight
// decay moves them: a pass is an MLP's, at the same cost. The masks follow from
// the spec and are not saved.
type MADE[T bijector.Float] struct {
	*MLP[T]
	spec      MADESpec
	minDegree int   // degree of the first hidden unit
	inputs    []int // how many inputs the first so many features are; nil: one each
}

// NewMADE makes a masked perceptron with weights drawn from the spec's seed.
// It returns ErrSpec for a field out of its range.
func NewMADE[T bijector.Float](s MADESpec) (*MADE[T], error) {
	return NewWideMADE[T](s, nil)
}

// NewWideMADE is NewMADE for features of several inputs each, side by side: the
// widths; nil for one each.
func NewWideMADE[T bijector.Float](s MADESpec, widths []int) (*MADE[T], error) {
	const most = 1 << 20
	if s.Features < 1 || s.Features > most || s.Context < 0 || s.Context > most || s.Params < 1 || s.Params > most {
		return nil, fmt.Errorf("nn: a masked perceptron of %d features with %d of context and %d parameters each, want 1, 0 and 1 at least, and %d at most: %w",
			s.Features, s.Context, s.Params, most, bijector.ErrSpec)
	}
	inputs, in := []int(nil), s.Features
	if widths != nil {
		inputs, in = []int{0}, 0
		for _, w := range widths {
			in += w
			inputs = append(inputs, in)
		}
	}
	mlp, err := NewMLP[T](MLPSpec{
		In: s.Context + in, Out: s.Params * s.Features, Hidden: s.Hidden,
		Activation: s.Activation, Seed: s.Seed, OutScale: s.OutScale,
	})
	if err != nil {
		return nil, err
	}
	s.Hidden = slices.Clone(s.Hidden)
	m := &MADE[T]{MLP: mlp, spec: s, inputs: inputs}
	if s.Context == 0 && s.Features > 1 {
		m.minDegree = 1
	}
	// A unit starts with the spread that an MLP's has, of the inputs it sees.
	for l, layer := range m.layers {
		seen := make([]int, layer.Out)
		for i := range seen {
			if seen[i] = m.visibleInputs(l, m.degree(l, i)); seen[i] > 0 {
				kernel.Scale(layer.W[i*layer.In:(i+1)*layer.In], T(math.Sqrt(float64(layer.In)/float64(seen[i]))))
			}
		}
		layer.mask(seen)
	}
	m.Invalidate()
	return m, nil
}

// degree is that of output i of layer l.
func (m *MADE[T]) degree(l, i int) int {
	if l == len(m.layers)-1 {
		return i % m.spec.Features
	}
	n, units := m.degreeStep(l)
	return m.minDegree + i*n/units
}

// visibleInputs is how many inputs of layer l a unit of degree d sees: for the units of
// a hidden layer below, how many i have degree(l-1, i) <= d.
func (m *MADE[T]) visibleInputs(l, d int) int {
	if l == 0 {
		return m.spec.Context + m.inputsOf(d)
	}
	n, units := m.degreeStep(l - 1)
	return max(0, ((d+1-m.minDegree)*units+n-1)/n)
}

// inputsOf is how many inputs the first d features are.
func (m *MADE[T]) inputsOf(d int) int {
	if m.inputs != nil {
		return m.inputs[d]
	}
	return d
}

// degreeStep says how degrees ascend in hidden layer l: by n in so many units. They
// are shared out evenly, or, where there are fewer units than degrees, such
// that the first and the last unit have the first and the last of them.
func (m *MADE[T]) degreeStep(l int) (n, units int) {
	n, units = m.spec.Features-m.minDegree, m.layers[l].Out
	if 1 < units && units < n {
		return n - 1, units - 1
	}
	return n, units
}

// Spec is the MADESpec.
func (m *MADE[T]) Spec() any { return m.spec }

// Params are the MLP's. A lone feature without a context leaves nothing for the
// first layer to see; there its weights are left out.
func (m *MADE[T]) Params() []bijector.Param[T] { return m.MLP.Params()[m.maskedFirstLayer():] }

// maskedFirstLayer is 1 where the first layer's inputs are all masked.
func (m *MADE[T]) maskedFirstLayer() int {
	if m.spec.Features == 1 && m.spec.Context == 0 {
		return 1
	}
	return 0
}

// Validate returns ErrSpec where a weight that is masked is not 0: the network
// is another without it, and what a file says is not what it holds.
func (m *MADE[T]) Validate() error {
	for l := m.maskedFirstLayer(); l < len(m.layers); l++ {
		layer := m.layers[l]
		for i := range layer.Out {
			if err := checkMasked(layer, fmt.Sprintf("%d.weight", l), i, m.visibleInputs(l, m.degree(l, i))); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkMasked returns ErrSpec where unit i of a layer has a weight for an input
// that it does not see.
func checkMasked[T bijector.Float](layer *Linear[T], tensor string, i, seen int) error {
	for j, v := range layer.W[i*layer.In+seen : (i+1)*layer.In] {
		if v != 0 {
			return fmt.Errorf("nn: %q has %v in row %d and column %d, which the mask keeps at 0: %w", tensor, v, i, seen+j, bijector.ErrSpec)
		}
	}
	return nil
}

// Invalidate masks the weights, and drops the copies of them. Whoever writes to
// Params calls it afterwards.
func (m *MADE[T]) Invalidate() {
	for l, layer := range m.layers {
		for i := range layer.Out {
			clear(layer.W[i*layer.In+m.visibleInputs(l, m.degree(l, i)) : (i+1)*layer.In])
		}
	}
	m.MLP.Invalidate()
}
