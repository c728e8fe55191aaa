package distributiontest_test

import (
	"math/rand/v2"
	"testing"

	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/distribution/distributiontest"
)

// In an author's module this is the whole test of a base:
//
//	func TestBase(t *testing.T) { ... }
func ExampleRun() {
	_ = func(t *testing.T) {
		s := distribution.ClassMixtureSpec{Dim: 2, Classes: 3}
		distributiontest.Run(t,
			func() (*distribution.ClassMixture[float32], error) { return distribution.NewClassMixture[float32](s) },
			func() (*distribution.ClassMixture[float64], error) { return distribution.NewClassMixture[float64](s) },
			// Only for a base that not every context suits.
			distributiontest.Options{Context: func(rng *rand.Rand, c []float64) {
				for j := range c {
					c[j] = 0.1 + rng.Float64()
				}
			}})
	}
	// Output:
}
