package nn

import (
	"fmt"
	"math/rand/v2"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/kernel"
)

// MLPSpec describes a multilayer perceptron.
type MLPSpec struct {
	In  int `json:"in"`
	Out int `json:"out"`
	// Hidden are the widths of the hidden layers, in order; none makes the
	// map affine.
	Hidden []int `json:"hidden"`
	// Activation after each hidden layer: "relu" (the default) or "tanh".
	Activation string `json:"activation,omitempty"`
	// Seed of the initial weights.
	Seed uint64 `json:"seed,omitempty"`
	// OutScale shrinks the initial last layer; 0 means 1. A small one starts
	// a flow near the identity.
	OutScale float64 `json:"out_scale,omitempty"`
}

// MLP is y = W_L a(... a(W_1 x + b_1) ...) + b_L with the activation a between
// layers and none after the last.
type MLP[T bijector.Float] struct {
	spec   MLPSpec
	layers []*Linear[T]
	tanh   bool
}

// NewMLP makes a perceptron with weights drawn from the spec's seed.
func NewMLP[T bijector.Float](s MLPSpec) (*MLP[T], error) {
	sizes := append(append([]int{s.In}, s.Hidden...), s.Out)
	if err := checkSizes(sizes...); err != nil {
		return nil, err
	}
	m := &MLP[T]{spec: s}
	switch s.Activation {
	case "", "relu":
	case "tanh":
		m.tanh = true
	default:
		return nil, fmt.Errorf("nn: activation %q, want \"relu\" or \"tanh\": %w", s.Activation, bijector.ErrSpec)
	}
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

// NewMapPass returns an evaluation pass.
func (m *MLP[T]) NewMapPass(o bijector.PassOptions) bijector.MapPass[T] {
	return newMLPPass(m, o)
}

// mlpPass holds the hidden activations.
type mlpPass[T bijector.Float] struct {
	net *MLP[T]
	h   []bijector.Mat[T] // output of each hidden layer, after the activation
}

func newMLPPass[T bijector.Float](m *MLP[T], o bijector.PassOptions) *mlpPass[T] {
	p := &mlpPass[T]{net: m}
	for _, l := range m.layers[:len(m.layers)-1] {
		p.h = append(p.h, bijector.Activations[T](o, l.Out))
	}
	return p
}

func (p *mlpPass[T]) Forward(y, x bijector.Mat[T], lo, hi int) {
	if x.N == 1 && x.Stride == 1 && y.Stride == 1 {
		p.single(y.Data, x.Data)
		return
	}
	n, last := x.N, len(p.net.layers)-1
	in := x.Samples(lo, hi)
	for i, l := range p.net.layers {
		if i == last {
			l.Forward(y.Samples(lo, hi), in, false)
			return
		}
		out := p.h[i].Resize(n).Samples(lo, hi)
		l.Forward(out, in, !p.net.tanh)
		if p.net.tanh {
			for j := range out.D {
				kernel.Tanh(out.Feature(j), out.Feature(j))
			}
		}
		in = out
	}
}

// single is Forward for one sample: products of a matrix and a vector, without
// views, whose making would cost as much as the small ones among them.
func (p *mlpPass[T]) single(y, x []T) {
	last := len(p.net.layers) - 1
	for i, l := range p.net.layers {
		out, e := y, kernel.Epilogue[T]{Mode: kernel.Store, Bias: l.B}
		if i < last {
			out = p.h[i].Data
			if !p.net.tanh {
				e.Mode = kernel.ReLU
			}
		}
		kernel.Gemm(l.Out, 1, l.In, l.W, l.In, 1, x, 1, out, 1, e)
		if i < last && p.net.tanh {
			kernel.Tanh(out[:l.Out], out[:l.Out])
		}
		x = out
	}
}
