// The transpose of a matrix: batches come in rows of samples and are computed on as rows of features.

package kernel

// Transpose is dst[j*ldd+i] = src[i*lds+j] for i < m and j < n. src and dst do not overlap.
func Transpose[T Float](m, n int, src []T, lds int, dst []T, ldd int) {
	if m == 0 || n == 0 {
		return
	}
	if m < 0 || n < 0 || lds < 0 || ldd < 0 {
		panic("kernel: Transpose with a negative size or stride")
	}
	if m > 1 && lds < n || n > 1 && ldd < m {
		panic("kernel: Transpose with overlapping rows")
	}
	if (m-1)*lds+n > len(src) || (n-1)*ldd+m > len(dst) {
		panic("kernel: Transpose with src or dst too short")
	}
	if !transposeVector(m, n, src, lds, dst, ldd) {
		transposePortable(m, n, src, lds, dst, ldd)
	}
}

// transposePortable walks blocks, so that the lines of cache that a block touches stay resident.
func transposePortable[T Float](m, n int, src []T, lds int, dst []T, ldd int) {
	const block = 16
	for i0 := 0; i0 < m; i0 += block {
		h := min(block, m-i0)
		for j0 := 0; j0 < n; j0 += block {
			w := min(block, n-j0)
			for j := j0; j < j0+w; j++ {
				out := dst[j*ldd+i0:][:h]
				at := i0*lds + j
				for i := range out {
					out[i] = src[at]
					at += lds
				}
			}
		}
	}
}
