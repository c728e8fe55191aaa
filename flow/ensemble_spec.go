// The ensemble as a model file sees it.

package flow

import (
	"fmt"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/nilcheck"
	"github.com/bijou-flow/bijou/internal/rows"
)

// EnsembleSpec describes an Ensemble by its flows.
type EnsembleSpec struct {
	Flows []bijector.NamedSpec `json:"flows"`
	Mixing
}

// EnsembleBuilder makes flows from their specs. The registry implements it.
type EnsembleBuilder[T bijector.Float] interface {
	Flow(bijector.NamedSpec) (*Flow[T], error)
}

// BuildEnsemble makes an Ensemble from its spec, with errors that name the
// flow.
func BuildEnsemble[T bijector.Float](s EnsembleSpec, b EnsembleBuilder[T]) (*Ensemble[T], error) {
	if nilcheck.IsNil(b) {
		return nil, fmt.Errorf("flow: an ensemble without a builder of its flows: %w", bijector.ErrSpec)
	}
	flows := make([]*Flow[T], len(s.Flows))
	for k, n := range s.Flows {
		f, err := b.Flow(n)
		if err != nil {
			return nil, fmt.Errorf("flow %d: %w", k, err)
		}
		flows[k] = f
	}
	return NewEnsemble(s.Mixing, flows...)
}

// Spec is the EnsembleSpec of the flows.
func (e *Ensemble[T]) Spec() any {
	s := EnsembleSpec{Mixing: e.mixing.clone()}
	for _, f := range e.flows {
		s.Flows = append(s.Flows, bijector.NamedSpecOf[T](f))
	}
	return s
}

// Params are the flows' behind "0.", "1." and so on, and the "logits" of
// learned weights.
func (e *Ensemble[T]) Params() []bijector.Param[T] {
	all := e.children.Params()
	if e.logits != nil {
		all = append(all, bijector.Param[T]{Name: "logits", Shape: []int{len(e.logits)}, Data: e.logits, NoDecay: true})
	}
	return all
}

// Buffers are named like Params.
func (e *Ensemble[T]) Buffers() []bijector.Buffer { return e.children.Buffers() }

// Invalidate tells the flows that their state was written to.
func (e *Ensemble[T]) Invalidate() { e.children.Invalidate() }

// Validate returns nil where the state of every flow, and of the weights, is
// usable: a model file is asked after it was read.
func (e *Ensemble[T]) Validate() error {
	for k, f := range e.flows {
		if err := f.Validate(); err != nil {
			return fmt.Errorf("flow %d: %w", k, err)
		}
	}
	for k, v := range e.logits {
		if !rows.IsFinite(v) {
			return fmt.Errorf("flow: the logit of weight %d is %v: %w", k, v, bijector.ErrNonFinite)
		}
	}
	return nil
}

var (
	_ bijector.Objective[float32]          = (*Ensemble[float32])(nil)
	_ bijector.Stateful[float32]           = (*Ensemble[float32])(nil)
	_ bijector.WeightedCalibrator[float32] = (*Ensemble[float32])(nil)
	_ bijector.Invalidator                 = (*Ensemble[float32])(nil)
)
