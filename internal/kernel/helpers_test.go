package kernel

import (
	"math"
	"math/rand/v2"
	"testing"
	"unsafe"
)

// guarded returns a slice of n elements, offset elements past an aligned base and with a zone of
// canaries on either side, and a function that says whether the zones are untouched.
func guarded[T Float](n, offset int) (s []T, intact func() bool) {
	const zone = 64
	buf := make([]T, zone+16+offset+n+zone)
	start := zone + offset
	for uintptr(unsafe.Pointer(&buf[start-offset]))%64 != 0 {
		start++
	}
	canary := func(i int) T { return T(1e30) + T(i%7)*T(1e29) }
	for i := range buf {
		buf[i] = canary(i)
	}
	s = buf[start : start+n : start+n]
	return s, func() bool {
		for i, v := range buf {
			if (i < start || i >= start+n) && v != canary(i) {
				return false
			}
		}
		return true
	}
}

func fill[T Float](rng *rand.Rand, s []T) {
	for i := range s {
		s[i] = T(rng.NormFloat64())
	}
}

func normal[T Float](rng *rand.Rand, n int) []T {
	s := make([]T, n)
	fill(rng, s)
	return s
}

func newRand() *rand.Rand { return rand.New(rand.NewPCG(1, 2)) }

// sameBits compares to the bit, except that any NaN equals any other.
func sameBits[T Float](a, b T) bool {
	if a != a || b != b {
		return a != a && b != b
	}
	return a == b && math.Signbit(float64(a)) == math.Signbit(float64(b))
}

func is32[T Float]() bool {
	var z T
	return unsafe.Sizeof(z) == 4
}

// everywhere runs a test on every path for float32 and float64.
func everywhere(t *testing.T, f32, f64 func(t *testing.T)) {
	t.Helper()
	before := path
	defer force(before)
	for _, p := range available {
		force(p)
		t.Run(p.String()+"/float32", f32)
		t.Run(p.String()+"/float64", f64)
	}
}
