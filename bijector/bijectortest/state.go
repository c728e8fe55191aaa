package bijectortest

// What is saved: parameters, buffers and the spec.

import (
	"fmt"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/conform"
)

// checkState looks at names, shapes and memory.
func checkState[T bijector.Float](f *fixture[T]) error {
	s, ok := f.layer.(bijector.Stateful[T])
	if !ok {
		return nil
	}
	return conform.State(s)
}

// checkAlias writes to each parameter in turn.
func checkAlias[T bijector.Float](f *fixture[T]) error {
	x, cond := f.data(maxBatch, 70)
	z, logDet := forward(f.layer, x, cond)
	unchanged := func() error {
		got, ld := forward(f.layer, x, cond)
		return conform.FirstError(conform.Mats("z", got, z, conform.Exact), conform.Slices("logDet", ld, logDet, conform.Exact))
	}
	rng := f.rng(71)
	for _, p := range params(f.layer) {
		start := append([]T(nil), p.Data...)
		for i := range p.Data {
			p.Data[i] += T(0.1 * rng.NormFloat64())
		}
		conform.Changed(f.layer)
		err := unchanged()
		copy(p.Data, start)
		conform.Changed(f.layer)
		if err == nil {
			return fmt.Errorf("writing to parameter %q changes nothing; Data must alias what passes read", p.Name)
		}
		if err := unchanged(); err != nil {
			return conform.Prefix(err, "after parameter %q was changed and changed back", p.Name)
		}
	}
	return nil
}

// checkCopy does what saving and loading do.
func checkCopy[T bijector.Float](f *fixture[T]) error {
	if _, ok := f.layer.(bijector.Stateful[T]); !ok {
		return nil
	}
	l, err := f.twin()
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
	a, ok := s.f32.layer.(bijector.Stateful[float32])
	b, ok64 := s.f64.layer.(bijector.Stateful[float64])
	if ok != ok64 {
		return fmt.Errorf("the interface Stateful is implemented in one precision only: float32 %v, float64 %v", ok, ok64)
	}
	if !ok {
		return nil
	}
	return conform.Specs(a.Spec(), b.Spec())
}
