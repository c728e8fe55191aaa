// Checks of sizes and of saved state.

package bijector

import "fmt"

// Validator is an optional interface of layers whose buffers can hold
// values that make no sense to them: a permutation that names a feature twice,
// a negative variance. Loading calls Validate after Invalidate, since a file may be hostile.
type Validator interface{ Validate() error }

// maxDim bounds the features of a layer made from a spec, so that a number in
// a hostile file cannot ask for all memory.
const maxDim = 1 << 20

// checkDim refuses a number of features that makes no layer.
func checkDim(layer string, dim int) error {
	if dim < 1 || dim > maxDim {
		return fmt.Errorf("bijector: %s of %d features, want 1 to %d: %w", layer, dim, maxDim, ErrSpec)
	}
	return nil
}

// sameMat reports whether two batches are one.
func sameMat[T Float](a, b Mat[T]) bool {
	return !a.Empty() && !b.Empty() && &a.Data[0] == &b.Data[0]
}
