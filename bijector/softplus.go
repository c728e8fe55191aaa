// Softplus: for latents that are to be positive, and, inverted, for data that
// is: durations, prices, concentrations.

package bijector

import "math"

// SoftplusSpec describes a Softplus.
type SoftplusSpec struct {
	Dim int `json:"dim"` // features
}

// Values is 0: nothing is saved. See registry.Sizer.
func (SoftplusSpec) Values() float64 { return 0 }

// Softplus bends the real line onto the positive half,
//
//	z = log(1 + exp(x)),  x = z + log(1 - exp(-z))
//	log|det dz/dx| = sum_j log(sigma(x_j)) = sum_j log(1 - exp(-z_j))
//
// (Dugas et al. 2001, "Incorporating second-order functional knowledge for
// better option pricing"). It is exp(x) far below 0 and x far above, so that
// large values keep their scale. Every x is in the domain; the range is z > 0,
// and a row of z with a 0 or a negative value has no x: Inverse names it, and
// the log-det there, that of the layer inverted, is -Inf. Below x = -103 in float32, and -745 in float64, z rounds to 0
// and has no inverse; the log-det is right everywhere. The cost is one
// exponential and one logarithm a value.
type Softplus[T Float] struct{ *elementwise[T] }

// NewSoftplus makes a Softplus.
func NewSoftplus[T Float](s SoftplusSpec) (*Softplus[T], error) {
	if err := checkDim("a softplus", s.Dim); err != nil {
		return nil, err
	}
	return &Softplus[T]{newElementwise[T](s.Dim, softplusCurve{})}, nil
}

// Spec is the SoftplusSpec.
func (l *Softplus[T]) Spec() any { return SoftplusSpec{Dim: l.dim} }

type softplusCurve struct{}

func (softplusCurve) forward(x float64) (z, logSlope float64) {
	l := math.Log1p(math.Exp(-math.Abs(x)))
	return max(x, 0) + l, min(x, 0) - l
}

func (softplusCurve) inverse(z float64) (x, logSlope float64) {
	// log(1 - exp(-z)): each form keeps its digits on its side of log 2.
	if z < math.Ln2 {
		logSlope = math.Log(-math.Expm1(-z))
	} else {
		logSlope = math.Log1p(-math.Exp(-z))
	}
	return z + logSlope, logSlope
}

// derivatives. f' = sigma(x) and (log f')' = 1 - sigma(x) = sigma(-x).
func (softplusCurve) derivatives(x float64) (slope, bend float64) {
	e := math.Exp(-math.Abs(x))
	near, far := 1/(1+e), e/(1+e)
	if x < 0 {
		near, far = far, near
	}
	return near, far
}

func (softplusCurve) domain() (lo, hi float64) { return math.Inf(-1), math.Inf(1) }

func (softplusCurve) image() (lo, hi float64) { return 0, math.Inf(1) }
