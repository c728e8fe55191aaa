// Shift: a trained translation, for flows whose couplings leave the mean of
// their features alone.

package bijector

import (
	"github.com/bijou-flow/bijou/internal/kernel"
)

// ShiftSpec describes a Shift.
type ShiftSpec struct {
	Dim int `json:"dim"` // features
	// FromData starts the shift from the training data, at minus the mean of
	// each feature. Otherwise it starts at 0.
	FromData bool `json:"from_data,omitempty"`
}

// Values is the number of values that are saved: see registry.Sizer.
func (s ShiftSpec) Values() float64 { return float64(s.Dim) }

// Shift moves each feature by a trained number,
//
//	z = x + b,  x = z - b,  log|det dz/dx| = 0
//
// (the bias of actnorm by itself: Kingma and Dhariwal 2018, arXiv 1807.03039,
// section 3.1). Every x is in the domain; the cost is an addition a value, in
// a chain's evaluation once for all diagonal layers and permutations in a row.
// Its parameter is "bias", without weight decay. With FromData it has the
// buffer "initialised", which is 1 once the data was seen.
type Shift[T Float] struct {
	TensorMethods[T]
	spec        ShiftSpec
	bias        []T
	initialised []int64
}

// NewShift makes a Shift that is still the identity.
func NewShift[T Float](s ShiftSpec) (*Shift[T], error) {
	if err := checkDim("a shift", s.Dim); err != nil {
		return nil, err
	}
	l := &Shift[T]{spec: s, bias: make([]T, s.Dim), initialised: make([]int64, 1)}
	l.TensorMethods = NewTensorMethods[T](l)
	return l, nil
}

// Dim is the number of features.
func (l *Shift[T]) Dim() int { return l.spec.Dim }

// ContextDim is 0.
func (l *Shift[T]) ContextDim() int { return 0 }

// Params is "bias".
func (l *Shift[T]) Params() []Param[T] {
	return []Param[T]{{Name: "bias", Shape: []int{l.spec.Dim}, Data: l.bias, NoDecay: true}}
}

// Buffers is "initialised" of a layer that starts from data, and none
// otherwise.
func (l *Shift[T]) Buffers() []Buffer {
	if !l.spec.FromData {
		return nil
	}
	return []Buffer{{Name: "initialised", Shape: []int{1}, Data: l.initialised}}
}

// Spec is the ShiftSpec.
func (l *Shift[T]) Spec() any { return l.spec }

// Validate returns ErrSpec where the flag is neither 0 nor 1.
func (l *Shift[T]) Validate() error { return checkFlag("a shift", l.initialised[0]) }

// Calibrate starts the shift from x, once, where the spec says FromData.
func (l *Shift[T]) Calibrate(x, cond Mat[T], start bool, w *Workers) {
	l.CalibrateWeighted(x, cond, nil, start, w)
}

// CalibrateWeighted is Calibrate with weighted means.
func (l *Shift[T]) CalibrateWeighted(x, _ Mat[T], weights []float64, start bool, w *Workers) {
	if !start || !l.spec.FromData || l.initialised[0] != 0 || x.N == 0 {
		return
	}
	shares := sharesOf(weights, 1)
	parallelChannels(w, x, 1, func(lo, hi int) {
		for j := lo; j < hi; j++ {
			mean := kernel.Sum(x.Feature(j)) / float64(x.N)
			if shares != nil {
				mean = weightedMean(x.Features(j, j+1), shares, false, 0)
			}
			l.bias[j] = T(-mean)
		}
	})
	l.initialised[0] = 1
}

// Coefficients are 1, b_j and 0.
func (l *Shift[T]) Coefficients(j int) (scale, shift, logScale float64) {
	return 1, float64(l.bias[j]), 0
}

// NewPass returns an evaluation pass.
func (l *Shift[T]) NewPass(o PassOptions) Pass[T] {
	return newDiagonalPass[T](l, l.spec.Dim, 1, o.Workers)
}

// NewGradPass returns a training pass.
func (l *Shift[T]) NewGradPass(o PassOptions) GradPass[T] {
	return newDiagonalGradPass[T](l, l.spec.Dim, 1, false, true, o.Workers)
}
