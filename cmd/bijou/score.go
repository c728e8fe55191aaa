// The command score: rows with their log-density, p-value and flag.

package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/bijou-flow/bijou/internal/command"
	"github.com/bijou-flow/bijou/internal/command/tablecommand"
	"github.com/bijou-flow/bijou/registry"
	"github.com/bijou-flow/bijou/table"
)

const scoreAbout = `Scores rows: appends log_density (nats), p_value and flag to each.

The p-value is the share of held-out rows of the model's training table that are
as unlikely, so that -flag 0.01 flags one in a hundred rows that are like
those. Columns are found by name, in any order. Output has the form of the input
unless -out names another one. A row that cannot be scored ends the command, and
nothing is left of -out; -unknown skip leaves such rows out, and -rejects keeps
them with the reason.

Example: go run ./cmd/bijou score -model model.safetensors new.csv -out scored.csv
`

// scored are the columns that score appends.
var scored = []string{"log_density", "p_value", "flag"}

// block is how many rows are scored or drawn at a time.
const block = 2048

// modelFlag declares -model.
func modelFlag(f *command.Flags, p *string) {
	f.String(p, "model", "model.safetensors", "`file` of a model that fit wrote")
}

// loadModel reads a model, of float64 too.
func loadModel(path string) (*table.Model[float32], error) {
	return registry.Load[*table.Model[float32]](path, registry.LoadOptions{Convert: true})
}

func scoreCommand(ctx context.Context, args []string, s command.Streams) error {
	var by string
	var in modelRows
	var alpha float64
	f := newFlags("score", scoreAbout)
	in.declare(f)
	out := f.File("out", "", "`file` to write, .gz for gzip; empty: standard output", tablecommand.Files...)
	f.Choice(&by, "by", "log-density", "what p-values and flags go by: log-density, or surprise, by how much the columns of a row fall short of what is usual for them, which is appended, too", "log-density", "surprise")
	f.Positive(&alpha, "flag", 0.01, 1, "flag rows with a p-value up to this one")
	in.declareUnknown(f, "missing")
	rejects := f.File("rejects", "", "`file` for rows that are left out, with the reason", tablecommand.Files...)
	if err := in.parse(f, args, s); err != nil {
		return err
	}
	m, log, err := in.load(s)
	if err != nil {
		return err
	}
	schema := in.schema(m)
	names, least := scored, m.PValues([]float64{math.Inf(-1)})[0]
	if by == "surprise" {
		names, least = []string{scored[0], "surprise", scored[1], scored[2]}, m.SurprisePValues([]float64{math.Inf(1)})[0]
	}
	switch {
	case math.IsNaN(least):
		fmt.Fprintln(log.Log, "no row can be flagged: training held out no rows for p-values (fit -calibration)")
	case least > alpha:
		fmt.Fprintf(log.Log, "no row can be flagged: the smallest p-value of this model is %.3g, by the rows that its training held out; -flag takes a larger one\n", least)
	}
	return in.open(schema, func(r *table.Reader, b *table.Binding) error {
		c := &scorer{model: m, schema: schema, in: r, bound: b, path: in.path(), alpha: alpha, names: names, log: log, to: tablecommand.OutputFormat(out.Path, r.Options())}
		if i := slices.IndexFunc(r.Columns(), func(n string) bool { return slices.Contains(names, n) }); i >= 0 {
			return fmt.Errorf("%s: it has a column %q, which score appends; take it out or rename it", c.path, r.Columns()[i])
		}
		if err := c.startRejects(rejects.Path); err != nil {
			return err
		}
		defer c.closeRejects()
		err := writeOut(out, s, log, func(w io.Writer) error {
			return tablecommand.Packed(out.Path, w, func(w io.Writer) error { return c.run(ctx, w) })
		})
		if err != nil {
			return err
		}
		left := ""
		if c.skipped > 0 {
			left = fmt.Sprintf("; %s left out", tablecommand.Grouped(c.skipped))
		}
		fmt.Fprintf(log.Log, "%s rows, %s of them flagged at a p-value of %g%s\n", tablecommand.Grouped(c.rows), tablecommand.Grouped(c.flagged), alpha, left)
		return c.writeRejects(rejects, s, log)
	})
}
