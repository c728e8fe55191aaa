// The command fill: missing cells filled in.

package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"

	"github.com/bijou-flow/bijou/internal/command"
	"github.com/bijou-flow/bijou/internal/command/tablecommand"
	"github.com/bijou-flow/bijou/table"
)

const fillAbout = `Fills missing cells in, given the other cells of their row.

A number is filled with its mean, a category with the likeliest one, and so is a value
that many rows share where it is likelier than not. -draw fills with one draw of the
density instead: filled cells are then spread as others are, and those of a row
go together. Cells that are there stay as they are, and so do columns that the
model leaves out.

Example: go run ./cmd/bijou fill -model model.safetensors data.csv -out filled.csv
`

// candidatesFlag declares how many candidates the cells of a row are weighed by.
func candidatesFlag(f *command.Flags, p *int) {
	f.Int(p, "candidates", 1024, 16, 1_000_000, "draws that are weighed for a row: more are more exact, and slower")
}

func fillCommand(ctx context.Context, args []string, s command.Streams) error {
	var in modelRows
	var draw bool
	var candidates int
	var seed uint64
	f := newFlags("fill", fillAbout)
	in.declare(f)
	out := f.File("out", "", "`file` to write, .gz for gzip; empty: standard output", tablecommand.Files...)
	f.Bool(&draw, "draw", "fill with draws in place of what is expected")
	candidatesFlag(f, &candidates)
	f.Seed(&seed, "seed", 1, "seed")
	in.declareUnknown(f, "missing (it is filled in)")
	if err := in.parse(f, args, s); err != nil {
		return err
	}
	m, log, err := in.load(s)
	if err != nil {
		return err
	}
	schema := in.schema(m)
	for i := range schema.Columns {
		schema.Columns[i].Missing = true // in the input, whether or not the model has met one
	}
	return in.open(schema, func(r *table.Reader, b *table.Binding) error {
		c := &filler{model: m, schema: schema, in: r, bound: b, draw: draw, candidates: candidates, seed: seed}
		err := writeOut(out, s, log, func(w io.Writer) error {
			return tablecommand.Packed(out.Path, w, func(w io.Writer) error { return c.run(ctx, w, tablecommand.OutputFormat(out.Path, r.Options()), log) })
		})
		if err != nil {
			return at(in.path(), err)
		}
		fmt.Fprintf(log.Log, "%s cells filled in %s of %s rows\n", tablecommand.Grouped(c.cells), tablecommand.Grouped(c.filled), tablecommand.Grouped(c.rows))
		return nil
	})
}

// filler fills the rows of a reader.
type filler struct {
	model      *table.Model[float32]
	schema     *table.Schema
	in         *table.Reader
	bound      *table.Binding
	draw       bool
	candidates int
	seed       uint64

	rows, filled, cells int
}

// run fills row after row.
func (c *filler) run(ctx context.Context, w io.Writer, form table.ReaderOptions, log command.Streams) error {
	names := c.in.Columns()
	out, err := table.NewWriter(w, names, c.schema, form)
	if err != nil {
		return err
	}
	place := make([]int, len(c.schema.Columns)) // of a column in the input
	for j := range place {
		place[j] = slices.Index(names, c.schema.Columns[j].Name)
	}
	row := make([]float64, len(place))
	c.rows, err = eachRow(ctx, c.in, c.bound, row, newCounter("filling", log), func() error {
		cells := slices.Clone(c.in.Raw())
		if err := c.fill(cells, row, place); err != nil {
			return fmt.Errorf("row %d (line %d): %w", c.in.Row(), c.in.Line(), err)
		}
		return out.Write(cells)
	})
	if err != nil {
		return err
	}
	return out.Close()
}

// fill fills the cells of a row. A row's draws do not depend on the others.
func (c *filler) fill(cells []string, row []float64, place []int) error {
	known, missing := make([]bool, len(row)), 0
	for j, v := range row {
		if known[j] = v != table.Missing; !known[j] {
			missing++
		}
	}
	if missing == 0 {
		return nil
	}
	rng := rand.New(rand.NewPCG(c.seed, uint64(c.in.Row())))
	complete := c.model.Complete
	if c.draw {
		complete = c.model.CompleteDraw
	}
	done, err := complete(rng, row, known, c.candidates)
	if err != nil {
		return fmt.Errorf("%w; -candidates takes more draws", err)
	}
	c.filled++
	for j, at := range place {
		if known[j] || at < 0 {
			continue
		}
		c.cells++
		if cells[at], err = c.schema.Columns[j].Decode(done.Codes[j]); err != nil {
			return err
		}
	}
	return nil
}
