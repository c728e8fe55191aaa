// Every shape mistake is ErrShape, whatever else it is.

package train_test

import (
	"context"
	"errors"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/train"
)

func TestShapeMistakes(t *testing.T) {
	ctx := context.Background()
	x := train.Tensor(normalRows[float64](8, 3, 1))
	fit := func(data train.Source, c int, o train.Options) error {
		_, err := train.Fit(ctx, newToy[float64](3, c), data, o)
		return err
	}
	_, evaluate := train.Evaluate(ctx, newToy[float64](3, 2), x.Given(normalRows[float64](8, 1, 1)))
	for name, c := range map[string]struct{ err, also error }{
		"width":               {fit(train.Tensor(normalRows[float64](8, 2, 1)), 0, train.Options{ValidationFraction: train.NoValidation}), nil},
		"context's width":     {fit(x.Given(normalRows[float64](8, 1, 1)), 2, train.Options{ValidationFraction: train.NoValidation}), bijector.ErrContext},
		"context's rows":      {fit(x.Given(normalRows[float64](7, 2, 1)), 2, train.Options{ValidationFraction: train.NoValidation}), bijector.ErrContext},
		"validation's width":  {fit(x, 0, train.Options{Validation: train.Tensor(normalRows[float64](8, 2, 1))}), nil},
		"one row to be split": {fit(train.Tensor(normalRows[float64](1, 3, 1)), 0, train.Options{ValidationFraction: 0.5}), train.ErrOptions},
		"context to evaluate": {evaluate, bijector.ErrContext},
	} {
		if !errors.Is(c.err, bijector.ErrShape) {
			t.Errorf("%s: %v, want one that wraps ErrShape", name, c.err)
		}
		if c.also != nil && !errors.Is(c.err, c.also) {
			t.Errorf("%s: %v, want one that wraps %q", name, c.err, c.also)
		}
	}
}
