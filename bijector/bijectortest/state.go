// What is saved: parameters, buffers and the spec.

package bijectortest

import (
	"fmt"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/conform"
)

// checkState looks at names, shapes and memory.
func checkState[T bijector.Float](f *fixture[T]) error {
	s, ok := f.layer.(bijector.Stateful[T])
	if !ok {
		return noState(f.layer)
	}
	return conform.State(s)
}

// checkAlias writes to each parameter in turn.
func checkAlias[T bijector.Float](f *fixture[T]) error {
	s, ok := f.layer.(bijector.Stateful[T])
	if !ok {
		return noState(f.layer)
	}
	x, cond := f.data(maxBatch, 70)
	z, logDet := forward(f.layer, x, cond)
	return conform.Alias(s, f.rng(71), func() error {
		got, ld := forward(f.layer, x, cond)
		return conform.FirstError(conform.Mats("z", got, z, conform.Exact), conform.Slices("logDet", ld, logDet, conform.Exact))
	})
}

// checkCopy does what saving and loading do.
func checkCopy[T bijector.Float](f *fixture[T]) error {
	if _, ok := f.layer.(bijector.Stateful[T]); !ok {
		return noState(f.layer)
	}
	l, err := f.clone()
	if err != nil {
		return err
	}
	x, cond := f.data(maxBatch, 72)
	z, logDet := forward(f.layer, x, cond)
	got, ld := forward(l, x, cond)
	return conform.Prefix(conform.FirstError(conform.Mats("z", got, z, conform.Exact), conform.Slices("logDet", ld, logDet, conform.Exact)),
		"a new layer of the same spec with Params and Buffers copied, as loading does")
}

// checkSpecs sends the specs through JSON.
func checkSpecs(s *suite) error {
	a, ok := s.F32.layer.(bijector.Stateful[float32])
	b, ok64 := s.F64.layer.(bijector.Stateful[float64])
	if ok != ok64 {
		return fmt.Errorf("the interface Stateful is implemented in one precision only: float32 %v, float64 %v", ok, ok64)
	}
	if !ok {
		return noState(s.F64.layer)
	}
	return conform.FirstError(conform.Specs(a.Spec(), b.Spec()), checkValues(b))
}
