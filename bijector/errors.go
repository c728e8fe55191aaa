// The errors that layers and models share.

package bijector

import (
	"errors"
	"fmt"
)

// Sentinels that every error of the library about a user's input wraps: test
// for them with errors.Is.
var (
	// ErrShape: a tensor, mask, list or spec has the wrong size. What says more
	// about it, such as ErrContext or ErrSpec, may be beside it.
	ErrShape = errors.New("wrong shape")
	// ErrDType: a tensor's element type is not the model's.
	ErrDType = errors.New("wrong element type")
	// ErrContext: a conditional model got no context, or an unconditional one
	// got some; beside ErrShape, the context has the wrong width or number of
	// rows.
	ErrContext = errors.New("context mismatch")
	// ErrNonFinite: a value is NaN or infinite where none may be.
	ErrNonFinite = errors.New("non-finite value")
	// ErrSpec: a spec describes no valid layer.
	ErrSpec = errors.New("invalid spec")
	// ErrNotTrainable: a layer has no gradient.
	ErrNotTrainable = errors.New("not trainable")
)

// RowError says which rows of a batch are not finite. Results returned beside
// it are valid in every other row. It wraps ErrNonFinite.
type RowError struct {
	What  string // what is not finite: "input", "context" or "result"
	Row   int    // first such row
	Count int    // how many there are
	N     int    // rows in the batch
}

// NewRowError is the RowError about count of n rows, the first of which is row,
// and nil where count is 0.
func NewRowError(what string, row, count, n int) error {
	if count == 0 {
		return nil
	}
	return &RowError{What: what, Row: row, Count: count, N: n}
}

// Error names the first row and the number of rows.
func (e *RowError) Error() string {
	if e.Count == 1 {
		return fmt.Sprintf("%s: row %d of %d has a NaN or infinite value", e.What, e.Row, e.N)
	}
	return fmt.Sprintf("%s: %d of %d rows have a NaN or infinite value, the first is row %d", e.What, e.Count, e.N, e.Row)
}

// Unwrap returns ErrNonFinite.
func (e *RowError) Unwrap() error { return ErrNonFinite }
