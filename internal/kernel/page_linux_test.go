package kernel

import (
	"syscall"
	"testing"
	"unsafe"
)

// atPageEnd returns slices of n elements each of which ends where readable memory ends, so that a
// kernel that reads past a slice does not get away with it.
func atPageEnd[T Float](t *testing.T, n int) []T {
	t.Helper()
	var zero T
	size := int(unsafe.Sizeof(zero))
	page := syscall.Getpagesize()
	pages := (n*size + page - 1) / page * page
	memory, err := syscall.Mmap(-1, 0, pages+page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mprotect(memory[pages:], syscall.PROT_NONE); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Munmap(memory); err != nil {
			t.Error(err)
		}
	})
	return unsafe.Slice((*T)(unsafe.Pointer(&memory[pages-n*size])), n)
}

func testPageEnd[T Float](t *testing.T) {
	const most = 140 * 24
	x, y, z, w, v := atPageEnd[T](t, most), atPageEnd[T](t, most), atPageEnd[T](t, most), atPageEnd[T](t, most), atPageEnd[T](t, most)
	a, b := atPageEnd[T](t, most), atPageEnd[T](t, most)
	d1, d2, d3 := atPageEnd[float64](t, most), atPageEnd[float64](t, most), atPageEnd[float64](t, most)
	end := func(s []T, n int) []T { return s[most-n:] }
	for _, n := range []int{1, 2, 3, 4, 5, 8, 15, 16, 17, 20, 24, 33, 48, 50, 52, 100} {
		for _, m := range []int{1, 2, 3, 5, 7, 16, 20, 21, 31} {
			for _, k := range []int{1, 2, 3, 4, 7, 18} {
				for mode := Store; mode <= Gate; mode++ {
					e := Epilogue[T]{Mode: mode, Bias: end(w, m), Aux: end(w, m*n)}
					Gemm(m, n, k, end(x, m*k), k, 1, end(y, k*n), n, end(z, m*n), n, e)
					Gemm(m, n, k, end(x, m*k), 1, m, end(y, k*n), n, end(z, m*n), n, e)
					rows := []int{0}
					for len(rows) < k {
						rows = append(rows, rows[len(rows)-1]+n)
					}
					GemmIndirect(m, n, k, end(x, m*k), k, 1, end(y, k*n), rows, end(z, m*n), n, e)
				}
			}
		}
		for k := 0; k < 10; k++ {
			p := Pack(n, k, end(x, n*k), k, end(y, n))
			p.Apply(end(z, n), end(w, k), true)
		}
		for m := 1; m < 24; m++ {
			Transpose(m, n, end(x, m*n), n, end(z, m*n), m)
		}
	}
	for n := 0; n <= 70; n++ {
		for _, f := range elementaries[T]() {
			f.run(end(x, n), end(y, n))
		}
		for _, o := range ops[T]() {
			r := [][]T{end(x, n), end(y, n), end(z, n), end(w, n), end(v, n), end(a, n), end(b, n)}
			o.run(r, [][]float64{d1[most-n:], d2[most-n:], d3[most-n:]})
		}
		Sum(end(x, n))
		Dot(end(x, n), end(y, n))
		SumSquares(end(x, n), 1)
		Finite(end(x, n))
		for rows := 1; rows < 6; rows++ {
			AddRowSums(end(y, rows), end(x, rows*n), n, n)
		}
	}
}

func TestPageEnd(t *testing.T) { everywhere(t, testPageEnd[float32], testPageEnd[float64]) }
