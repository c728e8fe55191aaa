// Package bijectortest checks that a layer keeps the contract of package
// bijector, and that its log-determinant and its gradient are right: against
// numeric derivatives, not against themselves. A layer of another module is
// tested like a built-in one:
//
//	func TestShear(t *testing.T) {
//		bijectortest.RunSpec(t, ShearSpec{Dim: 4}, NewShear[float32], NewShear[float64])
//	}
//
// What a layer does not have is not asked for: one with none of NewGradPass,
// Params, Buffers and Spec gets the checks of evaluation, and the others are
// skipped with the reason. One that has some of the four fails, since a letter
// in a method's name makes another method.
//
// Run the test with -race as well,
//
//	go test -race
//
// since passes run beside each other there: state that a layer keeps in itself
// and not in its passes may show in no other way.
//
// The tolerances of the round trip are relative to the largest value of a row,
// or to 1: 1e-8 in float64 and 1e-4 in float32. An inverse that is found by
// iteration goes on until it reaches them, and so does its log-determinant.
package bijectortest

import (
	"math/rand/v2"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/conform"
)

// Options say what the layer under test is made for. The zero value suits a
// layer that is defined for all real numbers.
type Options struct {
	// Sample fills x with one row of data. Nil draws normals, each feature
	// with a mean and a deviation of its own, and for log-determinants and
	// gradients (logdet/far, gradient/far) rows with values from 10 to 100 in
	// magnitude beside them. With a Sample these are not drawn: log-determinants
	// and gradients are compared at its rows alone, so let it draw from all of
	// the domain, also from where a formula changes.
	Sample func(rng *rand.Rand, x []float64)
	// Context fills c with one row of context. Nil draws standard normals.
	Context func(rng *rand.Rand, c []float64)
	// Extent is the largest magnitude of the float64 round trip. 0 means 1e6
	// without Sample, and the range of Sample with it. It bounds the rows of
	// logdet/far and gradient/far too.
	Extent float64
	// EvaluationOnly says that a layer with Params, Buffers and Spec lacks
	// NewGradPass on purpose.
	EvaluationOnly bool
	// Perturb is a factor on the noise that is added to the parameters before
	// anything is tested, since an initial layer is often the identity. 0
	// means 1: a deviation of 0.3 for vectors, and of 0.5/sqrt(fan-in) for
	// matrices.
	Perturb float64
	// Seed of everything that is drawn.
	Seed uint64
}

// Run tests a layer in both precisions, one subtest a property. The two
// functions make equal layers: they are called several times. Layers of up to
// 16 features make a fast and exact test; more than 64 are refused, since the
// Jacobian is computed entry by entry. At most one Options is read.
//
// Run counts allocations, so it must not run beside parallel tests.
func Run[A bijector.Layer[float32], B bijector.Layer[float64]](t *testing.T, new32 func() (A, error), new64 func() (B, error), opts ...Options) {
	t.Helper()
	s, err := newSuite(new32, new64, opts...)
	if err != nil {
		t.Fatal(err)
	}
	conform.Run(t, s, checks())
}

// RunSpec is Run for the layers that two constructors make of a spec, such as
// those that registry.Register takes.
func RunSpec[S any, A bijector.Layer[float32], B bijector.Layer[float64]](t *testing.T, spec S, new32 func(S) (A, error), new64 func(S) (B, error), opts ...Options) {
	t.Helper()
	Run(t,
		func() (A, error) { return new32(spec) },
		func() (B, error) { return new64(spec) }, opts...)
}

// suite is a layer under test in both precisions, with the same weights.
type suite = conform.Pair[*fixture[float32], *fixture[float64]]

// checks are all properties, cheapest to understand first.
func checks() conform.Checks[*fixture[float32], *fixture[float64]] {
	all := conform.Checks[*fixture[float32], *fixture[float64]]{
		{Name: "methods", Run: func(s *suite) error { return conform.FirstError(checkMethods(s.F32), checkMethods(s.F64)) }},
		{Name: "state/specs", Run: checkSpecs},
		{Name: "logdet/forward", Run: checkForwardJacobian},
		{Name: "logdet/inverse", Run: checkInverseJacobian},
		{Name: "logdet/far", Run: checkFarJacobian},
		{Name: "precision", Run: checkPrecision},
		{Name: "gradient", Run: checkGradients},
		{Name: "gradient/far", Run: checkFarGradients},
	}
	all.Both("state/names", checkState[float32], checkState[float64])
	all.Both("state/alias", checkAlias[float32], checkAlias[float64])
	all.Both("state/copy", checkCopy[float32], checkCopy[float64])
	all.Both("round trip", checkRoundTrip[float32], checkRoundTrip[float64])
	all.Both("logdet/added", checkLogDetAdded[float32], checkLogDetAdded[float64])
	all.Both("in place", checkInPlace[float32], checkInPlace[float64])
	all.Both("views", checkViews[float32], checkViews[float64])
	all.Both("rows", checkRows[float32], checkRows[float64])
	all.Both("nan", checkNaN[float32], checkNaN[float64])
	all.Both("sizes", checkSizes[float32], checkSizes[float64])
	all.Both("context", checkContext[float32], checkContext[float64])
	all.Both("calibrate", checkCalibrate[float32], checkCalibrate[float64])
	all.Both("workers", checkWorkers[float32], checkWorkers[float64])
	all.Both("concurrent", checkConcurrent[float32], checkConcurrent[float64])
	all.Both("allocations", checkAllocations[float32], checkAllocations[float64])
	all.Both("training/forward", checkTrainingForward[float32], checkTrainingForward[float64])
	all.Both("training/accumulate", checkAccumulate[float32], checkAccumulate[float64])
	all.Both("training/in place", checkBackwardInPlace[float32], checkBackwardInPlace[float64])
	all.Both("training/views", checkTrainingViews[float32], checkTrainingViews[float64])
	all.Both("training/sizes", checkTrainingSizes[float32], checkTrainingSizes[float64])
	all.Both("training/workers", checkTrainingWorkers[float32], checkTrainingWorkers[float64])
	all.Both("training/allocations", checkTrainingAllocations[float32], checkTrainingAllocations[float64])
	all.Both("tensors/agree", checkTensors[float32], checkTensors[float64])
	all.Both("tensors/errors", checkTensorErrors[float32], checkTensorErrors[float64])
	return all
}
