// Masked networks of blocks, in layers and by themselves.

package autoregressive

import (
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/nn"
)

// BlocksOf makes the net of a layer one of blocks: see NewBlocks.
type BlocksOf struct {
	// Hidden is the width of all hidden layers; 0 means 100.
	Hidden int `json:"hidden,omitempty"`
	// Number of blocks; 0 means 2.
	Number int `json:"number,omitempty"`
	// Plain blocks are one layer each, and residual ones, the default, two.
	Plain bool `json:"plain,omitempty"`
}

func (b *BlocksOf) clone() *BlocksOf {
	if b == nil {
		return nil
	}
	c := *b
	return &c
}

// spec is that of the net of a layer.
func (b *BlocksOf) spec(s nn.MADESpec) nn.BlocksSpec {
	return nn.BlocksSpec{
		Features: s.Features, Context: s.Context, Params: s.Params, Hidden: b.Hidden, Blocks: b.Number, Plain: b.Plain,
		Activation: s.Activation, Seed: s.Seed, OutScale: s.OutScale,
	}
}

// BlocksSpec describes a masked network of blocks.
type BlocksSpec struct {
	Features int `json:"features"`          // D, at least 1
	Context  int `json:"context,omitempty"` // features of the context, which come first; 0: none
	Params   int `json:"params"`            // outputs for each feature, at least 1
	// Hidden is the width of all hidden layers; 0 means 100. One as wide as D at
	// least leaves nothing out: see MADESpec.
	Hidden int `json:"hidden,omitempty"`
	// Blocks is their number; 0 means 2.
	Blocks int `json:"blocks,omitempty"`
	// Plain blocks are one layer each, and residual ones, the default, two.
	Plain bool `json:"plain,omitempty"`
	// Activation: "relu" (the default), "tanh" or another of coupling.MLPSpec's.
	Activation string `json:"activation,omitempty"`
	// Seed of the initial weights.
	Seed uint64 `json:"seed,omitempty"`
	// OutScale shrinks the initial last layer; 0 means 1. A small one starts
	// a flow near the identity.
	OutScale float64 `json:"out_scale,omitempty"`
}

// Values is the number of values that are saved, masked weights included: see
// registry.Sizer.
func (s BlocksSpec) Values() float64 { return nn.BlocksSpec(s).Values() }

// NewBlocks makes a masked network of blocks, which layers have for a net where
// their specs have Blocks, to be used by itself: its outputs for feature j depend
// on the context c and on the features before j alone,
//
//	h_0 = W_i x + b_i + a(W_c c + b_c),
//	h_k = h_{k-1} + V_k a(U_k a(h_{k-1}) + C_k c + e_k) + d_k,  k = 1 ... Blocks,
//	y   = W_f h_Blocks + b_f,
//
// or where the blocks are Plain
//
//	h_0 = a(W_i x + b_i + a(W_c c + b_c)),  h_k = a(U_k h_{k-1} + e_k),
//
// without the terms of c where there is no context (masks of Germain et al. 2015,
// arXiv 1502.03509, section 4; residual blocks of Durkan and Nash 2019, arXiv
// 1904.07714, appendix C.1). This is the MADE of nflows, and of sbi's flows.
//
// Output p*D + j is parameter p of feature j. Its Params are the weight (out, in)
// and bias (out) of "initial", "context", "blocks.0.0", "blocks.0.context" (the
// weight alone), "blocks.0.1" and so on, and "final", without the weight of
// "initial" where D is 1; its Spec is the BlocksSpec with width and number filled
// in. Masked weights are 0, and so are their gradients. Every x is in the domain; the cost of a sample is a multiply-add a
// weight, masked or not. It returns ErrSpec for a number or a width below 1 and
// for an unknown activation.
func NewBlocks[T bijector.Float](s BlocksSpec) (bijector.Network[T], error) {
	b, err := nn.NewBlocks[T](nn.BlocksSpec(s))
	if err != nil {
		return nil, err
	}
	return blocksNet[T]{b}, nil
}

// blocksNet is the network under its public spec.
type blocksNet[T bijector.Float] struct{ *nn.Blocks[T] }

func (b blocksNet[T]) Spec() any { return BlocksSpec(b.Blocks.Spec().(nn.BlocksSpec)) }
