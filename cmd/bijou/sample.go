// The command sample: rows that the model draws.

package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"

	"github.com/bijou-flow/bijou/internal/command"
	"github.com/bijou-flow/bijou/internal/command/tablecommand"
	"github.com/bijou-flow/bijou/table"
)

const sampleAbout = `Draws rows, in the units, categories and formats of the table that was fitted.

With -given, rows that have the cells it names, drawn from the density of the others
under that condition. The same seed draws the same rows.

Example: go run ./cmd/bijou sample -model model.safetensors -n 1000 -seed 1 -out draws.csv
`

func sampleCommand(ctx context.Context, args []string, s command.Streams) error {
	var model, given, format string
	var n int
	var seed uint64
	var bare bool
	f := newFlags("sample", sampleAbout)
	modelFlag(f, &model)
	f.Int(&n, "n", 1000, 1, command.Most, "how many rows")
	f.Seed(&seed, "seed", 1, "seed")
	f.String(&given, "given", "", "`cells` that the rows have, such as species=Adelie,sex=MALE; an empty one, as in sex=, is missing")
	out := f.File("out", "", "`file` to write, .gz for gzip; empty: standard output", tablecommand.Files...)
	f.Choice(&format, "format", "csv", "form of standard output: csv or ndjson", "csv", "ndjson")
	f.Bool(&bare, "no-header", "write CSV without a first line of names")
	hush := quietFlag(f)
	if err := f.Parse(args, s); err != nil {
		return err
	}
	m, err := loadModel(model)
	if err != nil {
		return err
	}
	schema := m.Schema()
	row, known, err := givenCells(schema, given)
	if err != nil {
		return err
	}
	form := table.ReaderOptions{Format: table.Format(format), Header: table.WithHeader}
	if bare {
		form.Header = table.WithoutHeader
	}
	if out.Path != "" {
		form = tablecommand.OutputFormat(out.Path, table.ReaderOptions{Format: table.CSV, Header: form.Header})
	}
	log := hush(s)
	d := &drawer{model: m, rng: rand.New(rand.NewPCG(seed, 0x64726177)), row: row, known: known}
	err = writeOut(out, s, log, func(w io.Writer) error {
		return tablecommand.Packed(out.Path, w, func(w io.Writer) error { return d.write(ctx, w, n, form) })
	})
	if err == nil && d.least < float64(d.asked) && known != nil {
		fmt.Fprintf(log.Log, "what is given does not come first in the model's order: the %s rows are drawn again from weighted ones, which are worth %.0f\n", tablecommand.Grouped(n), d.least)
	}
	return err
}

// givenCells reads -given into an encoded row and which of its values are known;
// nil where nothing is given.
func givenCells(schema *table.Schema, text string) (row []float64, known []bool, err error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil, nil
	}
	row, known = make([]float64, len(schema.Columns)), make([]bool, len(schema.Columns))
	for _, part := range strings.Split(text, ",") {
		name, cell, ok := strings.Cut(part, "=")
		name = strings.TrimSpace(name)
		i := schema.Index(name)
		switch {
		case !ok:
			return nil, nil, command.Usagef("-given %q: want column=cell, with commas between", part)
		case i < 0:
			return nil, nil, command.Usagef("-given %q: the model has no column %q; it has %s", part, name, strings.Join(schema.Names(), ", "))
		case known[i]:
			return nil, nil, command.Usagef("-given %q: the column is given twice", part)
		}
		if row[i], err = schema.Columns[i].Encode(cell); err != nil {
			return nil, nil, command.Usagef("-given %q: %w", part, err)
		}
		known[i] = true
	}
	return row, known, nil
}

// drawer draws rows in blocks, so that the first rows of a seed do not depend
// on how many are asked for.
type drawer struct {
	model *table.Model[float32]
	rng   *rand.Rand
	row   []float64 // what is given
	known []bool    // nil: nothing is

	least float64 // the effective number of rows of all blocks
	asked int     // rows
}

// draw draws the next block, encoded.
func (d *drawer) draw(n int) ([]float64, error) {
	d.asked += n
	if d.known == nil {
		return d.model.Sample(d.rng, n)
	}
	codes, effective, err := d.model.SampleGiven(d.rng, d.row, d.known, n)
	d.least += min(effective, float64(n))
	return codes, err
}

// write writes n rows.
func (d *drawer) write(ctx context.Context, w io.Writer, n int, form table.ReaderOptions) error {
	schema := d.model.Schema()
	out, err := table.NewWriter(w, schema.Names(), schema, form)
	if err != nil {
		return err
	}
	width := len(schema.Columns)
	cells := make([]string, width)
	for n > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		codes, err := d.draw(block)
		if err != nil {
			return err
		}
		for i := range min(n, block) {
			if err := schema.Decode(codes[i*width:(i+1)*width], cells); err != nil {
				return err
			}
			if err := out.Write(cells); err != nil {
				return err
			}
		}
		n -= block
	}
	return out.Close()
}
