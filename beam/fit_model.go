// The model that a fit changes, and its rows.

package bijoubeam

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/table"
)

// trained is a model for one that changes it: a flow, a mixture of flows, or a table's model.
type trained struct {
	flows  []*flow.Flow[float32]
	whole  any           // what is saved
	schema *table.Schema // nil for rows of numbers
}

// readTrained reads the model.
func readTrained(ctx context.Context, m Model) (*trained, error) {
	raw, err := readFile(ctx, m.Path)
	if err != nil {
		return nil, err
	}
	if sum := fmt.Sprintf("%x", sha256.Sum256(raw)); sum != strings.ToLower(m.SHA256) {
		return nil, fmt.Errorf("bijoubeam: model %s has the SHA-256 %s, want %s: %w", m.Path, sum, m.SHA256, ErrModel)
	}
	whole, d, err := readModel(raw)
	if err != nil {
		return nil, fmt.Errorf("bijoubeam: model %s: %w", m.Path, err)
	}
	t := &trained{whole: d}
	switch d := d.(type) {
	case *flow.Flow[float32]:
		t.flows = []*flow.Flow[float32]{d}
	case *flow.Ensemble[float32]:
		t.flows = d.Flows()
	default:
		t.flows, t.whole, t.schema = whole.Density().Flows(), whole, whole.Schema()
	}
	for _, f := range t.flows {
		if f.ContextDim() != 0 {
			return nil, fmt.Errorf("bijoubeam: model %s: a flow under a context of %d values, want one without: %w", m.Path, f.ContextDim(), ErrFit)
		}
		if err := f.Check(); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// dim is the number of features.
func (t *trained) dim() int { return t.flows[0].Dim() }

// member is the flow that a shard trains.
func (t *trained) member(shard int) int { return shard % len(t.flows) }

// weigh has each flow of a mixture count as much as its rows.
func (t *trained) weigh(rows []float64) error {
	if len(t.flows) == 1 {
		return nil
	}
	mixture, err := flow.NewEnsemble(flow.Mixing{Weights: rows}, t.flows...)
	if err != nil {
		return fmt.Errorf("bijoubeam: %w", err)
	}
	if t.whole = mixture; t.schema != nil {
		t.whole, err = table.NewModel(t.schema, mixture, nil)
	}
	return err
}

// eachCodes calls do for each row of a file, counted from 1, as numbers of the model,
// which are written over by the next. It returns how many rows the schema skips.
func (t *trained) eachCodes(ctx context.Context, file string, o table.ReaderOptions, do func(row int, codes []float64)) (skipped int64, err error) {
	if t.schema != nil {
		return eachEncoded(ctx, t.schema, file, o, do)
	}
	codes := make([]float64, t.dim())
	return 0, eachRow(ctx, file, o, func(r *table.Reader, cells []string) error {
		if err := numbers(r.Columns(), cells, codes); err != nil {
			return fmt.Errorf("row %d %w", r.Row(), err)
		}
		do(r.Row(), codes)
		return nil
	})
}

// eachEncoded is eachCodes for the rows of a schema.
func eachEncoded(ctx context.Context, s *table.Schema, file string, o table.ReaderOptions, do func(row int, codes []float64)) (skipped int64, err error) {
	e, codes := &encoder{schema: s}, make([]float64, len(s.Columns))
	o.Columns = s.Names()
	err = eachRow(ctx, file, o, func(r *table.Reader, cells []string) error {
		err := e.cells(Record{Names: r.Columns(), Cells: cells}, codes)
		if errors.Is(err, table.ErrSkipped) {
			skipped++
			return nil
		}
		if err != nil {
			return fmt.Errorf("row %d: %w", r.Row(), err)
		}
		do(r.Row(), codes)
		return nil
	})
	return skipped, err
}

// numbers reads cells that are numbers.
func numbers(names, cells []string, codes []float64) error {
	if len(cells) != len(codes) {
		return fmt.Errorf("has %d cells, the model has %d: %w", len(cells), len(codes), bijector.ErrShape)
	}
	for j, cell := range cells {
		v, err := strconv.ParseFloat(cell, 32)
		if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Errorf("in column %s: %q, want a finite float32: %w", names[j], cell, bijector.ErrNonFinite)
		}
		codes[j] = v
	}
	return nil
}

// drawing draws a number for each row of a shard.
type drawing struct {
	seed  uint64
	shard int
}

// of is that of a row, in [0, 1).
func (d drawing) of(row int) float64 {
	return float64(rand.NewPCG(d.seed^0x68656c64, uint64(d.shard)<<40^uint64(row)).Uint64()>>11) / (1 << 53)
}
