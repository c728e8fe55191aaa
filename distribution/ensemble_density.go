// Scoring and drawing rows by a mixture of flows.

package distribution

import (
	"fmt"
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/floats"
	"gorgonia.org/tensor"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/chunk"
)

// panel is what one goroutine needs: a session a flow, and what they share.
type panel[T bijector.Float] struct {
	sessions []*session[T]
	logw     []float64
	row      []float64   // log w_k p_k(x) of one row
	logp     [][]float64 // of each flow
	x, cond  bijector.Mat[T]
	choice   []int // the flow of each row
	rows     []int // those of a flow
	pcg      rand.PCG
	rng      *rand.Rand
}

func (m *mixture[T]) newPanel() *panel[T] {
	p := &panel[T]{
		logw:   make([]float64, len(m.flows)),
		row:    make([]float64, len(m.flows)),
		x:      bijector.NewMat[T](m.dim, chunk.Size),
		cond:   bijector.NewMat[T](m.contextDim, chunk.Size),
		choice: make([]int, chunk.Size),
		rows:   make([]int, 0, chunk.Size),
	}
	for _, f := range m.flows {
		p.sessions = append(p.sessions, f.newSession())
		p.logp = append(p.logp, make([]float64, chunk.Size))
	}
	p.rng = rand.New(&p.pcg)
	return p
}

// LogProb is the log-density of each row of x (n, d), in nats, shape (n), with
// the errors of Flow.LogProb. A row that overflows within any of the flows is
// NaN: what that flow would say is not known.
func (e *Ensemble[T]) LogProb(x *tensor.Dense) (*tensor.Dense, error) {
	rows, cond, err := e.open(x)
	if err != nil {
		return nil, err
	}
	logp := make([]float64, rows.Len())
	err = e.scoreAll(logp, rows, cond)
	return vectorOf[T](logp), err
}

// LogProbInto is LogProb into dst, one value a row of x, in float64 whatever
// T is. It does not allocate for up to 128 rows, once the ensemble has been
// used.
func (e *Ensemble[T]) LogProbInto(dst []float64, x *tensor.Dense) error {
	rows, cond, err := e.open(x)
	if err != nil {
		return err
	}
	if err := checkDestination(dst, rows.Len()); err != nil {
		return err
	}
	return e.scoreAll(dst, rows, cond)
}

// open checks a batch and the context that goes with it.
func (e *Ensemble[T]) open(x *tensor.Dense) (rows bijector.Rows[T], cond bijector.Context[T], err error) {
	if rows, err = bijector.RowsOf[T](x); err != nil {
		return rows, cond, err
	}
	if err = bijector.CheckWidth(rows.Dim(), e.dim); err != nil {
		return rows, cond, err
	}
	cond, err = bijector.ContextOf[T](e.context, rows.Len(), e.contextDim)
	return rows, cond, err
}

func (e *Ensemble[T]) scoreAll(dst []float64, rows bijector.Rows[T], cond bijector.Context[T]) error {
	if len(dst) > chunk.Size {
		return e.scorePieces(dst, rows, cond)
	}
	p := e.pool.Get(e.newPanel)
	r := e.score(p, dst, rows, cond, 0)
	e.pool.Put(p)
	return r.err(len(dst))
}

// scorePieces is apart from scoreAll because its closures allocate.
func (e *Ensemble[T]) scorePieces(dst []float64, rows bijector.Rows[T], cond bijector.Context[T]) error {
	var rs reports
	e.pool.Run(len(dst), e.newPanel, func(p *panel[T], lo, hi int) {
		rs.add(e.score(p, dst[lo:hi], rows, cond, lo))
	})
	return rs.all.err(len(dst))
}

// score sets dst to the log-density of the rows from lo on.
func (e *Ensemble[T]) score(p *panel[T], dst []float64, rows bijector.Rows[T], cond bijector.Context[T], lo int) (r report) {
	for k, s := range p.sessions {
		given := cond
		if e.flows[k].contextDim == 0 {
			given = bijector.Context[T]{}
		}
		m := s.score(p.logp[k][:len(dst)], rows, given, lo)
		r.input = m.input // the same for all
		if m.context.count > 0 {
			r.context = m.context
		}
	}
	e.logWeights(p.logw)
	for i := range dst {
		if dst[i] = p.mix(i); math.IsNaN(dst[i]) {
			r.result.note(lo+i, 1)
		}
	}
	return r
}

// mix is the log-density of row i by those of the flows. It leaves the terms
// of the sum in p.row.
func (p *panel[T]) mix(i int) float64 {
	for k, logp := range p.logp {
		p.row[k] = p.logw[k] + logp[i]
	}
	return logSumExp(p.row)
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

// Sample draws n rows, shape (n, d): for each a flow by the weights, and then
// a draw of that flow, with the errors of Flow.Sample. The draws depend on rng
// and n alone.
func (e *Ensemble[T]) Sample(rng *rand.Rand, n int) (*tensor.Dense, error) {
	if err := e.drawing.ready(rng, n, e.dim); err != nil {
		return nil, err
	}
	out := make([]T, n*e.dim)
	err := e.SampleInto(out, rng)
	if err != nil && !partial(err) {
		return nil, err
	}
	return bijector.TensorOf(out, n, e.dim), err
}

// SampleWithLogProb draws like Sample and returns the log-density of each draw
// under the whole mixture, in nats, shape (n), which costs as much as LogProb.
func (e *Ensemble[T]) SampleWithLogProb(rng *rand.Rand, n int) (draws, logp *tensor.Dense, err error) {
	if draws, err = e.Sample(rng, n); draws == nil {
		return nil, nil, err
	}
	logp, later := e.LogProb(draws)
	if err == nil {
		err = later
	}
	return draws, logp, err
}

// SampleInto is Sample into dst, row-major, as many rows as dst holds. It does
// not allocate for up to 128 rows, once the ensemble has been used.
func (e *Ensemble[T]) SampleInto(dst []T, rng *rand.Rand) error {
	if len(dst) == 0 || len(dst)%e.dim != 0 {
		return fmt.Errorf("distribution: a destination of %d values, want a positive multiple of %d features: %w", len(dst), e.dim, bijector.ErrShape)
	}
	n := len(dst) / e.dim
	if err := e.drawing.ready(rng, n, e.dim); err != nil {
		return err
	}
	cond, err := bijector.ContextOf[T](e.context, n, e.contextDim)
	if err != nil {
		return err
	}
	if n > chunk.Size {
		return e.drawPieces(dst, cond, rng)
	}
	p := e.pool.Get(e.newPanel)
	r := e.draw(p, dst, cond, seedOf(rng), 0, n)
	e.pool.Put(p)
	return e.drawing.explain(r, n)
}

func (e *Ensemble[T]) drawPieces(dst []T, cond bijector.Context[T], rng *rand.Rand) error {
	n := len(dst) / e.dim
	seeds := seedsOf(rng, n)
	var rs reports
	e.pool.Run(n, e.newPanel, func(p *panel[T], lo, hi int) {
		rs.add(e.draw(p, dst, cond, seeds[lo/chunk.Size], lo, hi))
	})
	return e.drawing.explain(rs.all, n)
}

// draw makes draws lo to hi: the choices of all rows first, and then the rows
// of one flow after the other, from one generator.
func (e *Ensemble[T]) draw(p *panel[T], dst []T, cond bijector.Context[T], from seed, lo, hi int) (r report) {
	n := hi - lo
	x, c := p.x.Resize(n), p.cond.Resize(n)
	r.context.note(cond.Load(c, lo))
	p.pcg.Seed(from[0], from[1])
	e.logWeights(p.logw)
	for i := range n {
		p.choice[i] = choose(p.logw, p.rng.Float64())
	}
	for k, s := range p.sessions {
		p.rows = p.rows[:0]
		for i, of := range p.choice[:n] {
			if of == k {
				p.rows = append(p.rows, i)
			}
		}
		if len(p.rows) == 0 {
			continue
		}
		clear(s.bad)
		given := s.cond.Resize(len(p.rows))
		for j := range given.D {
			for i, row := range p.rows {
				given.Feature(j)[i] = c.Feature(j)[row]
			}
		}
		s.strike(given, r.context.count)
		var m report
		v := s.fill(len(p.rows), s.see(given, 0, &m), nil, p.rng, e.drawing)
		for i, row := range p.rows {
			if s.bad[i] {
				r.result.note(lo+row, 1)
			}
		}
		s.blank(v)
		for j := range v.D {
			for i, row := range p.rows {
				x.Feature(j)[row] = v.Feature(j)[i]
			}
		}
	}
	bijector.Store(dst, x, lo)
	return r
}

// choose returns the first k at which the sum of the weights exceeds u.
func choose(logw []float64, u float64) int {
	for k, v := range logw {
		if u -= math.Exp(v); u < 0 {
			return k
		}
	}
	return len(logw) - 1 // what rounding left over
}
