// Bounds: columns on an interval or a half-line, such as rates, durations and
// prices, taken to the real line, and draws that stay where the data is.

package bijector

import (
	"fmt"
	"math"
	"slices"
)

// BoundsSpec describes a Bounds.
type BoundsSpec struct {
	Dim int `json:"dim"` // features
	// Features are those with a bound, each at most once. The others pass
	// through as they are.
	Features []FeatureBounds `json:"features,omitempty"`
}

// FeatureBounds are the bounds of one feature: see Between, Above and Below.
type FeatureBounds struct {
	Feature int `json:"feature"` // counted from 0
	// Lower and Upper are the bounds, as the element type holds them. Nil means
	// that there is no bound on this side.
	Lower *float64 `json:"lower,omitempty"`
	Upper *float64 `json:"upper,omitempty"`
	// InferLower and InferUpper take the bound from the training data: the
	// smallest or the largest value, moved out by a tenth of its distance from
	// the median. There is none until then. A side is given or inferred, not
	// both. Where a bound is known, it is better given: values beyond an inferred
	// one, in new data, have the density 0.
	InferLower bool `json:"infer_lower,omitempty"`
	InferUpper bool `json:"infer_upper,omitempty"`
	// Margin above 0 counts the bounds themselves in: in the units of the data,
	// how far beyond them the formula has its poles. 0 leaves them out. Data that
	// reach their bounds want a hundredth of their range, about.
	Margin float64 `json:"margin,omitempty"`
}

// Between are the bounds of a feature on an interval. A lower bound of -Inf or an
// upper one of +Inf is none.
func Between(feature int, lower, upper float64) FeatureBounds {
	return FeatureBounds{Feature: feature, Lower: finiteOrNone(&lower, -1), Upper: finiteOrNone(&upper, 1)}
}

// Above is the bound of a feature on the half-line above lower.
func Above(feature int, lower float64) FeatureBounds { return Between(feature, lower, math.Inf(1)) }

// Below is the bound of a feature on the half-line below upper.
func Below(feature int, upper float64) FeatureBounds { return Between(feature, math.Inf(-1), upper) }

// inferred is how many bounds come from data.
func (s BoundsSpec) inferred() (n int) {
	for _, b := range s.Features {
		if b.InferLower {
			n++
		}
		if b.InferUpper {
			n++
		}
	}
	return n
}

// Values is the number of values that are saved: see registry.Sizer.
func (s BoundsSpec) Values() float64 {
	if n := s.inferred(); n > 0 {
		return float64(n) + 1
	}
	return 0
}

// clone is a copy that shares nothing, and has no bound for one that is infinite,
// which JSON cannot hold.
func (s BoundsSpec) clone() BoundsSpec {
	s.Features = slices.Clone(s.Features)
	for i := range s.Features {
		b := &s.Features[i]
		b.Lower, b.Upper = finiteOrNone(b.Lower, -1), finiteOrNone(b.Upper, 1)
	}
	return s
}

// finiteOrNone is a copy of a bound, or nil for the infinity of its side.
func finiteOrNone(bound *float64, sign int) *float64 {
	if bound == nil || math.IsInf(*bound, sign) {
		return nil
	}
	v := *bound
	return &v
}

// Bounds takes bounded columns to the real line, each by a function of its own.
// With the bounds a and b of a feature, and its margin m,
//
//	a < x < b   z = log((x - a + m)/(b - x + m)),  x = a - m + (b - a + 2m) sigma(z)
//	a < x       z = log(x - a + m),                x = a - m + exp(z)
//	x < b       z = -log(b - x + m),               x = b + m - exp(-z)
//	free        z = x
//
//	log|det dz/dx| = sum_j log(1/(x_j - a_j + m_j) + 1/(b_j - x_j + m_j)),
//
// without the terms of bounds that there are not (the transforms of Carpenter et
// al. 2017, "Stan: a probabilistic programming language", Journal of Statistical
// Software 76). Put it first in a chain, before all that a recipe makes: the
// density stays one of the data, in its units. A half-line is bent by the
// logarithm because a change of units is then a shift of z, which the
// Standardize of a recipe takes out again, and because x - a keeps its relative
// digits at any distance from the bound; what grows linearly far from its bound
// is rather for an inverted Softplus.
//
// The domain is open where the margin is 0: a row with a value on a bound or
// beyond has the log-det -Inf, and so a flow's density 0, Forward names it, and
// train.Fit refuses such data before it starts. With a margin, the domain has
// the bounds in it, and what is beyond is outside as before; the density that
// the formula has between a bound and its pole is on the bound, where draws go.
//
// Inverse never leaves the bounds, for any finite z: what rounds to a bound that
// is not in the domain becomes the nearest number of the element type within,
// what passes one that is becomes the bound itself, and what overflows the
// largest number. The log-det of such a row is that of the x which comes out.
//
// The cost is up to two logarithms a bounded value, and an exponential and a
// logarithm back; free features are copied.
//
// Buffers, where a bound is inferred, are "bounds", the inferred ones in the
// order of the features, the lower before the upper, and "initialised", which is
// 1 once the data was seen.
type Bounds[T Float] struct {
	*elementwise[T]
	spec        BoundsSpec
	bounds      []float64
	initialised []int64
	curves      []curve // of the features; nil: free
}

// NewBounds makes a Bounds. It returns ErrSpec for bounds that leave no number of
// T between them, that are not finite or not in T's range, and for features that
// are not there or listed twice.
func NewBounds[T Float](s BoundsSpec) (*Bounds[T], error) {
	if err := checkDim("bounds", s.Dim); err != nil {
		return nil, err
	}
	s = s.clone()
	l := &Bounds[T]{spec: s, curves: make([]curve, s.Dim)}
	l.elementwise = newFeaturewise[T](s.Dim, func(j int) curve {
		if j < 0 || j >= len(l.curves) {
			return nil
		}
		return l.curves[j]
	})
	if n := s.inferred(); n > 0 {
		l.bounds, l.initialised = make([]float64, n), make([]int64, 1)
	}
	listed := make(map[int]bool, len(s.Features))
	for _, b := range s.Features {
		switch j := b.Feature; {
		case j < 0 || j >= s.Dim:
			return nil, fmt.Errorf("bijector: bounds of feature %d (counted from 0) among %d: %w", j, s.Dim, ErrSpec)
		case listed[j]:
			return nil, fmt.Errorf("bijector: bounds of feature %d (counted from 0) twice; list it once, with both: %w", j, ErrSpec)
		case b.Lower != nil && b.InferLower || b.Upper != nil && b.InferUpper:
			return nil, fmt.Errorf("bijector: a bound of feature %d (counted from 0) that is given and inferred; leave one out: %w", j, ErrSpec)
		}
		listed[b.Feature] = true
	}
	if err := l.build(); err != nil {
		return nil, err
	}
	return l, nil
}

// Buffers are the inferred bounds, where there are some.
func (l *Bounds[T]) Buffers() []Buffer {
	if len(l.bounds) == 0 {
		return nil
	}
	return []Buffer{
		{Name: "bounds", Shape: []int{len(l.bounds)}, Data: l.bounds},
		{Name: "initialised", Shape: []int{1}, Data: l.initialised},
	}
}

// Spec is the BoundsSpec.
func (l *Bounds[T]) Spec() any { return l.spec.clone() }

// Limits are the bounds of feature j as T holds them, given or inferred; -Inf and
// +Inf where there is none.
func (l *Bounds[T]) Limits(j int) (lower, upper float64) {
	switch c := l.curveOf(j).(type) {
	case intervalCurve:
		return c.lo, c.hi
	case aboveCurve:
		return c.lo, c.hi
	case mirrored:
		return -c.of.hi, -c.of.lo
	}
	return math.Inf(-1), math.Inf(1)
}

// build makes the curves of the bounds there are, as far as they can be, and
// returns the first objection.
func (l *Bounds[T]) build() (err error) {
	rest := l.bounds
	side := func(given *float64, infer bool, none float64) float64 {
		if infer {
			v := rest[0]
			if rest = rest[1:]; l.initialised[0] == 1 {
				return v
			}
		}
		if given != nil {
			return *given
		}
		return none
	}
	for _, b := range l.spec.Features {
		lo := side(b.Lower, b.InferLower, math.Inf(-1))
		hi := side(b.Upper, b.InferUpper, math.Inf(1))
		c, e := newBoundsCurve[T](lo, hi, b.Margin)
		if e != nil && err == nil {
			err = fmt.Errorf("bijector: bounds of feature %d (counted from 0): %w", b.Feature, e)
		}
		l.curves[b.Feature] = c
	}
	return err
}

// Invalidate makes the functions of the buffers anew.
func (l *Bounds[T]) Invalidate() {
	if len(l.bounds) > 0 {
		_ = l.build() // Validate returns it
	}
}

// Validate returns ErrSpec where inferred bounds leave nothing between them, or
// the flag is neither 0 nor 1.
func (l *Bounds[T]) Validate() error {
	if len(l.bounds) == 0 {
		return nil
	}
	if err := checkFlag("bounds", l.initialised[0]); err != nil {
		return err
	}
	return l.build()
}

// Calibrate infers the bounds that are to come from data, once.
func (l *Bounds[T]) Calibrate(x, _ Mat[T], start bool, _ *Workers) {
	if !start || len(l.bounds) == 0 || l.initialised[0] != 0 || x.N == 0 {
		return
	}
	rest := l.bounds
	for _, b := range l.spec.Features {
		if !b.InferLower && !b.InferUpper {
			continue
		}
		lo, hi := inferBounds(x.Feature(b.Feature))
		if b.InferLower {
			if b.Upper != nil { // data beyond a given bound says nothing
				lo = min(lo, *b.Upper-max(math.Abs(*b.Upper), 1)/2)
			}
			rest[0], rest = lo, rest[1:]
		}
		if b.InferUpper {
			if b.Lower != nil {
				hi = max(hi, *b.Lower+max(math.Abs(*b.Lower), 1)/2)
			}
			rest[0], rest = hi, rest[1:]
		}
	}
	l.initialised[0] = 1
	l.Invalidate()
}

// inferShare is how far a bound is beyond the outermost value, as a share of that
// value's distance from the median. The median rather than the other end: a long
// tail on one side moves nothing on the other.
const inferShare = 0.1

// inferBounds are bounds around the values of a column.
func inferBounds[T Float](column []T) (lo, hi float64) {
	v := make([]T, 0, len(column))
	for _, x := range column {
		if x-x == 0 {
			v = append(v, x)
		}
	}
	if len(v) == 0 {
		return -1, 1
	}
	slices.Sort(v)
	least, middle, most := float64(v[0]), float64(v[len(v)/2]), float64(v[len(v)-1])
	out := func(distance float64) float64 { // a column may have one value, or one alone on this side
		for _, d := range []float64{distance, most - least, math.Abs(least), 1} {
			if d > 0 {
				return inferShare * d
			}
		}
		return inferShare
	}
	lo, hi = float64(T(least-out(middle-least))), float64(T(most+out(most-middle)))
	// Rounding leaves the outermost values inside.
	lo, hi = min(lo, nextOf[T](least, math.Inf(-1))), max(hi, nextOf[T](most, math.Inf(1)))
	return max(lo, -largestBound[T]()), min(hi, largestBound[T]())
}
