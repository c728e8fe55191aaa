package bijectortest_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/bijou-flow/bijou/bijector/bijectortest"
	"github.com/bijou-flow/bijou/bijector/bijectortest/shear"
)

// In an author's module this is the whole test of a layer:
//
//	func TestLayer(t *testing.T) { ... }
func ExampleRunSpec() {
	_ = func(t *testing.T) {
		s := shear.Spec{Dim: 4, Context: 2}
		bijectortest.RunSpec(t, s, shear.New[float32], shear.New[float64],
			// Only for a layer that is not made for all real numbers.
			bijectortest.Options{Sample: func(rng *rand.Rand, x []float64) {
				for j := range x {
					x[j] = math.Exp(rng.NormFloat64())
				}
			}})
	}
	// Output:
}
