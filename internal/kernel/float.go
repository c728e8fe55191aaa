// The element types, and the checks that every function makes on its slices.

package kernel

import "golang.org/x/exp/constraints"

// Float is the set of element types: exactly float32 and float64.
type Float interface {
	constraints.Float
	float32 | float64
}

// same panics unless the slices of an elementwise function are equally long.
func same(n int, lengths ...int) {
	for _, l := range lengths {
		if l != n {
			panic("kernel: slices of different lengths")
		}
	}
}
