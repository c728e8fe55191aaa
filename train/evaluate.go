// The mean loss of a model over a source.

package train

import (
	"context"
	"math"
	"sync"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/rows"
)

// evalBlock is how many rows of d values are read at a time for evaluation: at most 31
// pieces of rows.Size, and of wide rows as many as come to 2 MB, but enough for all
// workers. An odd number of pieces keeps the features of a block off each other's cache lines.
func evalBlock(d int, w *bijector.Workers) int {
	const most, values = 31, 1 << 19
	return rows.Size * (min(most, max(values/(rows.Size*max(d, 1)), 2*w.Count())) | 1)
}

// evaluator computes a model's mean loss over a Source.
type evaluator[T bijector.Float] struct {
	loader  *loader[T]
	model   bijector.Objective[T]
	workers *bijector.Workers
	passes  sync.Pool
	loss    []float64
}

func newEvaluator[T bijector.Float](what string, m bijector.Objective[T], src Source, w *bijector.Workers) (*evaluator[T], error) {
	l, err := newLoader[T](what, src, evalBlock(src.Dim()+src.ContextDim(), w))
	if err != nil {
		return nil, err
	}
	e := &evaluator[T]{loader: l, model: m, workers: w, loss: make([]float64, l.x.N)}
	e.passes.New = func() any { return m.NewLossPass(bijector.PassOptions{MaxBatch: rows.Size}) }
	return e, nil
}

// badLosses are the rows without a finite loss: how many, the first of them
// in the user's data, and the mean loss of the others, NaN where there are none.
type badLosses struct {
	count, first int
	rest         float64
}

// mean is the mean loss over all rows, by their weights. It stops early when ctx ends.
func (e *evaluator[T]) mean(ctx context.Context) (float64, badLosses, error) {
	sum, total, n, bad := 0.0, 0.0, 0, badLosses{}
	rest, restTotal := 0.0, 0.0
	for b := range e.loader.batches {
		if err := ctx.Err(); err != nil {
			return nan, bad, err
		}
		x, cond, err := e.loader.load(b)
		if err != nil {
			return nan, bad, err
		}
		pieces := (x.N + rows.Size - 1) / rows.Size
		e.workers.For(pieces, 1, func(lo, hi int) {
			pass := e.passes.Get().(bijector.LossPass[T])
			defer e.passes.Put(pass)
			for i := lo; i < hi; i++ {
				a, b := i*rows.Size, min((i+1)*rows.Size, x.N)
				pass.Loss(x.Samples(a, b), cond.Samples(a, b), e.loss[a:b])
			}
		})
		for i, v := range e.loss[:x.N] {
			weight := 1.0
			if w := e.loader.batchWeights; w != nil {
				weight = w[i]
			}
			sum += weight * v
			total += weight
			if rows.IsFinite(v) {
				rest += weight * v
				restTotal += weight
			} else {
				if row := userRow(e.loader.src, n+i); bad.count == 0 || row < bad.first {
					bad.first = row
				}
				bad.count++
			}
		}
		n += x.N
	}
	bad.rest = rest / restTotal
	return sum / total, bad, nil
}

// order is what validations are compared by: the mean loss, and where some rows
// have none that is finite, first the number of those, and then the mean of the
// others. It is +Inf where no row has one.
func (b badLosses) order(mean float64) float64 {
	const row = 1 << 40 // above any mean, with 2^-12 nats left of that
	switch {
	case rows.IsFinite(mean):
		return mean
	case !rows.IsFinite(b.rest):
		return math.Inf(1)
	}
	return row*float64(b.count) + min(max(b.rest, -row/2), row/2)
}

// Evaluate is a model's mean loss over data, in evaluation mode: for a flow,
// its negative log-likelihood in nats a row, sum_i w_i loss_i / sum_i w_i where
// rows have weights. The model need not be trainable.
// Data that does not suit it is reported as by Fit.
func Evaluate[T bijector.Float](ctx context.Context, m bijector.Objective[T], data Source) (float64, error) {
	if err := checkCall(ctx, m); err != nil {
		return nan, err
	}
	if v, ok := m.(bijector.Validator); ok {
		if err := v.Validate(); err != nil {
			return nan, err
		}
	}
	if err := checkSource[T]("data", data, m.Dim(), m.ContextDim()); err != nil {
		return nan, err
	}
	data, err := withoutZeroWeights("data", data)
	if err != nil {
		return nan, err
	}
	w := bijector.NewWorkers(0)
	defer w.Close()
	e, err := newEvaluator("data", m, data, w)
	if err != nil {
		return nan, err
	}
	v, _, err := e.mean(ctx)
	return v, err
}
