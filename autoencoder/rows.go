// Mapping the rows of a tensor of any length, on all cores.

package autoencoder

import (
	"math"

	"gorgonia.org/tensor"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/chunk"
	"github.com/bijou-flow/bijou/internal/kernel"
)

// rowMap maps rows of in features to rows of out features. It keeps the
// buffers of a call for the next.
type rowMap[T bijector.Float] struct {
	in, out int
	// open returns a function that sets y to the image of x for up to
	// chunk.Size samples, one goroutine at a time. It may overwrite x.
	open func() func(y, x bijector.Mat[T])
	pool chunk.Pool[rowSession[T]]
}

// rowSession is what one goroutine needs.
type rowSession[T bijector.Float] struct {
	apply func(y, x bijector.Mat[T])
	x, y  bijector.Mat[T]
	bad   []bool
}

func (m *rowMap[T]) session() *rowSession[T] {
	return &rowSession[T]{
		apply: m.open(),
		x:     bijector.NewMat[T](m.in, chunk.Size),
		y:     bijector.NewMat[T](m.out, chunk.Size),
		bad:   make([]bool, chunk.Size),
	}
}

// run maps the rows of x. Rows that are not finite, or whose image is not, are
// NaN in the result and named by the error.
func (m *rowMap[T]) run(x *tensor.Dense) (*tensor.Dense, error) {
	rows, err := bijector.RowsOf[T](x)
	if err != nil {
		return nil, err
	}
	if err := bijector.CheckWidth(rows.Dim(), m.in); err != nil {
		return nil, err
	}
	n := rows.Len()
	data := make([]T, n*m.out)
	var input, result bijector.Failures
	m.pool.Run(n, m.session, func(s *rowSession[T], lo, hi int) {
		x, y := s.x.Resize(hi-lo), s.y.Resize(hi-lo)
		clear(s.bad)
		if first, count := rows.Load(x, lo); count > 0 {
			input.Note(first, count)
			s.mark(x)
		}
		s.apply(y, x)
		if first, count := s.mark(y); count > 0 {
			result.Note(lo+first, count)
		}
		for i, bad := range s.bad[:y.N] {
			if bad {
				fill(y, i, T(math.NaN()))
			}
		}
		bijector.Store(data, y, lo)
	})
	err = input.Err("input", n)
	if err == nil {
		err = result.Err("result", n)
	}
	return bijector.TensorOf(data, n, m.out), err
}

// mark notes the samples of m that are not finite and not noted yet, and sets
// them to zero.
func (s *rowSession[T]) mark(m bijector.Mat[T]) (first, count int) {
	first = -1
	for j := range m.D {
		f := m.Feature(j)
		if kernel.Finite(f) {
			continue
		}
		for i, v := range f {
			if v-v == 0 || s.bad[i] {
				continue
			}
			s.bad[i] = true
			fill(m, i, 0)
			if first < 0 || i < first {
				first = i
			}
			count++
		}
	}
	return first, count
}

// fill sets every feature of sample i.
func fill[T bijector.Float](m bijector.Mat[T], i int, v T) {
	for j := range m.D {
		m.Data[j*m.Stride+i] = v
	}
}
