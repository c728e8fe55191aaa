// Checks of the numbers in specs and in saved state.

package bijector

import "fmt"

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

// checkImage refuses a size that makes no image.
func checkImage(layer string, c, h, w int) error {
	for _, side := range []int{c, h, w} {
		if side < 1 || side > maxDim {
			return fmt.Errorf("bijector: %s of images of %dx%dx%d, want 1 to %d for each: %w", layer, c, h, w, maxDim, ErrSpec)
		}
	}
	if size := float64(c) * float64(h) * float64(w); size > maxDim {
		return fmt.Errorf("bijector: %s of images of %dx%dx%d, want at most %d features: %w", layer, c, h, w, maxDim, ErrSpec)
	}
	return nil
}

// checkFlag refuses a flag other than 0 and 1.
func checkFlag(layer string, v int64) error {
	if v != 0 && v != 1 {
		return fmt.Errorf("bijector: \"initialised\" of %s is %d, want 0 or 1: %w", layer, v, ErrSpec)
	}
	return nil
}
