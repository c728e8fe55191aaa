// Scoring rows, and mapping them between data and latent.

package distribution

import (
	"fmt"

	"gorgonia.org/tensor"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/chunk"
	"github.com/bijou-flow/bijou/internal/kernel"
)

// LogProb is the log-density of each row of x (n, d), in nats, shape (n):
//
//	log p(x) = log p_base(f(x)) + log|det df/dx|.
//
// A row outside the base's support has -Inf, as has one whose log-density is
// below what T can hold. A row with a NaN or an infinity, or one that
// overflows within the flow, has NaN; a bijector.RowError then says which rows
// those are ("input", "context" or "result"), and the results of the others
// are returned beside it.
func (f *Flow[T]) LogProb(x *tensor.Dense) (*tensor.Dense, error) {
	rows, cond, err := f.open(x)
	if err != nil {
		return nil, err
	}
	n := rows.Len()
	logp := make([]float64, n)
	err = f.scoreAll(logp, rows, cond)
	return vectorOf[T](logp), err
}

// LogProbInto is LogProb into dst, one value a row of x, in float64 whatever
// T is. It does not allocate for up to 128 rows, once the flow has been used.
func (f *Flow[T]) LogProbInto(dst []float64, x *tensor.Dense) error {
	rows, cond, err := f.open(x)
	if err != nil {
		return err
	}
	if err := checkDestination(dst, rows.Len()); err != nil {
		return err
	}
	return f.scoreAll(dst, rows, cond)
}

// checkDestination returns an error unless there is a place a row.
func checkDestination(dst []float64, rows int) error {
	if len(dst) != rows {
		return fmt.Errorf("distribution: a destination of %d values for %d rows, want one value a row: %w", len(dst), rows, bijector.ErrShape)
	}
	return nil
}

// scoreAll scores all rows, one piece on the caller's goroutine, several on
// many.
func (f *Flow[T]) scoreAll(dst []float64, rows bijector.Rows[T], cond bijector.Context[T]) error {
	if len(dst) > chunk.Size {
		return f.scorePieces(dst, rows, cond)
	}
	s := f.pool.Get(f.newSession)
	r := s.score(dst, rows, cond, 0)
	f.pool.Put(s)
	return r.err(len(dst))
}

// scorePieces is apart from scoreAll because its closures allocate.
func (f *Flow[T]) scorePieces(dst []float64, rows bijector.Rows[T], cond bijector.Context[T]) error {
	var rs reports
	f.pool.Run(len(dst), f.newSession, func(s *session[T], lo, hi int) {
		rs.add(s.score(dst[lo:hi], rows, cond, lo))
	})
	return rs.all.err(len(dst))
}

// score sets dst to the log-density of the rows from lo on.
func (s *session[T]) score(dst []float64, rows bijector.Rows[T], cond bijector.Context[T], lo int) report {
	v, c, r := s.load(rows, cond, lo, len(dst))
	clear(dst)
	s.pass.Forward(v, v, c, dst)
	s.check(v, dst, lo, &r.result)
	s.base.LogProb(v, c, dst)
	s.checkLogProb(dst, lo, &r.result)
	return r
}

// Forward maps data x (n, d) to its latent. Rows that are not finite are
// reported as by LogProb.
func (f *Flow[T]) Forward(x *tensor.Dense) (*tensor.Dense, error) { return f.transform(x, false) }

// Inverse maps latents z (n, d) to data. Rows that are not finite are reported
// as by LogProb.
func (f *Flow[T]) Inverse(z *tensor.Dense) (*tensor.Dense, error) { return f.transform(z, true) }

func (f *Flow[T]) transform(x *tensor.Dense, inverse bool) (*tensor.Dense, error) {
	rows, cond, err := f.open(x)
	if err != nil {
		return nil, err
	}
	var rs reports
	n := rows.Len()
	out := make([]T, n*f.dim)
	f.pool.Run(n, f.newSession, func(s *session[T], lo, hi int) {
		v, c, r := s.load(rows, cond, lo, hi-lo)
		logDet := s.logDet[:hi-lo]
		clear(logDet)
		if inverse {
			s.pass.Inverse(v, v, c, logDet)
		} else {
			s.pass.Forward(v, v, c, logDet)
		}
		clear(logDet) // an infinite log-det is no fault of the mapped row
		s.check(v, logDet, lo, &r.result)
		s.blank(v)
		bijector.Store(out, v, lo)
		rs.add(r)
	})
	return bijector.TensorOf(out, n, f.dim), rs.all.err(n)
}

// vectorOf is the tensor of shape (n) of values in T.
func vectorOf[T bijector.Float](v []float64) *tensor.Dense {
	if same, ok := any(v).([]T); ok {
		return bijector.TensorOf(same, len(v), 0)
	}
	out := make([]T, len(v))
	kernel.Narrow(out, v)
	return bijector.TensorOf(out, len(v), 0)
}

// negate is dst[i] = -src[i].
func negate(dst, src []float64) {
	for i, v := range src {
		dst[i] = -v
	}
}
