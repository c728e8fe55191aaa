// Tables in blocks: read, with their scores, and written.

package bijoubeam

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strconv"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"

	"github.com/bijou-flow/bijou/internal/tables"
	"github.com/bijou-flow/bijou/table"
)

func init() {
	beam.RegisterDoFn(&readRowsFn{})
	beam.RegisterDoFn(&scoredRowsRecordFn{})
	beam.RegisterDoFn(&writeRowsFn{})
}

// ReadRows is ReadTable with blocks of BatchRows records for elements, of the same file in its
// order: a table is scored and written at a lower price a row. Score, ScoredRecords and WriteTable
// take them.
func ReadRows(s beam.Scope, files beam.PCollection, o table.ReaderOptions) (rows beam.PCollection, err error) {
	return readBy(s, "ReadRows", &readRowsFn{Options: o}, files)
}

func readBy(s beam.Scope, name string, fn any, files beam.PCollection) (rows beam.PCollection, err error) {
	if !files.IsValid() || files.Type().Type() != reflect.TypeFor[string]() {
		return rows, fmt.Errorf("bijoubeam: files that are no PCollection of string: %w", table.ErrInput)
	}
	out, err := beam.TryParDo(s.Scope("bijoubeam."+name), fn, files)
	if err != nil {
		return rows, err
	}
	return out[0], nil
}

// readRowsFn reads a file in blocks.
type readRowsFn struct {
	Options table.ReaderOptions
}

func (f *readRowsFn) ProcessElement(ctx context.Context, file string, emit func(Rows)) error {
	var names, cells []string
	var held []Record
	err := eachRow(ctx, file, f.Options, func(r *table.Reader, row []string) error {
		if names == nil {
			names = r.Columns()
		}
		if held == nil {
			held, cells = make([]Record, 0, BatchRows), make([]string, 0, BatchRows*len(names))
		}
		at := len(cells)
		cells = append(cells, row...)
		held = append(held, Record{Source: file, Row: int64(r.Row()), Names: names, Cells: cells[at:len(cells):len(cells)], Text: string(r.Text())})
		if len(held) == BatchRows {
			emit(Rows{Records: held})
			held = nil
		}
		return nil
	})
	if err == nil && len(held) > 0 {
		emit(Rows{Records: held})
	}
	return err
}

// scoredRowsRecordFn is scoredRecordFn for blocks. Blocks of numbers have cells column1 and so on,
// as WriteOptions names them.
type scoredRowsRecordFn struct{}

func (*scoredRowsRecordFn) ProcessElement(s ScoredRows) Rows {
	var f scoredRecordFn
	rows := Rows{Records: make([]Record, len(s.Scores))}
	var from, names []string // of the last record, and with those of scores
	for i, v := range s.Scores {
		r := s.Rows.record(i)
		if names == nil || !slices.Equal(from, r.Names) {
			from, names = r.Names, append(slices.Clone(r.Names), ScoredColumns()...)
		}
		rows.Records[i] = f.with(r, v, names)
	}
	return rows
}

// record is row i as a Record.
func (r Rows) record(i int) Record {
	if len(r.Records) > 0 {
		return r.Records[i]
	}
	c := Record{Source: r.Source, Row: int64(i + 1)}
	if r.Numbers != nil {
		c.Row = r.Numbers[i]
	}
	for j := range r.Width {
		c.Names = append(c.Names, "column"+strconv.Itoa(j+1))
		if at := i*r.Width + j; len(r.Float32) > 0 {
			c.Cells = append(c.Cells, strconv.FormatFloat(float64(r.Float32[at]), 'g', -1, 32))
		} else {
			c.Cells = append(c.Cells, strconv.FormatFloat(r.Float64[at], 'g', -1, 64))
		}
	}
	return c
}

// with are the cells of a record with those of its score.
func (*scoredRecordFn) with(r Record, s Scored, names []string) Record {
	flag := strconv.FormatBool(s.Flag)
	if r.Text != "" {
		r.Text = tables.AppendJSON(r.Text, ScoredColumns(), []string{tables.Density(s.LogDensity, table.NDJSON), tables.PValue(s.PValue), flag})
	}
	cells := make([]string, 0, len(r.Cells)+3)
	r.Names, r.Cells = names, append(append(cells, r.Cells...), tables.Density(s.LogDensity, table.CSV), tables.PValue(s.PValue), flag)
	return r
}

// writeRowsFn is writeFn for blocks.
type writeRowsFn struct {
	Write writeFn
}

// StartBundle leaves the file of a bundle that failed.
func (f *writeRowsFn) StartBundle(emit func(string)) { f.Write.StartBundle(emit) }

func (f *writeRowsFn) ProcessElement(ctx context.Context, rows Rows, emit func(string)) error {
	for _, r := range rows.Records {
		if err := f.Write.ProcessElement(ctx, r, emit); err != nil {
			return err
		}
	}
	return nil
}

// FinishBundle closes the file of the bundle.
func (f *writeRowsFn) FinishBundle(ctx context.Context, emit func(string)) error {
	return f.Write.FinishBundle(ctx, emit)
}
