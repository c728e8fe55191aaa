// Circular columns in autoregressive layers.

package autoregressive

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/coupling"
	"github.com/bijou-flow/bijou/internal/conditioned"
	"github.com/bijou-flow/bijou/internal/nn"
)

// Circular is the autoregressive layer of features of which some lie on circles:
// angles, times of day, directions,
//
//	z_j = g_j(x_j; theta_j),  theta_j = net_j(context, x_1, ..., x_(j-1)),
//	x_j = g_j^-1(z_j; theta_j),  one feature after the other,
//	log|det dz/dx| = sum_j log g_j'(x_j; theta_j)
//
// (Rezende et al. 2020, arXiv 2002.02428, sections 2.1.3 and 2.2). On a circle g
// is the circular spline of coupling.Circular with its learned phase, elsewhere
// that of Spline; the net sees a circle as cos and sin of its angle, so that the
// density is continuous at every seam. A single circle is a layer too. The base is
// uniform on the circles: coupling.CircularBase.
//
// Every x is in the domain, a circle's modulo the circle; what comes out lies on
// it, either way, and train.Fit refuses data beyond. The cost is that of a Spline,
// with a sine and a cosine for each circle.
type Circular[T bijector.Float] struct {
	*Autoregressive[T]
	spec    CircularSpec
	circles []*coupling.Circle // by feature
	given   []int64            // the order of the spec
}

// CircularSpec describes a Circular.
type CircularSpec struct {
	Dim        int       `json:"dim"`                   // features, at least 1
	ContextDim int       `json:"context_dim,omitempty"` // features of the context; 0: unconditional
	Order      OrderSpec `json:"order"`                 // of the features; the zero value is 0, 1, 2, ...
	// Circles are the features that lie on circles, at least one.
	Circles []coupling.Circle `json:"circles"`
	// Bins, Bound, MinWidth, MinHeight and MinSlope of the splines: see
	// coupling.CircularSpec, which has the same defaults.
	Bins      int     `json:"bins,omitempty"`
	Bound     float64 `json:"bound,omitempty"`
	MinWidth  float64 `json:"min_width,omitempty"`
	MinHeight float64 `json:"min_height,omitempty"`
	MinSlope  float64 `json:"min_slope,omitempty"`
	// Hidden are the widths of the net's hidden layers; none means 100 and
	// 100. See MADESpec for widths below Dim.
	Hidden []int `json:"hidden,omitempty"`
	// Activation of the net: "relu" (the default), "tanh" or another of coupling.MLPSpec's.
	Activation string `json:"activation,omitempty"`
	// Seed of the net's initial weights.
	Seed uint64 `json:"seed,omitempty"`
	// OutScale shrinks the net's initial last layer; 0 means 1.
	OutScale float64 `json:"out_scale,omitempty"`
}

// Values is the number of values that are saved, without those for the second
// input of a circle: see registry.Sizer.
func (s CircularSpec) Values() float64 {
	return layerValues(s.Dim, s.ContextDim, s.Hidden, nil, 3*float64(cmp.Or(s.Bins, conditioned.DefaultBins))+1)
}

func (s CircularSpec) clone() CircularSpec {
	s.Order.Indices, s.Hidden, s.Circles = slices.Clone(s.Order.Indices), slices.Clone(s.Hidden), slices.Clone(s.Circles)
	return s
}

// NewCircular makes a Circular. It returns ErrSpec for a field out of its range,
// and ErrShape for an order of another number of features.
func NewCircular[T bijector.Float](s CircularSpec) (*Circular[T], error) {
	s = s.clone()
	all, err := coupling.CircularTransforms[T](s.Dim, s.Circles, coupling.SplineSpec{
		Bins: s.Bins, Bound: s.Bound, MinWidth: s.MinWidth, MinHeight: s.MinHeight, MinSlope: s.MinSlope,
	})
	if err != nil {
		return nil, fmt.Errorf("autoregressive: %w", err)
	}
	l := &Circular[T]{spec: s, circles: make([]*coupling.Circle, s.Dim)}
	for i := range s.Circles {
		l.circles[s.Circles[i].Feature] = &s.Circles[i]
	}
	l.Autoregressive, err = New(Parts[T]{
		Dim: s.Dim, ContextDim: s.ContextDim, Order: s.Order, Transform: all[0],
		TransformOf: func(k int) coupling.Elementwise[T] { return all[k] },
		Hidden:      s.Hidden, Activation: s.Activation, Seed: s.Seed, OutScale: s.OutScale,
		angle: func(k int) *nn.Angle {
			if c := l.circles[k]; c != nil {
				return nn.AngleOf(c.Interval())
			}
			return nil
		},
	})
	if err != nil {
		return nil, err
	}
	l.given = slices.Clone(l.order)
	return l, nil
}

// Spec is the CircularSpec.
func (a *Circular[T]) Spec() any { return a.spec.clone() }

// Validate returns ErrSpec where the order that was loaded is not the spec's: the
// net is made for the places of the circles in it.
func (a *Circular[T]) Validate() error {
	if !slices.Equal(a.order, a.given) {
		return fmt.Errorf("autoregressive: the order of a circular layer is not that of its spec: %w", bijector.ErrSpec)
	}
	return a.Autoregressive.Validate()
}

// Domain is the interval that feature j of data is from: of a circle, between the
// numbers just beyond its ends.
func (a *Circular[T]) Domain(j int) (lo, hi float64) {
	if j < 0 || j >= len(a.circles) || a.circles[j] == nil {
		return math.Inf(-1), math.Inf(1)
	}
	return nn.Around[T](a.circles[j].Interval())
}

// Image is Domain: a circle goes onto itself.
func (a *Circular[T]) Image(j int) (lo, hi float64) { return a.Domain(j) }
