// Scale: the diagonal layer that ends a NICE flow, whose couplings preserve
// volume.

package bijector

import (
	"fmt"
	"math"

	"github.com/bijou-flow/bijou/internal/kernel"
)

// ScaleSpec describes a Scale.
type ScaleSpec struct {
	Dim int `json:"dim"` // features
	// Rate is a factor on the learning rate of s: the scales of a NICE flow
	// have far to go, and gain from larger steps than the weights. 0 means 1.
	Rate float64 `json:"rate,omitempty"`
	// FromData starts the scales from the training data, where a feature of
	// mean square m starts at s = -log(m)/2: the most likely one under a
	// standard normal. Otherwise they start at 0.
	FromData bool `json:"from_data,omitempty"`
}

// Values is the number of values that are saved: see registry.Sizer.
func (s ScaleSpec) Values() float64 { return float64(s.Dim) }

// Scale multiplies each feature by a positive factor,
//
//	z = exp(s) x,  x = exp(-s) z,  log|det dz/dx| = sum_j s_j
//
// (Dinh et al. 2015, arXiv 1410.8516, section 3.3). Every x is in the domain;
// the cost is a product a value, in a chain's evaluation once for all diagonal
// layers and permutations in a row. Its parameter is "log_scale", without
// weight decay. With FromData it has the buffer "initialised", which is 1 once
// the data was seen.
type Scale[T Float] struct {
	TensorMethods[T]
	spec        ScaleSpec
	logScale    []T
	initialised []int64
}

// NewScale makes a Scale that is still the identity. It returns ErrSpec for a
// Rate that is negative or not finite.
func NewScale[T Float](s ScaleSpec) (*Scale[T], error) {
	if err := checkDim("a scale", s.Dim); err != nil {
		return nil, err
	}
	if s.Rate < 0 || s.Rate-s.Rate != 0 {
		return nil, fmt.Errorf("bijector: a scale with rate %v, want a positive factor, or 0 for 1: %w", s.Rate, ErrSpec)
	}
	l := &Scale[T]{spec: s, logScale: make([]T, s.Dim), initialised: make([]int64, 1)}
	l.TensorMethods = NewTensorMethods[T](l)
	return l, nil
}

// Dim is the number of features.
func (l *Scale[T]) Dim() int { return l.spec.Dim }

// ContextDim is 0.
func (l *Scale[T]) ContextDim() int { return 0 }

// Params is "log_scale".
func (l *Scale[T]) Params() []Param[T] {
	return []Param[T]{{Name: "log_scale", Shape: []int{l.spec.Dim}, Data: l.logScale, NoDecay: true, Rate: l.spec.Rate}}
}

// Buffers is "initialised" of a layer that starts from data, and none
// otherwise.
func (l *Scale[T]) Buffers() []Buffer {
	if !l.spec.FromData {
		return nil
	}
	return []Buffer{{Name: "initialised", Shape: []int{1}, Data: l.initialised}}
}

// Spec is the ScaleSpec.
func (l *Scale[T]) Spec() any { return l.spec }

// Validate returns ErrSpec where the flag is neither 0 nor 1, and where exp(s) or
// its reciprocal is 0 or infinite in T.
func (l *Scale[T]) Validate() error {
	for j, s := range l.logScale {
		if err := checkLogScale[T]("a scale", "log_scale", j, float64(s)); err != nil {
			return err
		}
	}
	return checkFlag("a scale", l.initialised[0])
}

// Calibrate starts the scales from x, once, where the spec says FromData. A
// feature of zeros keeps its scale.
func (l *Scale[T]) Calibrate(x, cond Mat[T], start bool, w *Workers) {
	l.CalibrateWeighted(x, cond, nil, start, w)
}

// CalibrateWeighted is Calibrate with weighted mean squares.
func (l *Scale[T]) CalibrateWeighted(x, _ Mat[T], weights []float64, start bool, w *Workers) {
	if !start || !l.spec.FromData || l.initialised[0] != 0 || x.N == 0 {
		return
	}
	shares := sharesOf(weights, 1)
	parallelChannels(w, x, 1, func(lo, hi int) {
		for j := lo; j < hi; j++ {
			if rms := rootMeanSquare(x.Features(j, j+1), shares); rms >= minDeviation[T]() {
				l.logScale[j] = T(-math.Log(rms))
			}
		}
	})
	l.initialised[0] = 1
}

// rootMeanSquare is that of one feature, by shares of its rows; nil: equal.
func rootMeanSquare[T Float](x Mat[T], shares []float64) float64 {
	if shares != nil {
		return math.Sqrt(weightedMean(x, shares, true, 0))
	}
	square := kernel.SumSquares(x.Feature(0), 0) / float64(x.N)
	if kernel.IsVarianceInRange(square) {
		return math.Sqrt(square)
	}
	e, y := kernel.Exponent(x.Feature(0)), make([]float64, x.N)
	kernel.Rescale(y, x.Feature(0), e)
	return math.Ldexp(math.Sqrt(kernel.SumSquares(y, 0)/float64(x.N)), e)
}

// Coefficients are exp(s_j), 0 and s_j.
func (l *Scale[T]) Coefficients(j int) (scale, shift, logScale float64) {
	s := float64(l.logScale[j])
	return math.Exp(s), 0, s
}

// NewPass returns an evaluation pass.
func (l *Scale[T]) NewPass(o PassOptions) Pass[T] {
	return newDiagonalPass[T](l, l.spec.Dim, 1, o.Workers)
}

// NewGradPass returns a training pass.
func (l *Scale[T]) NewGradPass(o PassOptions) GradPass[T] {
	return newDiagonalGradPass[T](l, l.spec.Dim, 1, true, false, o.Workers)
}
