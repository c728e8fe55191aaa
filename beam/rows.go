// Rows: what elements of a PCollection are to a model.

package bijoubeam

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/tables"
	"github.com/bijou-flow/bijou/table"
)

// Record is a row of a table as it was read: cells by the names of their
// columns, or the text of a JSON object, and where it came from. ReadTable
// makes them.
type Record struct {
	Source string   // the file
	Row    int64    // counted from 1
	Names  []string // of the cells
	Cells  []string // "" for a missing one
	Text   string   // the row as it stands, where it is a JSON object; scored by where Names is empty
}

// Place is the record's file and row.
func (r Record) Place() string {
	if r.Row == 0 {
		return r.Source
	}
	return r.Source + ":" + strconv.FormatInt(r.Row, 10)
}

// encoder makes the numbers of a model out of elements, for one goroutine.
type encoder struct {
	model   *loaded
	schema  *table.Schema // nil for rows without names
	objects *table.Objects
	extra   bool
	names   []string // that bound is for
	bound   *table.Binding
}

func (m Model) encoder(l *loaded) (*encoder, error) {
	e := &encoder{model: l, extra: m.AllowExtra}
	var err error
	if l.table != nil {
		e.schema = tables.WithPolicy(l.table.Schema(), m.Unknown)
		e.objects, err = e.schema.Objects(table.ObjectOptions{AllowExtra: m.AllowExtra})
	}
	return e, err
}

// encode sets dst, one value a column, to an element; its error is the row's.
func (e *encoder) encode(x any, dst []float64) error {
	switch v := x.(type) {
	case []float64:
		if len(v) == len(dst) {
			copy(dst, v)
		}
		return finite(dst, len(v))
	case []float32:
		if len(v) == len(dst) {
			for i := range v {
				dst[i] = float64(v[i])
			}
		}
		return finite(dst, len(v))
	case Record:
		return e.record(v, dst)
	case string:
		return e.object([]byte(v), dst)
	case []byte:
		return e.object(v, dst)
	}
	text, err := json.Marshal(x)
	if err != nil {
		return fmt.Errorf("a row of type %T that is no JSON object: %w: %w", x, err, table.ErrInput)
	}
	return e.object(text, dst)
}

// record encodes a Record.
func (e *encoder) record(r Record, dst []float64) error {
	if len(r.Names) > 0 {
		return e.cells(r, dst)
	}
	return e.object([]byte(r.Text), dst)
}

// finite says whether a row of so many values has a density.
func finite(row []float64, n int) error {
	if n != len(row) {
		return fmt.Errorf("a row of %d values, the model has %d: %w", n, len(row), bijector.ErrShape)
	}
	for i, v := range row {
		if f := float64(float32(v)); math.IsNaN(f) || math.IsInf(f, 0) {
			return fmt.Errorf("value %d is %v, want a finite float32: %w", i, v, bijector.ErrNonFinite)
		}
	}
	return nil
}

// object encodes a JSON object.
func (e *encoder) object(text []byte, dst []float64) error {
	if e.objects == nil {
		return noNames(len(dst))
	}
	return e.objects.Encode(text, dst)
}

// cells encodes cells by their names, which are bound once for as long as they
// stay the same.
func (e *encoder) cells(r Record, dst []float64) error {
	if e.schema == nil {
		return noNames(len(dst))
	}
	if e.bound == nil || !slices.Equal(e.names, r.Names) {
		bound, err := e.schema.Bind(r.Names, e.extra)
		if err != nil {
			return err
		}
		e.bound, e.names = bound, slices.Clone(r.Names)
	}
	cells, err := e.bound.Cells(r.Cells)
	if err != nil {
		return err
	}
	return e.schema.Encode(cells, dst)
}

func noNames(width int) error {
	return fmt.Errorf("a record for a model of rows without names, want []float32 or []float64 of %d values: %w", width, bijector.ErrShape)
}

// describe is a row as text, for the output of those that are rejected.
func describe(x any) string {
	switch v := x.(type) {
	case Record:
		if v.Text != "" {
			return v.Text
		}
		object := make(map[string]string, len(v.Cells))
		for i, c := range v.Cells {
			if i < len(v.Names) {
				object[v.Names[i]] = c
			}
		}
		x = object
	case string:
		return v
	case []byte:
		return string(v)
	}
	if text, err := json.Marshal(x); err == nil {
		return string(text)
	}
	return fmt.Sprintf("%v", x) // such as NaN, which JSON does not have
}
