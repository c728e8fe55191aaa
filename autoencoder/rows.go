// Mapping the rows of a tensor of any length, on all cores.

package autoencoder

import (
	"gorgonia.org/tensor"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/rows"
)

// rowTransform maps rows of in features to rows of out features. It keeps the
// buffers of a call for the next.
type rowTransform[T bijector.Float] struct {
	in, out int
	// newApply returns a function that sets y to the image of x for up to
	// rows.Size samples, one goroutine at a time. It may overwrite x.
	newApply func() func(y, x bijector.Mat[T])
	pool     rows.Pool[*rowSession[T]]
	kind     rows.Kind
}

// rowSession is what one goroutine needs.
type rowSession[T bijector.Float] struct {
	apply func(y, x bijector.Mat[T])
	x, y  bijector.Mat[T]
	bad   []bool
}

func (m *rowTransform[T]) session() *rowSession[T] {
	return &rowSession[T]{
		apply: m.newApply(),
		x:     bijector.NewMat[T](m.in, rows.Size),
		y:     bijector.NewMat[T](m.out, rows.Size),
		bad:   make([]bool, rows.Size),
	}
}

// run maps the rows of x. Rows that are not finite, or whose image is not, are
// NaN in the result and named by the error.
func (m *rowTransform[T]) run(x tensor.Tensor) (*bijector.Rows[T], error) {
	in, err := bijector.InputOf[T](x, m.in)
	if err != nil {
		return nil, err
	}
	n := in.Len()
	out := bijector.NewRows[T](n, m.out)
	report := m.pool.Run(&m.kind, n, m.session, func(s *rowSession[T], lo, hi int) (r rows.Report) {
		x, y := s.x.Resize(hi-lo), s.y.Resize(hi-lo)
		clear(s.bad)
		if !in.Load(x, lo) {
			r.Input = rows.ZeroNonFinite(rows.Features[T](x), nil, s.bad, lo)
		}
		s.apply(y, x)
		r.Result = rows.ZeroNonFinite(rows.Features[T](y), nil, s.bad, lo)
		rows.FillNaN(rows.Features[T](y), s.bad)
		rows.Store(out.Values(), rows.Features[T](y), lo)
		return r
	})
	return out, report.Err(n, bijector.NewRowError)
}
