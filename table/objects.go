// Objects: rows that come as JSON objects, each by itself.

package table

import (
	"fmt"
	"strings"
)

// Objects reads rows that are JSON objects, a key a column, for a schema: those
// of a service, which come one by one and not as a table. It is for one
// goroutine.
type Objects struct {
	schema  *Schema
	index   map[string]int // the schema's column of a name; -1: one that is passed over
	missing map[string]bool
	extra   bool
	seen    []int // the row that a column was in last
	row     int
	cells   []string
}

// ObjectOptions say how rows of JSON are read.
type ObjectOptions struct {
	// Missing are texts that mean a missing cell, beside the empty one and null;
	// nil means DefaultMissing.
	Missing []string
	// AllowExtra passes over keys that the schema does not know.
	AllowExtra bool
}

// Objects makes a reader of rows. A schema that is not valid is ErrSchema.
func (s *Schema) Objects(o ObjectOptions) (*Objects, error) {
	if err := s.Validate(); err != nil {
		return nil, err
	}
	markers := o.Missing
	if markers == nil {
		markers = DefaultMissing()
	}
	r := &Objects{
		schema: s, index: map[string]int{}, missing: map[string]bool{}, extra: o.AllowExtra,
		seen: make([]int, len(s.Columns)), cells: make([]string, len(s.Columns)),
	}
	for _, m := range markers {
		r.missing[strings.TrimSpace(m)] = true
	}
	for _, l := range s.LeftOut {
		r.index[l.Name] = -1
	}
	for i := range s.Columns {
		r.index[s.Columns[i].Name] = i
	}
	return r, nil
}

// Encode reads a JSON object of texts, numbers, booleans and nulls and encodes
// it into row, one value a column: see Schema.Encode. A column whose key is
// absent, or null, has a missing cell; what becomes of it is the column's own
// policy. Keys of columns that the schema left out are passed over, and so are
// others with AllowExtra. Other keys are ErrColumns, what is no such object is
// ErrInput, a cell that its column does not take a CellError.
func (r *Objects) Encode(text []byte, row []float64) error {
	if r == nil || r.schema == nil {
		return fmt.Errorf("table: no reader of objects, make one with Schema.Objects: %w", ErrInput)
	}
	if len(row) != len(r.cells) {
		return fmt.Errorf("table: a row of %d values, want %d, one for each column: %w", len(row), len(r.cells), ErrColumns)
	}
	clear(r.cells)
	r.row++
	var wrong error // of the columns, not of the text
	err := fmt.Errorf("it is empty, want a JSON object, { to }")
	if len(text) > 0 {
		err = parseObject(text, func(key []byte, cell string) error {
			i, ok := r.index[string(key)]
			switch {
			case !ok && !r.extra:
				wrong = fmt.Errorf("table: the key %s is none of the schema's columns, which are %s; take it out, or allow extra columns: %w", quoted(string(key)), listed(r.schema.Names()), ErrColumns)
				return wrong
			case !ok || i < 0:
				return nil
			case r.seen[i] == r.row:
				return fmt.Errorf("the key %s is there twice", quoted(string(key)))
			}
			r.seen[i] = r.row
			if cell = strings.TrimSpace(cell); !r.missing[cell] {
				r.cells[i] = cell
			}
			return nil
		})
	}
	switch {
	case wrong != nil:
		return wrong
	case err != nil:
		return fmt.Errorf("table: %w: %w", err, ErrInput)
	}
	return r.schema.Encode(r.cells, row)
}
