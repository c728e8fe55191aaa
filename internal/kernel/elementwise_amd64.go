//go:build !purego

// What the generated Go side of the kernels stands on, and the kernels that do not fit its mould.

package kernel

import "unsafe"

// chunk is the number of elements that a call of assembly handles, a multiple of eight: below 60
// microseconds for the slowest function, since nothing can interrupt it.
const chunk = 8192

// isSingle says whether T is float32.
func isSingle[T Float]() bool {
	var zero T
	return unsafe.Sizeof(zero) == 4
}

func finiteVector[T Float](x []T) (finite, ran bool) {
	if path == portable {
		return false, false
	}
	for at, n := 0, 0; at < len(x); at += n {
		n = min(len(x)-at, chunk)
		p := unsafe.Pointer(&x[at])
		var unfit uint64
		switch {
		case isSingle[T]() && path == avx512:
			unfit = finiteZ32(n, (*float32)(p))
		case isSingle[T]():
			unfit = finiteY32(n, (*float32)(p))
		case path == avx512:
			unfit = finiteZ64(n, (*float64)(p))
		default:
			unfit = finiteY64(n, (*float64)(p))
		}
		if unfit != 0 {
			return false, true
		}
	}
	return true, true
}

func widenVector[T Float](dst []float64, src []T) bool {
	if path == portable {
		return false
	}
	if !isSingle[T]() {
		copy(dst, unsafe.Slice((*float64)(unsafe.Pointer(unsafe.SliceData(src))), len(src)))
		return true
	}
	for at, n := 0, 0; at < len(dst); at += n {
		n = min(len(dst)-at, chunk)
		from := (*float32)(unsafe.Pointer(&src[at]))
		if path == avx512 {
			widenZ32(n, &dst[at], from)
		} else {
			widenY32(n, &dst[at], from)
		}
	}
	return true
}

func narrowVector[T Float](dst []T, src []float64) bool {
	if path == portable {
		return false
	}
	if !isSingle[T]() {
		copy(unsafe.Slice((*float64)(unsafe.Pointer(unsafe.SliceData(dst))), len(dst)), src)
		return true
	}
	for at, n := 0, 0; at < len(dst); at += n {
		n = min(len(dst)-at, chunk)
		to := (*float32)(unsafe.Pointer(&dst[at]))
		if path == avx512 {
			narrowZ32(n, to, &src[at])
		} else {
			narrowY32(n, to, &src[at])
		}
	}
	return true
}

// addRowSumsVector is AddRowSums by assembly, for rows that a call may sum as a whole.
func addRowSumsVector[T Float](dst, x []T, stride, n int) bool {
	if path == portable || n > chunk {
		return false
	}
	most, size := max(1, chunk/max(n, 1)), elementSize[T]()
	for at := 0; at < len(dst); at += most {
		rows := min(most, len(dst)-at)
		to, from := unsafe.Pointer(&dst[at]), unsafe.Pointer(unsafe.SliceData(x[at*stride:]))
		switch {
		case size == 4 && path == avx512:
			addRowSumsZ32(rows, n, (*float32)(to), (*float32)(from), stride*size)
		case size == 4:
			addRowSumsY32(rows, n, (*float32)(to), (*float32)(from), stride*size)
		case path == avx512:
			addRowSumsZ64(rows, n, (*float64)(to), (*float64)(from), stride*size)
		default:
			addRowSumsY64(rows, n, (*float64)(to), (*float64)(from), stride*size)
		}
	}
	return true
}

// transposeVector covers the matrix with square blocks. Where the sides are no multiple of a block's,
// the last blocks overlap their neighbours and write the same values again.
func transposeVector[T Float](m, n int, src []T, lds int, dst []T, ldd int) bool {
	side, size := 8, 4
	if !isSingle[T]() {
		side, size = 4, 8
	}
	if path == portable || m < side || n < side {
		return false
	}
	strip := func(i, j, blocks int) {
		from, to := unsafe.Pointer(&src[i*lds+j]), unsafe.Pointer(&dst[j*ldd+i])
		if size == 4 {
			transposeY32(blocks, (*float32)(from), lds*size, (*float32)(to), ldd*size)
		} else {
			transposeY64(blocks, (*float64)(from), lds*size, (*float64)(to), ldd*size)
		}
	}
	const limit = 256 // blocks in a call of assembly
	for j := 0; j < n; j += side {
		j := min(j, n-side)
		for i := 0; i+side <= m; i += limit * side {
			strip(i, j, min((m-i)/side, limit))
		}
		if m%side != 0 {
			strip(m-side, j, 1)
		}
	}
	return true
}
