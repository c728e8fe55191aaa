// Drawing rows.

package distribution

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

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
// A draw that overflows within the flow is NaN, and the error, a
// bijector.RowError, counts such draws; the others are returned beside it and
// unaffected. WithRedraws draws them again first.
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
	if err := f.drawing.ready(rng, n, f.dim); err != nil {
		return cond, err
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
	r := s.draw(out, logp, cond, seedOf(rng), f.drawing, 0, n)
	f.pool.Put(s)
	return f.drawing.explain(r, n)
}

// seed starts the generator of one piece.
type seed [2]uint64

func seedOf(rng *rand.Rand) seed { return seed{rng.Uint64(), rng.Uint64()} }

// seedsOf are those of all pieces of n draws, in order.
func seedsOf(rng *rand.Rand, n int) []seed {
	seeds := make([]seed, (n+chunk.Size-1)/chunk.Size)
	for i := range seeds {
		seeds[i] = seedOf(rng)
	}
	return seeds
}

// drawPieces takes all seeds first, and then draws on many goroutines.
func (f *Flow[T]) drawPieces(out []T, logp []float64, cond bijector.Context[T], rng *rand.Rand) error {
	n := len(out) / f.dim
	seeds := seedsOf(rng, n)
	var rs reports
	f.pool.Run(n, f.newSession, func(s *session[T], lo, hi int) {
		rs.add(s.draw(out, logp, cond, seeds[lo/chunk.Size], f.drawing, lo, hi))
	})
	return f.drawing.explain(rs.all, n)
}

// draw makes draws lo to hi.
func (s *session[T]) draw(out []T, logp []float64, cond bijector.Context[T], from seed, d drawing, lo, hi int) (r report) {
	n := hi - lo
	c := s.loadContext(cond, lo, n, &r)
	if logp != nil {
		logp = logp[lo:hi]
	}
	s.pcg.Seed(from[0], from[1])
	v := s.fill(n, c, logp, s.rng, d)
	s.drawn(n, lo, &r.result)
	s.blank(v)
	bijector.Store(out, v, lo)
	return r
}

// fill makes n draws under contexts c, and what is asked for of their
// log-densities. Rows that are marked already have none; those that are not
// finite after all attempts are marked, too.
//
// Another attempt draws the whole piece and takes what is needed of it: draws
// that overflow are rare.
func (s *session[T]) fill(n int, c bijector.Mat[T], logp []float64, rng *rand.Rand, d drawing) bijector.Mat[T] {
	v := s.x.Resize(n)
	copy(s.lost, s.bad)
	s.attempt(v, c, logp, rng, d.temperature)
	for range d.redraws {
		if slices.Equal(s.bad[:n], s.lost[:n]) {
			break
		}
		s.again(v, c, logp, rng, d.temperature)
	}
	for i, bad := range s.bad[:len(logp)] {
		if bad {
			logp[i] = math.NaN()
		}
	}
	return v
}

// attempt draws z from the base and maps it to v, and marks the rows where
// that went wrong.
func (s *session[T]) attempt(v, c bijector.Mat[T], logp []float64, rng *rand.Rand, temperature float64) {
	var t tally
	logDet := s.logDet[:v.N]
	s.base.Sample(rng, v, c, temperature)
	if logp != nil {
		clear(logp)
		s.base.LogProb(v, c, logp)
	}
	clear(logDet)
	s.pass.Inverse(v, v, c, logDet)
	if logp == nil {
		clear(logDet) // whatever it is, the draws are none the worse
	}
	s.check(v, logDet, 0, &t)
	for i := range logp {
		logp[i] -= logDet[i]
	}
	s.checkLogProb(logp, 0, &t)
}

// again makes another attempt, and replaces the rows that went wrong by what
// went well in it.
func (s *session[T]) again(v, c bijector.Mat[T], logp []float64, rng *rand.Rand, temperature float64) {
	if s.spare.x.D == 0 {
		s.spare.x, s.spare.logp, s.spare.bad = bijector.NewMat[T](v.D, chunk.Size), make([]float64, chunk.Size), make([]bool, chunk.Size)
	}
	x, lp := s.spare.x.Resize(v.N), s.spare.logp[:len(logp)]
	if logp == nil {
		lp = nil
	}
	copy(s.spare.bad, s.bad)
	copy(s.bad, s.lost)
	s.attempt(x, c, lp, rng, temperature)
	for i, wanted := range s.spare.bad[:v.N] {
		switch {
		case !wanted:
			s.bad[i] = false
		case !s.bad[i]:
			for j := range v.D {
				v.Feature(j)[i] = x.Feature(j)[i]
			}
			if logp != nil {
				logp[i] = lp[i]
			}
		}
	}
}

// drawn counts the draws, from row lo on, that are marked by fill.
func (s *session[T]) drawn(n, lo int, t *tally) {
	for i, bad := range s.bad[:n] {
		if bad && !s.lost[i] {
			t.note(lo+i, 1)
		}
	}
}
