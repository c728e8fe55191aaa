// Recipes of the library behind a schema: for tables of real columns alone.

package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"

	"gorgonia.org/tensor"

	"github.com/bijou-flow/bijou/autoregressive"
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/coupling"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/table"
	"github.com/bijou-flow/bijou/train"
)

// recipes are the flows that may stand in the place of the mixed density.
var recipes = []string{"maf", "nsf", "realnvp", "glow", "coupling-nsf"}

// chainOf makes the layers of a recipe.
func chainOf(name string, dim, hidden int, seed uint64) (bijector.Layer[float32], error) {
	a := autoregressive.Recipe{Dim: dim, Seed: seed}
	c := coupling.Recipe{Dim: dim, Seed: seed}
	if hidden > 0 {
		a.Hidden, c.Hidden = []int{hidden, hidden}, []int{hidden, hidden}
	}
	switch name {
	case "maf":
		return autoregressive.MAF[float32](a)
	case "nsf":
		return autoregressive.NSF[float32](a)
	case "realnvp":
		return coupling.RealNVP[float32](c)
	case "glow":
		return coupling.Glow[float32](c)
	}
	return coupling.NSF[float32](c)
}

// continuous is the schema of a flow that takes all values for numbers with a
// density: without steps and atoms.
func continuous(schema *table.Schema) (*table.Schema, error) {
	plain := *schema
	plain.Columns = slices.Clone(schema.Columns)
	for i := range plain.Columns {
		c := &plain.Columns[i]
		if !c.Number() || c.Missing {
			return nil, fmt.Errorf("column %q: a recipe of the library is for numbers and times without missing cells, this column is of kind %s%s; leave it out, or fit without -recipe", c.Name, c.Kind, map[bool]string{true: " with missing cells"}[c.Missing])
		}
		c.Step, c.Origin, c.Atoms, c.Lower, c.Upper = 0, 0, nil, nil, nil
	}
	return &plain, nil
}

// fitRecipe fits a flow to rows of numbers, and calibrates it, as table.Fit does a mixed
// density.
func fitRecipe(ctx context.Context, name string, schema *table.Schema, rows *store, o table.FitOptions) (*table.Model[float32], *table.FitReport, error) {
	schema, err := continuous(schema)
	if err != nil {
		return nil, nil, err
	}
	d, n := len(schema.Columns), rows.Len()
	const fewest = 20
	if n < fewest {
		return nil, nil, fmt.Errorf("%d rows, want %d at least", n, fewest)
	}
	layer, err := chainOf(name, d, o.Hidden, o.Seed)
	if err != nil {
		return nil, nil, fmt.Errorf("-recipe %s: %w", name, err)
	}
	f, err := flow.New(layer, distribution.StandardNormal[float32](d))
	if err != nil {
		return nil, nil, err
	}
	held, validation := shares(n, o)
	order := rand.New(rand.NewPCG(o.Seed, 0x68656c64)).Perm(n)
	data := func(ids []int) *codes { return &codes{store: rows, ids: ids} }
	if o.Epochs == 0 {
		const steps, batch = 20_000, 100
		o.Epochs = min(max(steps*batch/n, 5), 100)
	}
	const patience = 10
	report, stopped := train.Fit(ctx, f, data(order[held+validation:]), train.Options{
		Epochs: o.Epochs, Batch: o.Batch, Rate: o.Rate, Schedule: train.Cosine{Final: 0.01}, ClipNorm: 5, Seed: o.Seed,
		Validation: data(order[held : held+validation]), Patience: patience, Observer: o.Observer,
	})
	if report == nil || stopped != nil && !errors.Is(stopped, context.Canceled) {
		return nil, nil, stopped
	}
	m, summed, err := calibrated(schema, f, data(order[:held]))
	if err != nil {
		return nil, nil, err
	}
	summed.Members, summed.Train, summed.Validation = []*train.Report{report}, n-held-validation, validation
	return m, summed, stopped
}

// shares are how many rows are held out for p-values, and for early stopping.
func shares(n int, o table.FitOptions) (held, validation int) {
	const most, tenth = 20_000, 0.1
	count := func(share float64) int {
		if share == 0 {
			return min(int(tenth*float64(n)), most)
		}
		return min(max(int(share*float64(n)), 1), n/3)
	}
	return count(o.Calibration), count(o.Validation)
}

// calibrated is a model of a flow with the scores of rows that were held out.
func calibrated(schema *table.Schema, f *flow.Flow[float32], held *codes) (*table.Model[float32], *table.FitReport, error) {
	density, err := flow.NewEnsemble(flow.Mixing{}, f)
	if err != nil {
		return nil, nil, err
	}
	m, err := table.NewModel(schema, density, nil)
	if err != nil {
		return nil, nil, err
	}
	values := make([]float64, held.Len()*held.Dim())
	if err := held.store.Codes(values, held.ids); err != nil {
		return nil, nil, err
	}
	scores, err := m.LogProb(values)
	if err != nil {
		return nil, nil, err
	}
	report := &table.FitReport{Calibrated: len(scores)}
	for _, v := range scores {
		report.Held += v / float64(len(scores))
	}
	m, err = table.NewModel(schema, density, scores)
	return m, report, err
}

// codes is some rows of a store, for train.Fit.
type codes struct {
	store  *store
	ids    []int
	some   []int
	buffer []float64
}

func (c *codes) Len() int        { return len(c.ids) }
func (c *codes) Dim() int        { return c.store.width }
func (c *codes) ContextDim() int { return 0 }

func (c *codes) Read(rows []int, x, _ *tensor.Dense) error {
	c.some = c.some[:0]
	for _, r := range rows {
		c.some = append(c.some, c.ids[r])
	}
	n := len(rows) * c.store.width
	c.buffer = slices.Grow(c.buffer[:0], n)[:n]
	if err := c.store.Codes(c.buffer, c.some); err != nil {
		return err
	}
	if x.Dtype() != tensor.Float32 {
		return fmt.Errorf("rows to be read as %v, want float32: %w", x.Dtype(), bijector.ErrDType)
	}
	for i, v := range c.buffer {
		x.Float32s()[i] = float32(v)
	}
	return nil
}
