// The digits of a column: by how much its values can differ.

package columns

import (
	"math"

	"github.com/bijou-flow/bijou/bijector"
)

// Step is the distance of neighbouring values that a column can take: that of its
// type at the largest value; that of float32 where it holds all of the values; or
// the power of ten that all are multiples of, such as 1 for whole seconds and 0.01
// for prices. c describes the column.
func Step[T bijector.Float](values []T, c Column) float64 {
	eps, single := Epsilon[T](), true
	for _, v := range values {
		if float64(float32(v)) != float64(v) {
			single = false
			break
		}
	}
	if single {
		eps = 0x1p-23
	}
	least := eps * c.Largest
	for p := int(math.Floor(math.Log10(c.Largest))); ; p-- {
		step := math.Pow10(p)
		if !(step > 64*least) {
			return least
		}
		if areMultiples(values, step, eps) {
			return step
		}
	}
}

// areMultiples reports whether all values are whole multiples of a step, to the
// rounding of both.
func areMultiples[T bijector.Float](values []T, step, eps float64) bool {
	for _, v := range values {
		k := float64(v) / step
		if math.Abs(k-math.Round(k)) > 4*eps*math.Abs(k) {
			return false
		}
	}
	return true
}
