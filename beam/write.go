// Tables written: Records into files of CSV, NDJSON, Parquet and Avro, whole or not at all.

package bijoubeam

import (
	"compress/gzip"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/io/filesystem"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"

	"github.com/bijou-flow/bijou/table"
)

// ErrExists: files that an earlier run made are in the way.
var ErrExists = errors.New("files of an earlier run are there")

// WriteOptions say what files are written.
type WriteOptions struct {
	// Columns are the names of the cells, in their order. A Record that lacks one has
	// an empty cell there; one that has another fails the pipeline.
	Columns []string
	// Literal are those of Columns whose cells are JSON as they stand, such as
	// numbers; others are texts in NDJSON.
	Literal []string
	// Booleans are those of Columns whose cells are true or false. Parquet and Avro have booleans of
	// them, doubles of the others of Literal, and texts of the rest; empty cells are null.
	Booleans []string
	Format   table.Format // "": by the path's name, CSV for others
	Comma    rune         // of CSV; 0: a comma, a tab for names in .tsv
	Bare     bool         // CSV without a line of names
	Replace  bool         // files of an earlier run are replaced
}

func init() {
	beam.RegisterType(reflect.TypeFor[WriteOptions]())
	beam.RegisterDoFn(&writeFn{})
	beam.RegisterDoFn(&partsFn{})
	register.Emitter1[string]()
	register.Iter1[string]()
}

// Writing is a table that a pipeline writes. Finish, behind its end, is to be called.
type Writing struct {
	path    string
	run     string
	replace bool
}

// WriteTable writes Records, or the records of Rows, to files whose names are made of path: a.csv.gz is
// a-00000-of-00003.csv.gz and so on, in gzip because the name ends in .gz, a file
// a bundle. Columns are found by name, a Record that is a JSON object (its Text)
// is written as it stands to NDJSON.
//
// The pipeline writes files of names of their own. Finish renames them, so that a
// run that fails, and a bundle that is retried, leave none of the names above. Files
// that are there already are ErrExists, when the pipeline is made and at its end,
// unless Replace is set: then they are removed when the new ones are there. The file
// system has to rename, or to copy and remove. Records are those of the global
// window. No columns, or a path without a name, are table.ErrInput.
func WriteTable(ctx context.Context, s beam.Scope, path string, records beam.PCollection, o WriteOptions) (*Writing, error) {
	blocks := records.IsValid() && records.Type().Type() == reflect.TypeFor[Rows]()
	if !records.IsValid() || !blocks && records.Type().Type() != reflect.TypeFor[Record]() {
		return nil, fmt.Errorf("bijoubeam: records that are no PCollection of Record, or of Rows: %w", table.ErrInput)
	}
	if path == "" || len(o.Columns) == 0 {
		return nil, fmt.Errorf("bijoubeam: a table of %d columns is to be written to %q, want columns and a path: %w", len(o.Columns), path, table.ErrInput)
	}
	o.form(path)
	w := &Writing{path: path, run: rand.Text(), replace: o.Replace}
	if there, err := shardFiles(ctx, path); err != nil {
		return nil, err
	} else if len(there) > 0 && !o.Replace {
		return nil, existing(there)
	}
	s = s.Scope("bijoubeam.WriteTable")
	fn := writeFn{Path: path, Run: w.run, Options: o}
	var write any = &fn
	if blocks {
		write = &writeRowsFn{Write: fn}
	}
	parts := beam.ParDo(s, write, records)
	beam.ParDo0(s, &partsFn{Write: fn}, beam.Impulse(s), beam.SideInput{Input: parts})
	return w, nil
}

// unfinished is the beginning of the names of a run's files while it is at work.
func unfinished(path, run string) string { return path + ".unfinished-" + run + "-" }

// form fills in the format by the name of the path.
func (o *WriteOptions) form(path string) {
	extension := filepath.Ext(strings.TrimSuffix(strings.ToLower(path), ".gz"))
	if o.Format == "" {
		o.Format = table.CSV
		switch extension {
		case ".ndjson", ".jsonl":
			o.Format = table.NDJSON
		case ".parquet":
			o.Format = Parquet
		case ".avro":
			o.Format = Avro
		}
	}
	if o.Comma == 0 && extension == ".tsv" {
		o.Comma = '\t'
	}
}

func existing(there []string) error {
	return fmt.Errorf("bijoubeam: %s and %d more would be replaced; another path keeps them, Replace replaces them: %w", there[0], len(there)-1, ErrExists)
}

// shardFile is the name of file k of n.
func shardFile(path string, k, n int) string {
	base, extension := cutExtension(path)
	return fmt.Sprintf("%s-%05d-of-%05d%s", base, k, n, extension)
}

// shardFiles are those that are there.
func shardFiles(ctx context.Context, path string) ([]string, error) {
	base, extension := cutExtension(path)
	return list(ctx, escaped(base)+"-[0-9]*-of-[0-9]*"+escaped(extension))
}

// cutExtension cuts off .csv, .csv.gz and the like.
func cutExtension(path string) (base, extension string) {
	base = path
	for _, e := range []string{".gz", filepath.Ext(strings.TrimSuffix(path, ".gz"))} {
		if rest, ok := strings.CutSuffix(base, e); ok && !strings.ContainsAny(e, `/\`) {
			base, extension = rest, e+extension
		}
	}
	return base, extension
}

// escaped is a path as a pattern of it alone.
func escaped(path string) string {
	return strings.NewReplacer("*", `[*]`, "?", `[?]`, "[", `[[]`).Replace(path)
}

func list(ctx context.Context, pattern string) ([]string, error) {
	fs, err := filesystem.New(ctx, pattern)
	if err != nil {
		return nil, fmt.Errorf("bijoubeam: %s: %w", pattern, err)
	}
	defer fs.Close()
	names, err := fs.List(ctx, pattern)
	if err != nil {
		return nil, fmt.Errorf("bijoubeam: %s: %w", pattern, err)
	}
	slices.Sort(names)
	return names, nil
}

// writeFn writes the rows of a bundle to a file, and emits its name.
type writeFn struct {
	Path, Run string
	Options   WriteOptions
	part      *part
}

// part is a file that is being written.
type part struct {
	name   string
	fs     filesystem.Interface
	file   io.WriteCloser
	packed *gzip.Writer // nil: as it is
	rows   *rowWriter
}

// StartBundle leaves the file of a bundle that failed.
func (f *writeFn) StartBundle(func(string)) { f.part.abandon(); f.part = nil }

func (f *writeFn) ProcessElement(ctx context.Context, r Record, _ func(string)) (err error) {
	if f.part == nil {
		if f.part, err = f.open(ctx, rand.Text()); err != nil {
			return fmt.Errorf("bijoubeam: %s: %w", f.Path, err)
		}
	}
	if err := f.part.rows.write(r); err != nil {
		return fmt.Errorf("bijoubeam: %s: %w", r.Place(), err)
	}
	return nil
}

func (f *writeFn) FinishBundle(_ context.Context, emit func(string)) error {
	if f.part == nil {
		return nil
	}
	name := f.part.name
	err := f.part.close()
	f.part = nil
	if err != nil {
		return fmt.Errorf("bijoubeam: %s: %w", name, err)
	}
	emit(name)
	return nil
}

// open makes a file of a name of its own, which a retried bundle does not have.
func (f *writeFn) open(ctx context.Context, id string) (p *part, err error) {
	p = &part{name: unfinished(f.Path, f.Run) + id}
	if p.fs, err = filesystem.New(ctx, p.name); err != nil {
		return nil, err
	}
	if p.file, err = p.fs.OpenWrite(ctx, p.name); err != nil {
		p.fs.Close()
		return nil, err
	}
	to := io.Writer(p.file)
	if strings.HasSuffix(strings.ToLower(f.Path), ".gz") {
		p.packed = gzip.NewWriter(p.file)
		to = p.packed
	}
	if p.rows, err = newRowWriter(to, f.Options); err != nil {
		p.abandon()
		return nil, err
	}
	return p, nil
}

func (p *part) close() error {
	err := p.rows.close()
	if p.packed != nil && err == nil {
		err = p.packed.Close()
	}
	return errors.Join(err, p.file.Close(), p.fs.Close())
}

func (p *part) abandon() {
	if p != nil {
		p.file.Close()
		p.fs.Close()
	}
}
