// Tables that a command writes, and those that it reads.

package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/io/filesystem"

	bijoubeam "github.com/bijou-flow/bijou/beam"
	"github.com/bijou-flow/bijou/internal/command"
	"github.com/bijou-flow/bijou/internal/command/tablecommand"
)

// output is a table that is written, in several files.
type output struct {
	flag, path string
	optional   bool
	options    bijoubeam.WriteOptions
	writing    *bijoubeam.Writing // after write
}

// declare declares its flag.
func (o *output) declare(f *command.Flags, name, usage string) {
	o.flag = name
	f.String(&o.path, name, "", usage)
}

// check refuses names that do not say how the table is to be written.
func (o *output) check() error {
	if o.path == "" && o.optional {
		return nil
	}
	name := strings.ToLower(o.path)
	if known := append([]string{".parquet", ".avro"}, tablecommand.Files...); !slices.Contains(known, filepath.Ext(name)) {
		return command.Usagef("-%s %q: want a name that ends in %s", o.flag, o.path, strings.Join(known, " or "))
	}
	return nil
}

// write adds the writing of records to a pipeline.
func (o *output) write(ctx context.Context, s beam.Scope, records beam.PCollection, force bool) (err error) {
	o.options.Replace = force
	o.writing, err = bijoubeam.WriteTable(ctx, s, o.path, records, o.options)
	if errors.Is(err, bijoubeam.ErrExists) {
		return fmt.Errorf("-%s: %w; -force replaces them", o.flag, err)
	}
	return err
}

// finish gives the files their names and lists them, or takes away what a run left that
// failed.
func finish(ctx context.Context, s command.Streams, failed error, outputs ...*output) error {
	for _, o := range outputs {
		if o.writing == nil {
			continue
		}
		if failed != nil {
			// The run's error says more than one of tidying up.
			_ = o.writing.Abandon(context.WithoutCancel(ctx))
			continue
		}
		files, err := o.writing.Finish(ctx)
		if err != nil {
			return fmt.Errorf("-%s: %w", o.flag, err)
		}
		for _, name := range files {
			fmt.Fprintln(s.Out, name)
		}
	}
	return failed
}

// expand are the files that patterns name, each at least one.
func expand(ctx context.Context, patterns []string) (files []string, err error) {
	for _, pattern := range patterns {
		fs, err := filesystem.New(ctx, pattern)
		if err != nil {
			return nil, err
		}
		some, err := fs.List(ctx, pattern)
		if err = errors.Join(err, fs.Close()); err != nil {
			return nil, fmt.Errorf("%s: %w", pattern, err)
		}
		if len(some) == 0 {
			return nil, fmt.Errorf("%s: there is no such file", pattern)
		}
		slices.Sort(some)
		files = append(files, some...)
	}
	slices.Sort(files)
	return slices.Compact(files), nil
}
