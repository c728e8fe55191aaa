// The element types, and memory for them that starts on a cache line.

package kernel

import (
	"unsafe"

	"golang.org/x/exp/constraints"
)

// Float is the set of element types: exactly float32 and float64.
type Float interface {
	constraints.Float
	float32 | float64
}

// lengths is what an elementwise function panics with.
const lengths = "kernel: slices of different lengths"

// Make returns n zeros that start on a cache line, where vector loads are
// fastest.
func Make[T Float](n int) []T {
	if n == 0 {
		return nil
	}
	const line = 64
	size := elementSize[T]()
	s := make([]T, n+line/size)
	skip := 0
	if r := int(uintptr(unsafe.Pointer(unsafe.SliceData(s))) % line); r != 0 {
		skip = (line - r) / size
	}
	return s[skip : skip+n : skip+n]
}

// elementSize is the bytes of an element.
func elementSize[T Float]() int { return int(unsafe.Sizeof(*new(T))) }
