// Tables: a table.Model as an engine.

package serve

import (
	"cmp"
	"errors"
	"math"
	"slices"
	"sync"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/tables"
	"github.com/bijou-flow/bijou/table"
)

type tableEngine[T bijector.Float] struct {
	model *table.Model[T]
	cells int

	usual   func() ([]float64, error) // tables.UsualTerms, when they are first asked for
	readers sync.Map                  // of a readerKind: those that are free, in a *sync.Pool
}

func newTableEngine[T bijector.Float](m *table.Model[T]) *tableEngine[T] {
	return &tableEngine[T]{model: m, cells: m.Dim(), usual: sync.OnceValues(func() ([]float64, error) { return tables.UsualTerms(m) })}
}

func (e *tableEngine[T]) kind() string { return kindTable }
func (e *tableEngine[T]) width() int   { return e.cells }

// tableReader reads the objects of a request.
type tableReader struct {
	objects *table.Objects
	free    *sync.Pool // of *table.Objects
}

// readerKind is what readers differ by.
type readerKind struct {
	unknown table.Policy
	extra   bool
}

// reader takes one that is free: to make one takes a third of the time of a row.
func (e *tableEngine[T]) reader(q *query) (rowReader, error) {
	kind := readerKind{q.unknown, q.extra}
	free, ok := e.readers.Load(kind)
	if !ok {
		free, _ = e.readers.LoadOrStore(kind, new(sync.Pool))
	}
	r := tableReader{free: free.(*sync.Pool)}
	if r.objects, ok = r.free.Get().(*table.Objects); ok {
		return r, nil
	}
	schema := e.model.Schema()
	if q.unknown != "" {
		schema = tables.WithPolicy(schema, q.unknown)
	}
	var err error
	r.objects, err = schema.Objects(table.ObjectOptions{AllowExtra: q.extra})
	return r, err
}

func (r tableReader) read(text []byte, codes []float64) error { return r.objects.Encode(text, codes) }

func (r tableReader) done() { r.free.Put(r.objects) }

func (e *tableEngine[T]) logProb(dst, codes []float64) error { return e.model.LogProbInto(dst, codes) }

func (e *tableEngine[T]) pValue(logp float64) float64 {
	if c := e.model.Calibration(); c != nil {
		return c.PValue(logp)
	}
	return math.NaN()
}

func (e *tableEngine[T]) explain(codes []float64) ([][]byte, error) {
	usual, err := e.usual()
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
		if err := tables.Given(schema, codes[lo:lo+d], cells); err != nil {
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

func (e *tableEngine[T]) columns() map[string]string {
	kinds := map[string]string{}
	for _, c := range e.model.Schema().Columns {
		kinds[c.Name] = string(c.Kind)
	}
	return kinds
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
