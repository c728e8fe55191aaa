//go:build !purego

// Elementary functions on amd64.

package kernel

import "unsafe"

// chunk is the number of elements that a call of assembly handles: below 60 microseconds for the
// slowest function, since nothing can interrupt it.
const chunk = 8192

// first is the address of a slice's first element.
func first[T any](s []T) unsafe.Pointer { return unsafe.Pointer(unsafe.SliceData(s)) }

// isSingle says whether T is float32.
func isSingle[T Float]() bool {
	var zero T
	return unsafe.Sizeof(zero) == 4
}

func applyVector[T Float](f function, dst, src []T) bool {
	if path == portable {
		return false
	}
	kind := int(f)
	if !isSingle[T]() {
		kind += 5
	}
	for len(dst) > 0 {
		n := min(len(dst), chunk)
		d, s := first(dst), first(src)
		if path == avx512 {
			functionZ(kind, n, d, s)
		} else {
			functionY(kind, n, d, s)
		}
		dst, src = dst[n:], src[n:]
	}
	return true
}
