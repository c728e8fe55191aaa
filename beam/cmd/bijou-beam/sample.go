// The command sample: rows that the model draws.

package main

import (
	"context"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"

	bijoubeam "github.com/bijou-flow/bijou/beam"
	"github.com/bijou-flow/bijou/internal/command"
)

const sampleAbout = `Draws rows: of a table in its units, categories and formats, of a flow or an
ensemble as numbers.

The same seed draws the same rows on whatever runner, and the same and more for a
larger -n; which file has which of them is the runner's. They are other rows than
those of "bijou sample".

Example: go run ./cmd/bijou-beam sample -model model.safetensors -n 1000000 -out draws.csv.gz
`

func init() { beam.RegisterDoFn(refuse) }

func sampleCommand(ctx context.Context, args []string, s command.Streams) error {
	var j job
	var path string
	var n int
	var seed uint64
	var bare bool
	out := &output{}
	f := newFlags("sample", sampleAbout)
	f.String(&path, "model", "model.safetensors", "`file` of a model, that all workers read")
	f.Int(&n, "n", 1000, 1, command.Most, "how many rows")
	f.Seed(&seed, "seed", 1, "seed")
	out.declare(f, "out", "`name` of the files to write, .gz for gzip: draws.csv makes draws-00000-of-00004.csv and so on")
	f.Bool(&bare, "no-header", "write CSV without a first line of names")
	j.declare(f)
	if err := f.Parse(args, s); err != nil {
		return err
	}
	if err := out.check(); err != nil {
		return err
	}
	model, err := bijoubeam.Open(ctx, path)
	if err != nil {
		return err
	}
	if out.options, err = model.WriteOptions(ctx); err != nil {
		return err
	}
	out.options.Bare = bare
	p := beam.NewPipeline()
	r := p.Root()
	draws, err := bijoubeam.Sample(r, model, int64(n), seed)
	if err != nil {
		return err
	}
	records, err := bijoubeam.DrawRecords(r, draws, out.options.Columns)
	if err != nil {
		return err
	}
	if err := out.write(ctx, r, records, j.force); err != nil {
		return err
	}
	_, err = j.run(ctx, p)
	return finish(ctx, s, err, out)
}
