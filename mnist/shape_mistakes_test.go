// Every shape mistake is ErrShape, whatever else it is.

package mnist

import (
	"errors"
	"testing"

	"gorgonia.org/tensor"

	"github.com/bijou-flow/bijou/bijector"
)

func TestShapeMistakes(t *testing.T) {
	s := tiny(t)
	x, labels := filled(tensor.Float32, 2, 6), filled(tensor.Float32, 2, 3)
	read := func(rows []int, x, context *tensor.Dense) error { return s.Conditional().Read(rows, x, context) }
	_, set := NewSet(Images{Height: 2, Width: 2, Pixels: make([]byte, 8)}, make([]byte, 3))
	_, grid := Grid{Height: 2, Width: 2}.Draw(filled(tensor.Float32, 2, 5))
	for name, c := range map[string]struct{ err, also error }{
		"width":           {read([]int{0, 1}, labels, labels), nil},
		"rows":            {read([]int{0}, x, labels), nil},
		"context's width": {read([]int{0, 1}, x, x), bijector.ErrContext},
		"context's rows":  {read([]int{0, 1}, x, filled(tensor.Float32, 3, 3)), bijector.ErrContext},
		"labels":          {set, nil},
		"grid":            {grid, nil},
	} {
		if !errors.Is(c.err, bijector.ErrShape) {
			t.Errorf("%s: %v, want one that wraps ErrShape", name, c.err)
		}
		if c.also != nil && !errors.Is(c.err, c.also) {
			t.Errorf("%s: %v, want one that wraps %q", name, c.err, c.also)
		}
	}
}
