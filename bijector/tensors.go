package bijector

import (
	"fmt"

	"gorgonia.org/tensor"

	"github.com/bijou-flow/bijou/internal/chunk"
	"github.com/bijou-flow/bijou/internal/kernel"
)

// Tensors gives a layer its tensor methods: hold one as a field and forward
// Forward, Inverse and LogDetJacobian to it, a line each. It keeps passes for
// the next call, cuts large batches into pieces and runs them on all cores.
// The zero value is ready; it must not be copied.
type Tensors[T Float] struct {
	pool chunk.Pool[session[T]]
}

// session is what one goroutine needs to run a layer on rows.
type session[T Float] struct {
	pass    Pass[T]
	x, cond Mat[T]
	logDet  []float64
}

func newSession[T Float](l Layer[T]) *session[T] {
	return &session[T]{
		pass:   l.NewPass(PassOptions{MaxBatch: chunk.Size}),
		x:      NewMat[T](l.Dim(), chunk.Size),
		cond:   NewMat[T](l.ContextDim(), chunk.Size),
		logDet: make([]float64, chunk.Size),
	}
}

// Forward maps the rows of x through l.
func (t *Tensors[T]) Forward(l Layer[T], x *tensor.Dense) (*tensor.Dense, error) {
	out, _, err := t.run(l, x, nil, false, true, false)
	return out, err
}

// Inverse maps the rows of z back through l.
func (t *Tensors[T]) Inverse(l Layer[T], z *tensor.Dense) (*tensor.Dense, error) {
	out, _, err := t.run(l, z, nil, true, true, false)
	return out, err
}

// LogDetJacobian returns log|det df/dx| at each row of x, shape (n).
func (t *Tensors[T]) LogDetJacobian(l Layer[T], x *tensor.Dense) (*tensor.Dense, error) {
	_, ld, err := t.run(l, x, nil, false, false, true)
	return ld, err
}

// run maps x in one direction and returns the result, the log-dets, or both.
func (t *Tensors[T]) run(l Layer[T], x, context *tensor.Dense, inverse, wantOut, wantLogDet bool) (out, logDet *tensor.Dense, err error) {
	rows, err := RowsOf[T](x)
	if err != nil {
		return nil, nil, err
	}
	if err := CheckWidth(rows.d, l.Dim()); err != nil {
		return nil, nil, err
	}
	cond, err := ContextOf[T](context, rows.n, l.ContextDim())
	if err != nil {
		return nil, nil, err
	}
	var y, ld []T
	if wantOut {
		y = make([]T, rows.n*rows.d)
	}
	if wantLogDet {
		ld = make([]T, rows.n)
	}
	var input, given, result Failures
	t.pool.Run(rows.n, func() *session[T] { return newSession(l) }, func(s *session[T], lo, hi int) {
		v, c, d := s.x.Resize(hi-lo), s.cond.Resize(hi-lo), s.logDet[:hi-lo]
		input.Note(rows.Load(v, lo))
		given.Note(cond.Load(c, lo))
		clear(d)
		if inverse {
			s.pass.Inverse(v, v, c, d)
		} else {
			s.pass.Forward(v, v, c, d)
		}
		if wantOut {
			Store(y, v, lo)
			result.Note(badSamples(v, lo))
		}
		if wantLogDet {
			for i, v := range d {
				ld[lo+i] = T(v)
			}
			result.Note(badSamples(Mat[T]{Data: ld[lo:hi], D: 1, N: hi - lo, Stride: hi - lo}, lo))
		}
	})
	if wantOut {
		out = TensorOf(y, rows.n, rows.d)
	}
	if wantLogDet {
		logDet = TensorOf(ld, rows.n, 0)
	}
	// A row that came in with a NaN also leaves with one: the cause comes first.
	if err = input.Err("input", rows.n); err == nil {
		err = given.Err("context", rows.n)
	}
	if err == nil {
		err = result.Err("result", rows.n)
	}
	return out, logDet, err
}

// badSamples finds what Note takes in a piece of results from row lo.
func badSamples[T Float](m Mat[T], lo int) (first, bad int) {
	finite := true
	for j := range m.D {
		finite = finite && kernel.Finite(m.Feature(j))
	}
	if finite {
		return -1, 0
	}
	first, bad = Rows[T]{data: m.Data, n: m.N, d: m.D, rs: 1, cs: m.Stride}.scan(m.N, 0)
	return lo + first, bad
}

// Context is a user's context for a batch: a row a sample, one row for all, or
// none.
type Context[T Float] struct {
	rows Rows[T]
	d    int
}

// ContextOf checks that context suits n rows of a model with d context
// features: shape (n, d), or (1, d) for one context for all, or nil with d 0.
func ContextOf[T Float](context *tensor.Dense, n, d int) (Context[T], error) {
	if d == 0 {
		if context != nil {
			return Context[T]{}, fmt.Errorf("bijou: a context of shape %v was given, the model is unconditional: %w", context.Shape(), ErrContext)
		}
		return Context[T]{}, nil
	}
	if context == nil {
		return Context[T]{}, fmt.Errorf("bijou: the model is conditional and has no context; bind one of shape (%d, %d) or (1, %d) with Given: %w", n, d, d, ErrContext)
	}
	r, err := RowsOf[T](context)
	if err != nil {
		return Context[T]{}, fmt.Errorf("context: %w", err)
	}
	if r.d != d || r.n != 1 && r.n != n {
		return Context[T]{}, fmt.Errorf("bijou: the context has shape (%d, %d), want (%d, %d), or (1, %d) for all rows: %w: %w", r.n, r.d, n, d, d, ErrContext, ErrShape)
	}
	return Context[T]{rows: r, d: d}, nil
}

// Load copies the context of rows lo to lo+dst.N into dst, with the results
// of Rows.Load.
func (c Context[T]) Load(dst Mat[T], lo int) (first, bad int) {
	switch {
	case c.d == 0:
		return -1, 0
	case c.rows.n > 1:
		return c.rows.Load(dst, lo)
	}
	for j := range c.d {
		v, f := c.rows.data[j*c.rows.cs], dst.Feature(j)
		for i := range f {
			f[i] = v
		}
	}
	if _, bad = c.rows.scan(1, 0); bad > 0 {
		return lo, dst.N
	}
	return -1, 0
}
