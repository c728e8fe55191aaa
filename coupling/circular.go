// Circular columns: angles, times of day and directions, alone or among others.

package coupling

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/internal/conditioned"
	"github.com/bijou-flow/bijou/internal/nn"
)

// Circle says that a feature lies on a circle: its values are from Lo to Hi, which
// are the same point. Both 0 mean -pi to pi.
type Circle struct {
	Feature int     `json:"feature"` // counted from 0
	Lo      float64 `json:"lo,omitempty"`
	Hi      float64 `json:"hi,omitempty"`
}

// Interval is Lo and Hi, or -pi and pi where both are 0.
func (c Circle) Interval() (lo, hi float64) {
	if c.Lo == 0 && c.Hi == 0 {
		return -math.Pi, math.Pi
	}
	return c.Lo, c.Hi
}

// AllCircles are those of dim features from -pi to pi.
func AllCircles(dim int) []Circle {
	var all []Circle
	for j := range min(dim, maxDim) {
		all = append(all, Circle{Feature: j})
	}
	return all
}

// circlesOf are the circles by feature, nil for the others.
func circlesOf[T bijector.Float](dim int, circles []Circle) ([]*Circle, error) {
	if dim < 1 || dim > maxDim {
		return nil, fmt.Errorf("coupling: circles among %d features, want 1 to %d: %w", dim, maxDim, bijector.ErrSpec)
	}
	if len(circles) == 0 {
		return nil, fmt.Errorf("coupling: a circular layer without circles; list them, or use a Spline: %w", bijector.ErrSpec)
	}
	of := make([]*Circle, dim)
	for _, c := range circles {
		if c.Feature < 0 || c.Feature >= dim || of[c.Feature] != nil {
			return nil, fmt.Errorf("coupling: a circle of feature %d (counted from 0), want each of %d once at most: %w", c.Feature, dim, bijector.ErrSpec)
		}
		lo, hi := c.Interval()
		size := hi - lo
		far := max(math.Abs(lo), math.Abs(hi))
		// An element type that holds a few thousand angles leaves bins to tell apart.
		if !(size > 0 && far <= maxBound*maxBound) || float64(T(lo))+size/4096 <= float64(T(lo)) || T(lo)+T(size/4096) == T(lo) || T(hi)+T(size/4096) == T(hi) {
			return nil, fmt.Errorf("coupling: feature %d (counted from 0) on a circle from %v to %v, want finite ends with the lower first, and %T to tell a 4096th of it: %w", c.Feature, lo, hi, T(0), bijector.ErrSpec)
		}
		of[c.Feature] = &c
	}
	return of, nil
}

// CircularTransforms are the transforms of Circular for layers of other kinds, one
// for each of dim features, all with 3*Bins+1 parameters: widths, heights,
// slopes and, of a circle, the phase. Of the spec they read Bins, Bound,
// MinWidth, MinHeight and MinSlope. It returns ErrSpec for numbers that make no
// spline, and for circles of features that are not there.
func CircularTransforms[T bijector.Float](dim int, circles []Circle, s SplineSpec) ([]Elementwise[T], error) {
	of, err := circlesOf[T](dim, circles)
	if err != nil {
		return nil, err
	}
	line, err := newSplineShape(s)
	if err != nil {
		return nil, err
	}
	s.Bound = math.Pi
	circle, err := newSplineShape(s)
	if err != nil {
		return nil, err
	}
	all := make([]Elementwise[T], dim)
	for j, c := range of {
		if c == nil {
			all[j] = lineQuadratic[T]{rationalQuadratic[T]{line}}
		} else {
			all[j] = newCircularQuadratic[T](circle, *c)
		}
	}
	return all, nil
}

// circleAngles are the inputs of a network that reads so many features of context
// and then some others: see nn.Angles.
func circleAngles(context int, of []*Circle, features []int) []*nn.Angle {
	all := make([]*nn.Angle, context, context+len(features))
	for _, k := range features {
		var a *nn.Angle
		if c := of[k]; c != nil {
			a = nn.AngleOf(c.Interval())
		}
		all = append(all, a)
	}
	return all
}

// CircularBase is the base of a flow of dim features of which some are circles:
// uniform on these, standard normal on the others.
func CircularBase[T bijector.Float](dim int, circles []Circle) (*distribution.Independent[T], error) {
	of, err := circlesOf[T](dim, circles)
	if err != nil {
		return nil, err
	}
	s := distribution.IndependentSpec{Dim: dim}
	for _, c := range of {
		m := distribution.MarginalSpec{Kind: "normal", Params: []float64{0, 1}}
		if c != nil {
			lo, hi := c.Interval()
			m = distribution.MarginalSpec{Kind: "uniform", Params: []float64{lo, hi}}
		}
		s.Marginals = append(s.Marginals, m)
	}
	return distribution.NewIndependent[T](s)
}

// Circular is the spline coupling of features of which some lie on circles,
//
//	z_kept  = x_kept,  z_moved = g(x_moved; theta)
//
// (Rezende et al. 2020, "Normalizing flows on tori and spheres", arXiv
// 2002.02428, section 2.1.3). Of a circle, g is a rational-quadratic spline as
// Spline's, through knots from one end of the circle to the other, whose slope at
// both ends is the same and learned, followed by a turn by a learned phase,
//
//	g(x) = spline(x) + phase  modulo the circle,  log|det dz/dx| = sum log g',
//
// so that g and its slope are continuous all around, and no point is marked. Of
// the other features, g is that of Spline: the identity outside [-B, B]. The
// conditioner sees a kept circle as cos and sin of its angle: a density is
// continuous at the seam in every feature. The base is uniform on the circles:
// CircularBase.
//
// The conditioner computes 3K+1 numbers for each moved feature: K widths, K
// heights and K slopes of a circle and its phase, in radians, where all zeros
// make the identity; other features ignore the last two.
//
// Every x is in the domain: a circle's values are taken modulo the circle, and
// what comes out lies on it, from Lo to Hi, either way. So the inverse of what
// Forward made of a value off it is the same point on it. A flow's density is one
// on the circle, from Lo to Hi; train.Fit refuses data beyond, which would be in
// other units. The cost is that of a Spline, with a sine and a cosine for each
// kept circle.
type Circular[T bijector.Float] struct {
	*Coupling[T]
	spec    CircularSpec
	circles []*Circle
	order   []int64 // the mask of the spec
}

// CircularSpec describes a Circular.
type CircularSpec struct {
	Dim        int      `json:"dim"`                   // features, at least 2
	ContextDim int      `json:"context_dim,omitempty"` // features of the context; 0: unconditional
	Mask       MaskSpec `json:"mask"`                  // which features are kept; the zero value keeps the odd ones
	// Circles are the features that lie on circles, at least one.
	Circles []Circle `json:"circles"`
	// Bins of the splines, Bound of those of other features, and MinWidth,
	// MinHeight and MinSlope: see SplineSpec, which has the same defaults.
	Bins      int     `json:"bins,omitempty"`
	Bound     float64 `json:"bound,omitempty"`
	MinWidth  float64 `json:"min_width,omitempty"`
	MinHeight float64 `json:"min_height,omitempty"`
	MinSlope  float64 `json:"min_slope,omitempty"`
	// Hidden are the widths of the conditioner's hidden layers; none means
	// 100 and 100.
	Hidden []int `json:"hidden,omitempty"`
	// Activation of the conditioner: "relu" (the default), "tanh" or another of MLPSpec's.
	Activation string `json:"activation,omitempty"`
	// Seed of the conditioner's initial weights.
	Seed uint64 `json:"seed,omitempty"`
	// OutScale shrinks the conditioner's initial last layer; 0 means 1.
	OutScale float64 `json:"out_scale,omitempty"`
}

// Values is the number of values that are saved, without those for the second
// input of a kept circle: see registry.Sizer.
func (s CircularSpec) Values() float64 {
	return couplingValues(s.Dim, s.ContextDim, s.Mask, s.Hidden, 3*float64(cmp.Or(s.Bins, conditioned.DefaultBins))+1, nil)
}

// NewCircular makes a Circular. It returns ErrSpec for a field out of its range.
func NewCircular[T bijector.Float](s CircularSpec) (*Circular[T], error) {
	mask, err := s.Mask.mask(s.Dim)
	if err != nil {
		return nil, err
	}
	if s.ContextDim < 0 || s.ContextDim > maxDim {
		return nil, fmt.Errorf("coupling: %d context features, want 0 to %d: %w", s.ContextDim, maxDim, bijector.ErrSpec)
	}
	all, err := CircularTransforms[T](s.Dim, s.Circles, SplineSpec{Bins: s.Bins, Bound: s.Bound, MinWidth: s.MinWidth, MinHeight: s.MinHeight, MinSlope: s.MinSlope})
	if err != nil {
		return nil, err
	}
	s.Mask.Keep, s.Hidden, s.Circles = slices.Clone(s.Mask.Keep), slices.Clone(s.Hidden), slices.Clone(s.Circles)
	circles, err := circlesOf[T](s.Dim, s.Circles)
	if err != nil {
		return nil, err
	}
	kept, _ := splitMask(mask, nil, nil)
	angles := circleAngles(s.ContextDim, circles, kept)
	behind := mlpConstructor[T](MLPSpec{Hidden: s.Hidden, Activation: s.Activation, Seed: s.Seed, OutScale: s.OutScale})
	c, err := New(Config[T]{
		Dim: s.Dim, ContextDim: s.ContextDim, Mask: s.Mask, Transform: all[0],
		TransformOf: func(k int) Elementwise[T] { return all[k] },
		Conditioner: func(_, out int) (bijector.Network[T], error) {
			f, err := behind(nn.ExpandedInputs(angles), out)
			if err != nil {
				return nil, err
			}
			return nn.NewAngles(f, angles), nil
		},
	})
	if err != nil {
		return nil, err
	}
	return &Circular[T]{Coupling: c, spec: s, circles: circles, order: mask}, nil
}

// Spec is the CircularSpec.
func (a *Circular[T]) Spec() any {
	s := a.spec
	s.Mask.Keep, s.Hidden, s.Circles = slices.Clone(s.Mask.Keep), slices.Clone(s.Hidden), slices.Clone(s.Circles)
	return s
}

// Validate returns ErrSpec where the mask that was loaded is not the spec's: the
// conditioner is made for the circles that it keeps.
func (a *Circular[T]) Validate() error {
	if !slices.Equal(a.mask, a.order) {
		return fmt.Errorf("coupling: the mask of a circular coupling is not that of its spec: %w", bijector.ErrSpec)
	}
	return a.Coupling.Validate()
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
