// The element types.

package kernel

import "golang.org/x/exp/constraints"

// Float is the set of element types: exactly float32 and float64.
type Float interface {
	constraints.Float
	float32 | float64
}

// lengths is what an elementwise function panics with.
const lengths = "kernel: slices of different lengths"
