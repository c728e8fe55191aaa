// Tables: a table.Model as an engine.

package serve

import (
	"cmp"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"sync"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/table"
)

type tableEngine[T bijector.Float] struct {
	model *table.Model[T]
	cells int

	usual struct { // the mean of each column's term
		once  sync.Once
		terms []float64
		err   error
	}
}

func (e *tableEngine[T]) kind() string { return kindTable }
func (e *tableEngine[T]) width() int   { return e.cells }

// tableReader reads the objects of a request.
type tableReader struct{ objects *table.Objects }

func (e *tableEngine[T]) reader(q *query) (rowReader, error) {
	schema := e.model.Schema()
	if q.unknown != "" {
		schema = &table.Schema{Columns: slices.Clone(schema.Columns), LeftOut: schema.LeftOut}
		for i := range schema.Columns {
			schema.Columns[i].OnUnknown = q.unknown
		}
	}
	objects, err := schema.Objects(table.ObjectOptions{AllowExtra: q.extra})
	return tableReader{objects}, err
}

func (r tableReader) read(text []byte, codes []float64) error { return r.objects.Encode(text, codes) }

func (e *tableEngine[T]) logProb(dst, codes []float64) error { return e.model.LogProbInto(dst, codes) }

func (e *tableEngine[T]) pValue(logp float64) float64 {
	if c := e.model.Calibration(); c != nil {
		return c.PValue(logp)
	}
	return math.NaN()
}

// usualRows is how many rows are drawn to see what is usual, by the seed that
// "bijou explain" has.
const usualRows = 4096

// usualTerms are drawn when they are first asked for.
func (e *tableEngine[T]) usualTerms() ([]float64, error) {
	u := &e.usual
	u.once.Do(func() {
		draws, err := e.model.Sample(rand.New(rand.NewPCG(1, 0x757375616c)), usualRows)
		if err != nil {
			u.err = err
			return
		}
		terms, err := e.model.Contributions(draws)
		if err != nil {
			u.err = err
			return
		}
		u.terms = make([]float64, e.cells)
		for i, v := range terms {
			u.terms[i%e.cells] += v / usualRows
		}
	})
	return u.terms, u.err
}

func (e *tableEngine[T]) explain(codes []float64) ([][]byte, error) {
	usual, err := e.usualTerms()
	if err != nil {
		return nil, unexplained(err)
	}
	terms, err := e.model.Contributions(codes)
	if err != nil {
		return nil, unexplained(err)
	}
	schema, d := e.model.Schema(), e.cells
	cells, order := make([]string, d), make([]int, d)
	var all [][]byte
	for lo := 0; lo < len(codes); lo += d {
		if err := schema.Decode(codes[lo:lo+d], cells); err != nil {
			return nil, err
		}
		row := terms[lo : lo+d]
		for j := range order {
			order[j] = j
		}
		slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(row[a]-usual[a], row[b]-usual[b]) })
		out := []byte{'['}
		for k, j := range order {
			if k > 0 {
				out = append(out, ',')
			}
			out = append(out, `{"column":`...)
			out = appendText(out, schema.Columns[j].Name)
			out = append(out, `,"cell":`...)
			out = appendText(out, cells[j])
			out = append(out, `,"log_density":`...)
			out = appendNumber(out, row[j])
			out = append(out, `,"usual":`...)
			out = appendNumber(out, usual[j])
			out = append(out, '}')
		}
		all = append(all, append(out, ']'))
	}
	return all, nil
}

// unexplained is the problem of a density whose columns have no terms.
func unexplained(err error) error {
	if errors.Is(err, bijector.ErrSpec) {
		return notExplained("a density without terms of its columns")
	}
	return err
}

func (e *tableEngine[T]) describe() map[string]any {
	schema := e.model.Schema()
	about := map[string]any{"columns": schema.Columns, "left_out": schema.LeftOut, "calibration_rows": 0}
	if c := e.model.Calibration(); c != nil {
		about["calibration_rows"] = len(c.Scores())
	}
	return about
}

// rowSchema says which cells an object may have. Cells that do not fit are left
// to the columns' own policies.
func (e *tableEngine[T]) rowSchema() map[string]any {
	properties, required := map[string]any{}, []string{}
	for i := range e.model.Schema().Columns {
		c := &e.model.Schema().Columns[i]
		kinds := []string{"string"} // a number may come in quotes
		p := map[string]any{}
		switch c.Kind {
		case table.Real, table.Integer:
			kinds = append(kinds, "number")
		case table.Time:
			p["description"] = "a time such as " + c.Layout
		default:
			kinds = append(kinds, "number", "boolean") // of categories such as 1 and true
			p["description"] = "one of " + clipped(c.Categories)
		}
		if c.Missing || c.OnUnknown == table.TakeMissing {
			kinds = append(kinds, "null")
		} else {
			required = append(required, c.Name)
		}
		p["type"] = kinds
		properties[c.Name] = p
	}
	return map[string]any{"type": "object", "properties": properties, "required": required}
}
