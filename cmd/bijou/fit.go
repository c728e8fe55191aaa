// The command fit: a table to a model.

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
	"github.com/bijou-flow/bijou/internal/command/tablecommand"
	"github.com/bijou-flow/bijou/registry"
	"github.com/bijou-flow/bijou/table"
)

const fitAbout = `Learns the density of a table's rows, and writes a model.

The table is read twice: for its schema, which is told before training and goes
into the model, and for its rows. Standard input is kept in a temporary file
between. Rows beyond -memory are trained on from such a file, too. Some rows are
held out: for early stopping, and for the scores that p-values compare with.
Ctrl-C ends training and keeps what was trained.

Example: go run ./cmd/bijou fit data.csv -out model.safetensors
`

func fitCommand(ctx context.Context, args []string, s command.Streams) error {
	var in tablecommand.InputFlags
	var known tablecommand.SchemaFlags
	var o table.FitOptions
	var asJSON bool
	var memory int
	var first, recipe string
	f := newFlags("fit", fitAbout)
	list := f.Args("FILE", 1, 1)
	out := f.File("out", "model.safetensors", "`file` of the model", ".safetensors")
	in.Declare(f)
	known.Declare(f)
	f.String(&first, "first", "", "`columns` to come first in the model's order, with commas between: \"sample -given\" is exact for those")
	f.Choice(&recipe, "recipe", "", "a `flow` of the library in place of the density of mixed columns, for numbers without missing cells: maf, nsf, realnvp, glow, coupling-nsf, or auto for the mixture that auto.Fit chooses on held-out rows; all their values have a density, without steps and atoms", append(recipes, autoRecipe)...)
	f.Int(&o.Epochs, "epochs", 0, 0, command.Most, "most passes over the rows; 0: by the number of rows")
	f.Int(&o.Batch, "batch", 0, 0, 1_000_000, "rows a step; 0: by the number of rows")
	f.Int(&o.Hidden, "hidden", 0, 0, command.MaxSize, "units of a hidden layer; 0: by the number of columns")
	f.Int(&o.Blocks, "blocks", 0, 0, 64, "blocks of hidden layers; 0: the model's default")
	f.Int(&o.Members, "members", 0, 0, 64, "models that are averaged; 0: 5 for at most 2,000 rows and 60,000 cells without -trim, or else 1")
	f.Float(&o.Rate, "rate", 0, 0, 1, "learning rate; 0: the model's default")
	f.Float(&o.Validation, "validation", 0, 0, 0.9, "share of the rows that is held out for early stopping; 0: the model's default")
	f.Float(&o.Calibration, "calibration", 0, 0, 0.9, "share of the rows that is held out for p-values; 0: the model's default")
	f.Float(&o.Trim, "trim", 0, 0, 0.49, "share of the rows, the least likely by a first fit, that a second one leaves out: for rows that hold anomalies")
	f.Seed(&o.Seed, "seed", 1, "seed")
	f.Int(&memory, "memory", 512, 1, 1_000_000, "megabytes of rows in memory; more are in a temporary file")
	f.Bool(&asJSON, "json", "write the report as JSON to standard output")
	hush := quietFlag(f)
	options, err := in.Parse(f, args, s)
	if err != nil {
		return err
	}
	log := hush(s)
	switch {
	case recipe == autoRecipe:
		if o.Epochs+o.Batch+o.Hidden+o.Blocks+o.Members > 0 || o.Rate+o.Validation+o.Calibration > 0 {
			return command.Usagef("-recipe auto chooses what -epochs, -batch, -hidden, -blocks, -members, -rate, -validation and -calibration say")
		}
	case recipe != "" && o.Trim > 0:
		return command.Usagef("-recipe %s -trim %v: rows are trimmed for the density of mixed columns and for -recipe auto", recipe, o.Trim)
	}
	t := &twice{path: list.List[0]}
	defer t.close()
	schema, facts, options, err := inferSchema(ctx, &known, t, options, log)
	if err != nil {
		return err
	}
	tablecommand.Describe(log.Log, schema, facts)
	if o.First, err = firstColumns(first, schema); err != nil {
		return err
	}
	rows, skipped, err := encode(ctx, t, options, schema, memory, log)
	if err != nil {
		return err
	}
	defer rows.close()
	if skipped > 0 {
		fmt.Fprintf(log.Log, "%s rows are left out, for cells that do not fit their column\n", tablecommand.Grouped(skipped))
	}
	shown := &progress{log: log, name: "training"}
	o.Observer = shown
	start := time.Now()
	var model *table.Model[float32]
	var report *table.FitReport
	switch recipe {
	case "":
		model, report, err = table.Fit[float32](ctx, schema, rows, o)
	case autoRecipe:
		model, report, err = fitAuto(ctx, schema, rows, o, log.Log)
	default:
		model, report, err = fitRecipe(ctx, recipe, schema, rows, o)
	}
	shown.close()
	if err != nil && (model == nil || !errors.Is(err, context.Canceled)) {
		return err
	}
	stopped := err
	if err := out.Write(command.Streams{Out: log.Log, Log: log.Log}, func(w io.Writer) error { return registry.Write(w, model) }); err != nil {
		return err
	}
	sum := summarise(schema, report, rows.Len(), skipped, time.Since(start))
	sum.Model, sum.Stopped = out.Path, stopped != nil
	if sum.print(log.Log); asJSON {
		if err := tablecommand.WriteJSON(s.Out, sum); err != nil {
			return err
		}
	}
	if stopped != nil {
		return command.Interruption("what was trained is in " + out.Path)
	}
	return nil
}

// firstColumns are the names of -first.
func firstColumns(text string, schema *table.Schema) (names []string, err error) {
	for _, name := range strings.Split(text, ",") {
		if name = strings.TrimSpace(name); name == "" {
			continue
		}
		if schema.Index(name) < 0 || slices.Contains(names, name) {
			return nil, command.Usagef("-first %q: want columns that are modelled, each once: %s", name, strings.Join(schema.Names(), ", "))
		}
		names = append(names, name)
	}
	return names, nil
}
