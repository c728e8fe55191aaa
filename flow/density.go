// Scoring and drawing rows: what flows and ensembles have in common.

package flow

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"

	"gorgonia.org/tensor"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/rows"
)

// densityModel scores and draws rows, under a context and with options of its own.
type densityModel[T bijector.Float] struct {
	*runner[T]
	context tensor.Tensor
	sampleOptions
}

// runner is what a density shares with its copies under Given and the like.
type runner[T bijector.Float] struct {
	dim, contextDim int
	open            func() session[T]
	pool            rows.Pool[session[T]]
	scoring         rows.Kind
	drawing         rows.Kind
	jobs            sync.Pool // of *job[T]
}

// session is what one goroutine needs to score and draw a piece of a batch.
type session[T bijector.Float] interface {
	// logProb sets dst to the log-density of the rows from lo on.
	logProb(dst []float64, in bijector.Input[T], cond bijector.Context[T], lo int) rows.Report
	// draw makes draws lo to hi of dst, and sets their log-densities in logp,
	// where that is not nil, from a generator that starts from seed.
	draw(dst []T, logp []float64, cond bijector.Context[T], from seed, o sampleOptions, lo, hi int) rows.Report
}

func newDensity[T bijector.Float](dim, contextDim int, open func() session[T]) densityModel[T] {
	return densityModel[T]{
		runner:        &runner[T]{dim: dim, contextDim: contextDim, open: open},
		sampleOptions: sampleOptions{temperature: 1},
	}
}

func (d densityModel[T]) given(context tensor.Tensor) densityModel[T] {
	d.context = context
	return d
}

func (d densityModel[T]) withTemperature(t float64) densityModel[T] {
	d.temperature = t
	return d
}

func (d densityModel[T]) withRedraws(k int) densityModel[T] {
	d.redraws = k
	return d
}

// SetParallelism bounds the goroutines of a call, here and in all copies; n
// below 1 means as many as are fastest, GOMAXPROCS at most, as at the start: calls of
// many rows try numbers of goroutines in turns. Results do not depend on it.
func (d *densityModel[T]) SetParallelism(n int) { d.pool.SetParallelism(n) }

// Dim is the number of features of a row.
func (d *densityModel[T]) Dim() int { return d.dim }

// ContextDim is the number of context features, 0 for an unconditional model.
func (d *densityModel[T]) ContextDim() int { return d.contextDim }

// check checks a batch and the context that goes with it.
func (d *densityModel[T]) check(x tensor.Tensor) (in bijector.Input[T], cond bijector.Context[T], err error) {
	if in, err = bijector.InputOf[T](x, d.dim); err != nil {
		return in, cond, err
	}
	cond, err = bijector.ContextOf[T](d.context, in.Len(), d.contextDim)
	return in, cond, err
}

// LogProb is the log-density of each row of x (n, d), in nats:
//
//	log p(x) = log p_base(f(x)) + log|det df/dx|  for a flow,
//	log p(x) = log sum_k w_k p_k(x)               for an ensemble.
//
// A row outside the support, of the base or of a layer such as a Logit, has
// -Inf; so has one on the bound of a layer's domain, which is open. A row with a NaN
// or an infinity, or one that overflows within the model (for an ensemble,
// within any of its flows), has NaN; a bijector.RowError then says which rows
// those are ("input", "context" or "result"), and the results of the others
// are returned beside it.
func (d *densityModel[T]) LogProb(x tensor.Tensor) ([]float64, error) {
	in, cond, err := d.check(x)
	if err != nil {
		return nil, err
	}
	logp := make([]float64, in.Len())
	return logp, d.score(logp, in, cond)
}

// LogProbInto is LogProb into dst, one value a row of x. It does not allocate,
// once the model has been used.
func (d *densityModel[T]) LogProbInto(dst []float64, x tensor.Tensor) error {
	in, cond, err := d.check(x)
	if err != nil {
		return err
	}
	if len(dst) != in.Len() {
		return fmt.Errorf("flow: a destination of %d values for %d rows, want one value a row: %w", len(dst), in.Len(), bijector.ErrShape)
	}
	return d.score(dst, in, cond)
}

// score scores all rows, one piece on the caller's goroutine, several on many.
func (d *densityModel[T]) score(dst []float64, in bijector.Input[T], cond bijector.Context[T]) error {
	var r rows.Report
	if len(dst) > rows.Size {
		j := d.newJob()
		j.logp, j.in, j.cond = dst, in, cond
		r = d.pool.Run(&d.scoring, len(dst), d.open, j.logProb)
		d.endJob(j)
	} else {
		s := d.pool.Get(d.open)
		r = s.logProb(dst, in, cond, 0)
		d.pool.Put(s)
	}
	return r.Err(len(dst), bijector.NewRowError)
}

// Sample draws n rows, shape (n, d): z from the base, x = f^-1(z); of an
// ensemble, each from a flow that is drawn by the weights. Under a context of n
// rows, row i conditions draw i; one row conditions all.
//
// The draws depend on rng and n alone: each piece of 128 rows has a generator
// of its own, seeded by two values of rng, so that the same seed gives the
// same bits on any number of cores. rng is not used after the call returns.
//
// A draw that overflows within the model is NaN, and the error, a
// bijector.RowError, counts such draws; the others are returned beside it and
// unaffected. WithRedraws draws them again first.
func (d *densityModel[T]) Sample(rng *rand.Rand, n int) (*bijector.Rows[T], error) {
	draws, _, err := d.sample(rng, n, false)
	return draws, err
}

// SampleWithLogProb draws like Sample and returns the log-density of each draw
// under the model, in nats. A flow has it at the price of the draws,
//
//	log p(x) = log p_base(z) - log|det dx/dz|;
//
// an ensemble scores the draws, which costs as much as LogProb. At temperature
// 1 that is the density the draws come from. At another temperature it is still
// the model's, LogProb at the draw, and not that of the distribution that the
// temperature makes of it.
func (d *densityModel[T]) SampleWithLogProb(rng *rand.Rand, n int) (draws *bijector.Rows[T], logp []float64, err error) {
	return d.sample(rng, n, true)
}

func (d *densityModel[T]) sample(rng *rand.Rand, n int, wantLogProb bool) (draws *bijector.Rows[T], logp []float64, err error) {
	if err := d.sampleOptions.check(rng, n, d.dim); err != nil {
		return nil, nil, err
	}
	cond, err := bijector.ContextOf[T](d.context, n, d.contextDim)
	if err != nil {
		return nil, nil, err
	}
	draws = bijector.NewRows[T](n, d.dim)
	if wantLogProb {
		logp = make([]float64, n)
	}
	return draws, logp, d.draw(draws.Values(), logp, cond, rng)
}

// SampleInto is Sample into dst, row-major, as many rows as dst holds. It does
// not allocate, once the model has been used.
func (d *densityModel[T]) SampleInto(dst []T, rng *rand.Rand) error {
	return d.sampleInto(dst, nil, false, rng)
}

func (d *densityModel[T]) sampleInto(dst, contexts []T, given bool, rng *rand.Rand) error {
	if len(dst) == 0 || len(dst)%d.dim != 0 {
		return fmt.Errorf("flow: a destination of %d values, want a positive multiple of %d features: %w", len(dst), d.dim, bijector.ErrShape)
	}
	n := len(dst) / d.dim
	if err := d.sampleOptions.check(rng, n, d.dim); err != nil {
		return err
	}
	cond, err := d.contextOf(contexts, given, n)
	if err != nil {
		return err
	}
	return d.draw(dst, nil, cond, rng)
}

// draw fills out with draws, and logp with their log-density where it is not
// nil: one piece on the caller's goroutine, several on many, for which it takes
// all seeds first.
func (d *densityModel[T]) draw(out []T, logp []float64, cond bijector.Context[T], rng *rand.Rand) error {
	n := len(out) / d.dim
	var r rows.Report
	if n > rows.Size {
		j := d.newJob()
		j.out, j.logp, j.cond, j.options = out, logp, cond, d.sampleOptions
		j.seeds = appendSeeds(j.seeds[:0], rng, n)
		r = d.pool.Run(&d.drawing, n, d.open, j.draw)
		d.endJob(j)
	} else {
		s := d.pool.Get(d.open)
		r = s.draw(out, logp, cond, newSeed(rng), d.sampleOptions, 0, n)
		d.pool.Put(s)
	}
	return d.sampleOptions.err(r, n)
}

// someRowsValid says whether results that came with err are valid in some rows.
func someRowsValid(err error) bool {
	var r *bijector.RowError
	return err == nil || errors.As(err, &r)
}
