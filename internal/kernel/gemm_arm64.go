//go:build !purego

// Matrix products on arm64: tiles of 4x16 float32 in NEON over copied blocks of A and B. Go copies,
// starts and stores the tiles; the assembly is the inner loop.

package kernel

import (
	"os"
	"sync"
	"unsafe"
)

var (
	available = []pathID{portable, neon} // every arm64 processor has NEON
	path      = choose(os.Getenv("BIJOU_KERNEL"), available)
)

const (
	neonRows   = 4
	neonCols   = 16
	neonK      = 256 // inner indices of a block
	neonStrips = 8   // strips of columns in a block
)

// neonBuffer is a block of B in strips of columns, and the rows of A of one tile.
type neonBuffer struct {
	b [neonStrips][neonK][neonCols]float32
	a [neonK][neonRows]float32
}

var neonBuffers = sync.Pool{New: func() any { return new(neonBuffer) }}

// tileNeon is, for p < 4 and q < 16,
//
//	for l := range k {
//		acc[p][q] = fma(a[l][p], b[l][q], acc[p][q])
//	}
//
//go:noescape
func tileNeon(acc *[neonRows][neonCols]float32, a *[neonRows]float32, b *[neonCols]float32, k int)

// floats is s as the float32s that it holds.
func floats[T Float](s []T) []float32 {
	return unsafe.Slice((*float32)(unsafe.Pointer(unsafe.SliceData(s))), len(s))
}

func gemmVector[T Float](m, n, k int, a []T, rsa, csa int, b []T, ldb int, rows []int, c []T, ldc int, e Epilogue[T]) bool {
	var zero T
	if path == portable || k == 0 || unsafe.Sizeof(zero) != 4 {
		return false
	}
	gemmNeon(m, n, k, floats(a), rsa, csa, floats(b), ldb, rows, floats(c), ldc,
		Epilogue[float32]{Mode: e.Mode, Bias: floats(e.Bias), Aux: floats(e.Aux)})
	return true
}

// gemmNeon is gemmPortable in other tiles.
func gemmNeon(m, n, k int, a []float32, rsa, csa int, b []float32, ldb int, rows []int, c []float32, ldc int, e Epilogue[float32]) {
	buffer := neonBuffers.Get().(*neonBuffer)
	defer neonBuffers.Put(buffer)
	for l0 := 0; l0 < k; l0 += neonK {
		kc := min(neonK, k-l0)
		for j0 := 0; j0 < n; j0 += neonStrips * neonCols {
			w := min(neonStrips*neonCols, n-j0)
			buffer.copyB(w, kc, l0, j0, b, ldb, rows)
			for i := 0; i < m; i += neonRows {
				h := min(neonRows, m-i)
				buffer.copyA(h, kc, a[i*rsa+l0*csa:], rsa, csa)
				for s := 0; s*neonCols < w; s++ {
					j := j0 + s*neonCols
					wide := min(neonCols, n-j)
					var acc [neonRows][neonCols]float32
					for p := 0; p < h; p++ {
						switch {
						case l0 > 0 || e.Mode == Add:
							copy(acc[p][:], c[(i+p)*ldc+j:][:wide])
						case len(e.Bias) > 0 && e.Mode != Gate:
							for q := range acc[p] {
								acc[p][q] = e.Bias[i+p]
							}
						}
					}
					tileNeon(&acc, &buffer.a[0], &buffer.b[s][0], kc)
					for p := 0; p < h; p++ {
						out := c[(i+p)*ldc+j:][:wide]
						copy(out, acc[p][:])
						if l0+kc == k {
							finishRow(out, e.Mode, e.Aux, (i+p)*ldc+j)
						}
					}
				}
			}
		}
	}
}

// copyB copies w columns from j0 on and kc rows from l0 on of B into strips. What pads the last one
// is computed on and never stored.
func (buffer *neonBuffer) copyB(w, kc, l0, j0 int, b []float32, ldb int, rows []int) {
	for l := 0; l < kc; l++ {
		at := (l0+l)*ldb + j0
		if rows != nil {
			at = rows[l0+l] + j0
		}
		row := b[at:][:w]
		for s := 0; len(row) > 0; s++ {
			row = row[copy(buffer.b[s][l][:], row):]
		}
	}
}

// copyA copies h rows and kc columns of A, the rows side by side.
func (buffer *neonBuffer) copyA(h, kc int, a []float32, rsa, csa int) {
	for p := 0; p < h; p++ {
		at := p * rsa
		for l := range buffer.a[:kc] {
			buffer.a[l][p] = a[at]
			at += csa
		}
	}
}
