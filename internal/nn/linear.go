// Linear: the affine map that dense networks are made of.

package nn

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/kernel"
)

// Linear is the affine map Y = W X + b of a batch of columns.
type Linear[T bijector.Float] struct {
	In, Out int
	W       []T // (Out, In)
	B       []T // (Out)

	rows, columns []span // of a masked layer; nil: of none, or not worth it
}

// NewLinear draws weights and biases from U(-1/sqrt(in), 1/sqrt(in)), the
// customary start of a linear layer with ReLU.
func NewLinear[T bijector.Float](in, out int, rng *rand.Rand) *Linear[T] {
	l := &Linear[T]{In: in, Out: out, W: kernel.Make[T](out * in), B: kernel.Make[T](out)}
	bound := 1 / math.Sqrt(float64(max(in, 1)))
	for _, p := range [][]T{l.W, l.B} {
		for i := range p {
			p[i] = T((2*rng.Float64() - 1) * bound)
		}
	}
	return l
}

// Params are "weight" (out, in) and "bias" (out), each behind prefix.
func (l *Linear[T]) Params(prefix string) []bijector.Param[T] {
	return []bijector.Param[T]{
		{Name: prefix + "weight", Shape: []int{l.Out, l.In}, Data: l.W},
		{Name: prefix + "bias", Shape: []int{l.Out}, Data: l.B},
	}
}

// Forward sets y = W x + b, or its positive part with relu.
func (l *Linear[T]) Forward(y, x bijector.Mat[T], relu bool) {
	mode := kernel.Store
	if relu {
		mode = kernel.ReLU
	}
	l.forwardRows(y, x, 0, l.Out, l.In, mode)
}

// Backward sets dx = W' dy. With gate, the output of a ReLU that fed x, the
// result is zero where gate is not positive.
func (l *Linear[T]) Backward(dx, dy, gate bijector.Mat[T]) {
	e := kernel.Epilogue[T]{Mode: kernel.Store}
	if !gate.Empty() {
		if gate.Stride != dx.Stride {
			panic("nn: gate and gradient of different stride")
		}
		e = kernel.Epilogue[T]{Mode: kernel.Gate, Aux: gate.Data}
	}
	l.backwardColumns(dx, dy, e)
}

// backwardFrom sets rows of dx = W' dy, those from the given one on at least.
func (l *Linear[T]) backwardFrom(dx, dy bijector.Mat[T], from int) {
	if l.columns != nil || from == 0 || from == l.In {
		l.Backward(dx, dy, bijector.Mat[T]{})
		return
	}
	kernel.Gemm(l.In-from, dx.N, l.Out, l.W[from:], 1, l.In, dy.Data, dy.Stride, dx.Data[from*dx.Stride:], dx.Stride, kernel.Epilogue[T]{Mode: kernel.Store})
}

// backwardThrough sets dx = W' dy * a'(h), for x = a(h), or for x = h with keepsInput.
func (l *Linear[T]) backwardThrough(dx, dy, x bijector.Mat[T], a activation) {
	if a == relu {
		l.Backward(dx, dy, x)
		return
	}
	l.Backward(dx, dy, bijector.Mat[T]{})
	for j := range dx.D {
		backwardActivation(a, dx.Feature(j), x.Feature(j))
	}
}

// Accumulate adds rows lo to hi of the gradients: dW += dy x', db += dy 1, or with
// first sets them, but for what is masked. xt is x transposed, sample-major, ldx
// values a sample.
func (l *Linear[T]) Accumulate(dw, db []T, dy bijector.Mat[T], xt []T, ldx, lo, hi int, first bool) {
	if lo == hi || dy.N == 0 {
		return
	}
	mode := kernel.Add
	if first {
		mode = kernel.Store
		clear(db[lo:hi])
	}
	l.accumulateRows(dw, dy, xt, ldx, lo, hi, mode)
	kernel.AddRowSums(db[lo:hi], dy.Data[lo*dy.Stride:], dy.Stride, dy.N)
}

// checkSizes refuses widths that make no network.
func checkSizes(sizes ...int) error {
	for _, s := range sizes {
		if s < 1 || s > 1<<20 {
			return fmt.Errorf("nn: a layer of width %d, want 1 to %d: %w", s, 1<<20, bijector.ErrSpec)
		}
	}
	return nil
}
