// Means and deviations of a batch, and the rounding that they have.

package bijector

import (
	"fmt"
	"math"
	"unsafe"

	"github.com/bijou-flow/bijou/internal/kernel"
)

// sum is that of all values of x.
func sum[T Float](x Mat[T]) float64 {
	total := 0.0
	for j := range x.D {
		total += kernel.Sum(x.Feature(j))
	}
	return total
}

// meanAndSumSquares are the mean of all values of x and the sum of their squared
// distances from it, in two passes: the one-pass formula loses all digits where
// the mean is large.
func meanAndSumSquares[T Float](x Mat[T]) (mean, squares float64) {
	mean = sum(x) / float64(x.D*x.N)
	for j := range x.D {
		squares += kernel.SumSquares(x.Feature(j), mean)
	}
	return mean, squares
}

// weightedMean is sum_ij shares_i f(x_ij), f being the square of the distance
// from about where squares is true, and the identity otherwise.
func weightedMean[T Float](x Mat[T], shares []float64, squares bool, about float64) float64 {
	total := 0.0
	for j := range x.D {
		for i, v := range x.Feature(j) {
			e := float64(v)
			if squares {
				e = (e - about) * (e - about)
			}
			total += shares[i] * e
		}
	}
	return total
}

// meanAndVariance are the mean of all values of x and the mean of their squared
// distances from it. shares are those of the rows: see rowShares; nil: equal.
func meanAndVariance[T Float](x Mat[T], shares []float64) (mean, variance float64) {
	if shares == nil {
		mean, squares := meanAndSumSquares(x)
		return mean, squares / float64(x.D*x.N)
	}
	mean = weightedMean(x, shares, false, 0)
	return mean, weightedMean(x, shares, true, mean)
}

// moments are the mean of x and its standard deviation, or 1 in place of a
// deviation that is only rounding: that of x, or that of the sum behind the
// mean. shares are those of the rows: see rowShares; nil: equal.
func moments[T Float](x Mat[T], shares []float64) (mean, std float64) {
	n := float64(x.D * x.N)
	mean, variance := meanAndVariance(x, shares)
	std = math.Sqrt(variance)
	if !kernel.IsVarianceInRange(variance) {
		mean, std = rescaledMoments(x, shares)
	}
	if noise := 4*epsilon[T]() + n*0x1p-53; std <= noise*math.Abs(mean) || std < minDeviation[T]() {
		std = 1
	}
	return mean, std
}

// checkLogScale returns ErrSpec for a logarithm of a scale, element j of a
// tensor, that has no inverse in T: where exp(s) or exp(-s) is 0, infinite or of fewer digits.
func checkLogScale[T Float](what, tensor string, j int, s float64) error {
	most := 708.0 // exp(708) is below the largest float64, exp(-708) above the least of all digits
	if epsilon[T]() > 1e-10 {
		most = 87
	}
	if math.Abs(s) <= most {
		return nil
	}
	return fmt.Errorf("bijector: feature %d of %s has a log-scale of %v by %q, want at most %v in magnitude: beyond, %T has no inverse of it: %w", j, what, s, tensor, most, T(0), ErrSpec)
}

// rescaledMoments are the mean and deviation of values whose squares leave the
// range of float64, by way of values near 1.
func rescaledMoments[T Float](x Mat[T], shares []float64) (mean, std float64) {
	e := math.MinInt32
	for j := range x.D {
		e = max(e, kernel.Exponent(x.Feature(j)))
	}
	y := NewMat[float64](x.D, x.N)
	for j := range x.D {
		kernel.Rescale(y.Feature(j), x.Feature(j), e)
	}
	mean, variance := meanAndVariance(y, shares)
	return math.Ldexp(mean, e), math.Ldexp(math.Sqrt(variance), e)
}

// minDeviation is a deviation below which a feature counts as constant: its
// reciprocal, and what a layer behind may multiply it by, stay in the range of T.
func minDeviation[T Float]() float64 {
	if unsafe.Sizeof(*new(T)) == 4 {
		return 1e-36
	}
	return 1e-300
}

// epsilon is the distance from 1 to the next T.
func epsilon[T Float]() float64 {
	if unsafe.Sizeof(*new(T)) == 4 {
		return 0x1p-23
	}
	return 0x1p-52
}
