// Errors of tables: what was found, where, and what was wanted.

package table

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

var (
	// ErrSchema: a schema that describes no table.
	ErrSchema = errors.New("not a usable schema")
	// ErrColumns: the columns of the data are not those of the schema.
	ErrColumns = errors.New("columns do not match the schema")
	// ErrCell: a cell that its column does not take.
	ErrCell = errors.New("cell does not fit its column")
	// ErrInput: data that is no table, or that ends too early.
	ErrInput = errors.New("not a readable table")
)

// CellError is a cell that its column does not take. It wraps ErrCell.
type CellError struct {
	Row    int    // counted from 1, the header not included; 0: not known
	Line   int    // of the input, counted from 1; 0: not known
	Column string // the column's name
	Found  string // what is in the cell
	Want   string // what fits, and what to do
}

func (e *CellError) Error() string {
	return fmt.Sprintf("table: %scolumn %s: %s, want %s: %v", place(e.Row, e.Line), strconv.Quote(e.Column), e.Found, e.Want, ErrCell)
}

// Unwrap is ErrCell.
func (e *CellError) Unwrap() error { return ErrCell }

// place says where in the input something is, for the beginning of a sentence.
func place(row, line int) string {
	switch {
	case row > 0 && line > 0:
		return fmt.Sprintf("row %d (line %d), ", row, line)
	case row > 0:
		return fmt.Sprintf("row %d, ", row)
	case line > 0:
		return fmt.Sprintf("line %d, ", line)
	}
	return ""
}

// atRow adds a place to the CellError of a cell.
func atRow(err error, row, line int) error {
	var e *CellError
	if errors.As(err, &e) && e.Row == 0 {
		e.Row, e.Line = row, line
	}
	return err
}

// quoted is a cell's text for an error, cut short where it is long.
func quoted(text string) string {
	const most = 40
	if len(text) <= most {
		return strconv.Quote(text)
	}
	cut := most
	for cut > 0 && !utf8.RuneStart(text[cut]) {
		cut--
	}
	return strconv.Quote(text[:cut]) + fmt.Sprintf("... (%d bytes)", len(text))
}

// listed is names with commas between, cut short where they are many.
func listed(names []string) string {
	const most = 8
	parts := make([]string, 0, most+1)
	for i, n := range names {
		if i == most {
			parts = append(parts, fmt.Sprintf("... (%d in all)", len(names)))
			break
		}
		parts = append(parts, quoted(n))
	}
	return strings.Join(parts, ", ")
}
