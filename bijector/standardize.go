// Standardize: the preparation of tabular data, as a layer, so that it is
// saved with the flow and a density stays one of the data in its own units.

package bijector

import (
	"fmt"
	"math"

	"github.com/bijou-flow/bijou/internal/rows"
)

// StandardizeSpec describes a Standardize.
type StandardizeSpec struct {
	Dim int `json:"dim"` // features
}

// Values is the number of values that are saved: see registry.Sizer.
func (s StandardizeSpec) Values() float64 { return 2 * float64(s.Dim) }

// Standardize brings each feature of the training data to mean 0 and variance
// 1,
//
//	z = (x - mean) / std,  x = std z + mean,  log|det dz/dx| = -sum_j log(std_j)
//
// (LeCun et al. 1998, "Efficient BackProp", section 4.3). It starts as the
// identity. The first Calibrate with start sets the moments, and nothing moves
// them afterwards: it has no parameters, where ActNorm goes on from here by
// gradients. Put it first in a chain.
//
// A constant feature is shifted to 0 and has std 1, so that nothing overflows;
// as constant counts one of a deviation below 1e-300, or 1e-36 in float32. Every x is in
// the domain; the cost is a product and an addition a value, in a chain's
// evaluation once for all diagonal layers and permutations in a row.
//
// Buffers are "mean" and "std", and "initialised", which is 1 once the data
// was seen, so that a loaded model does not start again.
type Standardize[T Float] struct {
	TensorMethods[T]
	spec        StandardizeSpec
	mean, std   []float64
	initialised []int64
}

// NewStandardize makes a Standardize that is still the identity.
func NewStandardize[T Float](s StandardizeSpec) (*Standardize[T], error) {
	if err := checkDim("a standardization", s.Dim); err != nil {
		return nil, err
	}
	l := &Standardize[T]{spec: s, mean: make([]float64, s.Dim), std: make([]float64, s.Dim), initialised: make([]int64, 1)}
	l.TensorMethods = NewTensorMethods[T](l)
	for j := range l.std {
		l.std[j] = 1
	}
	return l, nil
}

// Dim is the number of features.
func (l *Standardize[T]) Dim() int { return l.spec.Dim }

// ContextDim is 0.
func (l *Standardize[T]) ContextDim() int { return 0 }

// Params: nothing is trained.
func (l *Standardize[T]) Params() []Param[T] { return nil }

// Buffers are "mean", "std" and "initialised".
func (l *Standardize[T]) Buffers() []Buffer {
	return []Buffer{
		{Name: "mean", Shape: []int{l.spec.Dim}, Data: l.mean},
		{Name: "std", Shape: []int{l.spec.Dim}, Data: l.std},
		{Name: "initialised", Shape: []int{1}, Data: l.initialised},
	}
}

// Spec is the StandardizeSpec.
func (l *Standardize[T]) Spec() any { return l.spec }

// Validate returns ErrSpec where a mean is not finite, a deviation is not
// positive or so small that nothing is left of its reciprocal, or the flag is
// neither 0 nor 1.
func (l *Standardize[T]) Validate() error {
	for j, s := range l.std {
		if m := l.mean[j]; !rows.IsFinite(m) || !rows.IsFinite(s) || s < minDeviation[T]() {
			return fmt.Errorf("bijector: feature %d of a standardization has mean %v and deviation %v, want finite ones and at least %v: %w", j, m, s, minDeviation[T](), ErrSpec)
		}
	}
	return checkFlag("a standardization", l.initialised[0])
}

// Calibrate takes the moments of x, once.
func (l *Standardize[T]) Calibrate(x, cond Mat[T], start bool, w *Workers) {
	l.CalibrateWeighted(x, cond, nil, start, w)
}

// CalibrateWeighted takes weighted moments of x, once.
func (l *Standardize[T]) CalibrateWeighted(x, _ Mat[T], weights []float64, start bool, w *Workers) {
	if !start || l.initialised[0] != 0 || x.N == 0 {
		return
	}
	shares := sharesOf(weights, 1)
	parallelChannels(w, x, 1, func(lo, hi int) {
		for j := lo; j < hi; j++ {
			if mean, std := moments(x.Features(j, j+1), shares); mean-mean == 0 && std-std == 0 {
				l.mean[j], l.std[j] = mean, std
			}
		}
	})
	l.initialised[0] = 1
}

// Coefficients are 1/std_j, -mean_j/std_j and -log(std_j).
func (l *Standardize[T]) Coefficients(j int) (scale, shift, logScale float64) {
	return 1 / l.std[j], -l.mean[j] / l.std[j], -math.Log(l.std[j])
}

// NewPass returns an evaluation pass.
func (l *Standardize[T]) NewPass(o PassOptions) Pass[T] {
	return newDiagonalPass[T](l, l.spec.Dim, 1, o.Workers)
}

// NewGradPass returns a training pass; the layer trains nothing, but gradients
// go through it.
func (l *Standardize[T]) NewGradPass(o PassOptions) GradPass[T] {
	return newDiagonalGradPass[T](l, l.spec.Dim, 1, false, false, o.Workers)
}
