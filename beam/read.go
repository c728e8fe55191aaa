// Tables: files of CSV and NDJSON, in gzip too, and of Parquet and Avro, as Records.

package bijoubeam

import (
	"context"
	"fmt"
	"io"
	"reflect"
	"slices"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/io/filesystem"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"

	"github.com/bijou-flow/bijou/table"
)

func init() {
	beam.RegisterType(reflect.TypeFor[table.ReaderOptions]())
	beam.RegisterDoFn(&readFn{})
	register.Emitter1[Record]()
}

// ReadTable reads the tables that a PCollection<string> names, by Beam's file
// systems, into Records. A file is read by one worker, from its beginning to its end,
// so that many files are what many workers need. Files of Parquet and Avro are known by their content: plain
// columns of numbers, texts, booleans, dates and timestamps, the cells of which are what CSV would
// have. Columns of o are known names for
// NDJSON, whose first rows may lack them: Model.Columns has a model's.
//
// A file that cannot be opened, or that stops being a table, fails the pipeline, and
// its error has file, row and line: what is behind such a place cannot be told
// apart.
func ReadTable(s beam.Scope, files beam.PCollection, o table.ReaderOptions) (records beam.PCollection, err error) {
	return readBy(s, "ReadTable", &readFn{Options: o}, files)
}

// readFn reads a file.
type readFn struct {
	Options table.ReaderOptions
}

func (f *readFn) ProcessElement(ctx context.Context, file string, emit func(Record)) error {
	var names []string
	return eachRow(ctx, file, f.Options, func(r *table.Reader, cells []string) error {
		if names == nil {
			names = r.Columns()
		}
		emit(Record{Source: file, Row: int64(r.Row()), Names: names, Cells: slices.Clone(cells), Text: string(r.Text())})
		return nil
	})
}

// Header reads the beginning of a file: the names of its columns, and how it is written.
func Header(ctx context.Context, file string, o table.ReaderOptions) (names []string, form table.ReaderOptions, err error) {
	r, close, err := openTable(ctx, file, o)
	if err != nil {
		return nil, o, fmt.Errorf("bijoubeam: %s: %w", file, err)
	}
	defer close()
	return r.Columns(), r.Options(), nil
}

// eachRow calls do for each row of a file.
func eachRow(ctx context.Context, file string, o table.ReaderOptions, do func(*table.Reader, []string) error) error {
	r, close, err := openTable(ctx, file, o)
	if err != nil {
		return fmt.Errorf("bijoubeam: %s: %w", file, err)
	}
	defer close()
	for err == nil {
		var cells []string
		if cells, err = r.Read(); err == nil {
			err = do(r, cells)
		} else if err == io.EOF {
			return nil
		}
	}
	if err == io.EOF {
		return err
	}
	return fmt.Errorf("bijoubeam: %s: %w", file, err)
}

// openTable reads the beginning of a file.
func openTable(ctx context.Context, file string, o table.ReaderOptions) (r *table.Reader, close func(), err error) {
	fs, err := filesystem.New(ctx, file)
	if err != nil {
		return nil, nil, err
	}
	in, err := fs.OpenRead(ctx, file)
	if err != nil {
		fs.Close()
		return nil, nil, fmt.Errorf("%w; want a table that every worker can read", err)
	}
	close = func() {
		in.Close()
		fs.Close()
	}
	text, o, err := asText(in, o)
	if err == nil {
		r, err = table.NewReader(text, o)
	}
	if err != nil {
		close()
	}
	return r, close, err
}
