// What one goroutine needs to run a mixture of flows on a piece of a batch.

package flow

import (
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/floats"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/rows"
)

// ensembleSession holds a session a flow, and what they share.
type ensembleSession[T bijector.Float] struct {
	*ensembleParts[T]
	sessions []*flowSession[T]
	logw     []float64
	row      []float64   // log w_k p_k(x) of one row
	logp     [][]float64 // of each flow
	x, cond  bijector.Mat[T]
	choice   []int // the flow of each row
	own      []int // the rows of a flow
	pcg      rand.PCG
	rng      *rand.Rand
}

func (m *ensembleParts[T]) newSession(dim, contextDim int) *ensembleSession[T] {
	s := &ensembleSession[T]{
		ensembleParts: m,
		logw:          make([]float64, len(m.flows)),
		row:           make([]float64, len(m.flows)),
		x:             bijector.NewMat[T](dim, rows.Size),
		cond:          bijector.NewMat[T](contextDim, rows.Size),
		choice:        make([]int, rows.Size),
		own:           make([]int, 0, rows.Size),
	}
	for _, f := range m.flows {
		s.sessions = append(s.sessions, f.newSession(f.dim, f.contextDim))
		s.logp = append(s.logp, make([]float64, rows.Size))
	}
	s.rng = rand.New(&s.pcg)
	return s
}

// logProb: a row that overflows within any of the flows is NaN, since what that
// flow would say is not known.
func (s *ensembleSession[T]) logProb(dst []float64, in bijector.Input[T], cond bijector.Context[T], lo int) (r rows.Report) {
	for k, f := range s.sessions {
		given := cond
		if s.flows[k].contextDim == 0 {
			given = bijector.Context[T]{}
		}
		m := f.logProb(s.logp[k][:len(dst)], in, given, lo)
		r.Input = m.Input // the same for all
		if m.Context.Count > 0 {
			r.Context = m.Context
		}
	}
	s.logWeights(s.logw)
	for i := range dst {
		for k, logp := range s.logp {
			s.row[k] = s.logw[k] + logp[i]
		}
		if dst[i] = logSumExp(s.row); math.IsNaN(dst[i]) {
			r.Result.Add(lo+i, 1)
		}
	}
	return r
}

// draw makes draws lo to hi: the choices of all rows first, and then the rows
// of one flow after the other, from one generator.
func (s *ensembleSession[T]) draw(dst []T, logp []float64, cond bijector.Context[T], from seed, o sampleOptions, lo, hi int) (r rows.Report) {
	n := hi - lo
	x, c := s.x.Resize(n), s.cond.Resize(n)
	if !cond.Load(c, lo) {
		for i := range n {
			if !rows.IsFiniteSample(rows.Features[T](c), i) {
				r.Context.Add(lo+i, 1)
			}
		}
	}
	s.pcg.Seed(from[0], from[1])
	s.logWeights(s.logw)
	for i := range n {
		s.choice[i] = sampleByLogWeights(s.logw, s.rng.Float64())
	}
	for k, f := range s.sessions {
		s.own = s.own[:0]
		for i, chosen := range s.choice[:n] {
			if chosen == k {
				s.own = append(s.own, i)
			}
		}
		if len(s.own) > 0 {
			r.Result.Merge(s.drawOwn(f, x, c, o, lo))
		}
	}
	rows.Store(dst, rows.Features[T](x), lo)
	if logp != nil {
		s.scoreDraws(logp[lo:hi], dst, cond, lo, &r)
	}
	return r
}

// drawOwn makes the draws of a flow's own rows.
func (s *ensembleSession[T]) drawOwn(f *flowSession[T], x, c bijector.Mat[T], o sampleOptions, lo int) (result rows.Bad) {
	clear(f.bad)
	given := f.cond.Resize(len(s.own))
	for j := range given.D {
		for i, row := range s.own {
			given.Feature(j)[i] = c.Feature(j)[row]
		}
	}
	rows.ZeroNonFinite(rows.Features[T](given), nil, f.bad, 0)
	var ignored rows.Report // the marks say it
	v := f.sample(len(s.own), f.embedContext(given, 0, &ignored), nil, s.rng, o)
	for i, row := range s.own {
		if f.bad[i] {
			result.Add(lo+row, 1)
		}
	}
	rows.FillNaN(rows.Features[T](v), f.bad)
	for j := range v.D {
		for i, row := range s.own {
			x.Feature(j)[row] = v.Feature(j)[i]
		}
	}
	return result
}

// scoreDraws scores draws from row lo on by the whole mixture.
func (s *ensembleSession[T]) scoreDraws(logp []float64, draws []T, cond bijector.Context[T], lo int, r *rows.Report) {
	in, err := bijector.InputOfSlice(draws, len(draws)/s.x.D, s.x.D, s.x.D)
	if err != nil {
		panic("flow: draws are no rows")
	}
	m := s.logProb(logp, in, cond, lo)
	if r.Result.Count == 0 { // what could not be drawn has been reported
		r.Result = m.Result
	}
}

// logSumExp is the logarithm of the sum of exponentials: -Inf where all of
// them are 0, and NaN where one is.
func logSumExp(v []float64) float64 {
	if most := floats.Max(v); math.IsInf(most, 0) {
		for _, u := range v {
			if math.IsNaN(u) {
				return u
			}
		}
		return most
	}
	return floats.LogSumExp(v)
}

// sampleByLogWeights returns the first k at which the sum of the weights exceeds u.
func sampleByLogWeights(logw []float64, u float64) int {
	for k, v := range logw {
		if u -= math.Exp(v); u < 0 {
			return k
		}
	}
	return len(logw) - 1 // what rounding left over
}
