// The context of a chain: a network that all members see it through.

package bijector

import (
	"fmt"

	"github.com/bijou-flow/bijou/internal/nilcheck"
)

// NewConditionalChain composes layers as NewChain does, under contexts that
// pass through a network first,
//
//	z = f(x; h),  h = embedding(c),
//
// once for all members: the chain's context has embedding.In() features, the
// members' embedding.Out(). The network, such as a StandardizeContext, is
// calibrated, trained, saved and loaded with the chain, behind "embedding.".
// With a nil embedding it is NewChain. It returns ErrContext where the members
// take another number of context features than the network makes.
func NewConditionalChain[T Float](embedding Network[T], layers ...Layer[T]) (*Chain[T], error) {
	c, err := NewChain(layers...)
	if err != nil || nilcheck.IsNil(embedding) {
		return c, err
	}
	if in, out := embedding.In(), embedding.Out(); in < 1 || out != c.context {
		return nil, fmt.Errorf("bijector: the embedding (%T) takes %d context features and makes %d, the layers of the chain take %d, want at least one and the same number: %w: %w", embedding, in, out, c.context, ErrContext, ErrShape)
	}
	c.embedding, c.context = embedding, embedding.In()
	c.children = append(c.children, Child{Name: "embedding", Part: embedding})
	return c, nil
}

// Embedding is the network that the members see the context through, nil where
// they see the context itself.
func (c *Chain[T]) Embedding() Network[T] { return c.embedding }

// calibrateContext calibrates the embedding on the contexts, and returns what
// the members see of them.
func (c *Chain[T]) calibrateContext(cond Mat[T], weights []float64, start bool, w *Workers) Mat[T] {
	if c.embedding == nil || cond.Empty() {
		return cond
	}
	if cal, ok := c.embedding.(Calibrator[T]); ok {
		CalibrateWeighted(cal, cond, Mat[T]{}, weights, start, w)
	}
	h := NewMat[T](c.embedding.Out(), cond.N)
	c.embedding.NewNetworkPass(PassOptions{MaxBatch: cond.N, Workers: w}).Forward(h, cond, 0, cond.N)
	return h
}

// chainContext evaluates the embedding of a chain. A nil one hands contexts on.
type chainContext[T Float] struct {
	pass      NetworkPass[T]
	workers   *Workers
	large     bool
	cond, h   Mat[T] // of the current batch; h has room for the largest
	forwardFn func(lo, hi int)
}

func newChainContext[T Float](n Network[T], pass NetworkPass[T], o PassOptions) *chainContext[T] {
	e := &chainContext[T]{pass: pass, workers: o.Workers, large: len(n.Params()) > 0, h: NewMat[T](n.Out(), o.MaxBatch)}
	e.forwardFn = func(lo, hi int) { e.pass.Forward(e.h.Resize(e.cond.N), e.cond, lo, hi) }
	return e
}

// contextAlign is what ranges of samples are multiples of where workers share a
// batch: a cache line of float32.
const contextAlign = 16

// forward returns what the members see of a batch of contexts, up to the next
// call. A network without parameters is not worth handing to other workers.
func (e *chainContext[T]) forward(cond Mat[T]) Mat[T] {
	if e == nil || cond.N == 0 {
		return cond
	}
	e.cond = cond
	e.each(e.forwardFn)
	return e.h.Resize(cond.N)
}

func (e *chainContext[T]) each(f func(lo, hi int)) {
	if e.large {
		e.workers.For(e.cond.N, contextAlign, f)
	} else {
		f(0, e.cond.N)
	}
}

// chainContextGrad trains the embedding of a chain. A nil one hands contexts
// and their gradients on.
type chainContextGrad[T Float] struct {
	*chainContext[T]
	grad       NetworkGradPass[T]
	dh, dcond  Mat[T]
	wanted     Mat[T] // dcond, or empty where nobody asks for it
	backwardFn func(lo, hi int)
}

func newChainContextGrad[T Float](n Network[T], o PassOptions) *chainContextGrad[T] {
	if n == nil {
		return nil
	}
	g := n.NewNetworkGradPass(o)
	e := &chainContextGrad[T]{
		chainContext: newChainContext(n, g, o), grad: g,
		dh: NewMat[T](n.Out(), o.MaxBatch), dcond: NewMat[T](n.In(), o.MaxBatch),
	}
	e.backwardFn = func(lo, hi int) {
		n := e.cond.N
		e.grad.Backward(e.wanted, e.dh.Resize(n), e.cond, e.h.Resize(n), lo, hi)
	}
	return e
}

func (e *chainContextGrad[T]) forward(cond Mat[T]) Mat[T] {
	if e == nil {
		return cond
	}
	return e.chainContext.forward(cond)
}

// start returns what the latest forward, of the same contexts, returned, and
// where the members add the gradient with respect to it: a zeroed batch, or
// none where nobody wants it.
func (e *chainContextGrad[T]) start(dcond, cond Mat[T]) (h, dh Mat[T]) {
	if e == nil || cond.N == 0 {
		return cond, dcond
	}
	e.cond = cond
	h = e.h.Resize(cond.N)
	if !e.large && dcond.Empty() {
		return h, dh
	}
	dh = e.dh.Resize(cond.N)
	dh.Zero()
	return h, dh
}

// finish adds to dcond the network's vector-Jacobian product of dh, and the
// gradients of its parameters.
func (e *chainContextGrad[T]) finish(dcond, cond Mat[T]) {
	if e == nil || cond.N == 0 || (!e.large && dcond.Empty()) {
		return
	}
	n := cond.N
	e.cond, e.wanted = cond, Mat[T]{}
	if !dcond.Empty() {
		e.wanted = e.dcond.Resize(n)
	}
	e.each(e.backwardFn)
	e.grad.Accumulate(e.dh.Resize(n), cond, e.h.Resize(n))
	for j := range dcond.D {
		to := dcond.Feature(j)
		for i, v := range e.wanted.Feature(j) {
			to[i] += v
		}
	}
}

// grads are those of the network's parameters.
func (e *chainContextGrad[T]) grads() [][]T {
	if e == nil {
		return nil
	}
	return e.grad.Grads()
}
