// Fit: a flow learnt from rows that no machine holds, by rounds of a pipeline.

package bijoubeam

import (
	"context"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/table"
)

// ErrFit: a fit that cannot begin, or go on from what its directory holds.
var ErrFit = errors.New("no fit of these shards")

// FitOptions of a fit. Run is to be set; the rest has defaults.
type FitOptions struct {
	Rounds int     // 0 means 10
	Steps  int     // that each shard takes on its own in a round; 0 means 20, or 1 with Gradients
	Batch  int     // rows of a step; 0 means 100
	Rate   float64 // of Adam's steps; 0 means 1e-3
	// Final is the share of Rate that the last round ends with, as in train.Cosine; 0 keeps
	// the rate.
	Final       float64
	WeightDecay float64 // of AdamW
	// ClipNorm bounds the norm of a step's gradient; 0: no bound.
	ClipNorm float64
	// Gradients makes of a round one step of Adam for all: shards return the gradients of Batch rows
	// each, whose mean, weighted by the rows of the shards, is the gradient of a step. It is the
	// step of one machine that takes Batch rows of every shard, however unlike shards are. Steps is
	// 1 then, and there is no outer momentum.
	Gradients bool
	// OuterMomentum and OuterRate take the mean of the shards for a step of gradient
	// descent with Nesterov's momentum, as DiLoCo does (Douillard et al. 2023, arXiv
	// 2311.08105): with g the parameters of the last round less the mean,
	//
	//	u = momentum u + g,  p -= rate (g + momentum u).
	//
	// 0 and 0 leave the mean, a rate of 0 with a momentum means 0.7.
	OuterMomentum, OuterRate float64
	Seed                     uint64
	// HeldOut is the share of the rows, drawn by Seed, that is not trained on.
	HeldOut float64
	Table   table.ReaderOptions // how shards are written
	// Deal is over how many new shards, files in the directory of the fit, the rows are dealt
	// before the first round, by a hash of Seed, file and row; 0: the files are the shards. It
	// is for files that are not alike, such as those of a table that is sorted: shards that
	// train on parts of the data have no mean worth having. Each shard is sorted in the memory of a
	// worker.
	Deal int
	// Run runs the pipeline of a round to its end, as beam.Run with a runner does.
	Run func(context.Context, *beam.Pipeline) error
	// Report hears of every round; nil: nobody does.
	Report func(Round)
}

// Round is what a round came to.
type Round struct {
	Round int     // from 1
	Rows  int64   // of all shards, by which their means are weighted
	Seen  int64   // rows in all steps so far
	Loss  float64 // mean of the steps of the round, in nats
	Bytes int64   // of the shards' results
	Model Model
}

func init() {
	beam.RegisterType(reflect.TypeFor[*meanFn]())
	beam.RegisterType(reflect.TypeFor[shardResult]())
	beam.RegisterType(reflect.TypeFor[meanSum]())
	beam.RegisterCoder(reflect.TypeFor[shardResult](), encodeResult, decodeResult)
	beam.RegisterCoder(reflect.TypeFor[meanSum](), encodeSum, decodeSum)
	beam.RegisterDoFn(&localFn{})
	beam.RegisterDoFn(&keepMeanFn{})
}

// Fit trains a flow of float32 without context on rows of numbers, or a table's model of
// one member on rows of its schema, in files of CSV or NDJSON, its shards. Rows that the
// schema skips are left out. A round is a pipeline: every shard begins with the parameters of
// the last round and takes Steps steps of Adam on its own rows, shuffled by Seed; then
// parameters, Adam's first moments, the roots of its second ones and statistics of
// batches are averaged, weighted by the rows of the shards. Shards are read whole,
// one by one worker.
//
// The mean is summed in whole numbers of 128 bits, and so a fit has the same bits
// whatever runner, bundles and workers are, and when it is taken up again. dir, which workers
// read and this process writes, has the model and the state behind each of the last
// two rounds; Fit goes on from there. What it returns is the model of the last round.
//
// Layers that start from data (actnorm) are to be started already; batch
// norm's statistics are those of the first rows of the shards. Options that make no
// sense, and a directory of another fit, are ErrFit; a loss that is not finite in
// all steps of a shard ends the fit.
func Fit(ctx context.Context, dir string, start Model, shards []string, o FitOptions) (Model, error) {
	o = o.withDefaults()
	if err := o.check(dir, start, shards); err != nil {
		return start, err
	}
	if o.Deal > 0 {
		var err error
		if shards, o.Table, err = o.deal(ctx, dir, shards); err != nil {
			return start, err
		}
	}
	s, err := lastState(ctx, dir, identity(start, shards, o))
	if err != nil {
		return start, err
	}
	if s == nil {
		if _, err := readTrained(ctx, start); err != nil {
			return start, err
		}
		s = &fitState{Identity: identity(start, shards, o), Model: start}
	}
	for s.Round < o.Rounds {
		if err := ctx.Err(); err != nil {
			return s.Model, err
		}
		if s, err = o.round(ctx, dir, s, shards); err != nil {
			return start, err
		}
	}
	return s.Model, nil
}

func (o FitOptions) withDefaults() FitOptions {
	if o.Rounds == 0 {
		o.Rounds = 10
	}
	if o.Steps == 0 {
		o.Steps = 20
		if o.Gradients {
			o.Steps = 1
		}
	}
	if o.Batch == 0 {
		o.Batch = 100
	}
	if o.Rate == 0 {
		o.Rate = 1e-3
	}
	if o.OuterRate == 0 {
		o.OuterRate = 1
		if o.OuterMomentum > 0 {
			o.OuterRate = 0.7
		}
	}
	return o
}

func (o FitOptions) check(dir string, start Model, shards []string) error {
	if err := start.check(); err != nil {
		return err
	}
	share := func(v float64) bool { return v >= 0 && v < 1 }
	within := func(v, hi float64) bool { return v >= 0 && v <= hi }
	switch {
	case dir == "" || len(shards) == 0 || len(shards) > 1<<20:
		return fmt.Errorf("bijoubeam: %d shards in the directory %q, want some and a directory: %w", len(shards), dir, ErrFit)
	case o.Deal < 0 || o.Deal > 1<<16:
		return fmt.Errorf("bijoubeam: rows dealt over %d shards, want 0 to %d: %w", o.Deal, 1<<16, ErrFit)
	case o.Run == nil:
		return fmt.Errorf("bijoubeam: no FitOptions.Run, want a function that runs a pipeline: %w", ErrFit)
	case o.Rounds < 0 || o.Steps < 1 || o.Batch < 1 || o.Steps > 1<<30 || o.Batch > 1<<24:
		return fmt.Errorf("bijoubeam: %d rounds of %d steps of %d rows, want positive numbers: %w", o.Rounds, o.Steps, o.Batch, ErrFit)
	case o.Gradients && (o.Steps != 1 || o.OuterMomentum != 0 || o.OuterRate != 1):
		return fmt.Errorf("bijoubeam: rounds of gradients with %d steps, an outer momentum of %v and rate of %v, want 1 step, and neither of these: %w", o.Steps, o.OuterMomentum, o.OuterRate, ErrFit)
	case !within(o.Rate, 1e3) || !within(o.ClipNorm, math.MaxFloat64) || !within(o.OuterRate, 1e3) || !within(o.OuterMomentum, 0.9999):
		return fmt.Errorf("bijoubeam: rates %v and %v, momentum %v, norms up to %v: want finite ones, 0 or above, a momentum below 1: %w", o.Rate, o.OuterRate, o.OuterMomentum, o.ClipNorm, ErrFit)
	case !share(o.HeldOut) || !share(o.Final) || !within(o.WeightDecay, 1e3):
		return fmt.Errorf("bijoubeam: shares of %v of the rows and %v of the rate, a weight decay of %v: want shares below 1, and numbers that are 0 or above: %w", o.HeldOut, o.Final, o.WeightDecay, ErrFit)
	}
	sorted := slices.Sorted(slices.Values(shards))
	if len(slices.Compact(sorted)) < len(shards) {
		return fmt.Errorf("bijoubeam: a shard is there twice: %w", ErrFit)
	}
	return nil
}

// round runs a round and leaves its files.
func (o FitOptions) round(ctx context.Context, dir string, s *fitState, shards []string) (*fitState, error) {
	p := beam.NewPipeline()
	root := p.Root().Scope("bijoubeam.Fit")
	var all []numbered
	for k, name := range shards {
		all = append(all, numbered{k, name})
	}
	local := &localFn{
		Fit: s.Identity, Model: s.Model, Taken: s.Round * o.Steps, Steps: o.Steps, Batch: o.Batch,
		Gradients: o.Gradients, Adam: o.adam(), Seed: o.Seed, HeldOut: o.HeldOut, Table: o.Table,
	}
	if s.Round > 0 {
		local.State = statePath(dir, s.Round)
	}
	kept := &keepMeanFn{Path: meanPath(dir, s.Round+1)}
	results := beam.ParDo(root, local, beam.Reshuffle(root, beam.CreateList(root, all)))
	beam.ParDo0(root, kept, beam.Combine(root, &meanFn{}, results))
	if err := o.Run(ctx, p); err != nil {
		return nil, fmt.Errorf("bijoubeam: round %d: %w", s.Round+1, err)
	}
	mean, err := readMean(ctx, kept.Path)
	if err != nil {
		return nil, err
	}
	if mean.Shards != len(shards) {
		return nil, fmt.Errorf("bijoubeam: round %d: %d shards came back, want %d: %w", s.Round+1, mean.Shards, len(shards), ErrFit)
	}
	next, err := o.step(ctx, dir, s, mean)
	if err != nil {
		return nil, err
	}
	if o.Report != nil {
		o.Report(Round{
			Round: next.Round, Rows: mean.Rows, Seen: int64(next.Round) * int64(o.Steps) * int64(o.Batch) * int64(len(shards)),
			Loss: mean.loss(), Bytes: mean.Bytes, Model: next.Model,
		})
	}
	return next, nil
}

// step makes the state of the next round of the mean of this one.
func (o FitOptions) step(ctx context.Context, dir string, s *fitState, mean *meanSum) (*fitState, error) {
	f, err := readTrained(ctx, s.Model)
	if err != nil {
		return nil, err
	}
	if o.Gradients {
		next := &fitState{Identity: s.Identity, Round: s.Round + 1}
		if next.Moments, err = o.gradientStep(s, f, mean); err != nil {
			return nil, err
		}
		return next, next.save(ctx, dir, f)
	}
	params := f.Params()
	n, buffers := countParams(params), floatBuffers(f.Flow)
	values := mean.means()
	if len(values) != 1+3*n+count(buffers) {
		return nil, fmt.Errorf("bijoubeam: %d values came back of a model of %d: %w", len(values), n, ErrFit)
	}
	next := &fitState{Identity: s.Identity, Round: s.Round + 1, Velocity: s.Velocity}
	values = values[1:] // behind the loss
	if o.OuterMomentum > 0 && next.Velocity == nil {
		next.Velocity = make([]float64, n)
	}
	at := 0
	for _, p := range params {
		for i, old := range p.Data {
			step := float64(old) - values[at]
			if o.OuterMomentum > 0 {
				u := o.OuterMomentum*next.Velocity[at] + step
				next.Velocity[at] = u
				step += o.OuterMomentum * u
			}
			p.Data[i] = float32(float64(old) - o.OuterRate*step)
			if o.OuterMomentum == 0 && o.OuterRate == 1 {
				p.Data[i] = float32(values[at])
			}
			at++
		}
	}
	for ; at < 2*n; at++ {
		next.Moments = append(next.Moments, float32(values[at]))
	}
	for ; at < 3*n; at++ {
		next.Moments = append(next.Moments, float32(values[at]*values[at]))
	}
	for _, b := range buffers {
		at += copy(b, values[at:])
	}
	f.Invalidate()
	return next, next.save(ctx, dir, f)
}

// floatBuffers are the statistics of a flow that can be averaged.
func floatBuffers(f *flow.Flow[float32]) (all [][]float64) {
	for _, b := range f.Buffers() {
		if v, ok := b.Data.([]float64); ok {
			all = append(all, v)
		}
	}
	return all
}

// countParams counts the values of parameters.
func countParams(params []bijector.Param[float32]) (n int) {
	for _, p := range params {
		n += len(p.Data)
	}
	return n
}

func count(all [][]float64) (n int) {
	for _, v := range all {
		n += len(v)
	}
	return n
}
