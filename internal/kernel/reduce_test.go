package kernel

import (
	"math"
	"testing"
)

// testReduce compares with the loop in eight lanes to the bit, at every length and alignment.
func testReduce[T Float](t *testing.T) {
	rng := newRand()
	for n := 0; n <= 300; n++ {
		x, _ := guarded[T](n, n%9)
		y, _ := guarded[T](n, n%4)
		fill(rng, x)
		fill(rng, y)
		about := rng.NormFloat64()
		var sum, dot, squares lanes
		for i := range x {
			d := float64(x[i]) - about
			sum[i%8] += float64(x[i])
			dot[i%8] += float64(float64(x[i]) * float64(y[i]))
			squares[i%8] += float64(d * d)
		}
		if got := Sum(x); !sameBits(got, sum.total()) {
			t.Fatalf("Sum of %d: %v, want %v", n, got, sum.total())
		}
		if got := Dot(x, y); !sameBits(got, dot.total()) {
			t.Fatalf("Dot of %d: %v, want %v", n, got, dot.total())
		}
		if got := SumSquares(x, about); !sameBits(got, squares.total()) {
			t.Fatalf("SumSquares of %d: %v, want %v", n, got, squares.total())
		}
		if !Finite(x) {
			t.Fatalf("%d finite numbers are not finite", n)
		}
		if n == 0 {
			continue
		}
		for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
			at := rng.IntN(n)
			old := x[at]
			x[at] = T(bad)
			if Finite(x) {
				t.Fatalf("%v at %d of %d is found finite", bad, at, n)
			}
			if got, want := Sum(x), bad; !sameBits(got, want) {
				t.Fatalf("Sum with %v: %v", bad, got)
			}
			x[at] = old
		}
	}
	// Long rows are cut into chunks.
	long := make([]T, 50_001)
	fill(rng, long)
	var sum lanes
	for i, v := range long {
		sum[i%8] += float64(v)
	}
	if got := Sum(long); got != sum.total() {
		t.Errorf("a long Sum is %v, want %v", got, sum.total())
	}
	long[50_000] = T(math.NaN())
	if Finite(long) {
		t.Error("a NaN at the end of a long row goes unseen")
	}
}

// testAddRowSums compares with sums of rows by themselves to the bit.
func testAddRowSums[T Float](t *testing.T) {
	rng := newRand()
	shape := func(rows, n, stride int) {
		x, _ := guarded[T](max(rows-1, 0)*stride+n, rows%3)
		fill(rng, x)
		dst, intact := guarded[T](rows, n%5)
		fill(rng, dst)
		want := append([]T(nil), dst...)
		for i := range want {
			want[i] += T(Sum(x[i*stride:][:n]))
		}
		AddRowSums(dst, x, stride, n)
		if !intact() {
			t.Fatalf("%d rows of %d: wrote outside", rows, n)
		}
		for i, v := range dst {
			if !sameBits(v, want[i]) {
				t.Fatalf("%d rows of %d: sum %d is %v, want %v", rows, n, i, v, want[i])
			}
		}
	}
	for n := 0; n <= 70; n++ {
		for rows := 0; rows <= 9; rows++ {
			shape(rows, n, n+rng.IntN(20))
		}
	}
	shape(300, 100, 112) // more than a call of assembly
	shape(3, 20_000, 20_000)
}

func TestAddRowSums(t *testing.T) {
	everywhere(t, testAddRowSums[float32], testAddRowSums[float64])
}

func TestReduce(t *testing.T) { everywhere(t, testReduce[float32], testReduce[float64]) }

func testTranspose[T Float](t *testing.T) {
	rng := newRand()
	for trial := 0; trial < 400; trial++ {
		m, n := rng.IntN(40), rng.IntN(40)
		if trial%10 == 0 {
			m = 100 + rng.IntN(100)
		}
		lds, ldd := n+rng.IntN(4), m+rng.IntN(4)
		src, srcIntact := guarded[T](m*lds, rng.IntN(5))
		dst, dstIntact := guarded[T](n*ldd, rng.IntN(5))
		fill(rng, src)
		fill(rng, dst)
		before := append([]T(nil), dst...)
		Transpose(m, n, src, lds, dst, ldd)
		for at, v := range dst {
			j, i := at/ldd, at%ldd
			want := before[at]
			if i < m {
				want = src[i*lds+j]
			}
			if v != want {
				t.Fatalf("%dx%d: element (%d, %d) is %v, want %v", m, n, i, j, v, want)
			}
		}
		if !srcIntact() || !dstIntact() {
			t.Fatalf("%dx%d wrote outside", m, n)
		}
	}
}

func TestTranspose(t *testing.T) { everywhere(t, testTranspose[float32], testTranspose[float64]) }

// The order of a reduction is part of its contract: lanes 0 and 4 first, and so on as a tree.
func TestReduceOrder(t *testing.T) {
	everywhere(t, func(t *testing.T) {}, func(t *testing.T) {
		x := []float64{1e16, 1, 3, 1, -1e16, 1, 1, 1, 0, 2}
		if got := Sum(x); got != (0.0+4)+(4.0+2) {
			t.Errorf("the order of a sum has changed: %v", got)
		}
		if got := Sum([]float64{1e16, 1, -1e16, 1, 1, 1, 1, 1}); got != 4 {
			t.Errorf("the order of a sum has changed: %v", got)
		}
	})
}
