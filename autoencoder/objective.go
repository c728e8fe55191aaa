// The autoencoder as training sees it: an objective, its loss and its gradient.

package autoencoder

import (
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/rows"
)

// ContextDim is 0: an autoencoder takes no context.
func (a *Autoencoder[T]) ContextDim() int { return 0 }

// Check returns nil: every Map has a gradient.
func (a *Autoencoder[T]) Check() error { return nil }

// align is what ranges of samples are multiples of where workers share a
// batch: a cache line of float32.
const align = 16

// NewLossPass returns a pass that sets loss[i] to the cross-entropy of row i,
// in nats a value.
func (a *Autoencoder[T]) NewLossPass(o bijector.PassOptions) bijector.LossPass[T] {
	p := &lossPass[T]{
		encoder:     a.encoder.NewNetworkPass(o),
		decoder:     a.decoder.NewNetworkPass(o),
		lossBuffers: a.newLossBuffers(o),
	}
	p.lossFn = p.lossSamples
	return p
}

// lossBuffers is what a loss needs besides the maps.
type lossBuffers[T bijector.Float] struct {
	workers *bijector.Workers
	z, o    bijector.Mat[T] // embeddings, logits
	scratch []T
}

func (a *Autoencoder[T]) newLossBuffers(o bijector.PassOptions) lossBuffers[T] {
	return lossBuffers[T]{
		workers: o.Workers,
		z:       bijector.NewMat[T](a.Embedding(), o.MaxBatch),
		o:       bijector.NewMat[T](a.Dim(), o.MaxBatch),
		scratch: make([]T, o.MaxBatch),
	}
}

type lossPass[T bijector.Float] struct {
	encoder, decoder bijector.NetworkPass[T]
	lossBuffers[T]
	lossFn func(lo, hi int)
	x      bijector.Mat[T] // of the current call
	loss   []float64
}

func (p *lossPass[T]) Loss(x, _ bijector.Mat[T], loss []float64) {
	p.x, p.loss = x, loss
	p.workers.For(x.N, align, p.lossFn)
}

func (p *lossPass[T]) lossSamples(lo, hi int) {
	z, o := p.z.Resize(p.x.N), p.o.Resize(p.x.N)
	p.encoder.Forward(z, p.x, lo, hi)
	p.decoder.Forward(o, z, lo, hi)
	crossEntropy(p.loss, o, p.x, p.scratch, lo, hi)
}

// NewStepPass returns a pass that sets the same loss and adds the gradient of
// its mean over the batch.
func (a *Autoencoder[T]) NewStepPass(o bijector.PassOptions) bijector.StepPass[T] {
	p := &stepPass[T]{
		encoder:     a.encoder.NewNetworkGradPass(o),
		decoder:     a.decoder.NewNetworkGradPass(o),
		lossBuffers: a.newLossBuffers(o),
		dz:          bijector.NewMat[T](a.Embedding(), o.MaxBatch),
		do:          bijector.NewMat[T](a.Dim(), o.MaxBatch),
	}
	p.grads = append(append(p.grads, p.encoder.Grads()...), p.decoder.Grads()...)
	p.gradFn = p.gradSamples
	return p
}

type stepPass[T bijector.Float] struct {
	encoder, decoder bijector.NetworkGradPass[T]
	lossBuffers[T]
	dz, do        bijector.Mat[T]
	grads         [][]T
	gradFn        func(lo, hi int)
	x             bijector.Mat[T] // of the current call
	weights, loss []float64       // of its rows; nil weights: 1
}

// Step takes every sample forward and back by itself, so that the workers meet
// once, and then sums the parameters' gradients over the batch.
func (p *stepPass[T]) Step(x, cond bijector.Mat[T], loss []float64) {
	p.StepWeighted(x, cond, nil, loss)
}

// StepWeighted is Step with each row's loss multiplied by its weight in the
// gradient. nil weights are 1.
func (p *stepPass[T]) StepWeighted(x, _ bijector.Mat[T], weights, loss []float64) {
	p.x, p.weights, p.loss = x, weights, loss
	p.workers.For(x.N, align, p.gradFn)
	z, o := p.z.Resize(x.N), p.o.Resize(x.N)
	dz, do := p.dz.Resize(x.N), p.do.Resize(x.N)
	p.decoder.Accumulate(do, z, o)
	p.encoder.Accumulate(dz, x, z)
}

func (p *stepPass[T]) gradSamples(lo, hi int) {
	n := p.x.N
	z, o, dz, do := p.z.Resize(n), p.o.Resize(n), p.dz.Resize(n), p.do.Resize(n)
	p.encoder.Forward(z, p.x, lo, hi)
	p.decoder.Forward(o, z, lo, hi)
	crossEntropy(p.loss, o, p.x, p.scratch, lo, hi)
	crossEntropyGradient(do, o, p.x, p.weights, lo, hi)
	p.decoder.Backward(dz, do, z, o, lo, hi)
	p.encoder.Backward(bijector.Mat[T]{}, dz, p.x, z, lo, hi)
}

func (p *stepPass[T]) Grads() [][]T { return p.grads }

// lossSession is what one goroutine needs for Loss.
type lossSession[T bijector.Float] struct {
	pass bijector.LossPass[T]
	x    bijector.Mat[T]
}

func (a *Autoencoder[T]) lossSession() *lossSession[T] {
	return &lossSession[T]{
		pass: a.NewLossPass(bijector.PassOptions{MaxBatch: rows.Size}),
		x:    bijector.NewMat[T](a.Dim(), rows.Size),
	}
}
