// Elementary functions, element by element. dst may be src.

package kernel

import "math"

// function names an elementary function to the assembly.
type function uint8

const (
	exponential function = iota
	hyperbolicTangent
	logistic
	logOnePlus
	softPlus
)

// Exp is dst[i] = e^src[i].
func Exp[T Float](dst, src []T) { apply(exponential, dst, src) }

// Tanh is dst[i] = tanh(src[i]): at most 1 in magnitude, and exactly 1 for large arguments.
func Tanh[T Float](dst, src []T) { apply(hyperbolicTangent, dst, src) }

// Sigmoid is dst[i] = 1/(1+e^-src[i]), without overflow and with full relative precision on both
// sides.
func Sigmoid[T Float](dst, src []T) { apply(logistic, dst, src) }

// Log1p is dst[i] = log(1+src[i]).
func Log1p[T Float](dst, src []T) { apply(logOnePlus, dst, src) }

// Softplus is dst[i] = log(1+e^src[i]), computed as max(x, 0) + log1p(e^-|x|).
func Softplus[T Float](dst, src []T) { apply(softPlus, dst, src) }

func apply[T Float](f function, dst, src []T) {
	if len(dst) != len(src) {
		panic(lengths)
	}
	if applyVector(f, dst, src) {
		return
	}
	scalar := [...]func(float64) float64{exp, math.Tanh, sigmoid, math.Log1p, softplus}[f]
	for i, x := range src {
		dst[i] = T(scalar(float64(x)))
	}
}

// exp is math.Exp, which on amd64 overflows a little before the range of float64 ends.
func exp(x float64) float64 {
	if x > 709 {
		return math.Exp(x-1) * math.E
	}
	return math.Exp(x)
}

func sigmoid(x float64) float64 {
	e := math.Exp(-math.Abs(x))
	if x < 0 {
		return e / (1 + e)
	}
	return 1 / (1 + e)
}

func softplus(x float64) float64 {
	return max(x, 0) + math.Log1p(math.Exp(-math.Abs(x)))
}
