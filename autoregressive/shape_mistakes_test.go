// Every shape mistake is ErrShape, whatever else it is.

package autoregressive_test

import (
	"errors"
	"testing"

	"github.com/bijou-flow/bijou/autoregressive"
	"github.com/bijou-flow/bijou/bijector"
)

func TestShapeMistakes(t *testing.T) {
	layer := must(autoregressive.NewSpline[float64](autoregressive.SplineSpec{Dim: 3, ContextDim: 2}))
	batch := bijector.NewRows[float64]
	inverse := func(x, context *bijector.Rows[float64]) error {
		_, err := bijector.Given(layer, context).Inverse(x)
		return err
	}
	_, order := autoregressive.NewAffine[float64](autoregressive.AffineSpec{Dim: 3, Order: autoregressive.OrderSpec{Indices: []int{1, 0}}})
	for name, c := range map[string]struct{ err, also error }{
		"width":           {inverse(batch(4, 2), batch(4, 2)), nil},
		"context's width": {inverse(batch(4, 3), batch(4, 1)), bijector.ErrContext},
		"context's rows":  {inverse(batch(4, 3), batch(3, 2)), bijector.ErrContext},
		"order":           {order, nil},
	} {
		if !errors.Is(c.err, bijector.ErrShape) {
			t.Errorf("%s: %v, want one that wraps ErrShape", name, c.err)
		}
		if c.also != nil && !errors.Is(c.err, c.also) {
			t.Errorf("%s: %v, want one that wraps %q", name, c.err, c.also)
		}
	}
}
