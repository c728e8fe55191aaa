// Several contexts times several draws in one call.

package flow

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/rows"
)

// SampleEach draws n rows under each of the m contexts that are bound to the
// model with Given, shape (m*n, d): rows i*n to (i+1)*n are the draws under
// context i. Where the contexts see no embedding network they are the draws of
// Sample under each context n times, to the bit, without the copies; such a
// network runs once a context and piece of 128 rows. An unconditional model has
// m = 1. Draws depend on rng, m and n alone, as those of Sample, and the errors
// are Sample's.
func (d *densityModel[T]) SampleEach(rng *rand.Rand, n int) (*bijector.Rows[T], error) {
	draws, _, err := d.sampleEach(rng, n, false)
	return draws, err
}

// SampleEachWithLogProb draws like SampleEach and returns the log-density of
// each draw under its context, in nats, as SampleWithLogProb.
func (d *densityModel[T]) SampleEachWithLogProb(rng *rand.Rand, n int) (draws *bijector.Rows[T], logp []float64, err error) {
	return d.sampleEach(rng, n, true)
}

func (d *densityModel[T]) sampleEach(rng *rand.Rand, n int, wantLogProb bool) (draws *bijector.Rows[T], logp []float64, err error) {
	if err := d.sampleOptions.check(rng, n, d.dim); err != nil {
		return nil, nil, err
	}
	m := 1
	if d.contextDim > 0 && d.context != nil {
		in, err := bijector.InputOf[T](d.context, 0)
		if err != nil {
			return nil, nil, fmt.Errorf("context: %w", err)
		}
		m = in.Len()
	}
	cond, err := bijector.ContextOf[T](d.context, m, d.contextDim)
	if err != nil {
		return nil, nil, err
	}
	if n > math.MaxInt/64/d.dim/m {
		return nil, nil, fmt.Errorf("flow: %d draws of %d features under each of %d contexts, want what memory holds: %w", n, d.dim, m, bijector.ErrShape)
	}
	draws = bijector.NewRows[T](m*n, d.dim)
	if wantLogProb {
		logp = make([]float64, m*n)
	}
	return draws, logp, d.draw(draws.Values(), logp, cond.Each(n), rng)
}

// loadContextOnce is loadContext where each context stands for k rows: the
// embedding network sees it once.
func (s *flowSession[T]) loadContextOnce(cond bijector.Context[T], k, lo, n int, r *rows.Report) bijector.Mat[T] {
	first := lo / k
	different := (lo+n-1)/k - first + 1
	c := s.cond.Resize(different)
	bad := s.hopeless[:different] // scratch: draws write it later
	clear(bad)
	if !cond.Each(1).Load(c, first) {
		rows.ZeroNonFinite(rows.Features[T](c), nil, bad, 0)
		s.markEach(bad, k, lo, n, &r.Context)
	}
	h := s.embed.forward(c)
	clear(bad)
	rows.ZeroNonFinite(rows.Features[T](h), nil, bad, 0)
	s.markEach(bad, k, lo, n, &r.Result)
	if s.spread.D == 0 {
		s.spread = bijector.NewMat[T](h.D, rows.Size)
	}
	out := s.spread.Resize(n)
	for j := range out.D {
		from := h.Feature(j)
		for i := range out.Feature(j) {
			out.Feature(j)[i] = from[(lo+i)/k-first]
		}
	}
	return out
}

// markEach marks the rows of bad contexts and counts those that were not yet.
func (s *flowSession[T]) markEach(bad []bool, k, lo, n int, count *rows.Bad) {
	for i := range n {
		if bad[(lo+i)/k-lo/k] && !s.bad[i] {
			s.bad[i] = true
			count.Add(lo+i, 1)
		}
	}
}
