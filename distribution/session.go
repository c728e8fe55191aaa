// What one goroutine needs to run a flow on a piece of a batch, and the
// account of rows that are not finite.

package distribution

import (
	"errors"
	"math"
	"math/rand/v2"
	"sync"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/chunk"
	"github.com/bijou-flow/bijou/internal/kernel"
)

// session holds passes and buffers for up to chunk.Size rows.
type session[T bijector.Float] struct {
	pass    bijector.Pass[T]
	base    BasePass[T]
	embed   *embedding[T]
	x, cond bijector.Mat[T] // rows, and contexts as they were given
	logDet  []float64
	bad     []bool   // rows of the piece with something that is not finite
	lost    []bool   // those of them that no other draw could be made for
	spare   struct { // of another attempt at draws
		x    bijector.Mat[T]
		logp []float64
		bad  []bool
	}
	pcg rand.PCG
	rng *rand.Rand
}

func (p *parts[T]) newSession() *session[T] {
	o := bijector.PassOptions{MaxBatch: chunk.Size}
	s := &session[T]{
		pass:   p.layer.NewPass(o),
		base:   p.base.NewBasePass(o),
		embed:  newEmbedding(p.embedding, o),
		x:      bijector.NewMat[T](p.dim, chunk.Size),
		cond:   bijector.NewMat[T](p.contextDim, chunk.Size),
		logDet: make([]float64, chunk.Size),
		bad:    make([]bool, chunk.Size),
		lost:   make([]bool, chunk.Size),
	}
	s.rng = rand.New(&s.pcg)
	return s
}

// load reads rows lo to lo+n and their context. Rows that are not finite are
// marked, and replaced by zeros: no layer has to be ready for a NaN.
func (s *session[T]) load(rows bijector.Rows[T], cond bijector.Context[T], lo, n int) (x, c bijector.Mat[T], r report) {
	x = s.x.Resize(n)
	r.input.note(rows.Load(x, lo))
	c = s.loadContext(cond, lo, n, &r)
	s.strike(x, r.input.count)
	return x, c, r
}

// loadContext reads the context of rows lo to lo+n, clears the marks, and
// returns what layer and base see of the context.
func (s *session[T]) loadContext(cond bijector.Context[T], lo, n int, r *report) bijector.Mat[T] {
	clear(s.bad)
	c := s.cond.Resize(n)
	r.context.note(cond.Load(c, lo))
	s.strike(c, r.context.count)
	return s.see(c, lo, r)
}

// see returns what layer and base see of contexts c.
func (s *session[T]) see(c bijector.Mat[T], lo int, r *report) bijector.Mat[T] {
	if s.embed == nil {
		return c
	}
	h := s.embed.forward(c)
	s.check(h, nil, lo, &r.result)
	return h
}

// strike marks the count samples of m that are not finite and zeroes them.
func (s *session[T]) strike(m bijector.Mat[T], count int) {
	if count == 0 {
		return
	}
	for i := range m.N {
		if !finiteSample(m, i) {
			s.bad[i] = true
			fill(m, i, 0)
		}
	}
}

// check counts the rows, from row lo on, whose image m or log-det (nil: none)
// is not finite, marks them and zeroes them for whatever computes on.
func (s *session[T]) check(m bijector.Mat[T], logDet []float64, lo int, t *tally) {
	finite := kernel.Finite(logDet)
	for j := 0; j < m.D && finite; j++ {
		finite = kernel.Finite(m.Feature(j))
	}
	if finite {
		return
	}
	for i := range m.N {
		if s.bad[i] || finiteSample(m, i) && (logDet == nil || kernel.Finite(logDet[i:i+1])) {
			continue
		}
		t.note(lo+i, 1)
		s.bad[i] = true
		fill(m, i, 0)
	}
}

// checkLogProb does the same for log-probabilities, of which -Inf is one, and
// sets those of all marked rows to NaN.
func (s *session[T]) checkLogProb(logp []float64, lo int, t *tally) {
	for i, v := range logp {
		if !s.bad[i] && (math.IsNaN(v) || math.IsInf(v, 1)) {
			t.note(lo+i, 1)
			s.bad[i] = true
		}
		if s.bad[i] {
			logp[i] = math.NaN()
		}
	}
}

// blank sets the marked rows to NaN.
func (s *session[T]) blank(m bijector.Mat[T]) {
	for i, bad := range s.bad[:m.N] {
		if bad {
			fill(m, i, T(math.NaN()))
		}
	}
}

func finiteSample[T bijector.Float](m bijector.Mat[T], i int) bool {
	for j := range m.D {
		if v := m.Data[j*m.Stride+i]; v-v != 0 {
			return false
		}
	}
	return true
}

func fill[T bijector.Float](m bijector.Mat[T], i int, v T) {
	for j := range m.D {
		m.Data[j*m.Stride+i] = v
	}
}

// tally counts rows and knows the first.
type tally struct{ first, count int }

// note adds count rows, the first of which is first.
func (t *tally) note(first, count int) {
	if count == 0 {
		return
	}
	if t.count == 0 || first < t.first {
		t.first = first
	}
	t.count += count
}

func (t tally) err(what string, n int) error {
	if t.count == 0 {
		return nil
	}
	return &bijector.RowError{What: what, Row: t.first, Count: t.count, N: n}
}

// report says which rows were not finite, and where.
type report struct{ input, context, result tally }

// err is what a user hears: of what was given first, since that is the cause.
func (r report) err(n int) error {
	for _, e := range [...]error{r.input.err("input", n), r.context.err("context", n), r.result.err("result", n)} {
		if e != nil {
			return e
		}
	}
	return nil
}

// reports collects those of several goroutines.
type reports struct {
	mu  sync.Mutex
	all report
}

func (s *reports) add(r report) {
	if r == (report{}) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all.input.note(r.input.first, r.input.count)
	s.all.context.note(r.context.first, r.context.count)
	s.all.result.note(r.result.first, r.result.count)
}

// partial says whether results that came with err are valid in some rows.
func partial(err error) bool {
	var rows *bijector.RowError
	return err == nil || errors.As(err, &rows)
}
