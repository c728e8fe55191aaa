// Masked autoregressive flow.

package autoregressive

import (
	"fmt"
	"slices"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/coupling"
)

// Affine is the layer of masked autoregressive flow (MAF),
//
//	z_j = x_j exp(s_j) + t_j,  (s_j, t_j) = net_j(context, x_1, ..., x_(j-1)),
//	x_j = (z_j - t_j) exp(-s_j),  one feature after the other,
//	log|det dz/dx| = sum_j s_j,
//
// (Papamakarios et al. 2017, arXiv 1705.07057, eq. 3 to 5, which write z_j =
// (x_j - mu_j) exp(-alpha_j): s = -alpha, t = -mu exp(-alpha)). Every x is in
// the domain. Forward costs one evaluation of the net, Inverse D steps that
// together are no more work: see Autoregressive. bijector.Invert makes an
// inverse autoregressive flow of it (Kingma et al. 2016, arXiv 1606.04934).
//
// The net's outputs are first all raw scales, from which AffineSpec.Scale makes
// s, then all shifts t.
type Affine[T bijector.Float] struct {
	*Autoregressive[T]
	spec AffineSpec
}

// AffineSpec describes an Affine.
type AffineSpec struct {
	Dim        int       `json:"dim"`                   // features, at least 1
	ContextDim int       `json:"context_dim,omitempty"` // features of the context; 0: unconditional
	Order      OrderSpec `json:"order"`                 // of the features; the zero value is 0, 1, 2, ...
	// Scale is how the log-scale s comes from the net's output: learned-tanh
	// (the default), tanh, softclamp, softsign, sigmoid, softplus or exp (the
	// paper's).
	// See coupling.AffineSpec.
	Scale string `json:"scale,omitempty"`
	// Clamp is the bound of softclamp and of softsign and the least scale of softplus:
	// see there too.
	Clamp float64 `json:"clamp,omitempty"`
	// Hidden are the widths of the net's hidden layers; none means 100 and
	// 100. See MADESpec for widths below Dim.
	Hidden []int `json:"hidden,omitempty"`
	// Blocks makes the net one of blocks, whose width and number it says, in place of
	// the perceptron that Hidden describes: see NewBlocks.
	Blocks *BlocksOf `json:"blocks,omitempty"`
	// Activation of the net: "relu" (the default), "tanh" or another of coupling.MLPSpec's.
	Activation string `json:"activation,omitempty"`
	// Seed of the net's initial weights.
	Seed uint64 `json:"seed,omitempty"`
	// OutScale shrinks the net's initial last layer; 0 means 1.
	OutScale float64 `json:"out_scale,omitempty"`
}

// Values is the number of values that are saved: see registry.Sizer.
func (s AffineSpec) Values() float64 {
	return layerValues(s.Dim, s.ContextDim, s.Hidden, s.Blocks, 2)
}

// NewAffine makes an Affine. It returns ErrSpec for a field out of its range,
// and ErrShape for an order of another number of features.
func NewAffine[T bijector.Float](s AffineSpec) (*Affine[T], error) {
	f, err := coupling.ScaleShift[T](s.Scale, s.Clamp)
	if err != nil {
		return nil, fmt.Errorf("autoregressive: %w", err)
	}
	a, err := New(Parts[T]{
		Dim: s.Dim, ContextDim: s.ContextDim, Order: s.Order, Transform: f,
		Hidden: s.Hidden, Blocks: s.Blocks, Activation: s.Activation, Seed: s.Seed, OutScale: s.OutScale,
	})
	if err != nil {
		return nil, err
	}
	s.Order.Indices, s.Hidden, s.Blocks = slices.Clone(s.Order.Indices), slices.Clone(s.Hidden), s.Blocks.clone()
	return &Affine[T]{Autoregressive: a, spec: s}, nil
}

// Spec is the AffineSpec.
func (a *Affine[T]) Spec() any { return a.spec }
