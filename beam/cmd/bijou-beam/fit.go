// The command fit: a table in many files to a model.

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"

	bijoubeam "github.com/bijou-flow/bijou/beam"
	"github.com/bijou-flow/bijou/internal/command"
	"github.com/bijou-flow/bijou/internal/command/tablecommand"
	"github.com/bijou-flow/bijou/registry"
	"github.com/bijou-flow/bijou/table"
)

const fitAbout = `Learns the density of the rows of many files, and writes a model, as "bijou fit"
does.

FILES are paths and patterns. One pass finds the schema, one gathers rows for
p-values and a sample to begin with, and each round is one more: every file, a
shard, is trained on by itself for some steps, and the results are averaged by
their rows. Files that are not alike, such as those of a sorted table, want -deal.
What is kept between rounds is in -dir; the same command goes on from
there, to the same model.

Example: go run ./cmd/bijou-beam fit -dir fit -out model.safetensors 'data-*.csv.gz'
`

func fitCommand(ctx context.Context, args []string, s command.Streams) error {
	var j job
	var in tablecommand.InputFlags
	var known tablecommand.SchemaFlags
	var size table.FitOptions
	var o bijoubeam.FitOptions
	var dir string
	var asJSON bool
	f := newFlags("fit", fitAbout)
	list := f.Args("FILES", 1, command.Most)
	out := f.File("out", "model.safetensors", "`file` of the model, on this machine", ".safetensors")
	f.String(&dir, "dir", "", "`directory` that is there and that all workers can write to, for models between rounds; empty: a temporary one, from which no run goes on")
	in.Declare(f)
	known.Declare(f)
	f.Int(&o.Rounds, "rounds", 0, 0, 1_000_000, "rounds; 0: 20, and with -gradients by the number of rows")
	f.Int(&o.Steps, "steps", 0, 0, 1_000_000, "steps of a file in a round; 0: by the number of rows")
	f.Int(&o.Batch, "batch", 0, 0, 1_000_000, "rows a step; 0: by the number of rows")
	f.Int(&size.Hidden, "hidden", 0, 0, command.MaxSize, "units of a hidden layer; 0: by the number of columns")
	f.Int(&size.Blocks, "blocks", 0, 0, 64, "blocks of hidden layers; 0: the model's default")
	f.Float(&o.Rate, "rate", 0, 0, 1, "learning rate; 0: the model's default")
	f.Float(&o.OuterMomentum, "outer-momentum", 0, 0, 0.9999, "Nesterov's `momentum` of the means of rounds, as DiLoCo has it; 0: the means themselves")
	f.Bool(&o.Gradients, "gradients", "a round is one step for all files, of the mean of their gradients: as one machine trains, in many more rounds")
	f.Int(&size.Members, "members", 1, 1, 1024, "models of a mixture, among which the files are dealt in turns; each is trained on its own and weighs as much as its rows")
	f.Float(&o.HeldOut, "calibration", 0, 0, 0.9, "share of the rows that is held out for p-values; 0: the model's default")
	f.Int(&o.Deal, "deal", 0, 0, 1<<16, "`shards` over which the rows are dealt before the first round, as files in -dir; 0: the files are the shards")
	f.Seed(&o.Seed, "seed", 1, "seed")
	f.Bool(&asJSON, "json", "write the report as JSON to standard output")
	j.declareRunner(f)
	options, err := in.Parse(f, args, s)
	if err != nil {
		return err
	}
	if dir == "" {
		if dir, err = os.MkdirTemp("", "bijou-fit"); err != nil {
			return err
		}
		defer os.RemoveAll(dir)
	}
	files, err := expand(ctx, list.List)
	if err != nil {
		return err
	}
	log, begun := j.hush(s), time.Now()
	facts, form, err := j.describe(ctx, files, strings.TrimSuffix(dir, "/")+"/describe", options, &known)
	if err != nil {
		return err
	}
	schema, err := facts.Schema()
	if err != nil {
		return err
	}
	tablecommand.Describe(log.Log, schema, facts)
	o.Table = form
	o.Run = func(ctx context.Context, p *beam.Pipeline) error {
		_, err := j.run(ctx, p)
		return err
	}
	o.Report = func(r bijoubeam.Round) {
		fmt.Fprintf(log.Log, "round %d: %.4f nats a row in standard units, %s rows seen\n", r.Round, r.Loss, tablecommand.Grouped(int(r.Seen)))
	}
	fit, err := bijoubeam.FitTable(ctx, dir, facts, files, size, o)
	if errors.Is(err, context.Canceled) {
		return command.Interruption("the same command goes on from what is in " + dir)
	}
	if err != nil {
		return err
	}
	if err := out.Write(command.Streams{Out: log.Log, Log: log.Log}, func(w io.Writer) error { return registry.Write(w, fit.Model) }); err != nil {
		return err
	}
	return report(fit, len(files), out.Path, time.Since(begun), asJSON, s, log)
}

// fitSummary is the report of fit.
type fitSummary struct {
	Model      string         `json:"model"`
	Files      int            `json:"files"`
	Skipped    int64          `json:"rows_left_out"`
	Trained    int64          `json:"rows_trained_on"`
	Calibrated int            `json:"rows_for_p_values"`
	Rounds     int            `json:"rounds"`
	Steps      int            `json:"steps"` // of a file in a round
	Batch      int            `json:"rows_a_step"`
	Seconds    float64        `json:"seconds"`
	Nats       command.Number `json:"nats_per_row"` // negative log-density of the rows for p-values
	Columns    []columnNats   `json:"columns"`
}

// columnNats is what a column adds to the negative log-density of a held-out row.
type columnNats struct {
	Column string         `json:"column"`
	Nats   command.Number `json:"nats"`
}

// report tells in words what was fitted, and as JSON.
func report(fit *bijoubeam.TableFit, files int, path string, took time.Duration, asJSON bool, s, log command.Streams) error {
	sum := fitSummary{
		Model: path, Files: files, Skipped: fit.Skipped, Trained: fit.Trained, Calibrated: fit.HeldOut,
		Rounds: fit.Options.Rounds, Steps: fit.Options.Steps, Batch: fit.Options.Batch, Seconds: took.Seconds(), Nats: command.Number(math.NaN()),
	}
	total := 0.0
	for k, v := range fit.Contributions {
		sum.Columns = append(sum.Columns, columnNats{fit.Model.Schema().Columns[k].Name, command.Number(-v)})
		total -= v
	}
	if fit.HeldOut > 0 {
		sum.Nats = command.Number(total)
		fmt.Fprintf(log.Log, "negative log-density of %s rows that were held out, in nats:\n", tablecommand.Grouped(fit.HeldOut))
		t := tabwriter.NewWriter(log.Log, 0, 0, 2, ' ', tabwriter.AlignRight)
		for _, c := range sum.Columns {
			fmt.Fprintf(t, "%s\t%.3f\t\n", c.Column, float64(c.Nats))
		}
		fmt.Fprintf(t, "a row\t%.3f\t\n", total)
		t.Flush()
	}
	if fit.Skipped > 0 {
		fmt.Fprintf(log.Log, "%s rows are left out, for cells that do not fit their column\n", tablecommand.Grouped(int(fit.Skipped)))
	}
	fmt.Fprintf(log.Log, "trained on %s rows of %d files in %v\n", tablecommand.Grouped(int(fit.Trained)), files, took.Round(100*time.Millisecond))
	if asJSON {
		return tablecommand.WriteJSON(s.Out, sum)
	}
	return nil
}
