// Matrix products in portable Go: tiles of 2x3 accumulators over copied strips of B. A tile is small
// because compilers hold its products in registers beside its sums: a larger one spills.

package kernel

import "sync"

const (
	tileRows = 2
	tileCols = 3
	tileK    = 256 // inner indices of a block
	strips   = 8   // strips of columns in a block
)

// tileBuffer is a block of B, strip by strip, and two rows of A where they are not contiguous.
type tileBuffer[T Float] struct {
	b [strips][tileK][tileCols]T
	a [tileRows][tileK]T
}

var (
	tileBuffers32 = sync.Pool{New: func() any { return new(tileBuffer[float32]) }}
	tileBuffers64 = sync.Pool{New: func() any { return new(tileBuffer[float64]) }}
)

// gemmPortable is Gemm (rows nil) or GemmIndirect (ldb ignored) after the checks.
func gemmPortable[T Float](m, n, k int, a []T, rsa, csa int, b []T, ldb int, rows []int, c []T, ldc int, e Epilogue[T]) {
	pool := &tileBuffers64
	if _, single := any(T(0)).(float32); single {
		pool = &tileBuffers32
	}
	buffer := pool.Get().(*tileBuffer[T])
	defer pool.Put(buffer)
	for l0 := 0; l0 < k || l0 == 0; l0 += tileK {
		kc := min(tileK, k-l0)
		mode := e.Mode
		start := Store // where the accumulators start: at zero, ReLU: at the bias, Add: at C
		switch {
		case l0 > 0 || mode == Add:
			start = Add
		case e.Bias != nil && mode != Gate:
			start = ReLU
		}
		if l0+kc < k {
			mode = Store
		}
		for j0 := 0; j0 < n; j0 += strips * tileCols {
			w := min(strips*tileCols, n-j0)
			buffer.copyB(w, kc, l0, j0, b, ldb, rows)
			for i := 0; i < m; i += tileRows {
				h := min(tileRows, m-i)
				a0 := buffer.row(0, kc, a, i*rsa+l0*csa, csa)
				a1 := a0
				if h == 2 {
					a1 = buffer.row(1, kc, a, (i+1)*rsa+l0*csa, csa)
				}
				for s := 0; s*tileCols < w; s++ {
					j := j0 + s*tileCols
					wide := min(tileCols, n-j)
					var acc [tileRows][tileCols]T
					for p := 0; start != Store && p < h; p++ {
						for q, v := range c[(i+p)*ldc+j:][:wide] {
							if start == ReLU {
								v = e.Bias[i+p]
							}
							acc[p][q] = v
						}
					}
					tile(&acc, a0, a1, buffer.b[s][:kc])
					for p := 0; p < h; p++ {
						out := c[(i+p)*ldc+j:][:wide]
						copy(out, acc[p][:])
						finishRow(out, mode, e.Aux, (i+p)*ldc+j)
					}
				}
			}
		}
	}
}

// finishRow applies an epilogue to part of a row of C; its gate is aux from at on.
func finishRow[T Float](out []T, mode Mode, aux []T, at int) {
	switch mode {
	case ReLU:
		for q, v := range out {
			if v < 0 {
				out[q] = 0
			}
		}
	case Gate:
		for q, v := range aux[at:][:len(out)] {
			if !(v > 0) {
				out[q] = 0
			}
		}
	}
}

// copyB copies w columns from j0 on and kc rows from l0 on of B into strips. What pads the last one
// is computed on and never stored.
func (buffer *tileBuffer[T]) copyB(w, kc, l0, j0 int, b []T, ldb int, rows []int) {
	for l := 0; l < kc; l++ {
		at := (l0+l)*ldb + j0
		if rows != nil {
			at = rows[l0+l] + j0
		}
		row := b[at:][:w]
		s := 0
		for ; len(row) >= tileCols; s++ {
			buffer.b[s][l] = [tileCols]T(row)
			row = row[tileCols:]
		}
		if len(row) > 0 {
			copy(buffer.b[s][l][:], row)
		}
	}
}

// row is kc elements of A from a[at] on, csa apart: in place where they are contiguous.
func (buffer *tileBuffer[T]) row(p, kc int, a []T, at, csa int) []T {
	if kc == 0 {
		return nil
	}
	if csa == 1 {
		return a[at:][:kc]
	}
	r := buffer.a[p][:kc]
	for l := range r {
		r[l] = a[at]
		at += csa
	}
	return r
}

// tile adds two rows of A times a strip of B to acc. The conversions forbid the fusing of multiply
// and add, which compilers for some CPUs would do, so that the bits are the same everywhere.
func tile[T Float](acc *[tileRows][tileCols]T, a0, a1 []T, strip [][tileCols]T) {
	a0, a1 = a0[:len(strip)], a1[:len(strip)]
	c00, c01, c02 := acc[0][0], acc[0][1], acc[0][2]
	c10, c11, c12 := acc[1][0], acc[1][1], acc[1][2]
	for l := range strip {
		b := &strip[l]
		x, y := a0[l], a1[l]
		c00 += T(x * b[0])
		c01 += T(x * b[1])
		c02 += T(x * b[2])
		c10 += T(y * b[0])
		c11 += T(y * b[1])
		c12 += T(y * b[2])
	}
	*acc = [tileRows][tileCols]T{{c00, c01, c02}, {c10, c11, c12}}
}
