// Scoring and drawing of plain slices, without allocation: what a service calls.

package flow

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/rows"
)

// job is a call over many pieces, or over one row, kept for the next call so
// that it allocates nothing. Its functions are bound to it once.
type job[T bijector.Float] struct {
	logp    []float64
	in      bijector.Input[T]
	cond    bijector.Context[T]
	out     []T
	seeds   []seed
	options sampleOptions

	one          [1]float64
	row, context []T // copies of a caller's, which may then stay on its stack

	logProb, draw func(s session[T], lo, hi int) rows.Report
}

// newJob returns a job that nobody else has.
func (d *densityModel[T]) newJob() *job[T] {
	if j, ok := d.jobs.Get().(*job[T]); ok {
		return j
	}
	j := &job[T]{}
	j.logProb, j.draw = j.logProbPiece, j.drawPiece
	return j
}

// endJob keeps j for another call, and nothing of what its caller owns.
func (d *densityModel[T]) endJob(j *job[T]) {
	j.logp, j.in, j.cond, j.out = nil, bijector.Input[T]{}, bijector.Context[T]{}, nil
	d.jobs.Put(j)
}

func (j *job[T]) logProbPiece(s session[T], lo, hi int) rows.Report {
	return s.logProb(j.logp[lo:hi], j.in, j.cond, lo)
}

func (j *job[T]) drawPiece(s session[T], lo, hi int) rows.Report {
	return s.draw(j.out, j.logp, j.cond, j.seeds[lo/rows.Size], j.options, lo, hi)
}

// LogProbRow is the log-density of one row of d values, in nats, under the
// context that is bound to the model, if any: what LogProb gives for that row
// alone, to the bit. It does not allocate, once the model has been used, and is
// safe for any number of goroutines. A row with a NaN or an infinity, or one
// that overflows within the model, has NaN and a bijector.RowError; one outside
// the support has -Inf. A row of another length is ErrShape.
func (d *densityModel[T]) LogProbRow(row []T) (float64, error) {
	return d.logProbRow(row, nil, false)
}

// LogProbRowGiven is LogProbRow under a context of c values, in the place of
// one that is bound to the model. It returns ErrContext where the model takes
// none, or one of another length.
func (d *densityModel[T]) LogProbRowGiven(row, context []T) (float64, error) {
	return d.logProbRow(row, context, true)
}

func (d *densityModel[T]) logProbRow(row, context []T, given bool) (float64, error) {
	if len(row) != d.dim {
		return math.NaN(), fmt.Errorf("flow: a row of %d values, the model has %d features: %w", len(row), d.dim, bijector.ErrShape)
	}
	j := d.newJob()
	j.row, j.context = append(j.row[:0], row...), append(j.context[:0], context...)
	j.one[0] = math.NaN() // stays where the context is refused
	err := d.logProbSlices(j.one[:], j.row, j.context, given)
	logp := j.one[0]
	d.endJob(j)
	return logp, err
}

// LogProbRows sets dst to the log-density of each row of x, len(dst) rows of d
// values, row-major: what LogProb gives for the same rows, to the bit, and with
// its errors. It does not allocate, once the model has been used, and is safe
// for any number of goroutines. Calls of more than 128 rows run on all cores,
// see SetParallelism.
func (d *densityModel[T]) LogProbRows(dst []float64, x []T) error {
	return d.logProbSlices(dst, x, nil, false)
}

// LogProbRowsGiven is LogProbRows under contexts in the place of those that are
// bound to the model: row-major, c values a row, or c values for all of them.
func (d *densityModel[T]) LogProbRowsGiven(dst []float64, x, contexts []T) error {
	return d.logProbSlices(dst, x, contexts, true)
}

func (d *densityModel[T]) logProbSlices(dst []float64, x, contexts []T, given bool) error {
	n := len(dst)
	if n == 0 || len(x)%d.dim != 0 || len(x)/d.dim != n {
		return fmt.Errorf("flow: %d values for %d log-densities of rows of %d features, want at least one row and one log-density a row: %w", len(x), n, d.dim, bijector.ErrShape)
	}
	in, err := bijector.InputOfSlice(x, n, d.dim, d.dim)
	if err != nil {
		return err
	}
	cond, err := d.contextOf(contexts, given, n)
	if err != nil {
		return err
	}
	return d.score(dst, in, cond)
}

// contextOf is the context of n rows: the one that was given with a call, or
// the one that is bound to the model.
func (d *densityModel[T]) contextOf(contexts []T, given bool, n int) (bijector.Context[T], error) {
	if given {
		return bijector.ContextOfSlice(contexts, n, d.contextDim)
	}
	return bijector.ContextOf[T](d.context, n, d.contextDim)
}

// SampleIntoGiven is SampleInto under contexts in the place of those that are
// bound to the model: row-major, c values a draw, or c values for all of them.
// Each goroutine needs an rng of its own.
func (d *densityModel[T]) SampleIntoGiven(dst, contexts []T, rng *rand.Rand) error {
	return d.sampleInto(dst, contexts, true, rng)
}
