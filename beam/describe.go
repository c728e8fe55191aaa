// Describe: the schema of a table in many files, in one pass.

package bijoubeam

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"reflect"
	"slices"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/io/filesystem"

	"github.com/bijou-flow/bijou/table"
)

func init() {
	beam.RegisterType(reflect.TypeFor[numbered]())
	beam.RegisterType(reflect.TypeFor[*mergeFn]())
	beam.RegisterType(reflect.TypeFor[seen]())
	beam.RegisterCoder(reflect.TypeFor[seen](), encodeSeen, decodeSeen)
	beam.RegisterDoFn(&inferFn{})
	beam.RegisterDoFn(&keepFn{})
}

// Description is what a pipeline finds out about a table. Inference, behind its end,
// reads it.
type Description struct {
	path string
	kind inference
}

// Describe infers the schema of the table that files make one behind the other: what
// table.Inference says of them on one machine that reads each file as a Part, to the
// bit, whatever runner and bundles are. It takes one pass; a file is read by one
// worker.
//
// The columns are those of the first file, which is looked at now; others may have
// them in another order. path begins the name of a file that all workers can write
// and this process can read. No files are table.ErrInput; options that package table
// refuses are its errors.
func Describe(ctx context.Context, s beam.Scope, files []string, path string, r table.ReaderOptions, o table.InferOptions) (*Description, error) {
	if len(files) == 0 || path == "" {
		return nil, fmt.Errorf("bijoubeam: %d files to describe, and %q for what is found; want both: %w", len(files), path, table.ErrInput)
	}
	var kind inference
	err := eachRow(ctx, files[0], r, func(t *table.Reader, _ []string) error {
		kind, r = inference{Names: t.Columns()}, t.Options()
		return io.EOF // the beginning is enough
	})
	if err != nil && err != io.EOF {
		return nil, err
	}
	if kind.Names == nil {
		return nil, fmt.Errorf("bijoubeam: %s has no rows: %w", files[0], table.ErrInput)
	}
	kind.setOptions(o)
	if _, err := kind.start(0); err != nil {
		return nil, err
	}
	d := &Description{path: unfinished(path, rand.Text()) + "schema", kind: kind}
	s = s.Scope("bijoubeam.Describe")
	parts := beam.ParDo(s, &inferFn{Kind: kind, Options: r}, numberedFiles(s, files))
	beam.ParDo0(s, &keepFn{Path: d.path}, beam.Combine(s, &mergeFn{}, parts))
	return d, nil
}

// Inference is what was found, behind the end of a pipeline that did not fail; its
// file is removed.
func (d *Description) Inference(ctx context.Context) (*table.Inference, error) {
	if d == nil {
		return nil, fmt.Errorf("bijoubeam: nothing was described, want what Describe returns: %w", table.ErrInput)
	}
	fs, err := filesystem.New(ctx, d.path)
	if err != nil {
		return nil, fmt.Errorf("bijoubeam: %s: %w", d.path, err)
	}
	defer fs.Close()
	text, err := filesystem.Read(ctx, fs, d.path)
	if err != nil {
		return nil, fmt.Errorf("bijoubeam: %s: %w; has the pipeline ended, and without an error?", d.path, err)
	}
	if remover, ok := fs.(filesystem.Remover); ok {
		if err := remover.Remove(ctx, d.path); err != nil {
			return nil, fmt.Errorf("bijoubeam: %s: %w", d.path, err)
		}
	}
	i, err := d.kind.start(0)
	if err != nil {
		return nil, err
	}
	return i, i.UnmarshalBinary(text)
}

// numbered is a file and its place among all.
type numbered struct {
	Part int
	File string
}

// numberedFiles are files for whatever worker is free.
func numberedFiles(s beam.Scope, files []string) beam.PCollection {
	var all []numbered
	for k, name := range files {
		all = append(all, numbered{k, name})
	}
	return beam.Reshuffle(s, beam.CreateList(s, all))
}

// inferFn reads a file.
type inferFn struct {
	Kind    inference
	Options table.ReaderOptions
}

func (f *inferFn) ProcessElement(ctx context.Context, file numbered) (seen, error) {
	i, err := f.Kind.start(file.Part)
	if err != nil {
		return seen{}, err
	}
	var at []int
	row := make([]string, len(f.Kind.Names))
	err = eachRow(ctx, file.File, f.Options, func(t *table.Reader, cells []string) error {
		if at == nil {
			names := t.Columns()
			for _, name := range f.Kind.Names {
				at = append(at, slices.Index(names, name))
			}
			if len(names) != len(at) || slices.Contains(at, -1) {
				return fmt.Errorf("it has the columns %q, the first file has %q: %w", names, f.Kind.Names, table.ErrColumns)
			}
		}
		for k, from := range at {
			row[k] = cells[from]
		}
		return i.Add(row)
	})
	if err != nil {
		return seen{}, err
	}
	return seen{kind: f.Kind, part: file.Part, inference: i}, nil
}

// mergeFn merges what was seen of files.
type mergeFn struct{}

// CreateAccumulator has seen nothing.
func (*mergeFn) CreateAccumulator() seen { return seen{} }

// AddInput adds a file.
func (*mergeFn) AddInput(a, b seen) (seen, error) { return a.merge(b) }

// MergeAccumulators adds those that b has seen to those of a.
func (*mergeFn) MergeAccumulators(a, b seen) (seen, error) { return a.merge(b) }

// ExtractOutput is what was seen of all.
func (*mergeFn) ExtractOutput(a seen) seen { return a }

// keepFn writes what was seen of all files.
type keepFn struct{ Path string }

func (f *keepFn) ProcessElement(ctx context.Context, all seen) error {
	if all.inference == nil {
		return nil
	}
	text, err := all.inference.MarshalBinary()
	if err != nil {
		return err
	}
	fs, err := filesystem.New(ctx, f.Path)
	if err != nil {
		return fmt.Errorf("bijoubeam: %s: %w", f.Path, err)
	}
	defer fs.Close()
	if err := filesystem.Write(ctx, fs, f.Path, text); err != nil {
		return fmt.Errorf("bijoubeam: %s: %w", f.Path, err)
	}
	return nil
}
