// Writer: rows of cells to CSV or NDJSON.

package table

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"slices"

	"github.com/bijou-flow/bijou/internal/nilcheck"
)

// Writer writes rows. Close, which ends with what is in its buffer, is to be
// called.
type Writer struct {
	out     *bufio.Writer
	csv     *csv.Writer // nil: NDJSON
	keys    [][]byte
	literal []bool // numbers and booleans, which NDJSON has without quotes
	width   int
	line    []byte
}

// NewWriter starts the rows of columns of the given names: in CSV with a header,
// unless that of o is WithoutHeader. An empty cell is an empty one in CSV, null
// in NDJSON. Cells of columns that s calls numbers or booleans, true and false,
// are such in NDJSON, too; others, and all where s is nil, are texts.
func NewWriter(w io.Writer, names []string, s *Schema, o ReaderOptions) (*Writer, error) {
	if nilcheck.IsNil(w) {
		return nil, fmt.Errorf("table: no writer: %w", ErrInput)
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("table: no columns to write: %w", ErrColumns)
	}
	if err := distinct(names); err != nil {
		return nil, err
	}
	t := &Writer{out: bufio.NewWriterSize(w, bufferSize), width: len(names)}
	if o.Format == NDJSON {
		for _, name := range names {
			key, err := json.Marshal(name)
			if err != nil {
				return nil, fmt.Errorf("table: the name %s: %w: %w", quoted(name), err, ErrColumns)
			}
			t.keys = append(t.keys, key)
			literal := false
			if i := s.Index(name); i >= 0 {
				c := &s.Columns[i]
				literal = c.Kind == Real || c.Kind == Integer || c.Kind == Boolean && isLiteral(c.Categories)
			}
			t.literal = append(t.literal, literal)
		}
		return t, nil
	}
	t.csv = csv.NewWriter(t.out)
	if o.Comma != 0 {
		t.csv.Comma = o.Comma
	}
	if o.Header == WithoutHeader {
		return t, nil
	}
	return t, t.Write(names)
}

// isLiteral says whether the texts of no and yes are JSON as they stand.
func isLiteral(texts []string) bool {
	return slices.Equal(texts, []string{"false", "true"}) || slices.Equal(texts, []string{"0", "1"})
}

// Literal writes the cells of the columns from i on as JSON as they stand, where
// the format is NDJSON.
func (w *Writer) Literal(i int) {
	if w == nil {
		return
	}
	for ; i >= 0 && i < len(w.literal); i++ {
		w.literal[i] = true
	}
}

// Write writes a row, one cell a column: ErrColumns.
func (w *Writer) Write(cells []string) error {
	if w == nil || w.out == nil {
		return fmt.Errorf("table: no writer, make one with NewWriter: %w", ErrInput)
	}
	if len(cells) != w.width {
		return fmt.Errorf("table: %d cells to write, want %d: %w", len(cells), w.width, ErrColumns)
	}
	if w.csv != nil {
		if w.width == 1 && cells[0] == "" { // a blank line would be no row
			w.csv.Flush()
			_, err := w.out.WriteString("\"\"\n")
			return err
		}
		return w.csv.Write(cells)
	}
	w.line = w.line[:0]
	for i, cell := range cells {
		between := byte(',')
		if i == 0 {
			between = '{'
		}
		w.line = append(append(append(w.line, between), w.keys[i]...), ':')
		switch {
		case cell == "":
			w.line = append(w.line, "null"...)
		case w.literal[i] && json.Valid([]byte(cell)):
			w.line = append(w.line, cell...)
		default:
			text, err := json.Marshal(cell)
			if err != nil {
				return err
			}
			w.line = append(w.line, text...)
		}
	}
	w.line = append(w.line, '}', '\n')
	_, err := w.out.Write(w.line)
	return err
}

// Close writes what is left. The io.Writer stays open.
func (w *Writer) Close() error {
	if w == nil || w.out == nil {
		return nil
	}
	if w.csv != nil {
		w.csv.Flush()
		if err := w.csv.Error(); err != nil {
			return err
		}
	}
	return w.out.Flush()
}
