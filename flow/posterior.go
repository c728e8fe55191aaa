// Classification by Bayes' rule, from a density under each class.

package flow

import (
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/gonum/floats"
	"gorgonia.org/tensor"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/rows"
)

// Classes are what a row may belong to, as Posterior has it. The zero value
// has a class for each context feature, and all equally likely.
type Classes struct {
	// Contexts are the contexts that stand for the classes, one a row, shape
	// (C, c), of the model's element type. nil means the c one-hot ones.
	Contexts tensor.Tensor
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
func (d *densityModel[T]) Posterior(x tensor.Tensor, c Classes) (*bijector.Rows[T], error) {
	in, err := bijector.InputOf[T](x, d.dim)
	if err != nil {
		return nil, err
	}
	contexts, err := classContexts[T](c.Contexts, d.contextDim)
	if err != nil {
		return nil, err
	}
	prior, err := normalizedLogWeights(c.Prior, len(contexts), "class")
	if err != nil {
		return nil, err
	}
	n, k := in.Len(), len(contexts)
	scores := make([][]float64, k)
	var input *bijector.RowError
	for j, context := range contexts {
		scores[j] = make([]float64, n)
		under := d.given(context)
		err := under.LogProbInto(scores[j], x)
		if !someRowsValid(err) {
			return nil, err
		}
		var r *bijector.RowError
		if errors.As(err, &r) && r.What == "input" {
			input = r // the same under every class
		}
	}
	out, row := bijector.NewRows[T](n, k), make([]float64, k)
	var report rows.Report
	for i := range n {
		for j := range row {
			row[j] = prior[j] + scores[j][i]
		}
		total := logSumExp(row)
		if !rows.IsFinite(total) {
			total = math.NaN()
			report.Result.Add(i, 1)
		}
		for j, v := range row {
			if v -= total; !c.Log {
				v = math.Exp(v)
			}
			out.Values()[i*k+j] = T(v)
		}
	}
	if err = report.Err(n, bijector.NewRowError); input != nil {
		err = input
	}
	return out, err
}

// classContexts are the contexts of the classes, one row each: one-hot ones
// where none are given.
func classContexts[T bijector.Float](given tensor.Tensor, dim int) ([]*bijector.Rows[T], error) {
	if dim == 0 {
		return nil, fmt.Errorf("flow: the model is unconditional, and has one density for all classes: %w", bijector.ErrContext)
	}
	n := dim
	var m bijector.Mat[T]
	if given != nil {
		in, err := bijector.InputOf[T](given, 0)
		if err != nil {
			return nil, fmt.Errorf("contexts of the classes: %w", err)
		}
		if in.Dim() != dim {
			return nil, fmt.Errorf("flow: the contexts of the classes have %d features, the model takes %d: %w: %w", in.Dim(), dim, bijector.ErrContext, bijector.ErrShape)
		}
		n, m = in.Len(), bijector.NewMat[T](dim, in.Len())
		if !in.Load(m, 0) {
			report := rows.Report{Context: rows.ZeroNonFinite(rows.Features[T](m), nil, make([]bool, n), 0)}
			return nil, fmt.Errorf("flow: contexts of the classes: %w", report.Err(n, bijector.NewRowError))
		}
	}
	all := make([]*bijector.Rows[T], n)
	for k := range all {
		all[k] = bijector.NewRows[T](1, dim)
		if given == nil {
			all[k].Values()[k] = 1
		} else {
			rows.Store(all[k].Values(), rows.Features[T](m.Samples(k, k+1)), 0)
		}
	}
	return all, nil
}

// normalizedLogWeights returns the logarithms of n weights, scaled to sum to one: equal
// ones where none are given. whose says what they are weights of.
func normalizedLogWeights(weights []float64, n int, whose string) ([]float64, error) {
	logs := make([]float64, n)
	if len(weights) != n && len(weights) != 0 {
		return nil, fmt.Errorf("flow: %d weights, want one for each %s, %d of them: %w: %w", len(weights), whose, n, bijector.ErrSpec, bijector.ErrShape)
	}
	for k, v := range weights {
		if logs[k] = math.Log(v); !(v > 0) || math.IsInf(v, 1) {
			return nil, fmt.Errorf("flow: the weight of %s %d is %v, want a finite one above 0: %w", whose, k, v, bijector.ErrSpec)
		}
	}
	floats.AddConst(-floats.LogSumExp(logs), logs)
	return logs, nil
}
