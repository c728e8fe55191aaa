// Gradients of parameters: their number and sizes, copies, comparisons.

package conform

import (
	"fmt"

	"github.com/bijou-flow/bijou/bijector"
)

// GradSizes returns an error unless grads are parallel to params.
func GradSizes[T bijector.Float](grads [][]T, params []bijector.Param[T]) error {
	if len(grads) != len(params) {
		return fmt.Errorf("there are %d Grads and %d Params", len(grads), len(params))
	}
	for k, p := range params {
		if len(grads[k]) != len(p.Data) {
			return fmt.Errorf("gradient %d has %d values, its parameter %q has %d", k, len(grads[k]), p.Name, len(p.Data))
		}
	}
	return nil
}

// ZeroGrads is what a trainer does before a step.
func ZeroGrads[T bijector.Float](grads [][]T) {
	for _, g := range grads {
		clear(g)
	}
}

// CloneGrads copies gradients.
func CloneGrads[T bijector.Float](grads [][]T) [][]T {
	all := make([][]T, len(grads))
	for i, g := range grads {
		all[i] = append([]T(nil), g...)
	}
	return all
}

// Grads is Slices for all gradients of a pass.
func Grads[T bijector.Float](got, want [][]T, tol float64) error {
	if len(got) != len(want) {
		return fmt.Errorf("there are %d Grads, want %d", len(got), len(want))
	}
	for k := range want {
		if err := Slices(fmt.Sprintf("Grads[%d]", k), got[k], want[k], tol); err != nil {
			return err
		}
	}
	return nil
}
