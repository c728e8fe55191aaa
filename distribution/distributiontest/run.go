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
type suite = conform.Pair[*fixture[float32], *fixture[float64]]

// checks are all properties, cheapest to understand first.
func checks() conform.Checks[*fixture[float32], *fixture[float64]] {
	all := conform.Checks[*fixture[float32], *fixture[float64]]{
		{Name: "state/specs", Run: checkSpecs},
		{Name: "precision", Run: checkPrecision},
		{Name: "gradient", Run: func(s *suite) error { return checkGradient(s.F64) }},
		{Name: "law", Run: func(s *suite) error { return checkMarginals(s.F64) }},
	}
	all.Both("state/names", checkState[float32], checkState[float64])
	all.Both("state/alias", checkAlias[float32], checkAlias[float64])
	all.Both("state/copy", checkCopy[float32], checkCopy[float64])
	all.Both("density/added", checkLogProbAdded[float32], checkLogProbAdded[float64])
	all.Both("density/views", checkViews[float32], checkViews[float64])
	all.Both("density/rows", checkRows[float32], checkRows[float64])
	all.Both("density/sizes", checkSizes[float32], checkSizes[float64])
	all.Both("density/context", checkContext[float32], checkContext[float64])
	all.Both("density/workers", checkWorkers[float32], checkWorkers[float64])
	all.Both("density/concurrent", checkConcurrent[float32], checkConcurrent[float64])
	all.Both("draws/repeat", checkRepeat[float32], checkRepeat[float64])
	all.Both("draws/views", checkDrawViews[float32], checkDrawViews[float64])
	all.Both("draws/temperature", checkTemperature[float32], checkTemperature[float64])
	all.Both("training/forward", checkTrainingForward[float32], checkTrainingForward[float64])
	all.Both("training/accumulate", checkAccumulate[float32], checkAccumulate[float64])
	all.Both("training/views", checkTrainingViews[float32], checkTrainingViews[float64])
	all.Both("training/sizes", checkTrainingSizes[float32], checkTrainingSizes[float64])
	all.Both("training/workers", checkTrainingWorkers[float32], checkTrainingWorkers[float64])
	all.Both("allocations", checkAllocations[float32], checkAllocations[float64])
	return all
}
