// The types of a value.

package bijector

import "golang.org/x/exp/constraints"

// Float is the element type of a model: float32 or float64. It is
// constraints.Float narrowed to the two predeclared types, because kernels are
// chosen by size and tensors by their exact dtype.
type Float interface {
	constraints.Float
	float32 | float64
}
