// A table on its way to training: its schema, and then its rows as numbers.

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/bijou-flow/bijou/internal/command"
	"github.com/bijou-flow/bijou/internal/command/tablecommand"
	"github.com/bijou-flow/bijou/table"
)

// inferSchema reads a table for the first time. It returns how to read it again, too.
func inferSchema(ctx context.Context, k *tablecommand.SchemaFlags, t *twice, o table.ReaderOptions, s command.Streams) (*table.Schema, *table.Inference, table.ReaderOptions, error) {
	in, done, err := t.first()
	if err != nil {
		return nil, nil, o, err
	}
	r, err := reader(in, t.path, o)
	if err != nil {
		return nil, nil, o, errors.Join(err, done())
	}
	given, err := k.Given(r.Columns())
	if err != nil {
		return nil, nil, o, errors.Join(err, done())
	}
	i, err := table.NewInference(r.Columns(), table.InferOptions{MaxCategories: k.MaxCategories, Given: given})
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
	fmt.Fprintf(c.log, "%s: %s rows, %.0f rows/s\n", c.doing, tablecommand.Grouped(rows), float64(rows)/now.Sub(c.start).Seconds())
}
