// FitTable: a table's model learnt from rows that no machine holds.

package bijoubeam

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"strings"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/io/filesystem"

	"github.com/bijou-flow/bijou/registry"
	"github.com/bijou-flow/bijou/table"
	"github.com/bijou-flow/bijou/train"
)

func init() { beam.RegisterDoFn(&gatherFn{}) }

// TableFit is what FitTable did.
type TableFit struct {
	Model   *table.Model[float32]
	Trained int64 // rows
	Skipped int64 // rows that the schema leaves out
	HeldOut int   // rows for p-values
	// Contributions are by column the mean log-densities of the rows that are held out, in nats
	// and in the units of the data; nil without such rows.
	Contributions []float64
	Options       FitOptions // with defaults
}

// FitTable fits a table's model to the rows of files, its shards: facts are what Describe
// found in them. One pass gathers rows that are held out for p-values and a sample of
// the others, of which table.Start makes the model that Fit trains by its rounds; model
// has its Hidden, Blocks, Bins, First and Members. Where it is taken up again in the same
// directory, it goes on as Fit does. More than one member are a mixture, each of them
// trained on shards of its own, as Fit says.
//
// With Deal, the rows are dealt out first, and errors name files and rows of the new shards.
//
// What is 0 in o has the defaults of table.Fit, by the number of rows: Rate 3e-3 that
// falls to a hundredth, ClipNorm 5, WeightDecay, Batch, HeldOut of a tenth and at most some 20,000 rows,
// and Steps, or with Gradients Rounds, so that the shards of a member together see as many rows as
// table.Fit at most would of theirs; a step of Gradients has table.Fit's rows, dealt over these shards. A
// negative HeldOut holds no rows out, and a negative WeightDecay takes none.
func FitTable(ctx context.Context, dir string, facts *table.Inference, shards []string, model table.FitOptions, o FitOptions) (*TableFit, error) {
	if facts == nil || dir == "" || len(shards) == 0 || o.Run == nil {
		return nil, fmt.Errorf("bijoubeam: a fit of %d shards in the directory %q, want shards, a directory, what Describe found, and FitOptions.Run: %w", len(shards), dir, ErrFit)
	}
	schema, err := facts.Schema()
	if err != nil {
		return nil, err
	}
	if o.Deal > 0 { // before rows are held out by their places
		if shards, o.Table, err = o.deal(ctx, dir, shards); err != nil {
			return nil, err
		}
		o.Deal = 0
	}
	members := max(model.Members, 1)
	if members > len(shards) {
		return nil, fmt.Errorf("bijoubeam: %d shards for %d members, want at least a shard for each: %w", len(shards), members, ErrFit)
	}
	o = o.forTable(facts.Rows(), len(shards), members)
	found, err := gather(ctx, dir, schema, facts.Rows(), shards, o)
	if err != nil {
		return nil, err
	}
	model.Seed, model.Members = o.Seed, members
	start, err := table.Start[float32](schema, table.MemoryRows(len(schema.Columns), found.Sample), model)
	if err != nil {
		return nil, err
	}
	m, err := keepModel(ctx, strings.TrimRight(dir, "/")+"/start.safetensors", start)
	if err != nil {
		return nil, err
	}
	if m, err = Fit(ctx, dir, m, shards, o); err != nil {
		return nil, err
	}
	last, err := readTrained(ctx, m)
	if err != nil {
		return nil, err
	}
	fit := &TableFit{Model: last.whole.(*table.Model[float32]), Trained: found.Rows, Skipped: found.Skipped, HeldOut: len(found.Held) / len(schema.Columns), Options: o}
	if fit.HeldOut > 0 {
		fit.Model, fit.Contributions, err = fit.Model.WithHeldOut(found.Held)
	}
	return fit, err
}

// forTable sets defaults by the number of rows of a member, those of package table.
func (o FitOptions) forTable(rows, shards, members int) FitOptions {
	all := max(rows, 1)
	n, together := max(all/members, 1), 1
	shards = (shards + members - 1) / members
	if o.Gradients {
		together = shards
	}
	t := table.FitOptions{Batch: o.Batch * together, Rate: o.Rate, WeightDecay: o.WeightDecay}.Training(n)
	t.Batch = (t.Batch + together - 1) / together
	if o.Gradients && o.Rounds == 0 {
		o.Rounds = max(int(float64(t.Epochs)*float64(n)/float64(t.Batch)/float64(shards)), 1)
	}
	o.Batch, o.Rate, o.WeightDecay = t.Batch, t.Rate, t.Optimizer.(train.Adam).WeightDecay
	if o.Rounds == 0 {
		o.Rounds = 20
	}
	if o.Steps == 0 && !o.Gradients {
		o.Steps = max(int(float64(t.Epochs)*float64(n)/float64(o.Rounds)/float64(o.Batch)/float64(shards)), 1)
	}
	if o.ClipNorm == 0 {
		o.ClipNorm = t.ClipNorm
	}
	if o.Final == 0 {
		o.Final = t.Schedule.(train.Cosine).Final
	}
	if o.HeldOut == 0 {
		o.HeldOut = min(0.1, table.MostHeldOut/float64(all))
	}
	o.HeldOut = max(o.HeldOut, 0)
	return o.withDefaults()
}

// gathered are rows of a shard, encoded.
type gathered struct {
	Held, Sample  []float64
	Rows, Skipped int64 // to train on, and left out
}

// gatherFn gathers rows of a shard in a file.
type gatherFn struct {
	Dir    string
	Schema *table.Schema
	Table  table.ReaderOptions
	Seed   uint64
	// A row that draws less than Held is held out, one that draws less than Sample of
	// the sample.
	Held, Sample float64
}

func (g *gatherFn) ProcessElement(ctx context.Context, shard numbered) error {
	var found gathered
	draw := drawing{g.Seed, shard.Part}
	skipped, err := eachEncoded(ctx, g.Schema, shard.File, g.Table, func(row int, codes []float64) {
		u := draw.of(row)
		if u < g.Held {
			found.Held = append(found.Held, codes...)
			return
		}
		found.Rows++
		if u < g.Sample {
			found.Sample = append(found.Sample, codes...)
		}
	})
	if err != nil {
		return err
	}
	found.Skipped = skipped
	return writeSealed(ctx, gatheredPath(g.Dir, shard.Part), found)
}

func gatheredPath(dir string, shard int) string {
	return fmt.Sprintf("%s/rows-%07d", strings.TrimRight(dir, "/"), shard)
}

// gather runs the pass, and joins what the shards have in their order.
func gather(ctx context.Context, dir string, schema *table.Schema, rows int, shards []string, o FitOptions) (all gathered, err error) {
	p := beam.NewPipeline()
	root := p.Root().Scope("bijoubeam.FitTable")
	share := o.HeldOut + (1-o.HeldOut)*min(1, table.StartRows/float64(max(rows, 1)))
	beam.ParDo0(root, &gatherFn{Dir: dir, Schema: schema, Table: o.Table, Seed: o.Seed, Held: o.HeldOut, Sample: share}, numberedFiles(root, shards))
	if err := o.Run(ctx, p); err != nil {
		return all, fmt.Errorf("bijoubeam: gathering rows: %w", err)
	}
	fs, err := filesystem.New(ctx, dir)
	if err != nil {
		return all, fmt.Errorf("bijoubeam: %s: %w", dir, err)
	}
	defer fs.Close()
	for k := range shards {
		path := gatheredPath(dir, k)
		found, err := readSealed[gathered](ctx, path)
		if err != nil {
			return all, err
		}
		all.Held, all.Sample = append(all.Held, found.Held...), append(all.Sample, found.Sample...)
		all.Rows, all.Skipped = all.Rows+found.Rows, all.Skipped+found.Skipped
		if remover, ok := fs.(filesystem.Remover); ok {
			_ = remover.Remove(ctx, path) // the next run writes it again
		}
	}
	return all, nil
}

// keepModel writes a model where workers read it.
func keepModel(ctx context.Context, path string, model any) (Model, error) {
	var b bytes.Buffer
	if err := registry.Write(&b, model); err != nil {
		return Model{}, fmt.Errorf("bijoubeam: %s: %w", path, err)
	}
	fs, err := filesystem.New(ctx, path)
	if err != nil {
		return Model{}, fmt.Errorf("bijoubeam: %s: %w", path, err)
	}
	defer fs.Close()
	if err := filesystem.Write(ctx, fs, path, b.Bytes()); err != nil {
		return Model{}, fmt.Errorf("bijoubeam: %s: %w", path, err)
	}
	return Model{Path: path, SHA256: fmt.Sprintf("%x", sha256.Sum256(b.Bytes()))}, nil
}
