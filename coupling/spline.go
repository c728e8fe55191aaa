// The spline coupling of neural spline flows.

package coupling

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/conditioned"
)

// Spline is the rational-quadratic spline coupling
//
//	z_kept = x_kept,  z_moved = g(x_moved; theta)
//
// (Durkan et al. 2019, arXiv 1906.04032, section 3). Within the box [-B, B], g
// is a monotonic spline through K+1 knots (x_k, y_k) with slopes d_k, and
// outside it is the identity. In bin k, of width w = x_(k+1) - x_k, height
// h = y_(k+1) - y_k and mean slope s = h/w, with q = (x - x_k)/w and
// D = s + (d_(k+1) + d_k - 2s) q(1-q),
//
//	g(x)  = y_k + h (s q^2 + d_k q(1-q)) / D                            (eq. 4)
//	g'(x) = s^2 (d_(k+1) q^2 + 2s q(1-q) + d_k (1-q)^2) / D^2           (eq. 5)
//
// g and its slope are continuous everywhere, also at -B and B, where the slope
// is 1 without SplineSpec.FreeEnds; log|det dz/dx| = sum log g', and the inverse is the root of a quadratic
// (eq. 6 to 8). Rounding respects the box: -B and B stay where they are, and
// what is between them stays between them, either way.
//
// The conditioner computes 3K-1 numbers for each moved feature: K for the
// widths and K for the heights, each through a softmax, and K-1 for the slopes
// at the inner knots, d = MinSlope + softplus(r + c), where c is such that
// r = 0 means a slope of 1. All zeros make the identity. An r above 1/MinSlope
// counts as 1/MinSlope, which no trained net comes near: it keeps what a net
// says far from its data within range. SplineSpec.Knots has another way.
//
// Every x is in the domain. The cost either way is one evaluation of the net
// and, for each moved feature, 2K exponentials, a search through up to K bins,
// two softplus and a logarithm; the inverse takes a square root besides.
type Spline[T bijector.Float] struct {
	*Coupling[T]
	spec SplineSpec
}

// SplineSpec describes a Spline.
type SplineSpec struct {
	Dim        int      `json:"dim"`                   // features, at least 2
	ContextDim int      `json:"context_dim,omitempty"` // features of the context; 0: unconditional
	Mask       MaskSpec `json:"mask"`                  // which features are kept; the zero value keeps the odd ones
	// Bins is K, from 2 to 1024; 0 means 8, as in most of the paper's
	// experiments.
	Bins int `json:"bins,omitempty"`
	// Bound is B, in the units of the data; 0 means 5. Values outside are not
	// moved. Of standard normal values 0.3 % are outside the paper's B of 3,
	// which is one row in twenty where 20 features are moved, and outside 5 one
	// value in 1.7 million. Data of another scale want an ActNorm in front,
	// which NSF puts there.
	Bound float64 `json:"bound,omitempty"`
	// MinWidth and MinHeight of a bin, as fractions of the box; at least 1e-6,
	// and less than 1/Bins. 0 means 1e-3.
	MinWidth  float64 `json:"min_width,omitempty"`
	MinHeight float64 `json:"min_height,omitempty"`
	// MinSlope at an inner knot, at least 1e-6 and below 1; 0 means 1e-3.
	MinSlope float64 `json:"min_slope,omitempty"`
	// Knots is how widths, heights and slopes come from the conditioner's outputs r:
	//
	//	softplus     shares MinWidth + (1 - K MinWidth) softmax(r) and likewise of the
	//	             heights, slopes MinSlope + softplus(r + c); the default, the paper's
	//	exponential  shares softmax(r / (1 + 2|r|/C)), slopes exp(r / (1 + |r|/C)) with
	//	             C = -log MinSlope, so that a slope is from MinSlope to 1/MinSlope
	//	             and no MinWidth or MinHeight is needed; zuko's
	Knots string `json:"knots,omitempty"`
	// HalfTurn makes the box a circle from -Bound to Bound, turned by half of it
	// before the spline: x to (x mod 2 Bound) - Bound. No value is outside, and one
	// beyond the circle is taken modulo it. This is the circular spline of zuko's
	// NCSF, whose seam is at 0 and at the bounds; Circular has none.
	HalfTurn bool `json:"half_turn,omitempty"`
	// FreeEnds has the conditioner say the slopes at -Bound and Bound too, K+1 in
	// place of K-1, where they are 1 otherwise: within the box a spline is free, and
	// its slope jumps at the ends, where values outside stay as they are. FlowJAX's.
	FreeEnds bool `json:"free_ends,omitempty"`
	// Hidden are the widths of the conditioner's hidden layers; none means
	// 100 and 100.
	Hidden []int `json:"hidden,omitempty"`
	// Activation of the conditioner: "relu" (the default), "tanh" or another of MLPSpec's.
	Activation string `json:"activation,omitempty"`
	// Seed of the conditioner's initial weights.
	Seed uint64 `json:"seed,omitempty"`
	// OutScale shrinks the conditioner's initial last layer; 0 means 1.
	OutScale float64 `json:"out_scale,omitempty"`
	// Conditioner is the user's own, in place of the perceptron that the four
	// fields above describe.
	Conditioner *bijector.NamedSpec `json:"conditioner,omitempty"`
}

// Values is the number of values that are saved: see registry.Sizer.
func (s SplineSpec) Values() float64 {
	return couplingValues(s.Dim, s.ContextDim, s.Mask, s.Hidden, conditioned.SplineParams(s.Bins, s.FreeEnds), s.Conditioner)
}

// NewSpline makes a Spline with a perceptron for a conditioner. It returns
// ErrSpec for a field out of its range.
func NewSpline[T bijector.Float](s SplineSpec) (*Spline[T], error) {
	return BuildSpline[T](s, nil)
}

// BuildSpline makes a Spline whose conditioner, where the spec names one,
// comes from b.
func BuildSpline[T bijector.Float](s SplineSpec, b bijector.Builder[T]) (*Spline[T], error) {
	if s.Conditioner != nil {
		return NewSplineWith(s, builtConditioner(s.Conditioner, b))
	}
	return newSpline(s, mlpConstructor[T](MLPSpec{Hidden: s.Hidden, Activation: s.Activation, Seed: s.Seed, OutScale: s.OutScale}))
}

// NewSplineWith makes a Spline with the conditioner that the function returns,
// for in = context and kept features and out = 3*Bins-1, or 3*Bins+1 with FreeEnds,
// for each moved feature: widths, heights, then slopes. The spec's fields about the
// perceptron are not used.
func NewSplineWith[T bijector.Float](s SplineSpec, conditioner func(in, out int) (bijector.Network[T], error)) (*Spline[T], error) {
	a, err := newSpline(s, conditioner)
	if err != nil {
		return nil, err
	}
	a.spec.Conditioner = conditionerSpec(a.net, s.Conditioner)
	return a, nil
}

func newSpline[T bijector.Float](s SplineSpec, conditioner func(in, out int) (bijector.Network[T], error)) (*Spline[T], error) {
	q, err := newSplineShape(s)
	if err != nil {
		return nil, err
	}
	c, err := New(Config[T]{Dim: s.Dim, ContextDim: s.ContextDim, Mask: s.Mask, Transform: rationalQuadratic[T]{q}, Conditioner: conditioner})
	if err != nil {
		return nil, err
	}
	s.Mask.Keep, s.Hidden = slices.Clone(s.Mask.Keep), slices.Clone(s.Hidden)
	return &Spline[T]{Coupling: c, spec: s}, nil
}

// RationalQuadratic is the transform of Spline for layers of other kinds:
// 3*Bins-1 parameters, or 3*Bins+1 with FreeEnds: widths, heights, then slopes. Of the spec it reads Bins,
// Bound, MinWidth, MinHeight, MinSlope, Knots, HalfTurn and FreeEnds. It returns ErrSpec for
// numbers that make no spline.
func RationalQuadratic[T bijector.Float](s SplineSpec) (Elementwise[T], error) {
	q, err := newSplineShape(s)
	return rationalQuadratic[T]{q}, err
}

// Spec is the SplineSpec.
func (a *Spline[T]) Spec() any { return a.spec }

// Defaults and bounds of a SplineSpec.
const (
	defaultBound   = 5
	defaultMinBin  = 1e-3
	maxBins        = 1 << 10
	maxBound       = 1e6
	smallestMinBin = 1e-6
)

// newSplineShape reads a spec's numbers.
func newSplineShape(s SplineSpec) (splineShape, error) {
	var q splineShape
	q.bins = cmp.Or(s.Bins, conditioned.DefaultBins)
	if q.bins < 2 || q.bins > maxBins {
		return q, fmt.Errorf("coupling: a spline of %d bins, want 2 to %d: %w", s.Bins, maxBins, bijector.ErrSpec)
	}
	if q.bound = s.Bound; s.Bound == 0 {
		q.bound = defaultBound
	}
	if !(q.bound >= 1/maxBound && q.bound <= maxBound) {
		return q, fmt.Errorf("coupling: a spline with bound %g, want %g to %g: %w", s.Bound, 1/maxBound, maxBound, bijector.ErrSpec)
	}
	least := func(name string, v, below float64) (float64, error) {
		if v == 0 {
			v = defaultMinBin
		}
		if !(v >= smallestMinBin && v < below) {
			return v, fmt.Errorf("coupling: a spline of %d bins with %s %g, want at least %g and less than %g: %w", q.bins, name, v, smallestMinBin, below, bijector.ErrSpec)
		}
		return v, nil
	}
	exponential, err := s.exponentialKnots()
	if err != nil {
		return q, err
	}
	width, err := least("min_width", s.MinWidth, 1/float64(q.bins))
	if err != nil {
		return q, err
	}
	height, err := least("min_height", s.MinHeight, 1/float64(q.bins))
	if err != nil {
		return q, err
	}
	if q.minSlope, err = least("min_slope", s.MinSlope, 1); err != nil {
		return q, err
	}
	if q.turned = s.HalfTurn; q.turned && s.FreeEnds {
		return q, fmt.Errorf("coupling: a spline with half_turn and free_ends, want one of them: a circle has no ends: %w", bijector.ErrSpec)
	}
	if s.FreeEnds {
		q.ends = 1
	}
	if exponential {
		q.clip, width, height = -math.Log(q.minSlope), 0, 0
	}
	q.x, q.y = q.newAxis(width), q.newAxis(height)
	q.slopeOffset = math.Log(math.Expm1(1 - q.minSlope))
	q.maxRawSlope = 1 / q.minSlope
	if exponential {
		q.maxRawSlope = math.Inf(1)
	}
	return q, nil
}

// exponentialKnots reads Knots.
func (s SplineSpec) exponentialKnots() (bool, error) {
	switch s.Knots {
	case "", "softplus":
		return false, nil
	case "exponential":
		if s.MinWidth != 0 || s.MinHeight != 0 {
			return false, fmt.Errorf("coupling: a spline with exponential knots and min_width %g, min_height %g, want none: %w", s.MinWidth, s.MinHeight, bijector.ErrSpec)
		}
		return true, nil
	}
	return false, fmt.Errorf("coupling: a spline with knots %q, want softplus or exponential: %w", s.Knots, bijector.ErrSpec)
}

// newAxis is one whose bins have at least a fraction of the box.
func (q splineShape) newAxis(fraction float64) binAxis {
	least := 2 * q.bound * fraction
	return binAxis{minSize: least, freeSize: 2*q.bound - float64(q.bins)*least}
}
