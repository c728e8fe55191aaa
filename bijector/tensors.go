// The tensor methods of layers.

package bijector

import (
	"fmt"

	"gorgonia.org/tensor"

	"github.com/bijou-flow/bijou/internal/nilcheck"
	"github.com/bijou-flow/bijou/internal/rows"
)

// TensorMethods gives a layer its tensor methods Forward, Inverse and
// LogDetJacobian, and makes a Bijector of it: embed one, and set it to
// NewTensorMethods of the layer in the constructor,
//
//	l.TensorMethods = bijector.NewTensorMethods[T](l)
//
// It keeps passes for the next call, cuts large batches into pieces and runs
// them on all cores. It is safe for concurrent use.
type TensorMethods[T Float] struct{ t *tensors[T] }

// NewTensorMethods returns those of layer, without a context.
func NewTensorMethods[T Float](layer Layer[T]) TensorMethods[T] {
	return TensorMethods[T]{&tensors[T]{layer: orNil(layer)}}
}

// Given binds a context to a conditional layer: shape (n, c), a row for each
// row of the later calls, or (1, c) for all of them. The result has the tensor
// methods and is no Layer, since a pass over some rows cannot know which
// context rows are theirs.
func Given[T Float](layer Layer[T], context tensor.Tensor) Transform[T] {
	return TensorMethods[T]{&tensors[T]{layer: orNil(layer), context: context}}
}

// orNil is layer, or nil for a nil pointer.
func orNil[T Float](layer Layer[T]) Layer[T] {
	if nilcheck.IsNil(layer) {
		return nil
	}
	return layer
}

// Forward maps data x (n, d) to latent. A row that is not finite, comes out as
// not finite, or lies outside the layer's domain is NaN and named by a
// RowError; the others are unaffected.
func (m TensorMethods[T]) Forward(x tensor.Tensor) (*Rows[T], error) {
	return m.t.transform(x, false)
}

// Inverse maps latent z (n, d) to data, with the errors of Forward.
func (m TensorMethods[T]) Inverse(z tensor.Tensor) (*Rows[T], error) {
	return m.t.transform(z, true)
}

// LogDetJacobian is log|det df/dx| at each row of x, in nats, with the errors
// of Forward; outside the layer's domain it is -Inf.
func (m TensorMethods[T]) LogDetJacobian(x tensor.Tensor) ([]float64, error) {
	in, cond, err := m.t.open(x)
	if err != nil {
		return nil, err
	}
	out := make([]float64, in.Len())
	report := m.t.pool.Run(nil, len(out), m.t.newSession, func(s *session[T], lo, hi int) rows.Report {
		v, c, r := s.load(in, cond, lo, hi-lo)
		logDet := out[lo:hi]
		s.pass.Forward(v, v, c, logDet)
		r.Result = rows.ZeroNonFinite(rows.Features[T]{N: v.N}, logDet, s.bad, lo)
		rows.MarkLogProbs(logDet, s.bad, lo)
		return r
	})
	return out, report.Err(len(out), NewRowError)
}

// tensors runs a layer on tensors.
type tensors[T Float] struct {
	layer   Layer[T]
	context tensor.Tensor
	pool    rows.Pool[*session[T]]
}

// session is what one goroutine needs to run a layer on rows.
type session[T Float] struct {
	pass    Pass[T]
	x, cond Mat[T]
	logDet  []float64
	bad     []bool
}

func (t *tensors[T]) newSession() *session[T] {
	return &session[T]{
		pass:   t.layer.NewPass(PassOptions{MaxBatch: rows.Size}),
		x:      NewMat[T](t.layer.Dim(), rows.Size),
		cond:   NewMat[T](t.layer.ContextDim(), rows.Size),
		logDet: make([]float64, rows.Size),
		bad:    make([]bool, rows.Size),
	}
}

// load reads rows lo to lo+n and their context, zeroing those that are not
// finite.
func (s *session[T]) load(in Input[T], cond Context[T], lo, n int) (x, c Mat[T], r rows.Report) {
	x, c = s.x.Resize(n), s.cond.Resize(n)
	clear(s.bad)
	if !in.Load(x, lo) {
		r.Input = rows.ZeroNonFinite(rows.Features[T](x), nil, s.bad, lo)
	}
	if !cond.Load(c, lo) {
		r.Context = rows.ZeroNonFinite(rows.Features[T](c), nil, s.bad, lo)
	}
	return x, c, r
}

// open checks a batch and the context that goes with it.
func (t *tensors[T]) open(x tensor.Tensor) (in Input[T], cond Context[T], err error) {
	if t == nil || t.layer == nil || t.layer.Dim() < 1 {
		return in, cond, fmt.Errorf("bijou: tensor methods of no layer; a layer is made by its constructor, in which the line l.TensorMethods = bijector.NewTensorMethods[T](l) sets them: %w", ErrSpec)
	}
	if in, err = InputOf[T](x, t.layer.Dim()); err != nil {
		return in, cond, err
	}
	cond, err = ContextOf[T](t.context, in.Len(), t.layer.ContextDim())
	return in, cond, err
}

// transform maps x in one direction.
func (t *tensors[T]) transform(x tensor.Tensor, inverse bool) (*Rows[T], error) {
	in, cond, err := t.open(x)
	if err != nil {
		return nil, err
	}
	out := NewRows[T](in.Len(), in.Dim())
	report := t.pool.Run(nil, in.Len(), t.newSession, func(s *session[T], lo, hi int) rows.Report {
		v, c, r := s.load(in, cond, lo, hi-lo)
		logDet := s.logDet[:v.N]
		clear(logDet)
		if inverse {
			s.pass.Inverse(v, v, c, logDet)
		} else {
			s.pass.Forward(v, v, c, logDet)
		}
		rows.MarkOutside(logDet)
		r.Result = rows.ZeroNonFinite(rows.Features[T](v), logDet, s.bad, lo)
		rows.FillNaN(rows.Features[T](v), s.bad)
		rows.Store(out.values, rows.Features[T](v), lo)
		return r
	})
	return out, report.Err(in.Len(), NewRowError)
}
