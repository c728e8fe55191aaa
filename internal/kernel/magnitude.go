// Columns of any magnitude: what keeps the squares of their values in range.

package kernel

import "math"

// smallestVariance is one below which squares may have lost digits to 0.
const smallestVariance = 0x1p-900

// IsVarianceInRange reports whether a mean of squares is what it was meant to
// be: neither an overflow nor so small that squares may have vanished.
func IsVarianceInRange(variance float64) bool {
	return variance >= smallestVariance && variance <= math.MaxFloat64
}

// Exponent is the e with which 2^-e times the largest magnitude among finite
// values is in [1/2, 1); 0 where all are 0.
func Exponent[T Float](values []T) int {
	largest := 0.0
	for _, v := range values {
		if v-v == 0 {
			largest = max(largest, math.Abs(float64(v)))
		}
	}
	_, e := math.Frexp(largest)
	return e
}

// Rescale sets dst to 2^-e times values, exactly where nothing leaves the range of
// float64.
func Rescale[T Float](dst []float64, values []T, e int) {
	for i, v := range values {
		dst[i] = math.Ldexp(float64(v), -e)
	}
}
