// The ensemble as training sees it: an objective, its loss and its gradient.

package flow

import (
	"fmt"
	"math"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/kernel"
)

// Check returns nil where every flow can be trained, and otherwise the error of
// the first that cannot.
func (e *Ensemble[T]) Check() error {
	if err := e.sampleOptions.validate(); err != nil {
		return err
	}
	for k, f := range e.flows {
		if err := f.Check(); err != nil {
			return fmt.Errorf("flow %d: %w", k, err)
		}
	}
	return nil
}

// ensemblePass is what the passes of an ensemble have in common: the log-densities of
// one batch by each flow.
type ensemblePass[T bijector.Float] struct {
	*ensembleParts[T]
	logw []float64
	row  []float64
	logp [][]float64
}

func (m *ensembleParts[T]) newEnsemblePass(o bijector.PassOptions) ensemblePass[T] {
	b := ensemblePass[T]{ensembleParts: m, logw: make([]float64, len(m.flows)), row: make([]float64, len(m.flows))}
	for range m.flows {
		b.logp = append(b.logp, make([]float64, o.MaxBatch))
	}
	return b
}

// MinBatch is the largest of the flows'.
func (e *Ensemble[T]) MinBatch() int {
	least := 1
	for _, f := range e.flows {
		least = max(least, f.MinBatch())
	}
	return least
}

// NewLossPass returns a pass that sets loss[i] = -log p(x_i), in nats, in
// evaluation mode.
func (e *Ensemble[T]) NewLossPass(o bijector.PassOptions) bijector.LossPass[T] {
	p := &ensembleLoss[T]{ensemblePass: e.newEnsemblePass(o)}
	for _, f := range e.flows {
		p.flows = append(p.flows, f.newScorePass(o))
	}
	return p
}

type ensembleLoss[T bijector.Float] struct {
	ensemblePass[T]
	flows []*scorePass[T]
}

func (p *ensembleLoss[T]) Loss(x, cond bijector.Mat[T], loss []float64) {
	for k, f := range p.flows {
		f.logProb(x, cond, p.logp[k][:x.N])
	}
	p.mix(loss)
}

// mix sets the loss of each row, and leaves in logp the responsibilities
//
//	r_k = w_k p_k(x) / p(x) = exp(log w_k + log p_k(x) - log p(x)).
func (b *ensemblePass[T]) mix(loss []float64) {
	b.logWeights(b.logw)
	for i := range loss {
		for k := range b.logp {
			b.row[k] = b.logw[k] + b.logp[k][i]
		}
		total := logSumExp(b.row)
		loss[i] = -total
		for k, v := range b.row {
			b.logp[k][i] = math.Exp(v - total)
		}
	}
}

// NewStepPass returns a pass that sets the same loss in training mode, and
// adds the gradient of its mean. It panics where Check returns an error.
func (e *Ensemble[T]) NewStepPass(o bijector.PassOptions) bijector.StepPass[T] {
	p := &ensembleStep[T]{ensemblePass: e.newEnsemblePass(o), weights: &bijector.BatchWeights{}}
	o = o.WithWeights(p.weights)
	for _, f := range e.flows {
		g := f.newGradPass(o)
		p.flows = append(p.flows, g)
		p.grads = append(p.grads, g.Grads()...)
	}
	if e.logits != nil {
		p.dlogits = make([]T, len(e.logits))
		p.grads = append(p.grads, p.dlogits)
	}
	return p
}

type ensembleStep[T bijector.Float] struct {
	ensemblePass[T]
	weights *bijector.BatchWeights // what the layers see
	flows   []*gradPass[T]
	dlogits []T
	grads   [][]T
}

// Step: with L = -1/n sum_i log sum_k w_k p_k(x_i),
//
//	dL/d log p_k(x_i) = -r_ik / n,
//	dL/d log w_k      = -sum_i r_ik / n,
//
// and, since log w = logits - logsumexp(logits), dL/d logit_k =
// sum_i (w_k - r_ik) / n.
func (p *ensembleStep[T]) Step(x, cond bijector.Mat[T], loss []float64) {
	p.StepWeighted(x, cond, nil, loss)
}

// StepWeighted: each row's part of L, and so of every gradient above, is
// multiplied by its weight v_i; dL/dlogit_k = sum_i v_i (w_k - r_ik) / n. nil
// weights are those of Step.
func (p *ensembleStep[T]) StepWeighted(x, cond bijector.Mat[T], weights, loss []float64) {
	p.weights.Set(weights)
	n, total := float64(x.N), float64(x.N)
	if weights != nil {
		total = kernel.Sum(weights)
	}
	for k, f := range p.flows {
		f.logProb(x, cond, p.logp[k][:x.N])
	}
	p.mix(loss)
	for k, f := range p.flows {
		dlogp, sum := p.logp[k][:x.N], 0.0
		for i, r := range dlogp {
			if weights != nil {
				r *= weights[i]
			}
			sum += r
			dlogp[i] = -r / n
		}
		f.backward(x, cond, dlogp)
		if p.dlogits != nil {
			p.dlogits[k] += T(math.Exp(p.logw[k])*(total/n) - sum/n)
		}
	}
}

func (p *ensembleStep[T]) Grads() [][]T { return p.grads }

// Calibrate sets the state of the layers that take theirs from data: in each
// flow from all of it.
func (e *Ensemble[T]) Calibrate(x, cond bijector.Mat[T], start bool, w *bijector.Workers) {
	e.CalibrateWeighted(x, cond, nil, start, w)
}

// CalibrateWeighted is Calibrate on weighted rows.
func (e *Ensemble[T]) CalibrateWeighted(x, cond bijector.Mat[T], weights []float64, start bool, w *bijector.Workers) {
	for _, f := range e.flows {
		f.CalibrateWeighted(x, cond, weights, start, w)
	}
}
