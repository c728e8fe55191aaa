// Weight normalisation of a convolution: the length of each output channel's
// kernel is a parameter of its own.

package nn

import (
	"math"
	"math/rand/v2"
	"sync"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/kernel"
)

// weightNormConv is a convolution with the kernels
//
//	w_o = g_o v_o / |v_o|
//
// for each output channel o (Salimans and Kingma 2016, arXiv 1602.07868,
// equation 2). It starts with g = |v|, so that w = v.
type weightNormConv[T bijector.Float] struct {
	conv *Conv2D[T] // its weight is v
	g    []T
}

func newWeightNormConv[T bijector.Float](s ConvSpec, rng *rand.Rand) (*weightNormConv[T], error) {
	c, err := NewConv2D[T](s, rng)
	if err != nil {
		return nil, err
	}
	n := &weightNormConv[T]{conv: c, g: make([]T, s.OutChannels)}
	lengths := make([]float64, len(n.g))
	n.norms(lengths)
	for o, l := range lengths {
		n.g[o] = T(l)
	}
	return n, nil
}

// norms sets |v_o|.
func (c *weightNormConv[T]) norms(dst []float64) {
	clear(dst)
	for i := 0; i < len(c.conv.w); i += len(dst) {
		for o, v := range c.conv.w[i:][:len(dst)] {
			dst[o] += float64(v) * float64(v)
		}
	}
	for o, s := range dst {
		dst[o] = math.Sqrt(s)
	}
}

// Params are "weight_v", "weight_g" and, with a bias, "bias".
func (c *weightNormConv[T]) Params() []bijector.Param[T] {
	ps := c.conv.Params()
	ps[0].Name = "weight_v"
	g := bijector.Param[T]{Name: "weight_g", Shape: []int{len(c.g)}, Data: c.g}
	return append(ps[:1:1], append([]bijector.Param[T]{g}, ps[1:]...)...)
}

// Buffers are the convolution's.
func (c *weightNormConv[T]) Buffers() []bijector.Buffer { return c.conv.Buffers() }

// Spec is nil: the network has the spec of all its convolutions.
func (c *weightNormConv[T]) Spec() any { return nil }

// weightNormPass runs a convolution with weights of its own, computed from v and
// g. Parameters are read live, and the ranges of one call may run at once, so
// the first of them that finds v or g changed computes the weights anew, and
// the others wait for it.
type weightNormPass[T bijector.Float] struct {
	*convPass[T]
	layer  *weightNormConv[T]
	stored []int // where the layer's weight holds each (big channel, tap) of this pass's
	mu     sync.Mutex
	v, g   []T       // what the weights were computed from
	norm   []float64 // |v_o|
	dots   []float64 // dw_o v_o
	dv, dg []T
}

// newWeightNormPass makes a pass for all output pixels, or for those of one colour of
// a checkerboard: the pixels (i, j) with i+j+parity even.
func newWeightNormPass[T bijector.Float](c *weightNormConv[T], o bijector.PassOptions, grad, board bool, parity int) *weightNormPass[T] {
	own := *c.conv
	own.w = kernel.Make[T](len(c.conv.w))
	taps := len(own.geometry.taps)
	from := make([]int, taps)
	for i := range from {
		from[i] = i
	}
	if board {
		own.geometry, from = own.geometry.onBoard(parity)
	}
	stored := make([]int, own.geometry.big.c*taps)
	for i := range stored {
		stored[i] = (i - i%taps + from[i%taps]) * len(c.g)
	}
	p := &weightNormPass[T]{
		convPass: own.newStage(o, grad, max(o.MaxBatch, 1)).(*convPass[T]), layer: c, stored: stored,
		v: make([]T, len(own.w)), g: make([]T, len(c.g)), norm: make([]float64, len(c.g)),
	}
	if grad {
		p.dots, p.dv, p.dg = make([]float64, len(c.g)), make([]T, len(own.w)), make([]T, len(c.g))
	}
	return p
}

// updateWeights computes the weights anew where the parameters have changed. A
// channel whose v is 0 has no direction, and the weight 0.
func (p *weightNormPass[T]) updateWeights() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if sameValues(p.v, p.layer.conv.w) && sameValues(p.g, p.layer.g) {
		return
	}
	copy(p.v, p.layer.conv.w)
	copy(p.g, p.layer.g)
	p.layer.norms(p.norm)
	for i, at := range p.stored {
		w, v := p.conv.w[i*len(p.g):], p.v[at:]
		for o, g := range p.g {
			w[o] = T(divOrZero(float64(g), p.norm[o]) * float64(v[o]))
		}
	}
}

// sameValues reports whether two slices hold the same numbers; a NaN is one.
func sameValues[T bijector.Float](a, b []T) bool {
	for i, v := range a {
		if v != b[i] && (v == v || b[i] == b[i]) {
			return false
		}
	}
	return true
}

// divOrZero is a/b, and 0 for a b of 0.
func divOrZero(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}

// run is the convolution with the epilogue of the caller's choice.
func (p *weightNormPass[T]) run(y, x bijector.Mat[T], e kernel.Epilogue[T], lo, hi int) {
	p.updateWeights()
	p.runDown(y, x, e, lo, hi)
}

// addGradients adds the gradients of v, g and the bias, from dw of the weights.
// With u = v/|v| and w = g u,
//
//	dg = dw u,  dv = g/|v| (dw - (dw u) u)
//
// for each output channel: u's own length cannot change (equation 3 of the
// paper).
func (p *weightNormPass[T]) addGradients(dy, x bijector.Mat[T]) {
	clear(p.dw)
	p.accumulate(dy, x, bijector.Mat[T]{})
	clear(p.dots)
	n := len(p.g)
	for i, at := range p.stored {
		v := p.v[at:]
		for o, d := range p.dw[i*n:][:n] {
			p.dots[o] += float64(d) * float64(v[o])
		}
	}
	for o, d := range p.dots {
		p.dg[o] += T(divOrZero(d, p.norm[o]))
		p.dots[o] = divOrZero(d, p.norm[o]*p.norm[o])
	}
	for i, at := range p.stored {
		v, dv := p.v[at:], p.dv[at:]
		for o, d := range p.dw[i*n:][:n] {
			dv[o] += T(divOrZero(float64(p.g[o]), p.norm[o]) * (float64(d) - p.dots[o]*float64(v[o])))
		}
	}
}

// paramGrads are the gradients in the order of Params.
func (p *weightNormPass[T]) paramGrads() [][]T {
	gs := [][]T{p.dv, p.dg}
	if len(p.db) > 0 {
		gs = append(gs, p.db)
	}
	return gs
}
