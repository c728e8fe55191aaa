// CSV, read.

package table

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// csvRows are rows of CSV.
type csvRows struct {
	in    *limited
	csv   *csv.Reader
	first []string // a first row that was read already
	at    int
	width int
}

// errLongRow ends the reading of a row that does not end.
var errLongRow = errors.New("row too long")

// limited fails once more than a row may have was read since the budget was
// renewed: a quote that is never closed would have all of the input in one cell.
type limited struct {
	r      io.Reader
	budget int
}

func (l *limited) Read(p []byte) (int, error) {
	if l.budget <= 0 {
		return 0, errLongRow
	}
	n, err := l.r.Read(p[:min(len(p), l.budget)])
	l.budget -= n
	return n, err
}

// startCSV finds the separator and the names of the columns.
func (r *Reader) startCSV(in *bufio.Reader, start []byte, o ReaderOptions) error {
	if r.comma = o.Comma; r.comma == 0 {
		r.comma = separator(start)
	}
	if at := bytes.IndexByte(start, '\r'); at >= 0 && bytes.IndexByte(start, '\n') < 0 && bytes.Count(start, []byte("\r")) > 1 {
		return fmt.Errorf("table: lines end in a carriage return alone, want a line feed or both: %w", ErrInput)
	}
	rows := &csvRows{in: &limited{r: in, budget: maxRowBytes}}
	rows.csv = csv.NewReader(rows.in)
	rows.csv.Comma, rows.csv.FieldsPerRecord, rows.csv.ReuseRecord = r.comma, -1, true
	first, err := rows.next()
	switch {
	case err == io.EOF:
		return fmt.Errorf("table: the input is empty, want rows of CSV or NDJSON: %w", ErrInput)
	case errors.Is(err, csv.ErrQuote), err == nil, errors.Is(err, errLongRow), errors.Is(err, csv.ErrBareQuote):
	case strings.Contains(err.Error(), "invalid field or comment delimiter"):
		return fmt.Errorf("table: the separator %q, want one character that is no quote and no end of line: %w", r.comma, ErrInput)
	}
	if err != nil {
		return inputError(err, 0, rows.line())
	}
	rows.width = len(first)
	r.header = o.Header == WithHeader || o.Header == "" && !allNumbers(first)
	if o.Header != "" && o.Header != WithHeader && o.Header != WithoutHeader {
		return fmt.Errorf("table: header %s, want yes or no: %w", quoted(string(o.Header)), ErrInput)
	}
	for i, name := range first {
		if name = strings.TrimSpace(name); !r.header || name == "" {
			name = "column" + strconv.Itoa(i+1)
		}
		r.names = append(r.names, strings.Clone(name))
	}
	if !r.header {
		rows.first = first
	}
	r.rows = rows
	return nil
}

// separator is the most frequent candidate in the first line, outside quotes.
func separator(start []byte) rune {
	candidates := []byte(",;\t|")
	counts := make([]int, len(candidates))
	inQuotes := false
	for _, b := range start {
		if b == '"' {
			inQuotes = !inQuotes
		}
		if inQuotes {
			continue
		}
		if b == '\n' {
			break
		}
		if k := bytes.IndexByte(candidates, b); k >= 0 {
			counts[k]++
		}
	}
	best := 0
	for k, n := range counts {
		if n > counts[best] {
			best = k
		}
	}
	return rune(candidates[best])
}

// allNumbers says whether a line has numbers alone.
func allNumbers(cells []string) bool {
	for _, cell := range cells {
		if _, _, why := parseNumber(strings.TrimSpace(cell)); why != sound {
			return false
		}
	}
	return true
}

// next is the next record, which the one after it writes over.
func (c *csvRows) next() ([]string, error) {
	c.in.budget = maxRowBytes
	record, err := c.csv.Read()
	if len(record) > 0 {
		c.at, _ = c.csv.FieldPos(0)
	}
	var wrong *csv.ParseError
	switch {
	case err == nil:
		return record, nil
	case errors.Is(err, errLongRow):
		c.at++
		return nil, fmt.Errorf("table: a row after line %d has more than %d bytes: is a quote never closed? %w", c.at-1, maxRowBytes, ErrInput)
	case errors.As(err, &wrong):
		c.at = wrong.StartLine
		return nil, c.explain(wrong)
	}
	return nil, err
}

// explain says what is wrong with a record.
func (c *csvRows) explain(e *csv.ParseError) error {
	switch {
	case errors.Is(e.Err, csv.ErrQuote) && e.Line > e.StartLine:
		return fmt.Errorf("table: the row on line %d has a quote that is never closed, and the input ends on line %d; close it, or double it within a cell: %w", e.StartLine, e.Line, ErrInput)
	case errors.Is(e.Err, csv.ErrQuote):
		return fmt.Errorf("table: line %d, character %d: a quote that is never closed, or text behind a closed one; double a quote within a cell: %w", e.Line, e.Column, ErrInput)
	case errors.Is(e.Err, csv.ErrBareQuote):
		return fmt.Errorf("table: line %d, character %d: a quote within a cell that does not begin with one; put the cell in quotes and double it: %w", e.Line, e.Column, ErrInput)
	}
	return fmt.Errorf("table: line %d: %w: %w", e.Line, e.Err, ErrInput)
}

func (c *csvRows) read(cells []string) error {
	record := c.first
	c.first = nil
	if record == nil {
		var err error
		if record, err = c.next(); err != nil {
			return err
		}
	}
	if len(record) != len(cells) {
		return fmt.Errorf("table: line %d has %d cells, want %d, as many as the first line has: %s: %w", c.at, len(record), len(cells), ragged(len(record), len(cells)), ErrInput)
	}
	copy(cells, record)
	return nil
}

// ragged says what a line of too few or too many cells may come from.
func ragged(have, want int) string {
	if have < want {
		return "it was cut short, or the separator is another"
	}
	return "put cells that have the separator in them in quotes"
}

func (c *csvRows) line() int { return c.at }
