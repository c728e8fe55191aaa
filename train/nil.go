// Calls without a model, a context.Context or data.

package train

import (
	"context"
	"fmt"
	"reflect"

	"github.com/bijou-flow/bijou/bijector"
)

// checkCall refuses a nil context.Context and a nil model.
func checkCall[T bijector.Float](ctx context.Context, m bijector.Objective[T]) error {
	if ctx == nil {
		return fmt.Errorf("train: no context.Context, want one such as context.Background(): %w", ErrOptions)
	}
	if isNil(m) {
		return fmt.Errorf("train: no model: %w", ErrOptions)
	}
	return nil
}

// isNil reports whether v is nil, or a pointer that is.
func isNil(v any) bool {
	r := reflect.ValueOf(v)
	return !r.IsValid() || r.Kind() == reflect.Pointer && r.IsNil()
}
