// StandardizeContext: contexts in their own units, brought to where a
// conditioner learns from them.

package bijector

import (
	"fmt"
	"math"

	"github.com/bijou-flow/bijou/internal/rows"
)

// StandardizeContextSpec describes a StandardizeContext.
type StandardizeContextSpec struct {
	Dim int `json:"dim"` // features of the context
}

// Values is the number of values that are saved: see registry.Sizer.
func (s StandardizeContextSpec) Values() float64 { return 2 * float64(s.Dim) }

// StandardizeContext is a network that brings each feature of the training
// contexts to mean 0 and variance 1,
//
//	y = (c - mean) / std
//
// (LeCun et al. 1998, "Efficient BackProp", section 4.3; toolboxes for
// posteriors do so with what they condition on: Tejero-Cantero et al. 2020,
// arXiv 2007.09114). It starts as the identity. The first Calibrate with start
// sets the moments, population statistics in float64, and nothing moves them
// afterwards; it has no parameters.
//
// A feature that holds only 0 and 1, such as one of a one-hot class, stays as
// it is. A constant feature is shifted to 0 and has std 1. Moments are those of
// the finite values. Every c is in the domain; the cost is a difference and a
// product a value, in float64, so that a small deviation about a large mean
// keeps the digits that the context has.
//
// Buffers are "mean" and "std", and "initialised", which is 1 once the contexts
// were seen, so that a loaded model does not start again.
//
// The recipes of coupling and autoregressive have it in front of all their
// layers (NewConditionalChain). In front of an embedding's own layers it is the
// first part of what coupling.NewSequential makes.
type StandardizeContext[T Float] struct {
	spec        StandardizeContextSpec
	mean, std   []float64
	initialised []int64
}

// NewStandardizeContext makes a StandardizeContext that is still the identity.
func NewStandardizeContext[T Float](s StandardizeContextSpec) (*StandardizeContext[T], error) {
	if err := checkDim("a standardization of contexts", s.Dim); err != nil {
		return nil, err
	}
	n := &StandardizeContext[T]{spec: s, mean: make([]float64, s.Dim), std: make([]float64, s.Dim), initialised: make([]int64, 1)}
	for j := range n.std {
		n.std[j] = 1
	}
	return n, nil
}

// In is the number of context features.
func (n *StandardizeContext[T]) In() int { return n.spec.Dim }

// Out is In.
func (n *StandardizeContext[T]) Out() int { return n.spec.Dim }

// Params: nothing is trained.
func (n *StandardizeContext[T]) Params() []Param[T] { return nil }

// Buffers are "mean", "std" and "initialised".
func (n *StandardizeContext[T]) Buffers() []Buffer {
	return []Buffer{
		{Name: "mean", Shape: []int{n.spec.Dim}, Data: n.mean},
		{Name: "std", Shape: []int{n.spec.Dim}, Data: n.std},
		{Name: "initialised", Shape: []int{1}, Data: n.initialised},
	}
}

// Spec is the StandardizeContextSpec.
func (n *StandardizeContext[T]) Spec() any { return n.spec }

// Moments are the mean and the deviation of context feature j: 0 and 1 for one
// that stays as it is.
func (n *StandardizeContext[T]) Moments(j int) (mean, std float64) { return n.mean[j], n.std[j] }

// Validate returns ErrSpec where a mean is not finite, a deviation is not
// positive or so small that nothing is left of its reciprocal, or the flag is
// neither 0 nor 1.
func (n *StandardizeContext[T]) Validate() error {
	for j, s := range n.std {
		if m := n.mean[j]; !rows.IsFinite(m) || !rows.IsFinite(s) || s < minDeviation[T]() {
			return fmt.Errorf("bijector: feature %d of a standardization of contexts has mean %v and deviation %v, want finite ones and at least %v: %w", j, m, s, minDeviation[T](), ErrSpec)
		}
	}
	return checkFlag("a standardization of contexts", n.initialised[0])
}

// Calibrate takes the moments of the contexts c, once.
func (n *StandardizeContext[T]) Calibrate(c, _ Mat[T], start bool, _ *Workers) {
	if !start || n.initialised[0] != 0 || c.N == 0 || c.D != n.spec.Dim {
		return
	}
	for j := range n.mean {
		n.mean[j], n.std[j] = contextMoments(c.Feature(j))
	}
	n.initialised[0] = 1
}

// contextMoments are mean and deviation of the finite values of a feature,
// computed relative to the largest of them so that no square overflows. They
// are 0 and 1 where the values are 0 and 1 alone, where none is finite, and
// where the moments themselves overflow; the deviation is 1 where the values
// differ by rounding.
func contextMoments[T Float](c []T) (mean, std float64) {
	largest, count, binary := 0.0, 0.0, true
	for _, v := range c {
		if v-v != 0 {
			continue
		}
		largest = max(largest, math.Abs(float64(v)))
		binary = binary && (v == 0 || v == 1)
		count++
	}
	if binary {
		return 0, 1
	}
	sum, squares := 0.0, 0.0
	for _, v := range c {
		if v-v == 0 {
			sum += float64(v) / largest
		}
	}
	relative := sum / count
	for _, v := range c {
		if v-v == 0 {
			d := float64(v)/largest - relative
			squares += d * d
		}
	}
	deviation := math.Sqrt(squares / count)
	mean, std = relative*largest, deviation*largest
	if noise := 4*epsilon[T]() + count*0x1p-53; deviation <= noise*math.Abs(relative) || std < minDeviation[T]() {
		std = 1
	}
	return mean, std
}

// NewNetworkPass returns an evaluation pass.
func (n *StandardizeContext[T]) NewNetworkPass(PassOptions) NetworkPass[T] {
	return standardizeContextPass[T]{n}
}

// NewNetworkGradPass returns a training pass; the network trains nothing, but
// gradients go through it.
func (n *StandardizeContext[T]) NewNetworkGradPass(PassOptions) NetworkGradPass[T] {
	return standardizeContextPass[T]{n}
}

type standardizeContextPass[T Float] struct{ n *StandardizeContext[T] }

func (p standardizeContextPass[T]) Forward(y, x Mat[T], lo, hi int) {
	for j, mean := range p.n.mean {
		scale := 1 / p.n.std[j]
		out := y.Data[j*y.Stride:]
		in := x.Data[j*x.Stride:]
		for i := lo; i < hi; i++ {
			out[i] = T((float64(in[i]) - mean) * scale)
		}
	}
}

// Backward: y_j = (x_j - mean_j) / std_j has dx_j = dy_j / std_j.
func (p standardizeContextPass[T]) Backward(dx, dy, _, _ Mat[T], lo, hi int) {
	if dx.Empty() {
		return
	}
	for j, std := range p.n.std {
		scale := 1 / std
		out := dx.Data[j*dx.Stride:]
		in := dy.Data[j*dy.Stride:]
		for i := lo; i < hi; i++ {
			out[i] = T(float64(in[i]) * scale)
		}
	}
}

func (p standardizeContextPass[T]) Accumulate(_, _, _ Mat[T]) {}

func (p standardizeContextPass[T]) Grads() [][]T { return nil }
