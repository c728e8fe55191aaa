// Conditioners: the network of a coupling, the default one or the user's.

package coupling

import (
	"fmt"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/conditioned"
	"github.com/bijou-flow/bijou/internal/nn"
)

// MLPSpec describes a multilayer perceptron, the default conditioner.
type MLPSpec struct {
	In  int `json:"in"`  // input features, at least 1
	Out int `json:"out"` // output features, at least 1
	// Hidden are the widths of the hidden layers, in order; none makes the
	// map affine.
	Hidden []int `json:"hidden"`
	// Activation after each hidden layer: "relu" (the default), "tanh", "elu" (exp(x) - 1
	// below 0), "leaky_relu" (0.01 x below 0), "sigmoid", "softplus", "silu" (x times the
	// sigmoid) or "gelu" (x times the normal distribution function); the latter two keep
	// twice as much for their gradients.
	Activation string `json:"activation,omitempty"`
	// Seed of the initial weights.
	Seed uint64 `json:"seed,omitempty"`
	// OutScale shrinks the initial last layer; 0 means 1. A small one starts
	// a flow near the identity.
	OutScale float64 `json:"out_scale,omitempty"`
}

// Values is the number of values that are saved: see registry.Sizer.
func (s MLPSpec) Values() float64 { return nn.MLPSpec(s).Values() }

// NewMLP makes a perceptron, to be used as a conditioner by itself or within
// one,
//
//	y = W_L a(... a(W_1 x + b_1) ...) + b_L,
//
// with the activation a between layers and none after the last (the couplings'
// networks of Dinh et al. 2015, arXiv 1410.8516, are such). Weights and biases
// start from U(-1/sqrt(in), 1/sqrt(in)), the last layer's times OutScale. Its
// Params are "0.weight" (out, in), "0.bias" (out), "1.weight" and so on, its
// Spec the MLPSpec. Every x is in the domain; the cost of a sample is a
// multiply-add a weight. It returns ErrSpec for a width below 1 and for an
// unknown activation.
func NewMLP[T bijector.Float](s MLPSpec) (bijector.Network[T], error) {
	m, err := nn.NewMLP[T](nn.MLPSpec(s))
	if err != nil {
		return nil, err
	}
	return mlp[T]{m}, nil
}

// mlp is the network under its public spec.
type mlp[T bijector.Float] struct{ *nn.MLP[T] }

func (m mlp[T]) Spec() any { return MLPSpec(m.MLP.Spec().(nn.MLPSpec)) }

// ResidualSpec describes a residual perceptron.
type ResidualSpec struct {
	In  int `json:"in"`  // input features, at least 1
	Out int `json:"out"` // output features, at least 1
	// Hidden is the width of all hidden layers; 0 means 100.
	Hidden int `json:"hidden,omitempty"`
	// Blocks is their number; 0 means 2.
	Blocks int `json:"blocks,omitempty"`
	// Activation before both layers of a block: "relu" (the default), "tanh" or
	// another of MLPSpec's.
	Activation string `json:"activation,omitempty"`
	// Seed of the initial weights.
	Seed uint64 `json:"seed,omitempty"`
	// OutScale shrinks the initial last layer; 0 means 1. A small one starts
	// a flow near the identity.
	OutScale float64 `json:"out_scale,omitempty"`
	// ContextDim is how many of the inputs, the first, gate the blocks too: those
	// that a coupling's context is put in, or a part of them. 0 means no gates.
	ContextDim int `json:"context_dim,omitempty"`
}

// Values is the number of values that are saved: see registry.Sizer.
func (s ResidualSpec) Values() float64 { return nn.ResidualSpec(s).Values() }

// NewResidual makes a residual perceptron, as in nflows: blocks of two layers
// that add to what they read, without dropout or batch norm,
//
//	h_0 = W_i x + b_i,
//	h_k = h_{k-1} + V_k a(U_k a(h_{k-1}) + c_k) + d_k,  k = 1 ... Blocks,
//	y   = W_f h_Blocks + b_f
//
// (He et al. 2016, arXiv 1603.05027, figure 4e). With a ContextDim, block k adds
// (V_k ... + d_k) * sigmoid(G_k c + g_k), for the context c in front of x: gated
// linear units (Dauphin et al. 2017, arXiv 1612.08083), as nflows and sbi have
// them. V and d start within 0.001 of 0, so that the blocks are nearly the
// identity. Its Params are the weight (out, in) and the bias (out) of "initial",
// "blocks.0.0", "blocks.0.1", with gates "blocks.0.gate", and so on, and "final";
// its Spec is the ResidualSpec with width and number of blocks filled in. Every x
// is in the domain; the cost of a sample is (In + Out + Blocks (2 Hidden +
// ContextDim)) Hidden multiply-adds. It returns ErrSpec for a width or a number
// of blocks below 1, for more context than inputs and for an unknown activation.
func NewResidual[T bijector.Float](s ResidualSpec) (bijector.Network[T], error) {
	r, err := nn.NewResidual[T](nn.ResidualSpec(s))
	if err != nil {
		return nil, err
	}
	return residualNet[T]{r}, nil
}

// residualNet is the network under its public spec.
type residualNet[T bijector.Float] struct{ *nn.Residual[T] }

func (r residualNet[T]) Spec() any { return ResidualSpec(r.Residual.Spec().(nn.ResidualSpec)) }

// Residual returns the constructor of a residual perceptron for a coupling,
// which gives In and Out: hand it to NewAffineWith and its like. As with every
// conditioner, the coupling puts the context in front of the kept features.
func Residual[T bijector.Float](s ResidualSpec) func(in, out int) (bijector.Network[T], error) {
	return func(in, out int) (bijector.Network[T], error) {
		s.In, s.Out = in, out
		return NewResidual[T](s)
	}
}

// couplingValues counts the mask and the perceptron that computes params values
// for each moved feature. A conditioner that the spec names counts when it is
// made.
func couplingValues(dim, context int, m MaskSpec, hidden []int, params float64, conditioner *bijector.NamedSpec) float64 {
	if conditioner != nil {
		return float64(dim)
	}
	kept, moved := m.sizes(dim)
	return float64(dim) + nn.PerceptronValues(kept+float64(context), conditioned.Hidden(hidden), params*moved)
}

// mlpConstructor returns the constructor of the default conditioner.
func mlpConstructor[T bijector.Float](s MLPSpec) func(in, out int) (bijector.Network[T], error) {
	return func(in, out int) (bijector.Network[T], error) {
		s.In, s.Out, s.Hidden = in, out, conditioned.Hidden(s.Hidden)
		return NewMLP[T](s)
	}
}

// builtConditioner returns the constructor of a conditioner that comes from a builder.
func builtConditioner[T bijector.Float](n *bijector.NamedSpec, b bijector.Builder[T]) func(in, out int) (bijector.Network[T], error) {
	return func(int, int) (bijector.Network[T], error) {
		if b == nil {
			return nil, fmt.Errorf("the spec names one (%q), which needs a builder: use the Build function: %w", n.Name, bijector.ErrSpec)
		}
		return b.Network(*n)
	}
}

// conditionerSpec is the node to save net by, under the name it was built by, if any.
func conditionerSpec[T bijector.Float](net bijector.Network[T], from *bijector.NamedSpec) *bijector.NamedSpec {
	n := &bijector.NamedSpec{Spec: net.Spec()}
	if from != nil {
		n.Name = from.Name
	}
	return n
}
