// Package testkit is what the tests of the library share.
package testkit

import (
	"math"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
)

// Must returns v, and panics on an error: for what a test has in hand and is
// not about.
func Must[V any](v V, err error) V {
	if err != nil {
		panic(err)
	}
	return v
}

// Rows is bijector.RowsOf for values whose number is known to fit.
func Rows[T bijector.Float](values []T, n, d int) *bijector.Rows[T] {
	return Must(bijector.RowsOf(values, n, d))
}

// IsNear reports whether got is within tolerance of want, relative to want or
// to 1, whichever is larger.
func IsNear(got, want, tolerance float64) bool {
	return math.Abs(got-want) <= tolerance*max(1, math.Abs(want))
}

// Near fails a test unless IsNear holds.
func Near(t testing.TB, what string, got, want, tolerance float64) {
	t.Helper()
	if !IsNear(got, want, tolerance) {
		t.Errorf("%s is %v, want %v to within %g", what, got, want, tolerance)
	}
}
