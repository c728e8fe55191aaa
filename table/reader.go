// Reader: rows of cells from CSV or NDJSON, one at a time.

package table

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/bijou-flow/bijou/internal/nilcheck"
)

// Format is how rows are written.
type Format string

// The formats.
const (
	CSV    Format = "csv"    // cells with a separator between, a row a line
	NDJSON Format = "ndjson" // a JSON object a line
)

// Header says whether the first line of CSV names the columns.
type Header string

// Kinds of headers.
const (
	WithHeader    Header = "yes"
	WithoutHeader Header = "no" // the columns are column1, column2 and so on
)

// ReaderOptions say how rows are written. With the zero value, the format and
// the separator are those that the input looks like, and the first line of CSV
// is a header unless all its cells are numbers.
type ReaderOptions struct {
	Format Format // "": NDJSON where the first character is a brace, else CSV
	Comma  rune   // between cells; 0: the most frequent of , ; tab | in the first line
	Header Header // "": yes, unless all cells of the first line are numbers
	// Missing are texts that mean a missing cell, beside the empty one; nil
	// means DefaultMissing.
	Missing []string
	// Columns are known names: rows of NDJSON may have keys of them that the
	// first rows have not.
	Columns []string
}

// DefaultMissing are the texts that mean a missing cell unless others are given.
func DefaultMissing() []string {
	return []string{"NA", "N/A", "n/a", "#N/A", "NaN", "nan", "NULL", "null", "None", "<NA>"}
}

const (
	bufferSize   = 64 << 10
	maxRowBytes  = 4 << 20 // a row of more is an unclosed quote, or no table
	maxColumns   = 100_000
	sniffedBytes = 32 << 10
)

// Reader reads rows. It is for one goroutine.
type Reader struct {
	rows    rowReader
	names   []string
	missing map[string]bool
	format  Format
	comma   rune
	header  bool
	cells   []string // of the latest row; missing ones are ""
	raw     []string // as they stand in the input
	row     int
	err     error // of an earlier Read
}

// rowReader reads rows of a format.
type rowReader interface {
	// read fills cells, as many as there are columns.
	read(cells []string) error
	line() int // of the latest row
}

// NewReader reads the beginning of r: whether it is gzip, its byte order mark, its
// format and the names of its columns. An input without any, columns of one
// name and UTF-16 are ErrInput or ErrColumns.
func NewReader(r io.Reader, o ReaderOptions) (*Reader, error) {
	if nilcheck.IsNil(r) {
		return nil, fmt.Errorf("table: no reader: %w", ErrInput)
	}
	in, err := unpacked(r)
	if err != nil {
		return nil, err
	}
	t := &Reader{missing: map[string]bool{}, format: o.Format}
	markers := o.Missing
	if markers == nil {
		markers = DefaultMissing()
	}
	for _, m := range markers {
		t.missing[strings.TrimSpace(m)] = true
	}
	start, err := in.Peek(sniffedBytes)
	if err != nil && err != io.EOF && len(start) == 0 {
		return nil, inputError(err, 0, 0)
	}
	first := bytes.TrimLeft(start, " \t\r\n")
	switch {
	case len(first) == 0 && errors.Is(err, io.EOF):
		return nil, fmt.Errorf("table: the input is empty, want rows of CSV or NDJSON: %w", ErrInput)
	case o.Format != "" && o.Format != CSV && o.Format != NDJSON:
		return nil, fmt.Errorf("table: format %s, want csv or ndjson: %w", quoted(string(o.Format)), ErrInput)
	case bytes.IndexByte(start, 0) >= 0:
		return nil, fmt.Errorf("table: the input has zero bytes, and is no text; want CSV or NDJSON, as it is or in gzip: %w", ErrInput)
	case t.format == "" && bytes.HasPrefix(first, []byte("{")):
		t.format = NDJSON
	case t.format == "":
		t.format = CSV
	}
	if t.format == NDJSON {
		err = t.startNDJSON(in, o)
	} else {
		err = t.startCSV(in, start, o)
	}
	if err != nil {
		return nil, err
	}
	if err := distinct(t.names); err != nil {
		return nil, err
	}
	if len(t.names) > maxColumns {
		return nil, fmt.Errorf("table: %d columns, want %d at most: %w", len(t.names), maxColumns, ErrInput)
	}
	t.cells, t.raw = make([]string, len(t.names)), make([]string, len(t.names))
	return t, nil
}

// unpacked reads through gzip and past a byte order mark.
func unpacked(r io.Reader) (*bufio.Reader, error) {
	in := bufio.NewReaderSize(r, bufferSize)
	if magic, _ := in.Peek(2); len(magic) == 2 && magic[0] == 0x1f && magic[1] == 0x8b {
		z, err := gzip.NewReader(in)
		if err != nil {
			return nil, fmt.Errorf("table: the input looks like gzip and is not: %w: %w", err, ErrInput)
		}
		in = bufio.NewReaderSize(z, bufferSize)
	}
	switch mark, _ := in.Peek(3); {
	case bytes.Equal(mark, []byte("\xef\xbb\xbf")):
		in.Discard(3)
	case bytes.HasPrefix(mark, []byte("\xff\xfe")), bytes.HasPrefix(mark, []byte("\xfe\xff")):
		return nil, fmt.Errorf("table: the input is UTF-16, want UTF-8; convert it: %w", ErrInput)
	}
	return in, nil
}

// Read is the next row's cells, in the order of Columns, without the spaces
// around them, and "" for a missing one; io.EOF at the end. They are written
// over by the next call. An error names row and line; reading does not go on
// after it.
func (r *Reader) Read() ([]string, error) {
	if r == nil || r.rows == nil {
		return nil, fmt.Errorf("table: no reader, make one with NewReader: %w", ErrInput)
	}
	if r.err != nil {
		return nil, r.err
	}
	if err := r.rows.read(r.raw); err != nil {
		if err != io.EOF {
			err = inputError(err, r.row+1, r.rows.line())
		}
		r.err = err
		return nil, err
	}
	r.row++
	for i, cell := range r.raw {
		cell = strings.TrimSpace(cell)
		if r.missing[cell] {
			cell = ""
		}
		r.cells[i] = cell
	}
	return r.cells, nil
}

// Raw is the latest row's cells as they stand in the input.
func (r *Reader) Raw() []string {
	if r == nil {
		return nil
	}
	return r.raw
}

// Text is the latest row of NDJSON as it stands in the input, nil in CSV. It is
// written over by the next Read.
func (r *Reader) Text() []byte {
	if r == nil {
		return nil
	}
	if j, ok := r.rows.(*jsonRows); ok {
		return j.text
	}
	return nil
}

// Columns are the names of the columns.
func (r *Reader) Columns() []string {
	if r == nil {
		return nil
	}
	return slices.Clone(r.names)
}

// Row is the number of the latest row, counted from 1; the header is not one.
func (r *Reader) Row() int {
	if r == nil {
		return 0
	}
	return r.row
}

// Line is the line of the input on which the latest row begins, counted from 1.
func (r *Reader) Line() int {
	if r == nil || r.rows == nil {
		return 0
	}
	return r.rows.line()
}

// Options are those of the input, with what was found of it: another reader with
// them, and a writer, have the same format.
func (r *Reader) Options() ReaderOptions {
	if r == nil {
		return ReaderOptions{}
	}
	o := ReaderOptions{Format: r.format, Comma: r.comma, Header: WithoutHeader, Missing: []string{}, Columns: r.Columns()}
	if r.header {
		o.Header = WithHeader
	}
	for m := range r.missing {
		o.Missing = append(o.Missing, m)
	}
	slices.Sort(o.Missing)
	return o
}

// inputError adds a place to what went wrong while a row was read.
func inputError(err error, row, line int) error {
	if errors.Is(err, ErrInput) || errors.Is(err, ErrCell) || errors.Is(err, ErrColumns) {
		return err
	}
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("table: %sthe input ends within a gzip block: it was cut short; fetch or pack it again: %w: %w", place(row, line), err, ErrInput)
	case errors.Is(err, gzip.ErrChecksum), errors.Is(err, gzip.ErrHeader):
		return fmt.Errorf("table: %sthe input is damaged gzip; fetch or pack it again: %w: %w", place(row, line), err, ErrInput)
	}
	return fmt.Errorf("table: %sreading the input: %w", place(row, line), err)
}
