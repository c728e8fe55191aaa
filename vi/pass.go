// The loss of a fit to a density, and its gradient.

package vi

import (
	"math"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/distribution"
)

// targetBatch is a batch as a Target sees it.
type targetBatch[T bijector.Float] struct {
	objective    *objective[T]
	x, gradient  []float64
	logp, logDet []float64
}

func newTargetBatch[T bijector.Float](m *objective[T], batch int, gradient bool) targetBatch[T] {
	b := targetBatch[T]{objective: m, x: make([]float64, batch*m.Dim()), logp: make([]float64, batch), logDet: make([]float64, batch)}
	if gradient {
		b.gradient = make([]float64, batch*m.Dim())
	}
	return b
}

// subtractTarget subtracts log p~ at the columns of x from loss, and returns at how
// many of them the target is 0, and one of these.
func (b *targetBatch[T]) subtractTarget(x bijector.Mat[T], loss []float64) (outside int, example []float64) {
	d, logp := x.D, b.logp[:x.N]
	for j := range d {
		for i, v := range x.Feature(j) {
			b.x[i*d+j] = float64(v)
		}
	}
	n := len(logp) * d
	b.objective.mu.Lock()
	b.objective.target.LogProb(logp, b.gradient[:min(n, len(b.gradient))], b.x[:n])
	b.objective.mu.Unlock()
	for i, v := range logp {
		loss[i] -= v
		if math.IsInf(v, -1) {
			outside++
			example = b.x[i*d : (i+1)*d]
		}
	}
	return outside, example
}

// subtractLogDet sets loss to log q at the draws that u was mapped to.
func (b *targetBatch[T]) subtractLogDet(loss []float64) {
	for i := range loss {
		loss[i] -= b.logDet[i]
	}
}

type lossPass[T bijector.Float] struct {
	targetBatch[T]
	layer bijector.Pass[T]
	base  distribution.BasePass[T]
	draws bijector.Mat[T]
}

// NewLossPass returns a pass that sets loss[i] = log q(x_i) - log p~(x_i) for
// the draw x_i of u_i.
func (m *objective[T]) NewLossPass(o bijector.PassOptions) bijector.LossPass[T] {
	return &lossPass[T]{
		targetBatch: newTargetBatch(m, o.MaxBatch, false),
		layer:       m.inner().NewPass(o),
		base:        m.flow.Base().NewBasePass(o),
		draws:       bijector.NewMat[T](m.Dim(), o.MaxBatch),
	}
}

func (p *lossPass[T]) Loss(u, cond bijector.Mat[T], loss []float64) {
	x := p.draws.Resize(u.N)
	clear(loss)
	clear(p.logDet)
	p.base.LogProb(u, cond, loss)
	p.layer.Forward(x, u, cond, p.logDet[:u.N])
	p.subtractLogDet(loss)
	p.subtractTarget(x, loss)
}

type stepPass[T bijector.Float] struct {
	targetBatch[T]
	layer     bijector.GradPass[T]
	base      distribution.BasePass[T]
	draws, dx bijector.Mat[T]
	dLogDet   []float64
}

// NewStepPass returns a pass that sets the same loss in training mode, and
// adds the gradient of its mean.
func (m *objective[T]) NewStepPass(o bijector.PassOptions) bijector.StepPass[T] {
	return &stepPass[T]{
		targetBatch: newTargetBatch(m, o.MaxBatch, true),
		layer:       m.inner().(bijector.Trainable[T]).NewGradPass(o),
		base:        m.flow.Base().NewBasePass(o),
		draws:       bijector.NewMat[T](m.Dim(), o.MaxBatch),
		dx:          bijector.NewMat[T](m.Dim(), o.MaxBatch),
		dLogDet:     make([]float64, o.MaxBatch),
	}
}

// Step: the mean loss is
//
//	L = 1/n sum_i log p_base(u_i) - logDet_i - log p~(x_i),
//
// and u does not depend on the parameters, so that
//
//	dL/dx_i = -1/n d log p~(x_i)/dx_i,  dL/dlogDet_i = -1/n.
func (p *stepPass[T]) Step(u, cond bijector.Mat[T], loss []float64) {
	x, dx, dLogDet := p.draws.Resize(u.N), p.dx.Resize(u.N), p.dLogDet[:u.N]
	clear(loss)
	clear(p.logDet)
	p.base.LogProb(u, cond, loss)
	p.layer.Forward(x, u, cond, p.logDet[:u.N])
	p.subtractLogDet(loss)
	if outside, example := p.subtractTarget(x, loss); outside > 0 {
		p.objective.outside.set(outside, u.N, example)
	}
	n := float64(u.N)
	for j := range dx.D {
		d := dx.Feature(j)
		for i := range d {
			d[i] = T(-p.gradient[i*dx.D+j] / n)
		}
	}
	for i := range dLogDet {
		dLogDet[i] = -1 / n
	}
	p.layer.Backward(dx, bijector.Mat[T]{}, dx, u, x, cond, dLogDet)
}

func (p *stepPass[T]) Grads() [][]T { return p.layer.Grads() }
