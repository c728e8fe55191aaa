// The command score: rows with their log-density, p-value and flag.

package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bijou-flow/bijou/internal/command"
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

// tableFiles are the extensions of tables.
var tableFiles = []string{".csv", ".tsv", ".ndjson", ".jsonl", ".gz"}

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
	var model, unknown, by string
	var in inputFlags
	var alpha float64
	var extra bool
	f := newFlags("score", scoreAbout)
	list := f.Args("FILE", 1, 1)
	modelFlag(f, &model)
	out := f.File("out", "", "`file` to write, .gz for gzip; empty: standard output", tableFiles...)
	f.Choice(&by, "by", "log-density", "what p-values and flags go by: log-density, or surprise, by how much the columns of a row fall short of what is usual for them, which is appended, too", "log-density", "surprise")
	f.Positive(&alpha, "flag", 0.01, 1, "flag rows with a p-value up to this one")
	in.declare(f)
	f.Choice(&unknown, "unknown", "", "what becomes of a cell that its column does not take, whatever the model's schema says: error, missing, skip", "error", "missing", "skip")
	f.Bool(&extra, "extra", "allow columns that the model does not know")
	rejects := f.File("rejects", "", "`file` for rows that are left out, with the reason", tableFiles...)
	hush := quietFlag(f)
	options, err := in.parse(f, args, s)
	if err != nil {
		return err
	}
	m, err := loadModel(model)
	if err != nil {
		return err
	}
	log := hush(s)
	schema := withPolicy(m.Schema(), unknown)
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
	return withInput(list.List[0], options, schema, func(r *table.Reader) error {
		c := &scorer{model: m, schema: schema, in: r, path: list.List[0], alpha: alpha, names: names, log: log, to: outputFormat(out.Path, r.Options())}
		if c.bound, err = schema.Bind(r.Columns(), extra); err != nil {
			return at(c.path, err)
		}
		if i := slices.IndexFunc(r.Columns(), func(n string) bool { return slices.Contains(names, n) }); i >= 0 {
			return fmt.Errorf("%s: it has a column %q, which score appends; take it out or rename it", c.path, r.Columns()[i])
		}
		if err := c.startRejects(rejects.Path); err != nil {
			return err
		}
		defer c.closeRejects()
		err := writeOut(out, s, log, func(w io.Writer) error {
			return packed(out.Path, w, func(w io.Writer) error { return c.run(ctx, w) })
		})
		if err != nil {
			return err
		}
		left := ""
		if c.skipped > 0 {
			left = fmt.Sprintf("; %s left out", grouped(c.skipped))
		}
		fmt.Fprintf(log.Log, "%s rows, %s of them flagged at a p-value of %g%s\n", grouped(c.rows), grouped(c.flagged), alpha, left)
		return c.writeRejects(rejects, s, log)
	})
}

// withPolicy is a schema with another policy for cells that do not fit.
func withPolicy(schema *table.Schema, unknown string) *table.Schema {
	other := *schema
	other.Columns = slices.Clone(schema.Columns)
	for i := range other.Columns {
		if unknown != "" {
			other.Columns[i].OnUnknown = table.Policy(unknown)
		}
	}
	return &other
}

// withInput opens a table for as long as do runs.
func withInput(path string, o table.ReaderOptions, schema *table.Schema, do func(*table.Reader) error) error {
	in, err := open(path)
	if err != nil {
		return err
	}
	defer in.Close()
	o.Columns = schema.Names()
	r, err := reader(in, path, o)
	if err != nil {
		return err
	}
	return do(r)
}

// outputFormat is the format of an output by its name: that of the input, if
// the name says nothing.
func outputFormat(path string, in table.ReaderOptions) table.ReaderOptions {
	name := strings.TrimSuffix(strings.ToLower(path), ".gz")
	switch filepath.Ext(name) {
	case ".csv":
		if in.Format != table.CSV || in.Comma == '\t' {
			return table.ReaderOptions{Format: table.CSV, Comma: ','}
		}
	case ".tsv":
		return table.ReaderOptions{Format: table.CSV, Comma: '\t', Header: in.Header}
	case ".ndjson", ".jsonl":
		return table.ReaderOptions{Format: table.NDJSON}
	}
	return in
}
