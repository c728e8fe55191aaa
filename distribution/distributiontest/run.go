// Package distributiontest checks that a base distribution keeps the contract
// of package distribution: that its gradient is right, against numeric
// derivatives, that its density integrates to 1, and that its draws follow it.
// A base of another module is tested like a built-in one:
//
//	func TestTriangular(t *testing.T) {
//		distributiontest.Run(t,
//			func() (*Triangular[float32], error) { return NewTriangular[float32](spec) },
//			func() (*Triangular[float64], error) { return NewTriangular[float64](spec) })
//	}
//
// The integral, and the law of the draws, are those of a base of one or two
// features: run a small one beside the one that has many.
package distributiontest

import (
	"math/rand/v2"
	"testing"

	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/internal/conform"
)

// Options say what the base under test is made for. The zero value suits an
// unconditional base.
type Options struct {
	// Sample fills z with one row to score. Nil takes draws of the base, which
	// a base with jumps or kinks may have too close to them for numeric
	// derivatives.
	Sample func(rng *rand.Rand, z []float64)
	// Context fills c with one row of context, about which there are others
	// that are valid, so that there is a numeric derivative. Nil draws standard
	// normals.
	Context func(rng *rand.Rand, c []float64)
	// Perturb is the deviation of the noise that is added to the parameters
	// before anything is tested. 0 means 0.3.
	Perturb float64
	// Draws is the number of draws whose law is tested. 0 means a million, and
	// a tenth of it in short tests.
	Draws int
	// Seed of everything that is drawn.
	Seed uint64
}

// Run tests a base in both precisions, one subtest a property. The two
// functions make equal bases of at most 64 features: they are called several
// times. At most one Options is read.
//
// Run counts allocations, so it must not run beside parallel tests.
func Run[A distribution.Base[float32], B distribution.Base[float64]](t *testing.T, new32 func() (A, error), new64 func() (B, error), opts ...Options) {
	t.Helper()
	s, err := newSuite(new32, new64, opts...)
	if err != nil {
		t.Fatal(err)
	}
	conform.Run(t, s, checks())
}

// suite is a base under test in both precisions, with the same parameters.
type suite struct {
	f32 *fixture[float32]
	f64 *fixture[float64]
}

// check is one property.
type check = conform.Check[*suite]

// checks are all properties, cheapest to understand first.
func checks() []check {
	all := []check{
		{Name: "state/specs", Run: checkSpecs},
		{Name: "precision", Run: checkPrecision},
		{Name: "gradient", Run: func(s *suite) error { return checkGradient(s.f64) }},
		{Name: "law", Run: func(s *suite) error { return checkLaw(s.f64) }},
	}
	both := func(name string, a func(*fixture[float32]) error, b func(*fixture[float64]) error) {
		all = append(all,
			check{Name: name + "/float32", Run: func(s *suite) error { return a(s.f32) }},
			check{Name: name + "/float64", Run: func(s *suite) error { return b(s.f64) }})
	}
	both("state/names", checkState[float32], checkState[float64])
	both("state/alias", checkAlias[float32], checkAlias[float64])
	both("state/copy", checkCopy[float32], checkCopy[float64])
	both("density/added", checkAdded[float32], checkAdded[float64])
	both("density/views", checkViews[float32], checkViews[float64])
	both("density/rows", checkRows[float32], checkRows[float64])
	both("density/sizes", checkSizes[float32], checkSizes[float64])
	both("density/context", checkContext[float32], checkContext[float64])
	both("density/workers", checkWorkers[float32], checkWorkers[float64])
	both("density/concurrent", checkConcurrent[float32], checkConcurrent[float64])
	both("draws/repeat", checkRepeat[float32], checkRepeat[float64])
	both("draws/views", checkDrawViews[float32], checkDrawViews[float64])
	both("draws/temperature", checkTemperature[float32], checkTemperature[float64])
	both("training/forward", checkTrainingForward[float32], checkTrainingForward[float64])
	both("training/accumulate", checkAccumulate[float32], checkAccumulate[float64])
	both("training/views", checkTrainingViews[float32], checkTrainingViews[float64])
	both("training/sizes", checkTrainingSizes[float32], checkTrainingSizes[float64])
	both("training/workers", checkTrainingWorkers[float32], checkTrainingWorkers[float64])
	both("allocations", checkAllocations[float32], checkAllocations[float64])
	return all
}
