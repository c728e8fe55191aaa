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
)

// What FitTable takes where nothing else is asked for; package table's Fit does the same.
const (
	mostHeldOut  = 20_000
	startRows    = 100_000
	tableRate    = 3e-3
	tableClip    = 5
	tableFinal   = 0.01
	decayRows    = 8_000
	trainedSteps = 4_000
	trainedRows  = 10_000_000
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
// has its Hidden, Blocks, Bins and First. Where it is taken up again in the same
// directory, it goes on as Fit does.
//
// What is 0 in o has the defaults of table.Fit, by the number of rows: Rate 3e-3 that
// falls to a hundredth, ClipNorm 5, WeightDecay, Batch, HeldOut of a tenth and at most some 20,000 rows,
// and Steps so that the shards together see as many rows as table.Fit at most. A
// negative HeldOut holds no rows out, and a negative WeightDecay takes none.
func FitTable(ctx context.Context, dir string, facts *table.Inference, shards []string, model table.FitOptions, o FitOptions) (*TableFit, error) {
	if facts == nil || dir == "" || len(shards) == 0 || o.Run == nil {
		return nil, fmt.Errorf("bijoubeam: a fit of %d shards in the directory %q, want shards, a directory, what Describe found, and FitOptions.Run: %w", len(shards), dir, ErrFit)
	}
	schema, err := facts.Schema()
	if err != nil {
		return nil, err
	}
	o = o.forTable(facts.Rows(), len(shards))
	found, err := gather(ctx, dir, schema, facts.Rows(), shards, o)
	if err != nil {
		return nil, err
	}
	model.Seed, model.Members = o.Seed, 0
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

// forTable sets defaults by the number of rows.
func (o FitOptions) forTable(rows, shards int) FitOptions {
	n := max(rows, 1)
	if o.Batch == 0 {
		o.Batch = min(max(n/50, 32), 512)
	}
	if o.Rounds == 0 {
		o.Rounds = 20
	}
	if o.Steps == 0 {
		epochs := min(max(trainedSteps*o.Batch/n, min(max(trainedRows/n, 1), 5)), 200)
		o.Steps = max(int(float64(epochs)*float64(n)/float64(o.Rounds)/float64(o.Batch)/float64(shards)), 1)
	}
	if o.Rate == 0 {
		o.Rate = tableRate
	}
	if o.ClipNorm == 0 {
		o.ClipNorm = tableClip
	}
	if o.Final == 0 {
		o.Final = tableFinal
	}
	if o.WeightDecay == 0 {
		o.WeightDecay = min(1, decayRows/float64(n))
	}
	if o.HeldOut == 0 {
		o.HeldOut = min(0.1, mostHeldOut/float64(n))
	}
	o.WeightDecay, o.HeldOut = max(o.WeightDecay, 0), max(o.HeldOut, 0)
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
	var list []numbered
	for k, name := range shards {
		list = append(list, numbered{k, name})
	}
	share := o.HeldOut + (1-o.HeldOut)*min(1, startRows/float64(max(rows, 1)))
	beam.ParDo0(root, &gatherFn{Dir: dir, Schema: schema, Table: o.Table, Seed: o.Seed, Held: o.HeldOut, Sample: share}, beam.Reshuffle(root, beam.CreateList(root, list)))
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
