// Sigmoid: the inverse of the plain Logit, for a flow whose latents are to lie
// in the unit cube.

package bijector

import "math"

// SigmoidSpec describes a Sigmoid.
type SigmoidSpec struct {
	Dim int `json:"dim"` // features
}

// Values is 0: nothing is saved. See registry.Sizer.
func (SigmoidSpec) Values() float64 { return 0 }

// Sigmoid squeezes the real line into the unit interval,
//
//	z = 1 / (1 + exp(-x)),  x = log(z) - log(1 - z)
//	log|det dz/dx| = sum_j -|x_j| - 2 log(1 + exp(-|x_j|))
//
// (the inverse of the logit of Dinh et al. 2017, arXiv 1605.08803, section
// 4.1). Every x is in the domain; the range is the open interval from 0 to 1,
// and a row of z with a value on a bound or beyond has no x: Inverse names it, and
// the log-det there, that of the layer inverted, is -Inf. Beyond x = 17 in float32, and 37 in float64, z rounds to 1 and
// has no inverse; small values of z keep all digits. The log-det is right
// everywhere. The cost is one exponential and one logarithm a value.
type Sigmoid[T Float] struct{ *elementwise[T] }

// NewSigmoid makes a Sigmoid.
func NewSigmoid[T Float](s SigmoidSpec) (*Sigmoid[T], error) {
	if err := checkDim("a sigmoid", s.Dim); err != nil {
		return nil, err
	}
	return &Sigmoid[T]{newElementwise[T](s.Dim, sigmoidCurve{})}, nil
}

// Spec is the SigmoidSpec.
func (l *Sigmoid[T]) Spec() any { return SigmoidSpec{Dim: l.dim} }

type sigmoidCurve struct{}

func (sigmoidCurve) forward(x float64) (z, logSlope float64) {
	e := math.Exp(-math.Abs(x)) // never overflows
	z = 1 / (1 + e)
	if x < 0 {
		z = e / (1 + e)
	}
	return z, -math.Abs(x) - 2*math.Log1p(e)
}

func (sigmoidCurve) inverse(z float64) (x, logSlope float64) {
	a, b := math.Log(z), math.Log1p(-z)
	return a - b, a + b
}

// derivatives. f' = z (1 - z) and (log f')' = 1 - 2 z.
func (sigmoidCurve) derivatives(x float64) (slope, bend float64) {
	e := math.Exp(-math.Abs(x))
	return e / ((1 + e) * (1 + e)), math.Copysign((1-e)/(1+e), -x)
}

func (sigmoidCurve) domain() (lo, hi float64) { return math.Inf(-1), math.Inf(1) }

func (sigmoidCurve) image() (lo, hi float64) { return 0, 1 }
