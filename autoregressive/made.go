// The masked network of all layers, by itself.

package autoregressive

import (
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/nn"
)

// MADESpec describes a masked network.
type MADESpec struct {
	Features int `json:"features"`          // D, at least 1
	Context  int `json:"context,omitempty"` // features of the context, which come first; 0: none
	Params   int `json:"params"`            // outputs for each feature, at least 1
	// Hidden are the widths of the hidden layers, in order; none makes the map
	// affine. A layer as wide as D at least leaves nothing out. In a narrower
	// one each unit stands for several features, and the outputs of some do
	// without a few of the features just before them.
	Hidden []int `json:"hidden"`
	// Activation after each hidden layer: "relu" (the default), "tanh" or another of coupling.MLPSpec's.
	Activation string `json:"activation,omitempty"`
	// Seed of the initial weights.
	Seed uint64 `json:"seed,omitempty"`
	// OutScale shrinks the initial last layer; 0 means 1. A small one starts
	// a flow near the identity.
	OutScale float64 `json:"out_scale,omitempty"`
}

// Values is the number of values that are saved, masked weights included: see
// registry.Sizer.
func (s MADESpec) Values() float64 { return nn.MADESpec(s).Values() }

// NewMADE makes the masked network that all layers of this package have, to be
// used by itself: a perceptron whose outputs for feature j depend on the
// context and on the features before j alone,
//
//	h_1 = a((W_1 * M_1) (context, x) + b_1),  h_l = a((W_l * M_l) h_(l-1) + b_l),
//	y   = (W_L * M_L) h_(L-1) + b_L
//
// (Germain et al. 2015, arXiv 1502.03509, section 4). Output p*D + j is
// parameter p of feature j. Its Params are "0.weight" (out, in), "0.bias"
// (out), "1.weight" and so on, its Spec the MADESpec; masked weights are 0, and
// so are their gradients. Every x is in the domain; the cost of a sample is a
// multiply-add a weight, masked or not. It returns ErrSpec for a number of
// features or a width below 1 and for an unknown activation.
func NewMADE[T bijector.Float](s MADESpec) (bijector.Network[T], error) {
	m, err := nn.NewMADE[T](nn.MADESpec(s))
	if err != nil {
		return nil, err
	}
	return made[T]{m}, nil
}

// made is the network under its public spec.
type made[T bijector.Float] struct{ *nn.MADE[T] }

func (m made[T]) Spec() any { return MADESpec(m.MADE.Spec().(nn.MADESpec)) }
