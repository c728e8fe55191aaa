// Ensemble: a mixture of flows, as its user meets it.

package flow

import (
	"fmt"
	"math"
	"strconv"

	"gonum.org/v1/gonum/floats"
	"gorgonia.org/tensor"

	"github.com/bijou-flow/bijou/bijector"
)

// Ensemble is a mixture of K flows over the same features,
//
//	log p(x) = log sum_k w_k p_k(x),
//
// with weights w that are fixed or learned. The flows may have been trained
// apart, which makes a smoother density of models that err in different ways,
// or be trained together, as the bijector.Objective that the Ensemble is: each
// row then pulls at each flow as much as that flow is responsible for it,
// r_k = w_k p_k(x) / p(x), as in expectation maximisation (Dempster, Laird and
// Rubin 1977), and the flows share the data out among themselves. A flow is
// one connected piece, and a mixture of them can have gaps.
//
// Scoring costs what the flows cost together; a draw is one flow's. Flows that
// are conditional see the same context; others beside them ignore it.
//
// An Ensemble may be used by several goroutines at once while nobody trains
// it.
type Ensemble[T bijector.Float] struct {
	*ensembleParts[T]
	densityModel[T]
}

// ensembleParts is what an ensemble is made of.
type ensembleParts[T bijector.Float] struct {
	flows           []*Flow[T]
	children        bijector.Children[T] // the flows, numbered
	mixing          Mixing
	logits          []T       // learned
	fixedLogWeights []float64 // log-weights that are not
}

// Mixing is how much each flow of an Ensemble counts.
type Mixing struct {
	// Weights are positive, one a flow, and need not sum to one. Empty means
	// equal ones.
	Weights []float64 `json:"weights,omitempty"`
	// Learned makes the weights parameters, which start there.
	Learned bool `json:"learned,omitempty"`
}

func (m Mixing) clone() Mixing {
	m.Weights = append([]float64(nil), m.Weights...)
	return m
}

// NewEnsemble returns the mixture of flows. Contexts and temperatures that are
// bound to them do not count. It returns an error where the flows do not agree
// on features or context features, where two share parameters, and where the
// weights are no weights.
func NewEnsemble[T bijector.Float](mixing Mixing, flows ...*Flow[T]) (*Ensemble[T], error) {
	if len(flows) == 0 {
		return nil, fmt.Errorf("flow: an ensemble of no flows, want at least one: %w", bijector.ErrSpec)
	}
	m := &ensembleParts[T]{mixing: mixing.clone()}
	dim, contextDim := 0, 0
	owner := map[*T]int{}
	for k, f := range flows {
		if f == nil {
			return nil, fmt.Errorf("flow: flow %d of the ensemble is nil: %w", k, bijector.ErrSpec)
		}
		if k == 0 {
			dim = f.dim
		}
		if f.dim != dim {
			return nil, fmt.Errorf("flow: flow %d of the ensemble has %d features, those before it %d, want the same number: %w", k, f.dim, dim, bijector.ErrShape)
		}
		if c := f.contextDim; c > 0 {
			if contextDim > 0 && c != contextDim {
				return nil, fmt.Errorf("flow: flow %d of the ensemble takes %d context features, one before it %d, want the same number: %w: %w", k, c, contextDim, bijector.ErrContext, bijector.ErrShape)
			}
			contextDim = c
		}
		for _, p := range f.Params() {
			if len(p.Data) == 0 {
				continue
			}
			if other, taken := owner[&p.Data[0]]; taken {
				return nil, fmt.Errorf("flow: flows %d and %d of the ensemble share the parameter %q; make a second one: %w", other, k, p.Name, bijector.ErrSpec)
			}
			owner[&p.Data[0]] = k
		}
		f = f.Given(nil).WithTemperature(1).WithRedraws(0)
		m.flows = append(m.flows, f)
		m.children = append(m.children, bijector.Child{Name: strconv.Itoa(k), Part: f})
	}
	if err := m.setWeights(); err != nil {
		return nil, err
	}
	return &Ensemble[T]{m, newDensity(dim, contextDim, func() session[T] { return m.newSession(dim, contextDim) })}, nil
}

// setWeights takes the weights from the spec.
func (m *ensembleParts[T]) setWeights() (err error) {
	if m.fixedLogWeights, err = normalizedLogWeights(m.mixing.Weights, len(m.flows), "flow"); err != nil || !m.mixing.Learned {
		return err
	}
	m.logits = make([]T, len(m.fixedLogWeights))
	for k, v := range m.fixedLogWeights {
		m.logits[k] = T(v)
	}
	return nil
}

// logWeights sets dst to log w: the logits, less the logarithm of the sum of
// their exponentials.
func (m *ensembleParts[T]) logWeights(dst []float64) {
	if m.logits == nil {
		copy(dst, m.fixedLogWeights)
		return
	}
	for k, v := range m.logits {
		dst[k] = float64(v)
	}
	floats.AddConst(-floats.LogSumExp(dst), dst)
}

// Weights are the flows' weights, which sum to one.
func (e *Ensemble[T]) Weights() []float64 {
	w := make([]float64, len(e.flows))
	e.logWeights(w)
	for k, v := range w {
		w[k] = math.Exp(v)
	}
	return w
}

// Flows are the members of the mixture.
func (e *Ensemble[T]) Flows() []*Flow[T] { return append([]*Flow[T](nil), e.flows...) }

// Given returns the ensemble under a context, as Flow.Given does a flow.
func (e *Ensemble[T]) Given(context tensor.Tensor) *Ensemble[T] {
	return &Ensemble[T]{e.ensembleParts, e.given(context)}
}

// WithTemperature returns the ensemble with draws at a temperature, as
// Flow.WithTemperature does a flow. It is that of the flows; which of them
// draws is left to the weights.
func (e *Ensemble[T]) WithTemperature(t float64) *Ensemble[T] {
	return &Ensemble[T]{e.ensembleParts, e.withTemperature(t)}
}

// WithRedraws returns the ensemble with further attempts at draws that
// overflow, as Flow.WithRedraws does a flow. They are the same flow's.
func (e *Ensemble[T]) WithRedraws(k int) *Ensemble[T] {
	return &Ensemble[T]{e.ensembleParts, e.withRedraws(k)}
}
