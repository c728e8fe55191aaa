// Classification by Bayes' rule, from a density under each class.

package distribution

import (
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/gonum/floats"
	"gorgonia.org/tensor"

	"github.com/bijou-flow/bijou/bijector"
)

// Classes are what a row may belong to, as Posterior has it. The zero value
// has a class for each context feature, and all equally likely.
type Classes struct {
	// Contexts are the contexts that stand for the classes, one a row, shape
	// (C, c), of the model's element type. nil means the c one-hot ones.
	Contexts *tensor.Dense
	// Prior are positive weights of the classes, which need not sum to one:
	// how often each occurs. Empty means equal ones.
	Prior []float64
	// Log asks for the logarithms of the probabilities.
	Log bool
}

// Posterior is the probability of each class for each row of x, shape (n, C),
// by Bayes' rule from the densities under the classes' contexts:
//
//	P(k | x) = prior_k p(x | c_k) / sum_j prior_j p(x | c_j).
//
// A conditional flow is a classifier by it, trained to describe its data
// rather than to tell classes apart. Computed in logarithms: nothing
// underflows but probabilities below what T can hold, and Log keeps those. The
// cost is C times LogProb. A context that is bound to the flow does not count.
//
// A row that is not finite, that overflows under a class, or that has no
// density under any of them is NaN and named by a bijector.RowError, as by
// LogProb.
func (f *Flow[T]) Posterior(x *tensor.Dense, c Classes) (*tensor.Dense, error) {
	if f.err != nil {
		return nil, f.err
	}
	return posterior[T](x, f.contextDim, c, func(context *tensor.Dense, dst []float64) error {
		return f.Given(context).LogProbInto(dst, x)
	})
}

// Posterior is the probability of each class for each row, as Flow.Posterior,
// by the density of the whole mixture.
func (e *Ensemble[T]) Posterior(x *tensor.Dense, c Classes) (*tensor.Dense, error) {
	return posterior[T](x, e.contextDim, c, func(context *tensor.Dense, dst []float64) error {
		return e.Given(context).LogProbInto(dst, x)
	})
}

// posterior normalises what logProb says of the rows under each context.
func posterior[T bijector.Float](x *tensor.Dense, contextDim int, c Classes, logProb func(context *tensor.Dense, dst []float64) error) (*tensor.Dense, error) {
	rows, err := bijector.RowsOf[T](x)
	if err != nil {
		return nil, err
	}
	contexts, err := classContexts[T](c.Contexts, contextDim)
	if err != nil {
		return nil, err
	}
	prior, err := logWeightsOf(c.Prior, len(contexts), "class")
	if err != nil {
		return nil, err
	}
	n, k := rows.Len(), len(contexts)
	scores := make([][]float64, k)
	var input *bijector.RowError
	for j, context := range contexts {
		scores[j] = make([]float64, n)
		err := logProb(context, scores[j])
		if !partial(err) {
			return nil, err
		}
		var r *bijector.RowError
		if errors.As(err, &r) && r.What == "input" {
			input = r // the same under every class
		}
	}
	out, row := make([]T, n*k), make([]float64, k)
	var bad tally
	for i := range n {
		for j := range row {
			row[j] = prior[j] + scores[j][i]
		}
		total := logSumExp(row)
		if math.IsInf(total, 0) || math.IsNaN(total) {
			total = math.NaN()
			bad.note(i, 1)
		}
		for j, v := range row {
			if v -= total; !c.Log {
				v = math.Exp(v)
			}
			out[i*k+j] = T(v)
		}
	}
	if err = bad.err("result", n); input != nil {
		err = input
	}
	return bijector.TensorOf(out, n, k), err
}

// classContexts are the contexts of the classes, one tensor each.
func classContexts[T bijector.Float](given *tensor.Dense, dim int) ([]*tensor.Dense, error) {
	if dim == 0 {
		return nil, fmt.Errorf("distribution: the model is unconditional, and has one density for all classes: %w", bijector.ErrContext)
	}
	n := dim
	var m bijector.Mat[T]
	if given != nil {
		rows, err := bijector.RowsOf[T](given)
		if err != nil {
			return nil, fmt.Errorf("contexts of the classes: %w", err)
		}
		if rows.Dim() != dim {
			return nil, fmt.Errorf("distribution: the contexts of the classes have %d features, the model takes %d: %w: %w", rows.Dim(), dim, bijector.ErrContext, bijector.ErrShape)
		}
		n, m = rows.Len(), bijector.NewMat[T](dim, rows.Len())
		if first, bad := rows.Load(m, 0); bad > 0 {
			return nil, fmt.Errorf("distribution: contexts of the classes: %w", &bijector.RowError{What: "context", Row: first, Count: bad, N: n})
		}
	}
	all := make([]*tensor.Dense, n)
	for k := range all {
		v := make([]T, dim)
		if given == nil {
			v[k] = 1
		} else {
			bijector.Store(v, m.Samples(k, k+1), 0)
		}
		all[k] = bijector.TensorOf(v, 1, dim)
	}
	return all, nil
}

// logWeightsOf returns the logarithms of n weights, scaled to sum to one: equal
// ones where none are given. whose says what they are weights of.
func logWeightsOf(weights []float64, n int, whose string) ([]float64, error) {
	logs := make([]float64, n)
	if len(weights) != n && len(weights) != 0 {
		return nil, fmt.Errorf("distribution: %d weights, want one for each %s, %d of them: %w: %w", len(weights), whose, n, bijector.ErrSpec, bijector.ErrShape)
	}
	for k, v := range weights {
		if logs[k] = math.Log(v); !(v > 0) || math.IsInf(v, 1) {
			return nil, fmt.Errorf("distribution: the weight of %s %d is %v, want a finite one above 0: %w", whose, k, v, bijector.ErrSpec)
		}
	}
	floats.AddConst(-floats.LogSumExp(logs), logs)
	return logs, nil
}
