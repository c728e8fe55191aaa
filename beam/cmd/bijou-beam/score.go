// The command score: rows of many files with their log-density, p-value and flag.

package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"

	bijoubeam "github.com/bijou-flow/bijou/beam"
	"github.com/bijou-flow/bijou/internal/command"
	"github.com/bijou-flow/bijou/internal/command/tablecommand"
	"github.com/bijou-flow/bijou/table"
)

const scoreAbout = `Scores rows: appends log_density (nats), p_value and flag to each, as "bijou score"
does.

FILES are paths and patterns, such as 'new-*.csv' in quotes; the columns that are
written are those of the first of them. Rows keep their order within a file that
is written. Cells that mark a missing value are written empty, in CSV. A row that
cannot be scored ends the command, and nothing is left of -out; -unknown skip
leaves such rows out, and -rejects keeps them with file, row and reason.

Example: go run ./cmd/bijou-beam score -model model.safetensors -out scored.csv 'new-*.csv'
`

func scoreCommand(ctx context.Context, args []string, s command.Streams) error {
	var j job
	var in tablecommand.InputFlags
	var path, unknown string
	var alpha float64
	var extra bool
	out, rejects := &output{}, &output{optional: true}
	f := newFlags("score", scoreAbout)
	list := f.Args("FILES", 1, command.Most)
	f.String(&path, "model", "model.safetensors", "`file` of a table's model, that all workers read")
	out.declare(f, "out", "`name` of the files to write, .gz for gzip: scored.csv makes scored-00000-of-00004.csv and so on")
	f.Positive(&alpha, "flag", 0.01, 1, "flag rows with a p-value up to this one")
	f.Choice(&unknown, "unknown", "", "what becomes of a cell that its column does not take, whatever the model's schema says: error, missing, skip", "error", "missing", "skip")
	f.Bool(&extra, "extra", "allow columns that the model does not know")
	rejects.declare(f, "rejects", "`name` of the files for rows that are left out, with file, row and reason")
	in.Declare(f)
	j.declare(f)
	options, err := in.Parse(f, args, s)
	for _, o := range []*output{out, rejects} {
		if err == nil {
			err = o.check()
		}
	}
	if err != nil {
		return err
	}
	model, err := bijoubeam.Open(ctx, path)
	if err != nil {
		return err
	}
	model.Alpha, model.AllowExtra, model.Unknown = alpha, extra, table.Policy(unknown)
	if options.Columns, err = model.Columns(ctx); err != nil {
		return err
	}
	if options.Columns == nil {
		return fmt.Errorf("%s: a model of rows without names, want a table's model", path)
	}
	files, err := expand(ctx, list.List)
	if err != nil {
		return err
	}
	names, form, err := bijoubeam.Header(ctx, files[0], options)
	if err != nil {
		return err
	}
	if i := slices.IndexFunc(names, func(n string) bool { return slices.Contains(bijoubeam.ScoredColumns(), n) }); i >= 0 {
		return fmt.Errorf("%s: it has a column %q, which score appends; take it out or rename it", files[0], names[i])
	}
	p := beam.NewPipeline()
	r := p.Root()
	rows, err := bijoubeam.ReadRows(r, beam.Reshuffle(r, beam.CreateList(r, files)), form)
	if err != nil {
		return err
	}
	scored, rejected, err := bijoubeam.Score(r, model, rows)
	if err != nil {
		return err
	}
	if err := writeScores(ctx, r, model, scored, names, form, out, j.force); err != nil {
		return err
	}
	switch {
	case rejects.path != "":
		err = writeRejected(ctx, r, rejected, rejects, j.force)
	case unknown != "skip":
		beam.ParDo0(r, refuse, rejected)
	}
	if err != nil {
		return err
	}
	result, err := j.run(ctx, p)
	if err == nil {
		left := ""
		if n := counted(result, "rows_rejected"); n > 0 {
			left = fmt.Sprintf("; %s left out", tablecommand.Grouped(n))
		}
		fmt.Fprintf(j.hush(s).Log, "%s rows, %s of them flagged at a p-value of %g%s\n", tablecommand.Grouped(counted(result, "rows_scored")), tablecommand.Grouped(counted(result, "rows_flagged")), alpha, left)
	}
	return finish(ctx, s, err, out, rejects)
}

// writeScores adds the writing of scored rows, in the form of the input unless the
// name of -out says another one.
func writeScores(ctx context.Context, s beam.Scope, m bijoubeam.Model, scored beam.PCollection, names []string, in table.ReaderOptions, out *output, force bool) error {
	records, err := bijoubeam.ScoredRecords(s, scored)
	if err != nil {
		return err
	}
	draws, err := m.WriteOptions(ctx)
	if err != nil {
		return err
	}
	form := tablecommand.OutputFormat(out.path, in)
	switch strings.ToLower(filepath.Ext(out.path)) {
	case ".parquet":
		form = table.ReaderOptions{Format: bijoubeam.Parquet}
	case ".avro":
		form = table.ReaderOptions{Format: bijoubeam.Avro}
	}
	out.options = bijoubeam.WriteOptions{
		Columns: append(slices.Clone(names), bijoubeam.ScoredColumns()...),
		Literal: append(draws.Literal, bijoubeam.ScoredColumns()...), Booleans: append(draws.Booleans, "flag"),
		Format: form.Format, Comma: form.Comma, Bare: form.Header == table.WithoutHeader,
	}
	return out.write(ctx, s, records, force)
}

// writeRejected adds the writing of rows that are left out.
func writeRejected(ctx context.Context, s beam.Scope, rejected beam.PCollection, out *output, force bool) error {
	records, err := bijoubeam.RejectedRecords(s, rejected)
	if err != nil {
		return err
	}
	out.options = bijoubeam.WriteOptions{Columns: bijoubeam.RejectedColumns()}
	return out.write(ctx, s, records, force)
}

// refuse ends the pipeline at a row that cannot be scored.
func refuse(r bijoubeam.Rejected) error {
	return fmt.Errorf("%s: %s; -unknown skip leaves such rows out, -rejects keeps them", r.Source, r.Reason)
}
