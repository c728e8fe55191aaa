// Weights of rows: how a Source gives them, their checks, and their scale in a
// run.

package train

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/kernel"
)

// ErrWeights: weights that rows cannot have (negative, NaN, infinite, or 0 for
// all of them), or a model that takes none.
var ErrWeights = errors.New("unusable weights of rows")

// WeightedSource is an optional interface of a Source whose rows have weights:
// see Weights in the package's documentation. A Source that wraps another has
// the method only if it passes it on.
type WeightedSource interface {
	Source
	// Weights are those of all rows, in their order, each 0 or a positive
	// number: the same ones whenever they are asked for. nil: all rows count the
	// same.
	Weights() []float64
}

// Weighted gives each row of x a weight, 0 or a positive number: see Weights in
// the package's documentation. w is not copied; nil takes weights away. Weights
// of another number than the rows, and those that rows cannot have, are reported
// by Fit and Evaluate.
func (s *TensorSource) Weighted(w []float64) *TensorSource {
	return &TensorSource{x: s.x, context: s.context, weights: w}
}

// Weights are those that Weighted gave, or nil.
func (s *TensorSource) Weights() []float64 { return s.weights }

// Weights are those of the source below, or nil.
func (d *Dequantized) Weights() []float64 { return userWeights(d.src) }

// userWeights are those that a Source gives, nil where it gives none.
func userWeights(s Source) []float64 {
	if w, ok := s.(WeightedSource); ok {
		return w.Weights()
	}
	return nil
}

// withoutZeroWeights is the rows of a Source that have a weight above 0, with
// their weights: the Source itself where all have the same.
func withoutZeroWeights(what string, s Source) (Source, error) {
	w := userWeights(s)
	if w == nil {
		return s, nil
	}
	if len(w) != s.Len() {
		return nil, fmt.Errorf("train: the %s has %d rows and %d weights, want a weight for each row: %w: %w", what, s.Len(), len(w), ErrWeights, bijector.ErrShape)
	}
	u := &subset{Source: s}
	bad, first := 0, 0
	for i, v := range w {
		switch {
		case !(v >= 0) || math.IsInf(v, 1):
			if bad++; bad == 1 {
				first = i
			}
		case v > 0:
			u.rows, u.weights = append(u.rows, i), append(u.weights, v)
		}
	}
	switch {
	case bad > 0:
		return nil, fmt.Errorf("train: the weight of row %d of the %s is %v (%d of %d weights are negative or not finite), want 0 or a finite positive number: %w", first, what, w[first], bad, len(w), ErrWeights)
	case len(u.rows) == 0:
		return nil, fmt.Errorf("train: all %d weights of the %s are 0, want one above 0: %w", len(w), what, ErrWeights)
	case len(u.rows) == len(w) && areEqual(w):
		return s, nil
	}
	return u, nil
}

// areEqual reports whether all weights are the same.
func areEqual(w []float64) bool { return slices.Min(w) == slices.Max(w) }

// weightsOf are the weights of a source that withoutZeroWeights returned, or of
// a part of one; nil: all rows count the same.
func weightsOf(s Source) []float64 {
	if u, ok := s.(*subset); ok {
		return u.weights
	}
	return nil
}

// pickRows is some rows of a source, with their weights.
func pickRows(s Source, rows []int) *subset {
	u := &subset{Source: s, rows: rows}
	if w := weightsOf(s); w != nil {
		u.weights = make([]float64, len(rows))
		for i, r := range rows {
			u.weights[i] = w[r]
		}
	}
	return u
}

// relativeWeights are weights divided by their mean, nil where all are the
// same: what is trained with does not depend on their unit.
func relativeWeights(w []float64) []float64 {
	if len(w) == 0 || areEqual(w) {
		return nil
	}
	relative, most := make([]float64, len(w)), slices.Max(w)
	for i, v := range w {
		relative[i] = v / most // a sum of large weights may overflow
	}
	mean := kernel.Sum(relative) / float64(len(w))
	for i := range relative {
		relative[i] /= mean
	}
	return relative
}

// weightedMean is sum_i w_i v_i / sum_i w_i and that sum, which is the number of
// values for nil weights.
func weightedMean(v, w []float64) (mean, total float64) {
	if w == nil {
		for _, u := range v {
			mean += u
		}
		return mean / float64(len(v)), float64(len(v))
	}
	for i, u := range v {
		mean += w[i] * u
		total += w[i]
	}
	return mean / total, total
}

// checkWeighted refuses a model whose steps take no weights.
func checkWeighted[T bijector.Float](m bijector.Objective[T]) error {
	p := m.NewStepPass(bijector.PassOptions{MaxBatch: 1})
	if _, ok := p.(bijector.WeightedStepPass[T]); !ok {
		return fmt.Errorf("train: the rows of the training data have weights, and a step of %T takes none: give %T the method StepWeighted of bijector.WeightedStepPass, or train without weights: %w", m, p, ErrWeights)
	}
	return nil
}
