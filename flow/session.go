// What one goroutine needs to run a flow on a piece of a batch.

package flow

import (
	"math"
	"math/rand/v2"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/internal/rows"
)

// flowSession holds passes and buffers for up to rows.Size rows.
type flowSession[T bijector.Float] struct {
	pass      bijector.Pass[T]
	base      distribution.BasePass[T]
	embed     *embeddingPass[T]
	x, cond   bijector.Mat[T] // rows, and contexts as they were given
	spread    bijector.Mat[T] // embedded contexts that stand for several rows each
	logDet    []float64
	bad       []bool        // rows of the piece with something that is not finite
	hopeless  []bool        // those of them that no other draw can be made for
	candidate candidates[T] // of another attempt at draws
	pcg       rand.PCG
	rng       *rand.Rand
}

func (p *flowParts[T]) newSession(dim, contextDim int) *flowSession[T] {
	o := bijector.PassOptions{MaxBatch: rows.Size}
	s := &flowSession[T]{
		pass:     p.layer.NewPass(o),
		base:     p.base.NewBasePass(o),
		embed:    newEmbeddingPass(p.embedding, o),
		x:        bijector.NewMat[T](dim, rows.Size),
		cond:     bijector.NewMat[T](contextDim, rows.Size),
		logDet:   make([]float64, rows.Size),
		bad:      make([]bool, rows.Size),
		hopeless: make([]bool, rows.Size),
	}
	s.rng = rand.New(&s.pcg)
	return s
}

// load reads rows lo to lo+n and their context. Rows that are not finite are
// marked and zeroed: no layer has to be ready for a NaN.
func (s *flowSession[T]) load(in bijector.Input[T], cond bijector.Context[T], lo, n int) (x, c bijector.Mat[T], r rows.Report) {
	x = s.x.Resize(n)
	clear(s.bad)
	if !in.Load(x, lo) {
		r.Input = rows.ZeroNonFinite(rows.Features[T](x), nil, s.bad, lo)
	}
	return x, s.loadContext(cond, lo, n, &r), r
}

// loadContext reads the context of rows lo to lo+n, and returns what layer and
// base see of it.
func (s *flowSession[T]) loadContext(cond bijector.Context[T], lo, n int, r *rows.Report) bijector.Mat[T] {
	if k := cond.PerContext(); k > 1 && s.embed != nil {
		return s.loadContextOnce(cond, k, lo, n, r)
	}
	c := s.cond.Resize(n)
	if !cond.Load(c, lo) {
		r.Context.Merge(rows.ZeroNonFinite(rows.Features[T](c), nil, s.bad, lo))
	}
	return s.embedContext(c, lo, r)
}

// embedContext returns what layer and base see of contexts c.
func (s *flowSession[T]) embedContext(c bijector.Mat[T], lo int, r *rows.Report) bijector.Mat[T] {
	if s.embed == nil {
		return c
	}
	h := s.embed.forward(c)
	r.Result.Merge(rows.ZeroNonFinite(rows.Features[T](h), nil, s.bad, lo))
	return h
}

// logProb: a log-det of -Inf is that of a row outside a layer's domain, whose
// density is 0.
func (s *flowSession[T]) logProb(dst []float64, in bijector.Input[T], cond bijector.Context[T], lo int) rows.Report {
	v, c, r := s.load(in, cond, lo, len(dst))
	clear(dst)
	s.pass.Forward(v, v, c, dst)
	r.Result.Merge(rows.ZeroNonFinite(rows.Features[T](v), dst, s.bad, lo))
	s.base.LogProb(v, c, dst)
	r.Result.Merge(rows.MarkLogProbs(dst, s.bad, lo))
	return r
}

// transform maps rows lo to hi in one direction.
func (s *flowSession[T]) transform(out []T, in bijector.Input[T], cond bijector.Context[T], inverse bool, lo, hi int) rows.Report {
	v, c, r := s.load(in, cond, lo, hi-lo)
	logDet := s.logDet[:v.N]
	clear(logDet)
	if inverse {
		s.pass.Inverse(v, v, c, logDet)
	} else {
		s.pass.Forward(v, v, c, logDet)
	}
	rows.MarkOutside(logDet)
	r.Result.Merge(rows.ZeroNonFinite(rows.Features[T](v), logDet, s.bad, lo))
	rows.FillNaN(rows.Features[T](v), s.bad)
	rows.Store(out, rows.Features[T](v), lo)
	return r
}

// draw makes draws lo to hi.
func (s *flowSession[T]) draw(out []T, logp []float64, cond bijector.Context[T], from seed, o sampleOptions, lo, hi int) (r rows.Report) {
	n := hi - lo
	clear(s.bad)
	c := s.loadContext(cond, lo, n, &r)
	if logp != nil {
		logp = logp[lo:hi]
	}
	s.pcg.Seed(from[0], from[1])
	v := s.sample(n, c, logp, s.rng, o)
	for i, bad := range s.bad[:n] {
		if bad && !s.hopeless[i] {
			r.Result.Add(lo+i, 1)
		}
	}
	rows.FillNaN(rows.Features[T](v), s.bad)
	rows.Store(out, rows.Features[T](v), lo)
	return r
}

// sample makes n draws under contexts c, and what is asked for of their
// log-densities. Rows that are marked already have none; those that are not
// finite after all attempts are marked, too.
//
// Another attempt draws the whole piece and takes what is needed of it: draws
// that overflow are rare.
func (s *flowSession[T]) sample(n int, c bijector.Mat[T], logp []float64, rng *rand.Rand, o sampleOptions) bijector.Mat[T] {
	v := s.x.Resize(n)
	copy(s.hopeless, s.bad)
	s.attempt(v, c, logp, rng, o.temperature)
	for range o.redraws {
		if !s.redraw(v, c, logp, rng, o.temperature) {
			break
		}
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
func (s *flowSession[T]) attempt(v, c bijector.Mat[T], logp []float64, rng *rand.Rand, temperature float64) {
	logDet := s.logDet[:v.N]
	s.base.Sample(rng, v, c, temperature)
	if logp != nil {
		clear(logp)
		s.base.LogProb(v, c, logp)
	}
	clear(logDet)
	s.pass.Inverse(v, v, c, logDet)
	for i := range logp {
		logp[i] -= logDet[i]
	}
	rows.MarkOutside(logDet) // a density of 0, from a log-det of +Inf, is an answer
	rows.ZeroNonFinite(rows.Features[T](v), logDet, s.bad, 0)
	rows.MarkLogProbs(logp, s.bad, 0)
}
