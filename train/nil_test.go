// Calls without a model, a context.Context or data are errors.

package train_test

import (
	"context"
	"errors"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/train"
)

func TestNilArguments(t *testing.T) {
	ctx, data := context.Background(), constant(5, 1)
	var model bijector.Objective[float64] = newToy[float64](1, 0)
	var noModel *toy[float64]
	var noSource *recordingSource
	var noContext context.Context
	nothing := func(x, cond bijector.Mat[float64]) error { return nil }
	for name, c := range map[string]struct {
		ctx   context.Context
		model bijector.Objective[float64]
		data  train.Source
	}{
		"context": {noContext, model, data}, "model": {ctx, nil, data}, "typed model": {ctx, noModel, data},
		"data": {ctx, model, nil}, "typed data": {ctx, model, noSource},
	} {
		if r, err := train.Fit(c.ctx, c.model, c.data, train.Options{ValidationFraction: train.NoValidation}); r != nil || !errors.Is(err, train.ErrOptions) {
			t.Errorf("Fit without %s: error %v, want ErrOptions", name, err)
		}
		if _, err := train.Evaluate(c.ctx, c.model, c.data); !errors.Is(err, train.ErrOptions) {
			t.Errorf("Evaluate without %s: error %v, want ErrOptions", name, err)
		}
		if c.model == model {
			if err := train.EachBatch(c.ctx, c.data, 1, 0, 2, nothing); !errors.Is(err, train.ErrOptions) {
				t.Errorf("EachBatch without %s: error %v, want ErrOptions", name, err)
			}
		}
	}
	if err := train.EachBatch[float64](ctx, data, 1, 0, 2, nil); !errors.Is(err, train.ErrOptions) {
		t.Errorf("EachBatch without a function: error %v", err)
	}
}
