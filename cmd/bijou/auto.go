// The recipe auto: the choice of package auto behind a schema.

package main

import (
	"context"
	"fmt"
	"io"

	"github.com/bijou-flow/bijou/auto"
	"github.com/bijou-flow/bijou/table"
)

// autoRecipe is the name of the recipe that is chosen by held-out rows.
const autoRecipe = "auto"

// fitAuto fits what auto.Fit chooses to rows of numbers. The rows of its folds that
// a member did not see calibrate the model.
func fitAuto(ctx context.Context, schema *table.Schema, rows *store, o table.FitOptions, log io.Writer) (*table.Model[float32], *table.FitReport, error) {
	schema, err := continuous(schema)
	if err != nil {
		return nil, nil, err
	}
	ids := make([]int, rows.Len())
	for i := range ids {
		ids[i] = i
	}
	ended := 0
	density, chosen, err := auto.Fit[float32](ctx, &codes{store: rows, ids: ids}, auto.Options{
		Seed: o.Seed, Trim: o.Trim, Workers: o.Workers,
		Progress: func(e auto.Event) {
			if e.Ended && e.Err == nil {
				ended++
				fmt.Fprintf(log, "run %d, %s without fold %d: %.4f nats a row in standard units\n", ended, e.Candidate, e.Fold, e.Loss)
			}
		},
	})
	if density == nil {
		return nil, nil, err
	}
	fmt.Fprint(log, chosen)
	units := 0.0
	for j := range schema.Columns {
		units += schema.LogScale(j)
	}
	scores := make([]float64, len(chosen.LogDensities))
	for i, v := range chosen.LogDensities {
		scores[i] = v - units
	}
	report := &table.FitReport{Train: rows.Len() - len(chosen.Trimmed), Calibrated: len(scores), Trimmed: chosen.Trimmed, Held: -chosen.Loss - units}
	model, invalid := table.NewModel(schema, density, scores)
	if invalid != nil {
		return nil, nil, invalid
	}
	return model, report, err
}
