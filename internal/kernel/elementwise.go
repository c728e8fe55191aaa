// Elementary functions, element by element. dst may be src.

package kernel

import "math"

// Exp is dst[i] = e^src[i].
func Exp[T Float](dst, src []T) {
	if len(src) != len(dst) {
		panic(lengths)
	}
	if expVector(dst, src) {
		return
	}
	for i, x := range src {
		dst[i] = T(exp(float64(x)))
	}
}

// Tanh is dst[i] = tanh(src[i]): at most 1 in magnitude, and exactly 1 for large arguments.
func Tanh[T Float](dst, src []T) {
	if len(src) != len(dst) {
		panic(lengths)
	}
	if tanhVector(dst, src) {
		return
	}
	for i, x := range src {
		dst[i] = T(math.Tanh(float64(x)))
	}
}

// Sigmoid is dst[i] = 1/(1+e^-src[i]), without overflow and with full relative precision on both
// sides.
func Sigmoid[T Float](dst, src []T) {
	if len(src) != len(dst) {
		panic(lengths)
	}
	if sigmoidVector(dst, src) {
		return
	}
	for i, x := range src {
		dst[i] = T(sigmoid(float64(x)))
	}
}

// Log1p is dst[i] = log(1+src[i]).
func Log1p[T Float](dst, src []T) {
	if len(src) != len(dst) {
		panic(lengths)
	}
	if log1pVector(dst, src) {
		return
	}
	for i, x := range src {
		dst[i] = T(math.Log1p(float64(x)))
	}
}

// Softplus is dst[i] = log(1+e^src[i]), computed as max(x, 0) + log1p(e^-|x|).
func Softplus[T Float](dst, src []T) {
	if len(src) != len(dst) {
		panic(lengths)
	}
	if softplusVector(dst, src) {
		return
	}
	for i, x := range src {
		dst[i] = T(softplus(float64(x)))
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
