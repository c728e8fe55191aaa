// The residual perceptron: blocks of two layers that add to what they read.

package nn

import (
	"cmp"
	"fmt"
	"math/rand/v2"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/kernel"
)

// ResidualSpec describes a residual perceptron: see coupling.ResidualSpec,
// which has the same fields.
type ResidualSpec struct {
	In, Out        int
	Hidden, Blocks int
	Activation     string
	Seed           uint64
	OutScale       float64
	ContextDim     int
}

const (
	defaultHidden = 100
	defaultBlocks = 2
)

// Values is the number of values that are saved.
func (s ResidualSpec) Values() float64 {
	h, blocks := float64(cmp.Or(s.Hidden, defaultHidden)), float64(cmp.Or(s.Blocks, defaultBlocks))
	n := (float64(s.In)+1)*h + 2*blocks*(h+1)*h + (h+1)*float64(s.Out)
	if s.ContextDim > 0 {
		n += blocks * (float64(s.ContextDim) + 1) * h
	}
	return n
}

// Residual is a perceptron with connections around its blocks,
//
//	h_0 = W_i x + b_i,
//	h_k = h_{k-1} + V_k a(U_k a(h_{k-1}) + c_k) + d_k,  k = 1 ... Blocks,
//	y   = W_f h_Blocks + b_f,
//
// with the activation a in front of a block's layers and none around the first
// and the last layer (He et al. 2016, arXiv 1603.05027, figure 4e, without its
// normalisation; the ResidualNet of nflows). A sample takes
// (In + Out + 2 Blocks Hidden) Hidden multiply-adds. With a ContextDim a block's
// sum is multiplied by the gate sigmoid(G_k c + g_k) of the context c, the first
// ContextDim values of x.
//
// V and d start within 0.001 of 0, so that the blocks are nearly the identity
// at first.
type Residual[T bijector.Float] struct {
	spec   ResidualSpec
	layers []*Linear[T] // initial, the two of each block and its gate's where there is one, final
	act    activation
}

const (
	maxBlocks         = 1 << 12
	residualInitBound = 1e-3 // bound of a block's initial second layer
)

// NewResidual makes a residual perceptron with weights drawn from the spec's
// seed.
func NewResidual[T bijector.Float](s ResidualSpec) (*Residual[T], error) {
	s.Hidden, s.Blocks = cmp.Or(s.Hidden, defaultHidden), cmp.Or(s.Blocks, defaultBlocks)
	if err := checkSizes(s.In, s.Hidden, s.Out); err != nil {
		return nil, err
	}
	if s.ContextDim < 0 || s.ContextDim > s.In {
		return nil, fmt.Errorf("nn: a residual perceptron of %d inputs with %d of context, want 0 to %d: %w", s.In, s.ContextDim, s.In, bijector.ErrSpec)
	}
	if s.Blocks < 1 || s.Blocks > maxBlocks {
		return nil, fmt.Errorf("nn: a residual perceptron of %d blocks, want 1 to %d: %w", s.Blocks, maxBlocks, bijector.ErrSpec)
	}
	act, err := newActivation(s.Activation)
	if err != nil {
		return nil, err
	}
	r := &Residual[T]{spec: s, act: act}
	rng := rand.New(rand.NewPCG(s.Seed, 0x726573))
	r.layers = append(r.layers, NewLinear[T](s.In, s.Hidden, rng))
	for range s.Blocks {
		second := NewLinear[T](s.Hidden, s.Hidden, rng)
		startNearZero(second, rng)
		r.layers = append(r.layers, NewLinear[T](s.Hidden, s.Hidden, rng), second)
		if s.ContextDim > 0 {
			r.layers = append(r.layers, NewLinear[T](s.ContextDim, s.Hidden, rng))
		}
	}
	last := NewLinear[T](s.Hidden, s.Out, rng)
	if s.OutScale != 0 {
		kernel.Scale(last.W, T(s.OutScale))
		kernel.Scale(last.B, T(s.OutScale))
	}
	r.layers = append(r.layers, last)
	return r, nil
}

// block returns the two layers of block k and where the first stands. A gate's
// follows them.
func (r *Residual[T]) block(k int) (first, second *Linear[T], at int) {
	at = 1 + 2*k
	if r.gated() {
		at = 1 + 3*k
	}
	return r.layers[at], r.layers[at+1], at
}

// In is the number of input features.
func (r *Residual[T]) In() int { return r.spec.In }

// Out is the number of output features.
func (r *Residual[T]) Out() int { return r.spec.Out }

// Params are the weight and bias of "initial", "blocks.0.0", "blocks.0.1",
// "blocks.0.gate" where there is a context and so on, and "final".
func (r *Residual[T]) Params() []bijector.Param[T] {
	ps := r.layers[0].Params("initial.")
	for k := range r.spec.Blocks {
		first, second, at := r.block(k)
		ps = append(ps, first.Params(fmt.Sprintf("blocks.%d.0.", k))...)
		ps = append(ps, second.Params(fmt.Sprintf("blocks.%d.1.", k))...)
		if r.gated() {
			ps = append(ps, r.layers[at+2].Params(fmt.Sprintf("blocks.%d.gate.", k))...)
		}
	}
	return append(ps, r.layers[len(r.layers)-1].Params("final.")...)
}

// Buffers: none.
func (r *Residual[T]) Buffers() []bijector.Buffer { return nil }

// Spec is the ResidualSpec, with width and number of blocks filled in.
func (r *Residual[T]) Spec() any { return r.spec }

// NewNetworkPass returns an evaluation pass.
func (r *Residual[T]) NewNetworkPass(o bijector.PassOptions) bijector.NetworkPass[T] {
	p := newResidualPass(r, o)
	a, m := p.batch(o), p.batch(o)
	for range r.spec.Blocks { // nothing is kept: all blocks write to the same place
		p.a, p.m = append(p.a, a), append(p.m, m)
	}
	p.newGates(o, false)
	return p
}

// NewNetworkGradPass returns a training pass.
func (r *Residual[T]) NewNetworkGradPass(o bijector.PassOptions) bijector.NetworkGradPass[T] {
	p := &residualGradPass[T]{residualPass: newResidualPass(r, o), g: newGradients(r.layers, o)}
	p.g.zeroing = bijector.HandOver(o, p.g.all)
	for range r.spec.Blocks {
		p.a, p.m = append(p.a, p.batch(o)), append(p.m, p.batch(o))
		p.dh, p.dm = append(p.dh, p.transient(o)), append(p.dm, p.transient(o))
	}
	p.dh = append(p.dh, p.transient(o))
	for range r.spec.Blocks {
		p.in = append(p.in, newInputs[T](r.act, o, r.spec.Hidden, r.spec.Hidden)...)
	}
	p.newGates(o, true)
	p.newGateGradients(o)
	return p
}

type residualPass[T bijector.Float] struct {
	net *Residual[T]
	h   bijector.Mat[T]   // the sum so far; after Forward, what the last layer read
	a   []bijector.Mat[T] // by block: the activation of its input
	m   []bijector.Mat[T] // and that between its layers
	in  inputs[T]         // of both, in training
	gates[T]
}

func newResidualPass[T bijector.Float](r *Residual[T], o bijector.PassOptions) *residualPass[T] {
	p := &residualPass[T]{net: r}
	p.h = p.batch(o)
	return p
}

func (p *residualPass[T]) batch(o bijector.PassOptions) bijector.Mat[T] {
	return bijector.Activations[T](o, p.net.spec.Hidden)
}

func (p *residualPass[T]) transient(o bijector.PassOptions) bijector.Mat[T] {
	return bijector.Transient[T](o, p.net.spec.Hidden)
}

func (p *residualPass[T]) Forward(y, x bijector.Mat[T], lo, hi int) {
	n, gated := x.N, p.net.gated()
	h := p.h.Resize(n).Samples(lo, hi)
	p.net.layers[0].Forward(h, x.Samples(lo, hi), false)
	for k := range p.net.spec.Blocks {
		first, second, _ := p.net.block(k)
		a, m := p.a[k].Resize(n).Samples(lo, hi), p.m[k].Resize(n).Samples(lo, hi)
		p.in.keep(2*k, h, n, lo, hi)
		for j, d := range second.B {
			activate(p.net.act, a.Feature(j), h.Feature(j))
			if !gated {
				kernel.Affine(h.Feature(j), h.Feature(j), 1, d)
			}
		}
		first.Forward(m, a, p.net.act == relu)
		if p.net.act != relu {
			p.in.keep(2*k+1, m, n, lo, hi)
			for j := range m.D {
				activate(p.net.act, m.Feature(j), m.Feature(j))
			}
		}
		if gated {
			p.addGated(h, m, x, k, lo, hi)
			continue
		}
		kernel.Gemm(second.Out, hi-lo, second.In, second.W, second.In, 1, m.Data, m.Stride, h.Data, h.Stride,
			kernel.Epilogue[T]{Mode: kernel.Add})
	}
	p.net.layers[len(p.net.layers)-1].Forward(y.Samples(lo, hi), h, false)
}

type residualGradPass[T bijector.Float] struct {
	*residualPass[T]
	dh []bijector.Mat[T] // gradients of h before each block and after the last
	dm []bijector.Mat[T] // and by block of what its first layer gives
	g  *gradients[T]
	gateGradients[T]
}

// Backward runs the chain rule from the last layer down. A block's input
// reaches its output directly and through both layers, so that with
// m = a(U a(h) + c) kept,
//
//	dm = V' dh_k * a'(m),
//	dh_{k-1} = dh_k + U' dm * a'(h_{k-1}),
//
// where a' comes from the activation itself: see backwardActivation. With gates V' dh_k
// is V' dt_k: see throughGate.
func (p *residualGradPass[T]) Backward(dx, dy, x, _ bijector.Mat[T], lo, hi int) {
	n := x.N
	samples := func(m bijector.Mat[T]) bijector.Mat[T] { return m.Resize(n).Samples(lo, hi) }
	last, h := len(p.net.layers)-1, samples(p.h)
	d := samples(p.dh[p.net.spec.Blocks])
	p.g.storeInput(last, h, lo)
	p.net.layers[last].Backward(d, dy.Samples(lo, hi), bijector.Mat[T]{})
	for k := p.net.spec.Blocks - 1; k >= 0; k-- {
		first, second, at := p.net.block(k)
		a, m, dm, below := samples(p.a[k]), samples(p.m[k]), samples(p.dm[k]), samples(p.dh[k])
		p.g.storeInput(at, a, lo)
		p.g.storeInput(at+1, m, lo)
		dsum := d
		if p.net.gated() {
			p.g.storeInput(at+2, x.Samples(lo, hi).Features(0, p.net.spec.ContextDim), lo)
			dsum = p.throughGate(p.gates, d, k, n, lo, hi)
		}
		second.backwardThrough(dm, dsum, p.in.of(2*k+1, m, n, lo, hi), p.net.act)
		first.backwardThrough(below, dm, p.in.of(2*k, a, n, lo, hi), p.net.act)
		for j := range d.D {
			kernel.AddTo(below.Feature(j), d.Feature(j))
		}
		d = below
	}
	in := x.Samples(lo, hi)
	p.g.storeInput(0, in, lo)
	if !dx.Empty() {
		p.net.layers[0].Backward(dx.Samples(lo, hi), d, bijector.Mat[T]{})
		p.addContextGradient(dx, n, lo, hi)
	}
}

// Accumulate adds the gradients of all weights.
func (p *residualGradPass[T]) Accumulate(dy, _, _ bijector.Mat[T]) {
	n := dy.N
	p.g.dy[0] = p.dh[0].Resize(n)
	for k, dm := range p.dm {
		_, _, at := p.net.block(k)
		p.g.dy[at], p.g.dy[at+1] = dm.Resize(n), p.dh[k+1].Resize(n)
		if p.net.gated() {
			p.g.dy[at+1], p.g.dy[at+2] = p.dt[k].Resize(n), p.dgate[k].Resize(n)
		}
	}
	p.g.dy[len(p.g.dy)-1] = dy
	p.g.accumulate()
}

func (p *residualGradPass[T]) Grads() [][]T { return p.g.all }
