// Draws that overflow, drawn again.

package flow

import (
	"math/rand/v2"
	"slices"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/rows"
)

// candidates are the draws of another attempt.
type candidates[T bijector.Float] struct {
	x    bijector.Mat[T]
	logp []float64
	bad  []bool
}

func newCandidates[T bijector.Float](dim int) candidates[T] {
	return candidates[T]{bijector.NewMat[T](dim, rows.Size), make([]float64, rows.Size), make([]bool, rows.Size)}
}

// redraw makes another attempt where rows went wrong, and replaces them by what
// went well in it. It returns false where no row was in need of one.
func (s *flowSession[T]) redraw(v, c bijector.Mat[T], logp []float64, rng *rand.Rand, temperature float64) bool {
	if slices.Equal(s.bad[:v.N], s.hopeless[:v.N]) {
		return false
	}
	if s.candidate.bad == nil {
		s.candidate = newCandidates[T](v.D)
	}
	x, lp, wanted := s.candidate.x.Resize(v.N), s.candidate.logp[:len(logp)], s.candidate.bad[:v.N]
	if logp == nil {
		lp = nil
	}
	copy(wanted, s.bad)
	copy(s.bad, s.hopeless)
	s.attempt(x, c, lp, rng, temperature)
	for i, w := range wanted {
		switch {
		case !w:
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
	return true
}
