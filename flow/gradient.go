// Gradients of log-densities by the rows: for explanations, for samplers, for
// search.

package flow

import (
	"fmt"
	"math"

	"gorgonia.org/tensor"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/rows"
)

// LogProbGrad is the log-density of each row of x (n, d), in nats, and its
// gradient by the row's own values, shape (n, d),
//
//	d log p(x_i)/dx_ij,
//
// under the context of Given where the flow is conditional. It is the gradient of
// LogProb: batch norm is the fixed map that it is in evaluation. It tells which
// values make a row unlikely, and is what a sampler such as Hamiltonian Monte
// Carlo follows. The cost is that of a training step.
//
// A row outside the support has -Inf, and NaN for a gradient. Rows with a NaN or
// an infinity, and those that overflow within the model, the gradient included,
// are NaN in both and named by a bijector.RowError, as by LogProb.
//
// It returns bijector.ErrNotTrainable where a layer has no gradient in this
// direction, such as an inverted chain.
func (f *Flow[T]) LogProbGrad(x tensor.Tensor) (logp []float64, grad *bijector.Rows[T], err error) {
	in, cond, err := f.checkGrad(x)
	if err != nil {
		return nil, nil, err
	}
	logp, grad = make([]float64, in.Len()), bijector.NewRows[T](in.Len(), f.dim)
	return logp, grad, f.differentiate(logp, grad.Values(), in, cond)
}

// LogProbGradInto is LogProbGrad into logp, one value a row of x, and grad,
// row-major, as many values as x has. It does not allocate for up to 128 rows,
// once the flow has been used for it.
func (f *Flow[T]) LogProbGradInto(logp []float64, grad []T, x tensor.Tensor) error {
	in, cond, err := f.checkGrad(x)
	if err != nil {
		return err
	}
	if n := in.Len(); len(logp) != n || len(grad) != n*f.dim {
		return fmt.Errorf("flow: destinations of %d log-densities and %d derivatives for %d rows of %d values, want one a row and one a value: %w", len(logp), len(grad), n, f.dim, bijector.ErrShape)
	}
	return f.differentiate(logp, grad, in, cond)
}

// SetParallelism bounds the goroutines of a call, here and in all copies; n
// below 1 means as many as are fastest, as at the start. Results do not depend on it.
func (f *Flow[T]) SetParallelism(n int) {
	f.densityModel.SetParallelism(n)
	f.gradients.SetParallelism(n)
}

// checkGrad checks a batch, its context, and that there is a gradient.
func (f *Flow[T]) checkGrad(x tensor.Tensor) (in bijector.Input[T], cond bijector.Context[T], err error) {
	if in, cond, err = f.check(x); err != nil {
		return in, cond, err
	}
	if err := bijector.CheckTrainable(f.layer); err != nil {
		return in, cond, fmt.Errorf("flow: a gradient: %w", err)
	}
	return in, cond, nil
}

// differentiate takes one piece on the caller's goroutine, several on many.
func (f *Flow[T]) differentiate(logp []float64, grad []T, in bijector.Input[T], cond bijector.Context[T]) error {
	if len(logp) > rows.Size {
		return f.differentiatePieces(logp, grad, in, cond)
	}
	s := f.gradients.Get(f.openGradients)
	r := s.run(logp, grad, in, cond, 0)
	f.gradients.Put(s)
	return r.Err(len(logp), bijector.NewRowError)
}

// differentiatePieces is apart because its closure allocates.
func (f *Flow[T]) differentiatePieces(logp []float64, grad []T, in bijector.Input[T], cond bijector.Context[T]) error {
	r := f.gradients.Run(nil, len(logp), f.openGradients, func(s *gradSession[T], lo, hi int) rows.Report {
		return s.run(logp[lo:hi], grad, in, cond, lo)
	})
	return r.Err(len(logp), bijector.NewRowError)
}

// gradSession is what one goroutine needs to differentiate a piece of a batch.
type gradSession[T bijector.Float] struct {
	pass    *gradPass[T]
	x, cond bijector.Mat[T]
	ones    []float64
	bad     []bool
}

func (f *Flow[T]) newGradSession() *gradSession[T] {
	s := &gradSession[T]{
		pass: f.newGradPass(bijector.PassOptions{MaxBatch: rows.Size}.WithEvaluation()),
		x:    bijector.NewMat[T](f.dim, rows.Size),
		cond: bijector.NewMat[T](f.contextDim, rows.Size),
		ones: make([]float64, rows.Size),
		bad:  make([]bool, rows.Size),
	}
	for i := range s.ones {
		s.ones[i] = 1
	}
	return s
}

// run differentiates rows lo to lo+len(logp): each log-density depends on one
// row, so that the gradient of their sum holds all of theirs. The gradients of
// parameters come with it, and are thrown away.
func (s *gradSession[T]) run(logp []float64, grad []T, in bijector.Input[T], cond bijector.Context[T], lo int) (r rows.Report) {
	n := len(logp)
	x, c := s.x.Resize(n), s.cond.Resize(n)
	clear(s.bad)
	if !in.Load(x, lo) {
		r.Input = rows.ZeroNonFinite(rows.Features[T](x), nil, s.bad, lo)
	}
	if !cond.Load(c, lo) {
		r.Context = rows.ZeroNonFinite(rows.Features[T](c), nil, s.bad, lo)
	}
	s.pass.logProb(x, c, logp)
	r.Result.Merge(rows.MarkLogProbs(logp, s.bad, lo))
	dx := s.pass.backward(x, c, s.ones[:n])
	for i, v := range logp {
		if math.IsInf(v, -1) && !s.bad[i] {
			rows.Features[T](dx).Fill(i, T(math.NaN()))
			continue
		}
		if !s.bad[i] && !rows.IsFiniteSample(rows.Features[T](dx), i) {
			s.bad[i], logp[i] = true, math.NaN()
			r.Result.Add(lo+i, 1)
		}
	}
	rows.FillNaN(rows.Features[T](dx), s.bad)
	rows.Store(grad, rows.Features[T](dx), lo)
	for _, g := range s.pass.grads {
		clear(g)
	}
	return r
}
