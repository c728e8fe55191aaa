// Records as rows of a file, and what is written as Records.

package bijoubeam

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strconv"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"

	"github.com/bijou-flow/bijou/table"
)

func init() {
	beam.RegisterDoFn(&scoredRecordFn{})
	beam.RegisterDoFn(&drawRecordFn{})
	beam.RegisterDoFn(rejectedRecord)
}

// cellWriter writes rows of cells.
type cellWriter interface {
	Write(cells []string) error
	Close() error
}

// rowWriter writes Records.
type rowWriter struct {
	to      cellWriter
	lines   *bufio.Writer // of NDJSON, for Records that are JSON already
	columns []string
	literal []string
	cells   []string
	names   []string // that at is for
	at      []int    // of each name, its column
}

func newRowWriter(w io.Writer, o WriteOptions) (*rowWriter, error) {
	r := &rowWriter{columns: o.Columns, literal: o.Literal, cells: make([]string, len(o.Columns))}
	var err error
	switch o.Format {
	case Parquet:
		r.to = newParquetWriter(w, o)
		return r, nil
	case Avro:
		r.to, err = newAvroWriter(w, o)
		return r, err
	}
	if o.Format == table.NDJSON {
		r.lines = bufio.NewWriterSize(w, 1<<16)
		w = r.lines
	}
	// A schema that says no more of a column than that its cells are numbers.
	s := new(table.Schema)
	for _, name := range o.Literal {
		s.Columns = append(s.Columns, table.Column{Name: name, Kind: table.Real})
	}
	header := table.WithHeader
	if o.Bare {
		header = table.WithoutHeader
	}
	r.to, err = table.NewWriter(w, o.Columns, s, table.ReaderOptions{Format: o.Format, Comma: o.Comma, Header: header})
	return r, err
}

// write writes a row.
func (w *rowWriter) write(r Record) error {
	if w.lines != nil && r.Text != "" {
		if err := w.to.Close(); err != nil { // what is in its buffer comes first
			return err
		}
		_, err := w.lines.WriteString(r.Text + "\n")
		return err
	}
	if w.at == nil || !slices.Equal(w.names, r.Names) {
		w.names, w.at = slices.Clone(r.Names), []int{}
		for _, name := range r.Names {
			i := slices.Index(w.columns, name)
			if i < 0 {
				return fmt.Errorf("a column %q that is not among those that are written, %q: %w", name, w.columns, table.ErrColumns)
			}
			w.at = append(w.at, i)
		}
	}
	if len(r.Cells) != len(w.at) {
		return fmt.Errorf("a row of %d cells, it has %d names: %w", len(r.Cells), len(w.at), table.ErrColumns)
	}
	clear(w.cells)
	for k, i := range w.at {
		w.cells[i] = r.Cells[k]
		if w.lines != nil && r.Cells[k] == "-Inf" && slices.Contains(w.literal, r.Names[k]) { // which JSON does not have
			w.cells[i] = ""
		}
	}
	return w.to.Write(w.cells)
}

func (w *rowWriter) close() error {
	err := w.to.Close()
	if w.lines != nil && err == nil {
		err = w.lines.Flush()
	}
	return err
}

// ScoredColumns are the names of what ScoredRecords appends to a row.
func ScoredColumns() []string { return []string{"log_density", "p_value", "flag"} }

// ScoredRecords appends to Records what Score says of them: KV<Record, Scored> in,
// Records out, with the cells of ScoredColumns, in digits as the command bijou
// writes them; of ScoredRows, Rows of Records. Rows of NDJSON keep their text. Other
// rows are table.ErrInput.
func ScoredRecords(s beam.Scope, scored beam.PCollection) (records beam.PCollection, err error) {
	var fn any = &scoredRecordFn{}
	if scored.IsValid() && scored.Type().Type() == reflect.TypeFor[ScoredRows]() {
		fn = &scoredRowsRecordFn{}
	}
	return asRecords(s, "Scored", fn, scored)
}

// DrawRecords makes Records of Draws, with cells of the given names, which
// Model.WriteOptions has. Draws of another number of cells fail the pipeline.
func DrawRecords(s beam.Scope, draws beam.PCollection, names []string) (records beam.PCollection, err error) {
	return asRecords(s, "Draws", &drawRecordFn{Names: names}, draws)
}

// RejectedRecords makes Records of source, reason and row.
func RejectedRecords(s beam.Scope, rejected beam.PCollection) (records beam.PCollection, err error) {
	return asRecords(s, "Rejected", rejectedRecord, rejected)
}

// RejectedColumns are the names of their cells.
func RejectedColumns() []string { return []string{"source", "reason", "row"} }

func asRecords(s beam.Scope, what string, fn any, from beam.PCollection) (records beam.PCollection, err error) {
	if !from.IsValid() {
		return records, fmt.Errorf("bijoubeam: no rows, want a PCollection that a transform made: %w", table.ErrInput)
	}
	out, err := beam.TryParDo(s.Scope("bijoubeam."+what+"Records"), fn, from)
	if err != nil {
		return records, fmt.Errorf("bijoubeam: rows of type %v: %w: %w", from.Type(), err, table.ErrInput)
	}
	return out[0], nil
}

type scoredRecordFn struct{}

func (f *scoredRecordFn) ProcessElement(r Record, s Scored) Record {
	return f.with(r, s, append(slices.Clone(r.Names), ScoredColumns()...))
}

type drawRecordFn struct{ Names []string }

func (f *drawRecordFn) ProcessElement(d Draw) Record {
	r := Record{Row: d.Index + 1, Names: f.Names, Cells: d.Cells}
	if r.Cells == nil {
		for _, v := range d.Values {
			r.Cells = append(r.Cells, strconv.FormatFloat(v, 'g', -1, 32))
		}
	}
	return r
}

func rejectedRecord(r Rejected) Record {
	return Record{Names: RejectedColumns(), Cells: []string{r.Source, r.Reason, r.Row}}
}

// WriteOptions are those for what the model draws: the columns of a table, which of
// them are JSON as they stand; of other models column1 and so on.
func (m Model) WriteOptions(ctx context.Context) (o WriteOptions, err error) {
	l, err := m.load(ctx)
	if err != nil {
		return o, err
	}
	if l.table == nil {
		for i := range l.width {
			o.Columns = append(o.Columns, "column"+strconv.Itoa(i+1))
		}
		o.Literal = o.Columns
		return o, nil
	}
	for _, c := range l.table.Schema().Columns {
		o.Columns = append(o.Columns, c.Name)
		if c.Kind == table.Real || c.Kind == table.Integer || c.Kind == table.Boolean && json.Valid([]byte(c.Categories[0])) {
			o.Literal = append(o.Literal, c.Name)
		}
		if c.Kind == table.Boolean && !slices.ContainsFunc(c.Categories, func(v string) bool { return v != "true" && v != "false" }) {
			o.Booleans = append(o.Booleans, c.Name)
		}
	}
	return o, nil
}
