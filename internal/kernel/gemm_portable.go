// Matrix products in portable Go: tiles of 4x3 accumulators over packed strips of B.

package kernel

const (
	tileRows = 4   // rows of C in a tile
	tileCols = 3   // columns of C in a tile: with the rows, what fits in 16 registers
	tileK    = 256 // inner dimension of a block: its strip of B stays in the first-level cache
)

// gemmPortable is Gemm (rows nil) or GemmIndirect (ldb ignored) after the checks.
func gemmPortable[T Float](m, n, k int, a []T, rsa, csa int, b []T, ldb int, rows []int, c []T, ldc int, e Epilogue[T]) {
	var strip [tileK][tileCols]T
	var packed [tileRows][tileK]T
	for l0 := 0; l0 < k || l0 == 0; l0 += tileK {
		kc := min(tileK, k-l0)
		first, last := l0 == 0, l0+kc == k
		for j := 0; j < n; j += tileCols {
			w := min(tileCols, n-j)
			for l := range strip[:kc] {
				at := (l0+l)*ldb + j
				if rows != nil {
					at = rows[l0+l] + j
				}
				var s [tileCols]T
				copy(s[:], b[at:][:w])
				strip[l] = s
			}
			for i := 0; i < m; i += tileRows {
				h := min(tileRows, m-i)
				var r [tileRows][]T
				for p := range r {
					row := min(i+p, m-1) // rows past the end repeat the last and are not stored
					switch {
					case csa == 1 && kc > 0:
						r[p] = a[row*rsa+l0:][:kc]
					default:
						r[p] = packed[p][:kc]
						at := row*rsa + l0*csa
						for l := range r[p] {
							r[p][l] = a[at]
							at += csa
						}
					}
				}
				var acc [tileRows * tileCols]T
				for p := range h {
					for q := range w {
						switch {
						case !first || e.Mode == Add:
							acc[p*tileCols+q] = c[(i+p)*ldc+j+q]
						case e.Bias != nil && e.Mode != Gate:
							acc[p*tileCols+q] = e.Bias[i+p]
						}
					}
				}
				tile(&acc, r[0], r[1], r[2], r[3], strip[:kc])
				for p := range h {
					out := c[(i+p)*ldc+j:][:w]
					for q := range out {
						v := acc[p*tileCols+q]
						if last {
							if e.Mode == ReLU && v < 0 {
								v = 0
							}
							if e.Mode == Gate && !(e.Aux[(i+p)*ldc+j+q] > 0) {
								v = 0
							}
						}
						out[q] = v
					}
				}
			}
		}
	}
}

// tile adds four rows of A times a strip of B to acc. The conversions forbid the fusing of multiply
// and add, which compilers for some CPUs would do, so that the bits are the same everywhere.
func tile[T Float](acc *[tileRows * tileCols]T, a0, a1, a2, a3 []T, strip [][tileCols]T) {
	a0, a1, a2, a3 = a0[:len(strip)], a1[:len(strip)], a2[:len(strip)], a3[:len(strip)]
	c00, c01, c02 := acc[0], acc[1], acc[2]
	c10, c11, c12 := acc[3], acc[4], acc[5]
	c20, c21, c22 := acc[6], acc[7], acc[8]
	c30, c31, c32 := acc[9], acc[10], acc[11]
	for l := range strip {
		b := &strip[l]
		x := b[0]
		c00 += T(a0[l] * x)
		c10 += T(a1[l] * x)
		c20 += T(a2[l] * x)
		c30 += T(a3[l] * x)
		x = b[1]
		c01 += T(a0[l] * x)
		c11 += T(a1[l] * x)
		c21 += T(a2[l] * x)
		c31 += T(a3[l] * x)
		x = b[2]
		c02 += T(a0[l] * x)
		c12 += T(a1[l] * x)
		c22 += T(a2[l] * x)
		c32 += T(a3[l] * x)
	}
	*acc = [tileRows * tileCols]T{c00, c01, c02, c10, c11, c12, c20, c21, c22, c30, c31, c32}
}
