// The autoregressive neural spline flow.

package autoregressive

import (
	"fmt"
	"slices"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/coupling"
	"github.com/bijou-flow/bijou/internal/conditioned"
)

// Spline is the layer of the autoregressive neural spline flow,
//
//	z_j = g(x_j; theta_j),  theta_j = net_j(context, x_1, ..., x_(j-1)),
//	x_j = g^-1(z_j; theta_j),  one feature after the other,
//	log|det dz/dx| = sum_j log g'(x_j; theta_j),
//
// with g the monotonic rational-quadratic spline of coupling.Spline within
// [-B, B] and the identity outside it (Durkan et al. 2019, arXiv 1906.04032,
// eq. 4 to 8). Every x is in the domain. Forward costs one evaluation of the
// net, whose outputs are 3*Bins-1 a feature, 3*Bins+1 with FreeEnds; Inverse D steps that together are
// no more work: see Autoregressive.
type Spline[T bijector.Float] struct {
	*Autoregressive[T]
	spec SplineSpec
}

// SplineSpec describes a Spline.
type SplineSpec struct {
	Dim        int       `json:"dim"`                   // features, at least 1
	ContextDim int       `json:"context_dim,omitempty"` // features of the context; 0: unconditional
	Order      OrderSpec `json:"order"`                 // of the features; the zero value is 0, 1, 2, ...
	// Bins, Bound, MinWidth, MinHeight, MinSlope, Knots, HalfTurn and FreeEnds of the splines:
	// see coupling.SplineSpec, which has the same defaults.
	Bins      int     `json:"bins,omitempty"`
	Bound     float64 `json:"bound,omitempty"`
	MinWidth  float64 `json:"min_width,omitempty"`
	MinHeight float64 `json:"min_height,omitempty"`
	MinSlope  float64 `json:"min_slope,omitempty"`
	Knots     string  `json:"knots,omitempty"`
	HalfTurn  bool    `json:"half_turn,omitempty"`
	FreeEnds  bool    `json:"free_ends,omitempty"`
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
func (s SplineSpec) Values() float64 {
	return layerValues(s.Dim, s.ContextDim, s.Hidden, s.Blocks, conditioned.SplineParams(s.Bins, s.FreeEnds))
}

// NewSpline makes a Spline. It returns ErrSpec for a field out of its range,
// and ErrShape for an order of another number of features.
func NewSpline[T bijector.Float](s SplineSpec) (*Spline[T], error) {
	g, err := coupling.RationalQuadratic[T](s.Spline())
	if err != nil {
		return nil, fmt.Errorf("autoregressive: %w", err)
	}
	a, err := New(Parts[T]{
		Dim: s.Dim, ContextDim: s.ContextDim, Order: s.Order, Transform: g,
		Hidden: s.Hidden, Blocks: s.Blocks, Activation: s.Activation, Seed: s.Seed, OutScale: s.OutScale,
	})
	if err != nil {
		return nil, err
	}
	s.Order.Indices, s.Hidden, s.Blocks = slices.Clone(s.Order.Indices), slices.Clone(s.Hidden), s.Blocks.clone()
	return &Spline[T]{Autoregressive: a, spec: s}, nil
}

// Spline is the spec of the splines alone, without a layer.
func (s SplineSpec) Spline() coupling.SplineSpec {
	return coupling.SplineSpec{
		Bins: s.Bins, Bound: s.Bound, MinWidth: s.MinWidth, MinHeight: s.MinHeight, MinSlope: s.MinSlope,
		Knots: s.Knots, HalfTurn: s.HalfTurn, FreeEnds: s.FreeEnds,
	}
}

// Spec is the SplineSpec.
func (a *Spline[T]) Spec() any { return a.spec }
