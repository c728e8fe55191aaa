// Binding: the columns of an input, found by name, for a schema.

package table

import (
	"fmt"
	"slices"
)

// Binding finds a schema's columns among those of an input. It is for one
// goroutine.
type Binding struct {
	schema *Schema
	at     []int // the input's column for each of the schema's; -1: missing
	width  int
	cells  []string
}

// Bind matches columns by name, in whatever order they come. Columns of the
// schema that are not there are ErrColumns, unless their OnUnknown is
// TakeMissing; so are others that the schema has not left out, unless extra ones
// are allowed.
func (s *Schema) Bind(names []string, allowExtra bool) (*Binding, error) {
	if err := s.Validate(); err != nil {
		return nil, err
	}
	if err := distinct(names); err != nil {
		return nil, err
	}
	b := &Binding{schema: s, width: len(names), cells: make([]string, len(s.Columns))}
	var missing, extra []string
	for i := range s.Columns {
		c := &s.Columns[i]
		at := slices.Index(names, c.Name)
		if at < 0 && c.OnUnknown != TakeMissing {
			missing = append(missing, c.Name)
		}
		b.at = append(b.at, at)
	}
	for _, n := range names {
		if s.Index(n) < 0 && !slices.ContainsFunc(s.LeftOut, func(l LeftOut) bool { return l.Name == n }) {
			extra = append(extra, n)
		}
	}
	if len(missing) > 0 {
		return nil, fmt.Errorf("table: the columns %s are missing, the input has %s; want those that the model was fitted to: %w", listed(missing), listed(names), ErrColumns)
	}
	if len(extra) > 0 && !allowExtra {
		return nil, fmt.Errorf("table: the columns %s are none of the schema's, which are %s; take them out, or allow extra columns: %w", listed(extra), listed(s.Names()), ErrColumns)
	}
	return b, nil
}

// Cells are the cells of an input's row in the order of the schema's columns.
// They are written over by the next call. A row of another width than the
// names had is ErrColumns.
func (b *Binding) Cells(row []string) ([]string, error) {
	if b == nil || b.schema == nil {
		return nil, fmt.Errorf("table: no binding, make one with Bind: %w", ErrColumns)
	}
	if len(row) != b.width {
		return nil, fmt.Errorf("table: %d cells, want %d: %w", len(row), b.width, ErrColumns)
	}
	for i, at := range b.at {
		if b.cells[i] = ""; at >= 0 {
			b.cells[i] = row[at]
		}
	}
	return b.cells, nil
}

// Read reads the next row of r and encodes it; io.EOF at the end. A CellError
// has the row and the line. Behind ErrSkipped, reading goes on.
func (b *Binding) Read(r *Reader, row []float64) error {
	cells, err := r.Read()
	if err != nil {
		return err
	}
	if cells, err = b.Cells(cells); err != nil {
		return err
	}
	return atRow(b.schema.Encode(cells, row), r.Row(), r.Line())
}
