// A table on its way to training: its schema, and then its rows as numbers.

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/bijou-flow/bijou/internal/command"
	"github.com/bijou-flow/bijou/internal/input"
	"github.com/bijou-flow/bijou/table"
)

// schemaFlags say what is known of the columns.
type schemaFlags struct {
	file, leaveOut, unknown string
	maxCategories           int
}

func (k *schemaFlags) declare(f *command.Flags) {
	f.String(&k.file, "schema", "", "`file` of JSON with what is known of columns, as \"bijou schema\" writes it, whole or in part; the rest is inferred")
	f.String(&k.leaveOut, "leave-out", "", "`columns` that are left out, with commas between")
	f.Choice(&k.unknown, "unknown", "", "what becomes of a cell that its column does not take: error, missing (it counts as missing), skip (the row is left out)", "error", "missing", "skip")
	f.Int(&k.maxCategories, "max-categories", 1000, 1, 1_000_000, "the most `values` that a category may have; a column of more is left out")
}

// given is what is known of the columns of the given names.
func (k *schemaFlags) given(names []string) (*table.Schema, error) {
	given := new(table.Schema)
	if k.file != "" {
		f, err := input.Open(k.file) // which waits for no pipe's other end
		if errors.Is(err, input.ErrNotRegular) {
			return nil, fmt.Errorf("-schema %s: %w, want a file of JSON", k.file, err)
		}
		if err != nil {
			return nil, fmt.Errorf("-schema: %w", err)
		}
		defer f.Close()
		if given, err = table.ParseSchema(f); err != nil {
			return nil, fmt.Errorf("-schema %s: %w", k.file, err)
		}
	}
	for _, name := range strings.Split(k.leaveOut, ",") {
		if name = strings.TrimSpace(name); name == "" {
			continue
		}
		if !slices.Contains(names, name) {
			return nil, command.Usagef("-leave-out %q: want columns of the table: %s", name, strings.Join(names, ", "))
		}
		given.Columns = slices.DeleteFunc(given.Columns, func(c table.Column) bool { return c.Name == name })
		given.LeftOut = append(given.LeftOut, table.LeftOut{Name: name, Reason: "-leave-out"})
	}
	if k.unknown == "" {
		return given, nil
	}
	for _, name := range names {
		if slices.ContainsFunc(given.LeftOut, func(l table.LeftOut) bool { return l.Name == name }) {
			continue
		}
		i := given.Index(name)
		if i < 0 {
			given.Columns = append(given.Columns, table.Column{Name: name})
			i = len(given.Columns) - 1
		}
		if given.Columns[i].OnUnknown == "" {
			given.Columns[i].OnUnknown = table.Policy(k.unknown)
		}
	}
	return given, nil
}

// infer reads a table for the first time. It returns how to read it again, too.
func (k *schemaFlags) infer(ctx context.Context, t *twice, o table.ReaderOptions, s command.Streams) (*table.Schema, *table.Inference, table.ReaderOptions, error) {
	in, done, err := t.first()
	if err != nil {
		return nil, nil, o, err
	}
	r, err := reader(in, t.path, o)
	if err != nil {
		return nil, nil, o, errors.Join(err, done())
	}
	given, err := k.given(r.Columns())
	if err != nil {
		return nil, nil, o, errors.Join(err, done())
	}
	i, err := table.NewInference(r.Columns(), table.InferOptions{MaxCategories: k.maxCategories, Given: given})
	if err != nil {
		return nil, nil, o, errors.Join(at(t.path, err), done())
	}
	counter := newCounter("reading", s)
	for {
		cells, err := r.Read()
		if err == io.EOF {
			break
		}
		if err == nil {
			err = i.Add(cells)
		}
		if err == nil && r.Row()%1024 == 0 {
			err = ctx.Err()
			counter.at(r.Row())
		}
		if err != nil {
			return nil, nil, o, errors.Join(at(t.path, err), done())
		}
	}
	if err := done(); err != nil {
		return nil, nil, o, err
	}
	schema, err := i.Schema()
	return schema, i, r.Options(), at(t.path, err)
}

// encode reads a table for the second time, into a store.
func encode(ctx context.Context, t *twice, o table.ReaderOptions, schema *table.Schema, megabytes int, s command.Streams) (*store, int, error) {
	in, err := t.second()
	if err != nil {
		return nil, 0, err
	}
	defer in.Close()
	r, err := reader(in, t.path, o)
	if err != nil {
		return nil, 0, err
	}
	b, err := schema.Bind(r.Columns(), false)
	if err != nil {
		return nil, 0, at(t.path, err)
	}
	rows, skipped := newStore(len(schema.Columns), megabytes), 0
	row := make([]float64, len(schema.Columns))
	counter := newCounter("encoding", s)
	for {
		err := b.Read(r, row)
		if err == io.EOF {
			break
		}
		if errors.Is(err, table.ErrSkipped) {
			skipped++
			continue
		}
		if err == nil {
			err = rows.add(row)
		}
		if err == nil && r.Row()%1024 == 0 {
			err = ctx.Err()
			counter.at(r.Row())
		}
		if err != nil {
			rows.close()
			return nil, 0, at(t.path, err)
		}
	}
	if err := rows.finish(); err != nil {
		rows.close()
		return nil, 0, err
	}
	return rows, skipped, nil
}

// counter says now and then how many rows were read.
type counter struct {
	doing       string
	log         io.Writer
	start, last time.Time
}

const sayEvery = 5 * time.Second

func newCounter(doing string, s command.Streams) *counter {
	now := time.Now()
	return &counter{doing, s.Log, now, now}
}

func (c *counter) at(rows int) {
	now := time.Now()
	if now.Sub(c.last) < sayEvery {
		return
	}
	c.last = now
	fmt.Fprintf(c.log, "%s: %s rows, %.0f rows/s\n", c.doing, grouped(rows), float64(rows)/now.Sub(c.start).Seconds())
}

// grouped writes a number with commas between its thousands.
func grouped(n int) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
