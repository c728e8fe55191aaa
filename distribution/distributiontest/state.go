package distributiontest

// What is saved: parameters, buffers and the spec.

import (
	"fmt"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/conform"
)

func checkSpecs(s *suite) error { return conform.Specs(s.f32.base.Spec(), s.f64.base.Spec()) }

func checkState[T bijector.Float](f *fixture[T]) error { return conform.State[T](f.base) }

// checkAlias writes to each parameter in turn.
func checkAlias[T bijector.Float](f *fixture[T]) error {
	z, cond := f.data(maxBatch, 10)
	want := score(f.base, z, cond, nil)
	rng := f.rng(11)
	for _, p := range f.base.Params() {
		start := append([]T(nil), p.Data...)
		for i := range p.Data {
			p.Data[i] += T(0.1 * rng.NormFloat64())
		}
		conform.Changed(f.base)
		same := conform.Slices("", score(f.base, z, cond, nil), want, conform.Exact) == nil
		copy(p.Data, start)
		conform.Changed(f.base)
		if same {
			return fmt.Errorf("writing to parameter %q changes nothing; Data must alias what passes read", p.Name)
		}
		if err := conform.Slices("logp", score(f.base, z, cond, nil), want, conform.Exact); err != nil {
			return conform.Prefix(err, "after parameter %q was changed and changed back", p.Name)
		}
	}
	return nil
}

// checkCopy does what saving and loading do.
func checkCopy[T bijector.Float](f *fixture[T]) error {
	b, err := f.twin()
	if err != nil {
		return err
	}
	z, cond := f.data(maxBatch, 12)
	return conform.Prefix(conform.Slices("logp", score(b, z, cond, nil), score(f.base, z, cond, nil), conform.Exact),
		"a new base of the same spec with Params and Buffers copied, as loading does")
}
