// Tanh: for a flow whose latents are to be bounded on both sides of 0, the
// actions of a controller for one.

package bijector

import "math"

// TanhSpec describes a Tanh.
type TanhSpec struct {
	Dim int `json:"dim"` // features
}

// Values is 0: nothing is saved. See registry.Sizer.
func (TanhSpec) Values() float64 { return 0 }

// Tanh squeezes the real line into the interval from -1 to 1,
//
//	z = tanh(x),  x = atanh(z)
//	log|det dz/dx| = sum_j log(1 - tanh(x_j)^2)
//	               = sum_j 2 (log 2 - x_j - softplus(-2 x_j))
//
// where the second form loses no digits to tanh near 1 (Haarnoja et al. 2018,
// arXiv 1801.01290, appendix C, give the first). Every x is in the domain; the
// range is the open interval, and a row of z with a value on a bound
// or beyond has no x: Inverse names it, and the log-det there, that of the layer
// inverted, is -Inf. Beyond |x| = 9 in float32,
// and 19 in float64, z rounds to 1 and has no inverse; the log-det is right
// everywhere. The cost is a tanh, an exponential and a logarithm a value.
type Tanh[T Float] struct{ *elementwise[T] }

// NewTanh makes a Tanh.
func NewTanh[T Float](s TanhSpec) (*Tanh[T], error) {
	if err := checkDim("a tanh", s.Dim); err != nil {
		return nil, err
	}
	return &Tanh[T]{newElementwise[T](s.Dim, tanhCurve{})}, nil
}

// Spec is the TanhSpec.
func (l *Tanh[T]) Spec() any { return TanhSpec{Dim: l.dim} }

type tanhCurve struct{}

// forward. x + softplus(-2x) is |x| + log(1 + exp(-2|x|)), which is even as
// log f' must be.
func (tanhCurve) forward(x float64) (z, logSlope float64) {
	a := math.Abs(x)
	return math.Tanh(x), 2 * (math.Ln2 - a - math.Log1p(math.Exp(-2*a)))
}

func (tanhCurve) inverse(z float64) (x, logSlope float64) {
	return math.Atanh(z), math.Log1p(-z) + math.Log1p(z)
}

// derivatives. f' = 1 - z^2 = 4e/(1+e)^2 with e = exp(-2|x|), and (log f')' = -2 z.
func (tanhCurve) derivatives(x float64) (slope, bend float64) {
	e := math.Exp(-2 * math.Abs(x))
	return 4 * e / ((1 + e) * (1 + e)), -2 * math.Tanh(x)
}

func (tanhCurve) domain() (lo, hi float64) { return math.Inf(-1), math.Inf(1) }

func (tanhCurve) image() (lo, hi float64) { return -1, 1 }
