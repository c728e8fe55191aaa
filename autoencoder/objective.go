// The autoencoder as training sees it: an objective, its loss and its gradient.

package autoencoder

import (
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/internal/nn"
	"github.com/bijou-flow/bijou/internal/rows"
)

// ContextDim is 0: an autoencoder takes no context.
func (a *Autoencoder[T]) ContextDim() int { return 0 }

// Check returns nil: every Map has a gradient.
func (a *Autoencoder[T]) Check() error { return nil }

// align is what ranges of samples are multiples of where workers share a
// batch: a cache line of float32.
const align = 16

// NewLossPass returns a pass that sets loss[i] to the loss of row i, in nats a
// value.
func (a *Autoencoder[T]) NewLossPass(o bijector.PassOptions) bijector.LossPass[T] {
	return a.newLossPass(nil, o)
}

// newLossPass is NewLossPass under a prior of embeddings; nil: N(0, I).
func (a *Autoencoder[T]) newLossPass(prior *flow.Flow[T], o bijector.PassOptions) bijector.LossPass[T] {
	p := &lossPass[T]{
		encoder:     a.encoder.NewNetworkPass(o),
		decoder:     a.decoder.NewNetworkPass(o),
		lossBuffers: a.newLossBuffers(o),
	}
	if prior != nil {
		p.prior, p.priorLoss = prior.NewLossPass(o), make([]float64, o.MaxBatch)
	}
	if a.criterion.stochastic() {
		p.hash = make([]uint64, o.MaxBatch)
	}
	p.lossFn = p.lossSamples
	return p
}

// lossBuffers is what a loss needs besides the maps. Where no embeddings are
// drawn, z is h and u is empty.
type lossBuffers[T bijector.Float] struct {
	*Autoencoder[T]
	workers *bijector.Workers
	h       bijector.Mat[T] // what the encoder gives
	z, u, o bijector.Mat[T] // embeddings, the noise in them, the decoder's outputs
	scratch []T
}

func (a *Autoencoder[T]) newLossBuffers(o bijector.PassOptions) lossBuffers[T] {
	b := lossBuffers[T]{
		Autoencoder: a,
		workers:     o.Workers,
		h:           bijector.NewMat[T](a.encoder.Out(), o.MaxBatch),
		o:           bijector.NewMat[T](a.Dim(), o.MaxBatch),
		scratch:     make([]T, o.MaxBatch),
	}
	if b.z = b.h; a.criterion.stochastic() {
		b.z, b.u = bijector.NewMat[T](a.Embedding(), o.MaxBatch), bijector.NewMat[T](a.Embedding(), o.MaxBatch)
	}
	return b
}

type lossPass[T bijector.Float] struct {
	encoder, decoder bijector.NetworkPass[T]
	lossBuffers[T]
	prior     bijector.LossPass[T] // nil: N(0, I), or none
	priorLoss []float64
	hash      []uint64
	lossFn    func(lo, hi int)
	x         bijector.Mat[T] // of the current call
	loss      []float64
}

func (p *lossPass[T]) Loss(x, cond bijector.Mat[T], loss []float64) {
	p.x, p.loss = x, loss
	p.workers.For(x.N, align, p.lossFn)
	if p.prior != nil {
		p.prior.Loss(p.z.Resize(x.N), cond, p.priorLoss[:x.N])
		p.addPrior(loss, p.priorLoss, p.h.Resize(x.N))
	}
}

func (p *lossPass[T]) lossSamples(lo, hi int) {
	h, z, o := p.h.Resize(p.x.N), p.z.Resize(p.x.N), p.o.Resize(p.x.N)
	p.encoder.Forward(h, p.x, lo, hi)
	if p.criterion.stochastic() {
		u := p.u.Resize(p.x.N)
		rowNoise(u, p.x, p.hash, p.criterion.seed, lo, hi)
		p.drawEmbedding(z, h, u, lo, hi)
	}
	p.decoder.Forward(o, z, lo, hi)
	p.reconstruction(p.loss, o, p.x, p.scratch, lo, hi)
	if p.criterion.stochastic() && p.prior == nil {
		p.addDivergence(p.loss, h, lo, hi)
	}
}

// NewStepPass returns a pass that sets the same loss, but for the draws of
// embeddings, and adds the gradient of its mean over the batch.
func (a *Autoencoder[T]) NewStepPass(o bijector.PassOptions) bijector.StepPass[T] {
	return a.newStepPass(nil, o)
}

// newStepPass is NewStepPass under a prior of embeddings; nil: N(0, I).
func (a *Autoencoder[T]) newStepPass(prior *flow.Flow[T], o bijector.PassOptions) bijector.StepPass[T] {
	part, align := o, align
	if _, convolves := a.spec.(ConvSpec); convolves {
		if o.MaxBatch > nn.TileSamples*(o.Workers.Count()-1) {
			align = nn.TileSamples
		}
		if prior == nil {
			part.MaxBatch = min(o.MaxBatch, nn.TileSamples*o.Workers.Count())
		}
	}
	p := &stepPass[T]{
		encoder:     a.encoder.NewNetworkGradPass(part),
		decoder:     a.decoder.NewNetworkGradPass(part),
		part:        part.MaxBatch,
		align:       align,
		lossBuffers: a.newLossBuffers(o),
		dh:          bijector.NewMat[T](a.encoder.Out(), o.MaxBatch),
		do:          bijector.NewMat[T](a.Dim(), o.MaxBatch),
	}
	if p.dz = p.dh; a.criterion.stochastic() {
		p.dz = bijector.NewMat[T](a.Embedding(), o.MaxBatch)
	}
	p.grads = append(append(p.grads, p.encoder.Grads()...), p.decoder.Grads()...)
	if a.logScale != nil {
		p.dLogScale = make([]T, 1)
		p.grads = append(p.grads, p.dLogScale)
		p.plain = make([]float64, o.MaxBatch)
	}
	if prior != nil {
		p.prior = prior.NewStepPass(o).(bijector.InputGradPass[T])
		p.priorLoss, p.priorWeights = make([]float64, o.MaxBatch), make([]float64, o.MaxBatch)
		p.grads = append(p.grads, p.prior.Grads()...)
	}
	p.gradFn, p.encoderFn = p.gradSamples, p.encoderSamples
	return p
}

type stepPass[T bijector.Float] struct {
	encoder, decoder bijector.NetworkGradPass[T]
	lossBuffers[T]
	prior             bijector.InputGradPass[T] // nil: N(0, I), or none
	priorLoss         []float64
	priorWeights      []float64
	dh, dz, do        bijector.Mat[T]
	dzPrior           bijector.Mat[T] // of the current call
	dLogScale         []T             // nil: not the Gaussian loss
	plain             []float64       // that loss without what the prior adds
	grads             [][]T
	gradFn, encoderFn func(lo, hi int)
	align             int             // of the workers' ranges
	part, from, to    int             // samples of a part; those of the current one
	x                 bijector.Mat[T] // of the current call
	weights, loss     []float64       // of its rows; nil weights: 1
}

// Step takes every sample forward and back by itself, so that the workers meet
// once, or twice about a flow on the embeddings, and then sums the parameters'
// gradients over the batch.
func (p *stepPass[T]) Step(x, cond bijector.Mat[T], loss []float64) {
	p.StepWeighted(x, cond, nil, loss)
}

// StepWeighted is Step with each row's loss multiplied by its weight in the
// gradient. nil weights are 1. Convolutions take a batch in parts, one tile for each
// worker, forward, back and into the parameters' gradients, in the same memory. Those
// sum tile by tile, so that parts of any size give the same bits.
func (p *stepPass[T]) StepWeighted(x, cond bijector.Mat[T], weights, loss []float64) {
	p.x, p.weights, p.loss = x, weights, loss
	h, z := p.h.Resize(x.N), p.z.Resize(x.N)
	if p.criterion.stochastic() {
		p.drawNoise(p.u.Resize(x.N))
	}
	for p.from = 0; p.from < x.N; p.from = p.to {
		p.to = min(p.from+p.part, x.N)
		p.workers.For(p.to-p.from, p.align, p.gradFn)
		if p.prior == nil {
			p.accumulate()
		}
	}
	if p.prior != nil {
		p.from, p.to = 0, x.N
		weights := p.priorWeights[:x.N]
		for i := range weights {
			weights[i] = p.weight(i)
		}
		p.prior.(bijector.WeightedStepPass[T]).StepWeighted(z, cond, weights, p.priorLoss[:x.N])
		p.addPrior(loss, p.priorLoss, h)
		p.dzPrior = p.prior.InputGrad()
		p.workers.For(x.N, p.align, p.encoderFn)
		p.accumulate()
	}
	if p.dLogScale != nil {
		p.dLogScale[0] += T(p.logScaleGradient(p.plain[:x.N], weights))
	}
}

// weight is what row i's terms of embeddings count in a loss that is a mean over
// values.
func (p *stepPass[T]) weight(i int) float64 {
	if p.weights == nil {
		return 1 / float64(p.Dim())
	}
	return p.weights[i] / float64(p.Dim())
}

// gradSamples takes samples lo to hi of the current part.
func (p *stepPass[T]) gradSamples(lo, hi int) {
	n, from := p.x.N, p.from
	h, z, o, dz, do := p.h.Resize(n), p.z.Resize(n), p.o.Resize(n), p.dz.Resize(n), p.do.Resize(n)
	p.encoder.Forward(p.ofPart(h), p.ofPart(p.x), lo, hi)
	if p.criterion.stochastic() {
		p.drawEmbedding(z, h, p.u.Resize(n), from+lo, from+hi)
	}
	p.decoder.Forward(p.ofPart(o), p.ofPart(z), lo, hi)
	p.reconstruction(p.loss, o, p.x, p.scratch, from+lo, from+hi)
	if p.plain != nil {
		copy(p.plain[from+lo:from+hi], p.loss[from+lo:])
	}
	p.reconstructionGradient(do, o, p.x, p.weights, from+lo, from+hi)
	p.decoder.Backward(p.ofPart(dz), p.ofPart(do), p.ofPart(z), p.ofPart(o), lo, hi)
	if p.prior == nil {
		if p.criterion.stochastic() {
			p.addDivergence(p.loss, h, from+lo, from+hi)
		}
		p.encoderSamples(lo, hi)
	}
}

// encoderSamples takes the gradient by embeddings back through the draw and the
// encoder.
func (p *stepPass[T]) encoderSamples(lo, hi int) {
	h, dh := p.h.Resize(p.x.N), p.dh.Resize(p.x.N)
	if p.criterion.stochastic() {
		p.drawGradient(dh, h, p.from+lo, p.from+hi)
	}
	p.encoder.Backward(bijector.Mat[T]{}, p.ofPart(dh), p.ofPart(p.x), p.ofPart(h), lo, hi)
}

// accumulate adds the current part's gradients by parameters.
func (p *stepPass[T]) accumulate() {
	n := p.x.N
	p.decoder.Accumulate(p.ofPart(p.do.Resize(n)), p.ofPart(p.z.Resize(n)), p.ofPart(p.o.Resize(n)))
	p.encoder.Accumulate(p.ofPart(p.dh.Resize(n)), p.ofPart(p.x), p.ofPart(p.h.Resize(n)))
}

// ofPart is the current part of a batch.
func (p *stepPass[T]) ofPart(m bijector.Mat[T]) bijector.Mat[T] { return m.Samples(p.from, p.to) }

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
