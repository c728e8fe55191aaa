// Batches for tests, and what is compared of them.

package testkit

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
)

// RowsBy is n rows of d values, value j of row i being f(i, j). It asks for
// them row after row.
func RowsBy[T bijector.Float](n, d int, f func(i, j int) float64) *bijector.Rows[T] {
	rows := bijector.NewRows[T](n, d)
	for i := range rows.Values() {
		rows.Values()[i] = T(f(i/d, i%d))
	}
	return rows
}

// Gauss is n rows of d standard normal values.
func Gauss[T bijector.Float](n, d int, seed uint64) *bijector.Rows[T] {
	rng := rand.New(rand.NewPCG(seed, 7))
	return RowsBy[T](n, d, func(int, int) float64 { return rng.NormFloat64() })
}

// Wide is values in float64.
func Wide[T bijector.Float](values []T) []float64 {
	wide := make([]float64, len(values))
	for i, v := range values {
		wide[i] = float64(v)
	}
	return wide
}

// Equal fails a test unless got and want have the same values, to the bit. A
// NaN equals nothing.
func Equal[T comparable](t testing.TB, what string, got, want []T) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d values, want %d", what, len(got), len(want))
	}
	for i, v := range want {
		if got[i] != v {
			t.Fatalf("%s: value %d is %v, want %v", what, i, got[i], v)
		}
	}
}

// Bits are a model's parameters and buffers, to the last bit.
func Bits[T bijector.Float](m bijector.Objective[T]) []uint64 {
	var bits []uint64
	add := func(values ...float64) {
		for _, v := range values {
			bits = append(bits, math.Float64bits(v))
		}
	}
	for _, p := range m.Params() {
		add(Wide(p.Data)...)
	}
	for _, b := range m.Buffers() {
		switch d := b.Data.(type) {
		case []float64:
			add(d...)
		case []int64:
			for _, v := range d {
				bits = append(bits, uint64(v))
			}
		}
	}
	return bits
}
