// MLP: a fully connected network. Its training pass is in mlp_grad.go.

package nn

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync/atomic"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/kernel"
)

// MLPSpec describes a multilayer perceptron: see coupling.MLPSpec, which has
// the same fields.
type MLPSpec struct {
	In, Out    int
	Hidden     []int
	Activation string
	Seed       uint64
	OutScale   float64
}

// Values is the number of values that are saved.
func (s MLPSpec) Values() float64 {
	return PerceptronValues(float64(s.In), s.Hidden, float64(s.Out))
}

// PerceptronValues is the number of weights and biases between layers of these
// widths, in float64, where no product overflows.
func PerceptronValues(in float64, hidden []int, out float64) float64 {
	n := 0.0
	for _, h := range hidden {
		n += (in + 1) * float64(h)
		in = float64(h)
	}
	return n + (in+1)*out
}

// MLP is y = W_L a(... a(W_1 x + b_1) ...) + b_L with the activation a between
// layers and none after the last.
//
// Evaluation of a single sample reads copies of the weights in another layout,
// which double the memory. They are made by the first such evaluation, and
// anew after Changed.
type MLP[T bijector.Float] struct {
	spec    MLPSpec
	layers  []*Linear[T]
	act     activation
	version atomic.Int64 // counts the calls of Changed
	packed  atomic.Pointer[packed[T]]
}

// NewMLP makes a perceptron with weights drawn from the spec's seed.
func NewMLP[T bijector.Float](s MLPSpec) (*MLP[T], error) {
	sizes := append(append([]int{s.In}, s.Hidden...), s.Out)
	if err := checkSizes(sizes...); err != nil {
		return nil, err
	}
	act, err := newActivation(s.Activation)
	if err != nil {
		return nil, err
	}
	s.Hidden = slices.Clone(s.Hidden)
	m := &MLP[T]{spec: s, act: act}
	rng := rand.New(rand.NewPCG(s.Seed, 0x6d6c70))
	for i := range sizes[1:] {
		m.layers = append(m.layers, NewLinear[T](sizes[i], sizes[i+1], rng))
	}
	if s.OutScale != 0 {
		last := m.layers[len(m.layers)-1]
		kernel.Scale(last.W, T(s.OutScale))
		kernel.Scale(last.B, T(s.OutScale))
	}
	return m, nil
}

// In is the number of input features.
func (m *MLP[T]) In() int { return m.spec.In }

// Out is the number of output features.
func (m *MLP[T]) Out() int { return m.spec.Out }

// Params are "0.weight", "0.bias", "1.weight" and so on.
func (m *MLP[T]) Params() []bijector.Param[T] {
	var ps []bijector.Param[T]
	for i, l := range m.layers {
		ps = append(ps, l.Params(fmt.Sprintf("%d.", i))...)
	}
	return ps
}

// Buffers: an MLP has none.
func (m *MLP[T]) Buffers() []bijector.Buffer { return nil }

// Spec is the MLPSpec.
func (m *MLP[T]) Spec() any { return m.spec }

// Invalidate drops the copies of the weights. Whoever writes to Params calls it
// afterwards, and a map that holds an MLP hands the call on.
func (m *MLP[T]) Invalidate() {
	m.version.Add(1)
	m.packed.Store(nil)
}

// NewNetworkPass returns an evaluation pass.
func (m *MLP[T]) NewNetworkPass(o bijector.PassOptions) bijector.NetworkPass[T] {
	return &mlpEvalPass[T]{newMLPPass(m, o)}
}

// mlpPass holds the hidden activations.
type mlpPass[T bijector.Float] struct {
	net *MLP[T]
	h   []bijector.Mat[T] // output of each hidden layer, after the activation
	in  inputs[T]         // and before it, in training
}

func newMLPPass[T bijector.Float](m *MLP[T], o bijector.PassOptions) mlpPass[T] {
	p := mlpPass[T]{net: m}
	for _, l := range m.layers[:len(m.layers)-1] {
		p.h = append(p.h, bijector.Activations[T](o, l.Out))
	}
	return p
}

func (p *mlpPass[T]) Forward(y, x bijector.Mat[T], lo, hi int) {
	n, last := x.N, len(p.net.layers)-1
	in := x.Samples(lo, hi)
	for i, l := range p.net.layers {
		if i == last {
			l.Forward(y.Samples(lo, hi), in, false)
			return
		}
		out := p.h[i].Resize(n).Samples(lo, hi)
		l.Forward(out, in, p.net.act == relu)
		if p.net.act != relu {
			p.in.keep(i, out, n, lo, hi)
			for j := range out.D {
				activate(p.net.act, out.Feature(j), out.Feature(j))
			}
		}
		in = out
	}
}
