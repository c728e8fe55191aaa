// What is saved: parameters, buffers and the spec.

package distributiontest

import (
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/conform"
)

func checkSpecs(s *suite) error { return conform.Specs(s.F32.base.Spec(), s.F64.base.Spec()) }

func checkState[T bijector.Float](f *fixture[T]) error { return conform.State[T](f.base) }

// checkAlias writes to each parameter in turn.
func checkAlias[T bijector.Float](f *fixture[T]) error {
	z, cond := f.data(maxBatch, 10)
	want := logProb(f.base, z, cond, nil)
	return conform.Alias(f.base, f.rng(11), func() error {
		return conform.Slices("logp", logProb(f.base, z, cond, nil), want, conform.Exact)
	})
}

// checkCopy does what saving and loading do.
func checkCopy[T bijector.Float](f *fixture[T]) error {
	b, err := f.clone()
	if err != nil {
		return err
	}
	z, cond := f.data(maxBatch, 12)
	return conform.Prefix(conform.Slices("logp", logProb(b, z, cond, nil), logProb(f.base, z, cond, nil), conform.Exact),
		"a new base of the same spec with Params and Buffers copied, as loading does")
}
