// Package columns describes the columns of a training set.
package columns

import (
	"math"
	"slices"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/kernel"
)

// Column is what is known about one.
type Column struct {
	Mean, Deviation float64
	Largest         float64 // magnitude
	Rounding        float64 // of its values, relative to Deviation
}

// Describe describes the features of x over its samples.
func Describe[T bijector.Float](x bijector.Mat[T]) []Column {
	all := make([]Column, x.D)
	for j := range all {
		c, f := &all[j], x.Feature(j)
		c.Mean = kernel.Sum(f) / float64(x.N)
		c.Deviation = math.Sqrt(kernel.SumSquares(f, c.Mean) / float64(x.N))
		for _, v := range f {
			c.Largest = max(c.Largest, math.Abs(float64(v)))
		}
		if v := c.Deviation * c.Deviation; !kernel.IsVarianceInRange(v) {
			c.Mean, c.Deviation = rescaled(f)
		}
		if slices.Min(f) == slices.Max(f) {
			c.Deviation = 0 // which rounding of the mean would hide
		}
		c.Rounding = Epsilon[T]() * c.Largest / c.Deviation
	}
	return all
}

// rescaled are the mean and deviation of values whose squares leave the range of
// float64.
func rescaled[T bijector.Float](f []T) (mean, deviation float64) {
	e, y := kernel.Exponent(f), make([]float64, len(f))
	kernel.Rescale(y, f, e)
	m := kernel.Sum(y) / float64(len(y))
	return math.Ldexp(m, e), math.Ldexp(math.Sqrt(kernel.SumSquares(y, m)/float64(len(y))), e)
}

// Deviation is that of a column's values by weights of its rows; nil: as it was
// described.
func Deviation[T bijector.Float](values []T, c Column, weights []float64) float64 {
	if weights == nil || c.IsConstant() {
		return c.Deviation
	}
	total, mean, squares := kernel.Sum(weights), 0.0, 0.0
	for i, v := range values {
		mean += weights[i] * float64(v)
	}
	mean /= total
	for i, v := range values {
		squares += weights[i] * (float64(v) - mean) * (float64(v) - mean)
	}
	return math.Sqrt(squares / total)
}

// IsConstant reports whether all values are equal.
func (c Column) IsConstant() bool { return c.Deviation == 0 }

// Epsilon is the distance from 1 to the next number of T.
func Epsilon[T bijector.Float]() float64 {
	if _, double := any(T(0)).(float64); double {
		return 0x1p-52
	}
	return 0x1p-23
}
