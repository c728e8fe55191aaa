// The stages of a sequence that are no convolutions: the affine map, and any
// other Map.

package nn

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/kernel"
)

// Dense is y = W x + b, or its positive part. Its weight has the wider side
// first, so that the gradient's product needs only the narrow side transposed.
type Dense[T bijector.Float] struct {
	in, out int
	relu    bool
	w       []T // (out, in), or (in, out) where in is larger
	b       []T
	rs, cs  int // elements of w from an output to the next, from an input to the next
}

// NewDense draws weights and biases from U(-1/sqrt(in), 1/sqrt(in)).
func NewDense[T bijector.Float](in, out int, relu bool, rng *rand.Rand) (*Dense[T], error) {
	if err := checkSizes(in, out); err != nil {
		return nil, err
	}
	if float64(in)*float64(out) > maxWeights {
		return nil, fmt.Errorf("nn: an affine map from %d to %d features, want at most %d weights: %w", in, out, maxWeights, bijector.ErrSpec)
	}
	d := &Dense[T]{in: in, out: out, relu: relu, w: kernel.Make[T](out * in), b: kernel.Make[T](out), rs: in, cs: 1}
	if in > out {
		d.rs, d.cs = 1, out
	}
	bound := 1 / math.Sqrt(float64(in))
	for _, p := range [][]T{d.w, d.b} {
		for i := range p {
			p[i] = T((2*rng.Float64() - 1) * bound)
		}
	}
	return d, nil
}

// In is the number of input features.
func (d *Dense[T]) In() int { return d.in }

// Out is the number of output features.
func (d *Dense[T]) Out() int { return d.out }

// Params are "weight", (out, in) or, where in is larger, (in, out), and "bias"
// (out).
func (d *Dense[T]) Params() []bijector.Param[T] {
	return []bijector.Param[T]{
		{Name: "weight", Shape: []int{max(d.in, d.out), min(d.in, d.out)}, Data: d.w},
		{Name: "bias", Shape: []int{d.out}, Data: d.b},
	}
}

// Rectified reports whether the output is the positive part.
func (d *Dense[T]) Rectified() bool { return d.relu }

// Weight copies the weight in the order (out, in).
func (d *Dense[T]) Weight() []T {
	w := make([]T, 0, len(d.w))
	for i := range d.out {
		for j := range d.in {
			w = append(w, d.w[i*d.rs+j*d.cs])
		}
	}
	return w
}

// Buffers: none.
func (d *Dense[T]) Buffers() []bijector.Buffer { return nil }

// Spec is nil.
func (d *Dense[T]) Spec() any { return nil }

// NewNetworkPass returns an evaluation pass.
func (d *Dense[T]) NewNetworkPass(o bijector.PassOptions) bijector.NetworkPass[T] {
	return newSequentialPass([]bijector.Network[T]{d}, o)
}

// NewNetworkGradPass returns a training pass.
func (d *Dense[T]) NewNetworkGradPass(o bijector.PassOptions) bijector.NetworkGradPass[T] {
	return newSequentialGradPass([]bijector.Network[T]{d}, o)
}

func (d *Dense[T]) rectified() bool { return d.relu }

func (d *Dense[T]) newStage(o bijector.PassOptions, grad bool, _ int) stagePass[T] {
	p := &densePass[T]{net: d, workers: o.Workers}
	if grad {
		p.dw, p.db = kernel.Make[T](len(d.w)), kernel.Make[T](len(d.b))
		ld := padWidth(min(d.in, d.out))
		p.narrowSide = transposed[T]{data: kernel.Make[T](o.MaxBatch * ld), ld: ld}
		p.accumulateFn = p.accumulateRows
	}
	return p
}

type densePass[T bijector.Float] struct {
	net          *Dense[T]
	workers      *bijector.Workers
	dw, db       []T
	narrowSide   transposed[T]   // the narrow side of the current accumulate
	wideSide     bijector.Mat[T] // and the wide one
	accumulateFn func(lo, hi int)
}

func (p *densePass[T]) slabs() bool { return false }

func (p *densePass[T]) forward(y, x bijector.Mat[T], lo, hi int) {
	d := p.net
	e := kernel.Epilogue[T]{Bias: d.b}
	if d.relu {
		e.Mode = kernel.ReLU
	}
	kernel.Gemm(d.out, hi-lo, d.in, d.w, d.rs, d.cs, x.Data[lo:], x.Stride, y.Data[lo:], y.Stride, e)
}

// backward is dx = W' dy, through the ReLU below.
func (p *densePass[T]) backward(dx, dy, x, _ bijector.Mat[T], gate bool, lo, hi int) {
	if dx.Empty() {
		return
	}
	d := p.net
	var e kernel.Epilogue[T]
	if gate {
		e = kernel.Epilogue[T]{Mode: kernel.Gate, Aux: x.Data[lo:]}
	}
	kernel.Gemm(d.in, hi-lo, d.out, d.w, d.cs, d.rs, dy.Data[lo:], dy.Stride, dx.Data[lo:], dx.Stride, e)
}

// accumulate adds dW = dy x' or, where the weight lies the other way, x dy',
// and db = dy 1.
func (p *densePass[T]) accumulate(dy, x, _ bijector.Mat[T]) {
	narrow := x
	p.wideSide = dy
	if p.net.in > p.net.out {
		narrow, p.wideSide = dy, x
	}
	kernel.Transpose(narrow.D, narrow.N, narrow.Data, narrow.Stride, p.narrowSide.data, p.narrowSide.ld)
	p.workers.For(p.wideSide.D, 16, p.accumulateFn)
	for o := range p.db {
		p.db[o] += T(kernel.Sum(dy.Feature(o)))
	}
}

// accumulateRows does rows lo to hi of the weight's gradient.
func (p *densePass[T]) accumulateRows(lo, hi int) {
	n := min(p.net.in, p.net.out)
	kernel.Gemm(hi-lo, n, p.wideSide.N, p.wideSide.Data[lo*p.wideSide.Stride:], p.wideSide.Stride, 1,
		p.narrowSide.data, p.narrowSide.ld, p.dw[lo*n:], n, kernel.Epilogue[T]{Mode: kernel.Add})
}

func (p *densePass[T]) grads() [][]T { return [][]T{p.dw, p.db} }

// networkStage runs any Map as a stage.
type networkStage[T bijector.Float] struct {
	pass bijector.NetworkPass[T]
	grad bijector.NetworkGradPass[T] // nil in evaluation
}

func newNetworkStage[T bijector.Float](m bijector.Network[T], o bijector.PassOptions, grad bool) *networkStage[T] {
	if !grad {
		return &networkStage[T]{pass: m.NewNetworkPass(o)}
	}
	g := m.NewNetworkGradPass(o)
	return &networkStage[T]{pass: g, grad: g}
}

func (p *networkStage[T]) slabs() bool { return false }

func (p *networkStage[T]) forward(y, x bijector.Mat[T], lo, hi int) { p.pass.Forward(y, x, lo, hi) }

func (p *networkStage[T]) backward(dx, dy, x, y bijector.Mat[T], gate bool, lo, hi int) {
	p.grad.Backward(dx, dy, x, y, lo, hi)
	if gate && !dx.Empty() {
		maskByReLU(dx.Samples(lo, hi), x.Samples(lo, hi))
	}
}

func (p *networkStage[T]) accumulate(dy, x, y bijector.Mat[T]) { p.grad.Accumulate(dy, x, y) }

func (p *networkStage[T]) grads() [][]T {
	if p.grad == nil {
		return nil
	}
	return p.grad.Grads()
}
