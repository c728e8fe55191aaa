// The command plot: pictures of draws beside data.

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/bijou-flow/bijou/internal/command"
	"github.com/bijou-flow/bijou/table"
)

const plotAbout = `Draws a picture of a table beside rows that the model draws.

The corner plot has the pairs of columns, those of the data below the diagonal and those
of the draws above it, and on the diagonal the histograms of both. -what columns has
a histogram of each column alone; missing cells have a bar of their own. Of a large
table some rows are shown, drawn at random.

Example: go run ./cmd/bijou plot -model model.safetensors data.csv -out corner.png
`

// shownRows is how many rows the histograms count at most, and mostPanels how
// many columns a corner plot has unless they are named.
const (
	shownRows  = 20_000
	mostPanels = 8
)

// cloud is encoded rows of a schema, decoded to plot them: a category as its
// index, a number in its own units, table.Missing as it is.
type cloud struct {
	columns [][]float64
}

func plotCommand(ctx context.Context, args []string, s command.Streams) error {
	var what, columns string
	var in modelRows
	var seed uint64
	f := newFlags("plot", plotAbout)
	in.declare(f)
	out := f.File("out", "corner.png", "`picture` to write: .png or .svg", ".png", ".svg")
	f.Choice(&what, "what", "corner", "corner, or columns", "corner", "columns")
	f.String(&columns, "columns", "", fmt.Sprintf("`columns` to show, with commas between; empty: all, a corner plot the first %d", mostPanels))
	f.Seed(&seed, "seed", 1, "seed of the draws, and of the rows that are shown")
	if err := in.parse(f, args, s); err != nil {
		return err
	}
	m, log, err := in.load(s)
	if err != nil {
		return err
	}
	schema := m.Schema()
	shown, err := shownColumns(schema, columns, what)
	if err != nil {
		return err
	}
	if len(shown) < len(schema.Columns) && columns == "" {
		fmt.Fprintf(log.Log, "the first %d of %d columns are shown; -columns names others\n", len(shown), len(schema.Columns))
	}
	rng := rand.New(rand.NewPCG(seed, 0x706c6f74))
	var data []float64
	err = in.open(schema, func(r *table.Reader, b *table.Binding) error {
		data, err = someRows(ctx, b, r, len(schema.Columns), rng)
		return at(in.path(), err)
	})
	if err != nil {
		return err
	}
	n := len(data) / len(schema.Columns)
	if n == 0 {
		return fmt.Errorf("%s: it has no rows to show", in.path())
	}
	draws, err := m.Sample(rng, n)
	if err != nil {
		return err
	}
	p := &picture{schema: schema, columns: shown, data: cloudOf(schema, data), draws: cloudOf(schema, draws)}
	draw := p.corner
	if what == "columns" {
		draw = p.histograms
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return writeOut(out, s, log, func(w io.Writer) error { return draw(w, out.Extension()) })
}

// shownColumns are the places of the columns to show.
func shownColumns(schema *table.Schema, names, what string) (shown []int, err error) {
	if strings.TrimSpace(names) == "" {
		n := len(schema.Columns)
		if what == "corner" {
			n = min(n, mostPanels)
		}
		for i := range n {
			shown = append(shown, i)
		}
		return shown, nil
	}
	for _, name := range strings.Split(names, ",") {
		i := schema.Index(strings.TrimSpace(name))
		if i < 0 {
			return nil, command.Usagef("-columns %q: the model has %s", name, strings.Join(schema.Names(), ", "))
		}
		if !slices.Contains(shown, i) {
			shown = append(shown, i)
		}
	}
	return shown, nil
}

// someRows are encoded rows of an input, shownRows at most, each as likely as
// any other.
func someRows(ctx context.Context, b *table.Binding, r *table.Reader, width int, rng *rand.Rand) ([]float64, error) {
	var rows []float64
	row := make([]float64, width)
	for seen := 0; ; {
		err := b.Read(r, row)
		switch {
		case err == io.EOF:
			shuffle(rows, width, rng) // points of a scatter plot are the first of them
			return rows, nil
		case errors.Is(err, table.ErrSkipped):
			continue
		case err != nil:
			return nil, err
		}
		if seen++; seen%block == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if seen <= shownRows {
			rows = append(rows, row...)
		} else if slot := rng.IntN(seen); slot < shownRows {
			copy(rows[slot*width:], row)
		}
	}
}

// shuffle puts rows into a random order.
func shuffle(rows []float64, width int, rng *rand.Rand) {
	rng.Shuffle(len(rows)/width, func(i, j int) {
		for k := range width {
			a, b := i*width+k, j*width+k
			rows[a], rows[b] = rows[b], rows[a]
		}
	})
}

// cloudOf takes rows apart into columns, in their own units.
func cloudOf(schema *table.Schema, rows []float64) cloud {
	width := len(schema.Columns)
	c := cloud{columns: make([][]float64, width)}
	for i, v := range rows {
		j := i % width
		if column := &schema.Columns[j]; v != table.Missing && column.Number() {
			v = column.Value(v)
		}
		c.columns[j] = append(c.columns[j], v)
	}
	return c
}
