// Start: the model that a fit begins with.

package table

import (
	"fmt"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/flow"
)

// Start is the model that Fit begins with, before training: the shares and margins of the
// columns by the rows, which are all taken for training, and networks that make the
// columns independent. It is for tables that no machine holds, of which the rows are a
// sample; package bijoubeam trains it. Of o, Hidden, Blocks, Bins, Members, First and
// Seed are read. The errors are those of Fit.
func Start[T bijector.Float](s *Schema, rows Rows, o FitOptions) (*Model[T], error) {
	o.Validation, o.Calibration, o.Trim = -1, -1, 0
	if err := checkFit(s, rows, o); err != nil {
		return nil, err
	}
	f, err := newFitting[T](s, rows, o)
	if err != nil {
		return nil, err
	}
	var flows []*flow.Flow[T]
	for k := range max(o.Members, 1) {
		one, err := f.member(k, f.orders(k)[0])
		if err != nil {
			return nil, err
		}
		flows = append(flows, one)
	}
	density, err := flow.NewEnsemble(flow.Mixing{}, flows...)
	if err != nil {
		return nil, fmt.Errorf("table: %w", err)
	}
	return NewModel(f.schema, density, nil)
}
