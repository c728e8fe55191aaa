package kernel

import (
	"math"
	"testing"
)

// ulps is the distance from got to the exact value, in units of the last place of T around it.
func ulps[T Float](got T, exact float64) float64 {
	if math.IsNaN(exact) || math.IsNaN(float64(got)) {
		if math.IsNaN(exact) && math.IsNaN(float64(got)) {
			return 0
		}
		return math.Inf(1)
	}
	want := T(exact)
	if got == want {
		if math.Signbit(float64(got)) != math.Signbit(float64(want)) {
			return math.Inf(1)
		}
		if math.IsInf(float64(want), 0) || isDouble[T]() {
			return 0
		}
	}
	if math.IsInf(float64(want), 0) || math.IsInf(float64(got), 0) {
		return math.Inf(1)
	}
	var unit float64
	if isDouble[T]() {
		a := math.Abs(float64(want))
		unit = math.Nextafter(a, math.Inf(1)) - a
	} else {
		a := float32(math.Abs(float64(want)))
		unit = float64(math.Nextafter32(a, float32(math.Inf(1)))) - float64(a)
	}
	return math.Abs(float64(got)-exact) / unit
}

func isDouble[T Float]() bool { return !is32[T]() }

type elementary[T Float] struct {
	name   string
	run    func(dst, src []T)
	exact  func(float64) float64
	lo, hi float64
	ulps   float64
}

func elementaries[T Float]() []elementary[T] {
	return []elementary[T]{
		{"exp", Exp[T], exp, -110, 95, 2},
		{"exp wide", Exp[T], exp, -760, 720, 2},
		{"tanh", Tanh[T], math.Tanh, -25, 25, 2},
		{"tanh small", Tanh[T], math.Tanh, -0.7, 0.7, 2},
		{"sigmoid", Sigmoid[T], sigmoid, -110, 100, 2},
		{"sigmoid wide", Sigmoid[T], sigmoid, -760, 720, 2},
		{"log1p", Log1p[T], math.Log1p, -1, 5, 2},
		{"log1p wide", Log1p[T], math.Log1p, -1, 1e30, 2},
		{"softplus", Softplus[T], softplus, -110, 100, 2},
		{"softplus wide", Softplus[T], softplus, -760, 720, 2},
	}
}

// special lists what a careless kernel gets wrong: NaN, infinities, zeros, subnormals, thresholds.
func special[T Float]() []T {
	s := []T{
		0, T(math.Copysign(0, -1)), T(math.NaN()), T(math.Inf(1)), T(math.Inf(-1)), 1, -1, -2, -0.5, 0.625, -0.625,
		1e-30, -1e-30, 1e-42, -1e-42, 1e-45, -1e-45, 1e30, -1e30, 9, 9.5, 10, 19, 20, 22, 88.7, 88.73, 88.8, 89, 90, -87.3, -88, -100,
		-103.9, -104, -105, 709.7, 709.8, 710, -708, -740, -745, -745.2, -746, -750, 0.41421357, 0.7071068, -0.29289323,
	}
	if isDouble[T]() {
		for _, x := range []float64{5e-324, -5e-324, 1e300, -1e300, 1e-310, 0x1p-53 - 1} {
			s = append(s, T(x))
		}
	}
	return s
}

func testElementary[T Float](t *testing.T) {
	for _, f := range elementaries[T]() {
		worst, at := 0.0, T(0)
		const steps = 100_000
		src := special[T]()
		for i := 0; i <= steps; i++ {
			src = append(src, T(f.lo+(f.hi-f.lo)*float64(i)/steps))
		}
		for x := 1e-30; x < 1e3; x *= 1.01 {
			src = append(src, T(x), T(-x))
		}
		dst := make([]T, len(src))
		f.run(dst, src)
		for i, x := range src {
			if e := ulps(dst[i], f.exact(float64(x))); e > worst {
				worst, at = e, x
			}
		}
		t.Logf("%s: %.2f ulp at %v", f.name, worst, at)
		if !(worst <= f.ulps) {
			t.Errorf("%s: %.2f ulp at %v", f.name, worst, at)
		}
	}
}

func TestElementary(t *testing.T) { everywhere(t, testElementary[float32], testElementary[float64]) }

// testElementaryShape runs every length at unaligned bases: the bits are those of one long call, and
// nothing around the slices is written or matters.
func testElementaryShape[T Float](t *testing.T) {
	rng := newRand()
	for _, f := range elementaries[T]() {
		long := normal[T](rng, 200)
		copy(long[20:], special[T]())
		want := make([]T, len(long))
		f.run(want, long)
		for n := 0; n <= 130; n++ {
			from, offset := n%7, n%5
			src, srcIntact := guarded[T](n, offset)
			copy(src, long[from:])
			dst, dstIntact := guarded[T](n, n%3)
			f.run(dst, src)
			if !srcIntact() || !dstIntact() {
				t.Fatalf("%s of %d elements wrote outside", f.name, n)
			}
			f.run(src, src)
			for i := range dst {
				if !sameBits(dst[i], want[from+i]) || !sameBits(src[i], want[from+i]) {
					t.Fatalf("%s: element %d of %d is %v, in place %v, in a long row %v", f.name, i, n, dst[i], src[i], want[from+i])
				}
			}
		}
	}
}

func TestElementaryShape(t *testing.T) {
	everywhere(t, testElementaryShape[float32], testElementaryShape[float64])
}
