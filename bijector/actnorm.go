// ActNorm: batch norm's stand-in for small batches, a scale and shift that the
// first data set and gradients then train.

package bijector

import "math"

// ActNormSpec describes an ActNorm.
type ActNormSpec struct {
	Dim int `json:"dim"` // features
	// Pixels is the number of features, one after the other, that share their
	// numbers: those of a channel, for images. It divides Dim; 0 means 1.
	Pixels int `json:"pixels,omitempty"`
}

// Values is the number of values that are saved: see registry.Sizer.
func (s ActNormSpec) Values() float64 { return 2 * float64(s.Dim) / float64(max(s.Pixels, 1)) }

// ActNorm scales and shifts each feature,
//
//	z = exp(s) x + b,  x = exp(-s) (z - b),  log|det dz/dx| = sum_j s_j,
//
// in the order of the paper (Kingma and Dhariwal 2018, arXiv 1807.03039,
// section 3.1 and table 1, where exp(s) is called s). It starts as the
// identity; the first Calibrate with start sets s and b so that each feature
// of the sample leaves with mean 0 and variance 1. A constant feature is
// shifted to 0 and not scaled. With Pixels, mean and variance are those of all
// pixels of a channel, and the log-det counts each of them.
//
// Every x is in the domain; the cost is a product and an addition a value, in
// a chain's evaluation once for all diagonal layers and permutations in a row.
// Parameters are "log_scale" and "bias", without weight decay; the buffer
// "initialised" is 1 once the data was seen, so that a loaded model does not
// start again.
type ActNorm[T Float] struct {
	TensorMethods[T]
	spec        ActNormSpec
	logScale    []T
	bias        []T
	initialised []int64
}

// NewActNorm makes an ActNorm that is still the identity.
func NewActNorm[T Float](s ActNormSpec) (*ActNorm[T], error) {
	channels, err := channelCount("actnorm", s.Dim, s.Pixels)
	if err != nil {
		return nil, err
	}
	a := &ActNorm[T]{spec: s, logScale: make([]T, channels), bias: make([]T, channels), initialised: make([]int64, 1)}
	a.TensorMethods = NewTensorMethods[T](a)
	return a, nil
}

// Dim is the number of features.
func (a *ActNorm[T]) Dim() int { return a.spec.Dim }

// ContextDim is 0.
func (a *ActNorm[T]) ContextDim() int { return 0 }

// Params are "log_scale" and "bias".
func (a *ActNorm[T]) Params() []Param[T] {
	return []Param[T]{
		{Name: "log_scale", Shape: []int{len(a.logScale)}, Data: a.logScale, NoDecay: true},
		{Name: "bias", Shape: []int{len(a.bias)}, Data: a.bias, NoDecay: true},
	}
}

// Buffers is "initialised", 1 after the start from data.
func (a *ActNorm[T]) Buffers() []Buffer {
	return []Buffer{{Name: "initialised", Shape: []int{1}, Data: a.initialised}}
}

// Spec is the ActNormSpec.
func (a *ActNorm[T]) Spec() any { return a.spec }

// Validate returns ErrSpec where the flag is neither 0 nor 1, and where exp(s) or
// its reciprocal is 0 or infinite in T.
func (a *ActNorm[T]) Validate() error {
	for j, s := range a.logScale {
		if err := checkLogScale[T]("actnorm", "log_scale", j, float64(s)); err != nil {
			return err
		}
	}
	return checkFlag("actnorm", a.initialised[0])
}

// Calibrate starts the layer from x, once.
func (a *ActNorm[T]) Calibrate(x, cond Mat[T], start bool, w *Workers) {
	a.CalibrateWeighted(x, cond, nil, start, w)
}

// CalibrateWeighted starts the layer from weighted moments of x, once.
func (a *ActNorm[T]) CalibrateWeighted(x, _ Mat[T], weights []float64, start bool, w *Workers) {
	if !start || a.initialised[0] != 0 || x.N == 0 {
		return
	}
	shares := sharesOf(weights, a.pixels())
	parallelChannels(w, x, a.pixels(), func(lo, hi int) {
		for c := lo; c < hi; c++ {
			mean, std := moments(channel(x, c, a.pixels()), shares)
			a.logScale[c] = T(-math.Log(std))
			a.bias[c] = T(-mean / std)
		}
	})
	a.initialised[0] = 1
}

// calibratesOnce is true: gradients train what the start set.
func (a *ActNorm[T]) calibratesOnce() bool { return true }

// Coefficients are exp(s), b and s of feature j's channel.
func (a *ActNorm[T]) Coefficients(j int) (scale, shift, logScale float64) {
	c := j / a.pixels()
	s := float64(a.logScale[c])
	return math.Exp(s), float64(a.bias[c]), s
}

// pixels is the spec's, or its default.
func (a *ActNorm[T]) pixels() int { return max(a.spec.Pixels, 1) }

// NewPass returns an evaluation pass.
func (a *ActNorm[T]) NewPass(o PassOptions) Pass[T] {
	return newDiagonalPass[T](a, a.spec.Dim, a.pixels(), o.Workers)
}

// NewGradPass returns a training pass.
func (a *ActNorm[T]) NewGradPass(o PassOptions) GradPass[T] {
	return newDiagonalGradPass[T](a, a.spec.Dim, a.pixels(), true, true, o.Workers)
}
