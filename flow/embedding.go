// Embeddings of contexts: a network between what a user gives and what layer and
// base of a flow see.

package flow

import "github.com/bijou-flow/bijou/bijector"

// embeddingPass evaluates a network on contexts. A nil one hands them on.
type embeddingPass[T bijector.Float] struct {
	pass      bijector.NetworkPass[T]
	workers   *bijector.Workers
	c, h      bijector.Mat[T] // of the current batch; h has room for the largest
	forwardFn func(lo, hi int)
}

// align is what ranges of samples are multiples of where workers share a
// batch: a cache line of float32.
const align = 16

// newEmbeddingPass returns a pass over m, nil for none.
func newEmbeddingPass[T bijector.Float](m bijector.Network[T], o bijector.PassOptions) *embeddingPass[T] {
	if m == nil {
		return nil
	}
	e := &embeddingPass[T]{}
	e.init(m, m.NewNetworkPass(o), o)
	return e
}

func (e *embeddingPass[T]) init(m bijector.Network[T], pass bijector.NetworkPass[T], o bijector.PassOptions) {
	e.pass, e.workers, e.h = pass, o.Workers, bijector.NewMat[T](m.Out(), o.MaxBatch)
	e.forwardFn = func(lo, hi int) { e.pass.Forward(e.h.Resize(e.c.N), e.c, lo, hi) }
}

// forward returns what layer and base see of a batch of contexts. It stays
// valid up to the next call.
func (e *embeddingPass[T]) forward(c bijector.Mat[T]) bijector.Mat[T] {
	if e == nil {
		return c
	}
	e.c = c
	e.workers.For(c.N, align, e.forwardFn)
	return e.h.Resize(c.N)
}

// embedAll evaluates a network on a batch of any size, piece by piece.
func embedAll[T bijector.Float](m bijector.Network[T], c bijector.Mat[T], w *bijector.Workers) bijector.Mat[T] {
	if m == nil {
		return c
	}
	const piece = 1024
	e := newEmbeddingPass(m, bijector.PassOptions{MaxBatch: min(piece, c.N), Workers: w})
	h := bijector.NewMat[T](m.Out(), c.N)
	for lo := 0; lo < c.N; lo += piece {
		hi := min(lo+piece, c.N)
		h.Samples(lo, hi).CopyFrom(e.forward(c.Samples(lo, hi)))
	}
	return h
}

// embeddingGradPass trains a network on contexts. A nil one hands them on.
type embeddingGradPass[T bijector.Float] struct {
	embeddingPass[T]
	grad       bijector.NetworkGradPass[T]
	dh         bijector.Mat[T]
	backwardFn func(lo, hi int)
}

func newEmbeddingGradPass[T bijector.Float](m bijector.Network[T], o bijector.PassOptions) *embeddingGradPass[T] {
	if m == nil {
		return nil
	}
	e := &embeddingGradPass[T]{grad: m.NewNetworkGradPass(o), dh: bijector.NewMat[T](m.Out(), o.MaxBatch)}
	e.init(m, e.grad, o)
	e.backwardFn = func(lo, hi int) {
		n := e.c.N
		e.grad.Backward(bijector.Mat[T]{}, e.dh.Resize(n), e.c, e.h.Resize(n), lo, hi)
	}
	return e
}

func (e *embeddingGradPass[T]) forward(c bijector.Mat[T]) bijector.Mat[T] {
	if e == nil {
		return c
	}
	return e.embeddingPass.forward(c)
}

// zeroGrad returns what the latest forward, of the same contexts, returned, and a
// zeroed batch for its gradient: none without a network.
func (e *embeddingGradPass[T]) zeroGrad(c bijector.Mat[T]) (h, dh bijector.Mat[T]) {
	if e == nil {
		return c, dh
	}
	dh = e.dh.Resize(c.N)
	dh.Zero()
	return e.h.Resize(c.N), dh
}

// backward adds the gradients of the network's parameters: samples by themselves,
// and then the sums over the batch. The contexts are data, and want none.
func (e *embeddingGradPass[T]) backward() {
	if e == nil {
		return
	}
	n := e.c.N
	e.workers.For(n, align, e.backwardFn)
	e.grad.Accumulate(e.dh.Resize(n), e.c, e.h.Resize(n))
}

func (e *embeddingGradPass[T]) grads() [][]T {
	if e == nil {
		return nil
	}
	return e.grad.Grads()
}
