// Drawing rows.

package distribution

import (
	"fmt"
	"math"
	"math/rand/v2"

	"gorgonia.org/tensor"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/chunk"
)

// Sample draws n rows, shape (n, d): z from the base, x = f^-1(z). Under a
// context of n rows, row i conditions draw i; one row conditions all.
//
// The draws depend on rng and n alone: each piece of 128 rows has a generator
// of its own, seeded by two values of rng, so that the same seed gives the
// same bits on any number of cores. rng is not used after the call returns.
//
// Draws that overflow within the flow are counted by the error, a
// bijector.RowError, beside which all draws are returned.
func (f *Flow[T]) Sample(rng *rand.Rand, n int) (*tensor.Dense, error) {
	draws, _, err := f.sample(rng, n, false)
	return draws, err
}

// SampleWithLogProb draws like Sample and returns the log-density of each draw
// under the model, in nats, shape (n), at the price of the draws:
//
//	log p(x) = log p_base(z) - log|det dx/dz|.
//
// At temperature 1 that is the density the draws come from. At another
// temperature it is still the model's, LogProb at the draw, and not that of
// the distribution that the temperature makes of it.
func (f *Flow[T]) SampleWithLogProb(rng *rand.Rand, n int) (draws, logp *tensor.Dense, err error) {
	return f.sample(rng, n, true)
}

// SampleInto is Sample into dst, row-major, as many rows as dst holds. It does
// not allocate for up to 128 rows, once the flow has been used.
func (f *Flow[T]) SampleInto(dst []T, rng *rand.Rand) error {
	if f.err != nil {
		return f.err
	}
	if len(dst) == 0 || len(dst)%f.dim != 0 {
		return fmt.Errorf("distribution: a destination of %d values, want a positive multiple of %d features: %w", len(dst), f.dim, bijector.ErrShape)
	}
	cond, err := f.ready(rng, len(dst)/f.dim)
	if err != nil {
		return err
	}
	return f.drawAll(dst, nil, cond, rng)
}

func (f *Flow[T]) sample(rng *rand.Rand, n int, wantLogProb bool) (draws, logp *tensor.Dense, err error) {
	cond, err := f.ready(rng, n)
	if err != nil {
		return nil, nil, err
	}
	out := make([]T, n*f.dim)
	var lp []float64
	if wantLogProb {
		lp = make([]float64, n)
	}
	err = f.drawAll(out, lp, cond, rng)
	if wantLogProb {
		logp = vectorOf[T](lp)
	}
	return bijector.TensorOf(out, n, f.dim), logp, err
}

// ready returns the context of n draws, or says what keeps them from being
// made.
func (f *Flow[T]) ready(rng *rand.Rand, n int) (cond bijector.Context[T], err error) {
	if f.err != nil {
		return cond, f.err
	}
	if err := f.checkTemperature(); err != nil {
		return cond, err
	}
	if rng == nil {
		return cond, fmt.Errorf("distribution: no random generator to draw with, want one like rand.New(rand.NewPCG(1, 2)): %w", bijector.ErrSpec)
	}
	if n < 1 || n > math.MaxInt/64/f.dim {
		return cond, fmt.Errorf("distribution: %d draws of %d features asked for, want at least 1 and what memory holds: %w", n, f.dim, bijector.ErrShape)
	}
	return bijector.ContextOf[T](f.context, n, f.contextDim)
}

// drawAll fills out with draws, and logp with their log-density where it is
// not nil: one piece on the caller's goroutine, several on many.
func (f *Flow[T]) drawAll(out []T, logp []float64, cond bijector.Context[T], rng *rand.Rand) error {
	n := len(out) / f.dim
	if n > chunk.Size {
		return f.drawPieces(out, logp, cond, rng)
	}
	s := f.pool.Get(f.newSession)
	r := s.draw(out, logp, cond, seed{rng.Uint64(), rng.Uint64()}, f.temperature, 0, n)
	f.pool.Put(s)
	return drawErr(r, n)
}

// seed starts the generator of one piece.
type seed [2]uint64

// drawPieces takes all seeds first, in order, and then draws on many
// goroutines.
func (f *Flow[T]) drawPieces(out []T, logp []float64, cond bijector.Context[T], rng *rand.Rand) error {
	n := len(out) / f.dim
	seeds := make([]seed, (n+chunk.Size-1)/chunk.Size)
	for i := range seeds {
		seeds[i] = seed{rng.Uint64(), rng.Uint64()}
	}
	var rs reports
	f.pool.Run(n, f.newSession, func(s *session[T], lo, hi int) {
		rs.add(s.draw(out, logp, cond, seeds[lo/chunk.Size], f.temperature, lo, hi))
	})
	return drawErr(rs.all, n)
}

// draw makes draws lo to hi.
func (s *session[T]) draw(out []T, logp []float64, cond bijector.Context[T], from seed, temperature float64, lo, hi int) (r report) {
	n := hi - lo
	v, logDet := s.x.Resize(n), s.logDet[:n]
	c := s.loadContext(cond, lo, n, &r)
	s.pcg.Seed(from[0], from[1])
	s.base.Sample(s.rng, v, c, temperature)
	if logp != nil {
		logp = logp[lo:hi]
		clear(logp)
		s.base.LogProb(v, c, logp)
	}
	clear(logDet)
	s.pass.Inverse(v, v, c, logDet)
	if logp == nil {
		clear(logDet) // whatever it is, the draws are none the worse
	}
	s.check(v, logDet, lo, &r.result)
	for i := range logp {
		logp[i] -= logDet[i]
	}
	s.checkLogProb(logp, lo, &r.result)
	s.blank(v)
	bijector.Store(out, v, lo)
	return r
}

// drawErr says that the rows of a RowError are draws.
func drawErr(r report, n int) error {
	if err := r.err(n); err != nil {
		return fmt.Errorf("distribution: drawing: %w", err)
	}
	return nil
}
