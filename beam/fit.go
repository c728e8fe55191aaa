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

// Fit trains a flow of float32 without context on rows of numbers, or a table's model
// on rows of its schema, in files of CSV or NDJSON, its shards. Rows that the
// schema skips are left out. A round is a pipeline: every shard begins with the parameters of
// the last round and takes Steps steps of Adam on its own rows, shuffled by Seed; then
// parameters, Adam's first moments, the roots of its second ones and statistics of
// batches are averaged, weighted by the rows of the shards. Shards are read whole,
// one by one worker.
//
// Of a mixture of K flows (a flow.Ensemble, or a table's model of K members) shard k, counted
// from 0, trains flow k mod K, and means are taken flow by flow. The weights of the mixture,
// fixed ones, are the numbers of rows of each flow's shards, so that it is a density of all rows
// even where shards have nothing in common. With as many flows as shards nothing is averaged.
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
		f, err := readTrained(ctx, start)
		if err != nil {
			return start, err
		}
		if len(f.flows) > len(shards) {
			return start, fmt.Errorf("bijoubeam: %d shards for a mixture of %d flows, want at least a shard for each: %w", len(shards), len(f.flows), ErrFit)
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
