// The command describe: what the columns of a table in many files are taken for.

package main

import (
	"context"
	"io"
	"os"
	"strings"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"

	bijoubeam "github.com/bijou-flow/bijou/beam"
	"github.com/bijou-flow/bijou/internal/command"
	"github.com/bijou-flow/bijou/internal/command/tablecommand"
	"github.com/bijou-flow/bijou/table"
)

const describeAbout = `Says what the columns of a table are taken for, as "bijou schema" does, in one pass
over its files.

It writes the schema as JSON, which can be changed and handed to "bijou fit
-schema", and tells it in words on standard error. FILES are paths and patterns,
and the table is what they make one behind the other, by their names.

Example: go run ./cmd/bijou-beam describe -out schema.json 'data-*.csv.gz'
`

func describeCommand(ctx context.Context, args []string, s command.Streams) error {
	var j job
	var in tablecommand.InputFlags
	var known tablecommand.SchemaFlags
	var temp string
	f := newFlags("describe", describeAbout)
	list := f.Args("FILES", 1, command.Most)
	out := f.File("out", "", "`file` to write; empty: standard output", ".json")
	f.String(&temp, "temp", os.TempDir(), "`directory` that all workers can write to, for what they find")
	in.Declare(f)
	known.Declare(f)
	j.declareRunner(f)
	options, err := in.Parse(f, args, s)
	if err != nil {
		return err
	}
	files, err := expand(ctx, list.List)
	if err != nil {
		return err
	}
	facts, _, err := j.describe(ctx, files, strings.TrimSuffix(temp, "/")+"/bijou-describe", options, &known)
	if err != nil {
		return err
	}
	schema, err := facts.Schema()
	if err != nil {
		return err
	}
	log := j.hush(s)
	tablecommand.Describe(log.Log, schema, facts)
	write := func(w io.Writer) error { return tablecommand.WriteJSON(w, schema) }
	if out.Path == "" {
		return write(s.Out)
	}
	return out.Write(s, write)
}

// describe runs the pass that finds a schema, and says how the first file is written.
func (j *job) describe(ctx context.Context, files []string, path string, o table.ReaderOptions, known *tablecommand.SchemaFlags) (*table.Inference, table.ReaderOptions, error) {
	names, form, err := bijoubeam.Header(ctx, files[0], o)
	if err != nil {
		return nil, form, err
	}
	given, err := known.Given(names)
	if err != nil {
		return nil, form, err
	}
	p := beam.NewPipeline()
	d, err := bijoubeam.Describe(ctx, p.Root(), files, path, form, table.InferOptions{MaxCategories: known.MaxCategories, Given: given})
	if err != nil {
		return nil, form, err
	}
	if _, err := j.run(ctx, p); err != nil {
		return nil, form, err
	}
	facts, err := d.Inference(ctx)
	return facts, form, err
}
