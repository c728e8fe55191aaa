// Batches that show what was written to them, and what around them.

package conform

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/bijou-flow/bijou/bijector"
)

// Outputs is a batch of NaNs, which show where a layer reads what it should
// write.
func Outputs[T bijector.Float](d, n int) bijector.Mat[T] {
	m := bijector.NewMat[T](d, n)
	for i := range m.Data {
		m.Data[i] = T(math.NaN())
	}
	return m
}

// Fill draws the samples of m, rounded to float32 so that both precisions have
// the same.
func Fill[T bijector.Float](m bijector.Mat[T], rng *rand.Rand, row func(*rand.Rand, []float64)) {
	v := make([]float64, m.D)
	for i := range m.N {
		row(rng, v)
		for j := range v {
			m.Feature(j)[i] = T(float32(v[j]))
		}
	}
}

// Normal fills x with standard normals.
func Normal(rng *rand.Rand, x []float64) {
	for j := range x {
		x[j] = rng.NormFloat64()
	}
}

// guardValue is what surrounds a view.
const guardValue = 12345.5

// Framed is a view of samples in the middle of a larger batch that holds
// guard elsewhere, with a copy of m in the view. Its stride is not m's.
func Framed[T bijector.Float](m bijector.Mat[T]) (view, whole bijector.Mat[T]) {
	whole = bijector.NewMat[T](m.D, m.N+27)
	for i := range whole.Data {
		whole.Data[i] = guardValue
	}
	view = whole.Samples(5, 5+m.N)
	view.CopyFrom(m)
	return view, whole
}

// Intact says whether the surroundings of a framed view are.
func Intact[T bijector.Float](what string, whole bijector.Mat[T], n int) error {
	for j := range whole.D {
		for i, v := range whole.Feature(j) {
			if (i < 5 || i >= 5+n) && v != guardValue {
				return fmt.Errorf("%s: feature %d was written %d samples outside the view, which has %d samples and a stride of its own", what, j, max(5-i, i-5-n+1), n)
			}
		}
	}
	return nil
}
