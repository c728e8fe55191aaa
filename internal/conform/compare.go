// Package conform holds what the conformance suites for layers and for base
// distributions share: comparisons that say where two results part, batches
// that show what was written, and the rules of saved state.
package conform

import (
	"fmt"
	"math"
	"unsafe"

	"github.com/bijou-flow/bijou/bijector"
)

// Exact asks for the same bits.
const Exact = 0

// CloseIn is the tolerance between two ways of computing one thing in T.
func CloseIn[T bijector.Float]() float64 {
	if Is32[T]() {
		return 2e-5
	}
	return 1e-11
}

// Same reports whether two numbers differ by at most tol relative to scale;
// tol 0 asks for the same value, where NaN equals NaN.
func Same(got, want, tol, scale float64) bool {
	if got == want || math.IsNaN(got) && math.IsNaN(want) {
		return true
	}
	return tol > 0 && math.Abs(got-want) <= tol*scale
}

// Mats returns an error that names the first sample in which got is not
// want. Tolerances are relative to the largest value of the sample, or to 1.
func Mats[T bijector.Float](what string, got, want bijector.Mat[T], tol float64) error {
	if got.D != want.D || got.N != want.N {
		return fmt.Errorf("%s has %d features of %d samples, want %d of %d", what, got.D, got.N, want.D, want.N)
	}
	for i := range want.N {
		scale := 1.0
		for j := range want.D {
			if v := math.Abs(float64(want.Feature(j)[i])); !math.IsInf(v, 0) {
				scale = max(scale, v) // NaN stays: nothing is close to it
			}
		}
		for j := range want.D {
			g, w := float64(got.Feature(j)[i]), float64(want.Feature(j)[i])
			if !Same(g, w, tol, scale) {
				return fmt.Errorf("%s: feature %d of sample %d (of %d) is %v, want %v; off by %.2g, allowed %.2g", what, j, i, want.N, g, w, math.Abs(g-w), tol*scale)
			}
		}
	}
	return nil
}

// Slices is Mats for log-dets and gradients; tolerances are relative
// to each value, or to 1.
func Slices[T bijector.Float](what string, got, want []T, tol float64) error {
	if len(got) != len(want) {
		return fmt.Errorf("%s has %d values, want %d", what, len(got), len(want))
	}
	for i, w := range want {
		scale := max(1, math.Abs(float64(w)))
		if !Same(float64(got[i]), float64(w), tol, scale) {
			return fmt.Errorf("%s: value %d (of %d) is %v, want %v; off by %.2g, allowed %.2g", what, i, len(want), got[i], w, math.Abs(float64(got[i])-float64(w)), tol*scale)
		}
	}
	return nil
}

// Clone copies a batch with everything around it.
func Clone[T bijector.Float](m bijector.Mat[T]) bijector.Mat[T] {
	m.Data = append([]T(nil), m.Data...)
	return m
}

// FirstError is the first of errs that is one.
func FirstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// Prefix puts what was being done in front of an error.
func Prefix(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), err)
}

// Is32 reports whether T is float32.
func Is32[T bijector.Float]() bool { return unsafe.Sizeof(*new(T)) == 4 }

// Steps of numeric derivatives. A result may agree at any of them: a long step
// is exact for smooth functions, a short one stays on one side of a kink.
var Steps = []float64{1e-3, 1e-4, 1e-5, 1e-6}

// Stencil is the difference formula of fourth order,
// f'(x) = sum_k w_k f(x + o_k h)/h.
var Stencil = []struct{ Offset, Weight float64 }{
	{-2, 1.0 / 12}, {-1, -8.0 / 12}, {1, 8.0 / 12}, {2, -1.0 / 12},
}
