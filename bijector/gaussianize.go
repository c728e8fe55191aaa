// Gaussianize: columns as they come, with heavy tails, skew or outliers, made
// standard normals one by one before a flow sees them.

package bijector

import (
	"fmt"
	"math"

	"github.com/bijou-flow/bijou/internal/margin"
	"github.com/bijou-flow/bijou/internal/rows"
)

// GaussianizeSpec describes a Gaussianize.
type GaussianizeSpec struct {
	Dim int `json:"dim"` // features
	// MinGain is by how many nats a value the estimated density of a column has
	// to be better than a normal one, on values that it was not estimated from,
	// for the column to be changed. 0 means 0.15.
	MinGain float64 `json:"min_gain,omitempty"`
}

const (
	defaultMinGain = 0.15
	knots          = margin.MaxBins + 1
	tailFigures    = 4 // shape and scale of the lower and of the upper tail
)

// Values is the number of values that are saved: see registry.Sizer.
func (s GaussianizeSpec) Values() float64 { return (3*knots + tailFigures) * float64(s.Dim) }

// Gaussianize maps each feature by an increasing function of its own, its
// estimated distribution function F followed by the quantile function of a
// standard normal,
//
//	z_j = Phi^-1(F_j(x_j)),  x_j = F_j^-1(Phi(z_j)),
//	log|det dz/dx| = sum_j log f_j(x_j) - log phi(z_j)
//
// with f = F' and the normal density phi (Chen and Gopinath 2000,
// "Gaussianization", section 3). Between quantiles that the training data sets,
// z is a monotone rational quadratic spline of x. Beyond the outer ones, some
// three roots of the number of rows on each side, it is what makes a normal of a
// generalized Pareto tail, heavy as the data's is,
//
//	1 - F(x) = p (1 + xi (x - u)/sigma)^(-1/xi),
//
// (Pickands 1975; Hickling and Prangle 2024, arXiv 2406.16971, section 3, put
// such tails on flows), estimated as by Zhang and Stephens 2009, or a straight
// line where that fits better. A latent beyond 8 is mapped linearly, so that
// every draw is finite.
//
// It starts as the identity. The first Calibrate with start estimates each F
// on the training data, and nothing moves it afterwards. A feature stays as it
// is where a normal describes it nearly as well (GaussianizeSpec.MinGain), where
// values repeat (fewer than 32 different ones, or one that 5 % of the rows have),
// or where there are fewer than 40 rows.
//
// Every x is in the domain. The cost is that of a spline for the features that
// are changed, and of a copy for the others.
//
// Buffers are "bins", the number of bins of each feature, 0 for one that stays
// as it is; "knots", "latents" and "slopes", the splines' x, z and dz/dx at the
// knots; "tails", the shapes and scales of the lower and upper tails, with the
// shape -1 for a straight line and -2 for one of asinh; and "initialised", which is 1 once the data was
// seen.
type Gaussianize[T Float] struct {
	*elementwise[T]
	spec                          GaussianizeSpec
	bins, initialised             []int64
	knots, latents, slopes, tails []float64
	margins                       []curve // of the buffers; nil: the identity
}

// NewGaussianize makes a Gaussianize that is still the identity. It returns
// ErrSpec for a MinGain that is negative or not finite.
func NewGaussianize[T Float](s GaussianizeSpec) (*Gaussianize[T], error) {
	if err := checkDim("a gaussianization", s.Dim); err != nil {
		return nil, err
	}
	if !(s.MinGain >= 0) || math.IsInf(s.MinGain, 0) {
		return nil, fmt.Errorf("bijector: a gaussianization with a least gain of %v nats, want 0 for the default, or more: %w", s.MinGain, ErrSpec)
	}
	l := &Gaussianize[T]{
		spec: s, bins: make([]int64, s.Dim), initialised: make([]int64, 1),
		knots: make([]float64, s.Dim*knots), latents: make([]float64, s.Dim*knots), slopes: make([]float64, s.Dim*knots),
		tails: make([]float64, s.Dim*tailFigures), margins: make([]curve, s.Dim),
	}
	l.elementwise = newFeaturewise[T](s.Dim, func(j int) curve {
		if j < 0 || j >= len(l.margins) {
			return nil
		}
		return l.margins[j]
	})
	return l, nil
}

// Buffers are the state that Calibrate estimates, see Gaussianize.
func (l *Gaussianize[T]) Buffers() []Buffer {
	d := l.spec.Dim
	return []Buffer{
		{Name: "bins", Shape: []int{d}, Data: l.bins},
		{Name: "knots", Shape: []int{d, knots}, Data: l.knots},
		{Name: "latents", Shape: []int{d, knots}, Data: l.latents},
		{Name: "slopes", Shape: []int{d, knots}, Data: l.slopes},
		{Name: "tails", Shape: []int{d, tailFigures}, Data: l.tails},
		{Name: "initialised", Shape: []int{1}, Data: l.initialised},
	}
}

// Spec is the GaussianizeSpec.
func (l *Gaussianize[T]) Spec() any { return l.spec }

// Calibrate estimates the distributions of the features of x, once.
func (l *Gaussianize[T]) Calibrate(x, _ Mat[T], start bool, w *Workers) {
	if !start || l.initialised[0] != 0 || x.N == 0 {
		return
	}
	gain := l.spec.MinGain
	if gain == 0 {
		gain = defaultMinGain
	}
	w.For(x.D, 1, func(lo, hi int) {
		values := make([]float64, x.N)
		for j := lo; j < hi; j++ {
			for i, v := range x.Feature(j) {
				values[i] = float64(v)
			}
			if m := margin.Fit(values, gain).Margin; m != nil {
				l.store(j, m)
			}
		}
	})
	l.initialised[0] = 1
	l.Invalidate()
}

// store writes a margin to the buffers.
func (l *Gaussianize[T]) store(j int, m *margin.Margin) {
	l.bins[j] = int64(len(m.X) - 1)
	copy(l.knots[j*knots:], m.X)
	copy(l.latents[j*knots:], m.Z)
	copy(l.slopes[j*knots:], m.Slope)
	copy(l.tails[j*tailFigures:], []float64{m.Lower.Shape, m.Lower.Scale, m.Upper.Shape, m.Upper.Scale})
}

// load is the margin in the buffers; bins are in range.
func (l *Gaussianize[T]) load(j int) *margin.Margin {
	lo, hi, t := j*knots, j*knots+int(l.bins[j])+1, l.tails[j*tailFigures:]
	return &margin.Margin{
		X: l.knots[lo:hi], Z: l.latents[lo:hi], Slope: l.slopes[lo:hi],
		Lower: margin.Tail{Shape: t[0], Scale: t[1]}, Upper: margin.Tail{Shape: t[2], Scale: t[3]},
	}
}

// Invalidate makes the functions of the buffers anew.
func (l *Gaussianize[T]) Invalidate() {
	for j := range l.margins {
		l.margins[j] = nil
		if b := l.bins[j]; b < 1 || b >= knots {
			continue
		}
		if m := l.load(j); m.Validate() == nil {
			m.Prepare()
			l.margins[j] = marginCurve{m}
		}
	}
}

// Validate returns ErrSpec where the buffers hold no increasing functions.
func (l *Gaussianize[T]) Validate() error {
	for j, b := range l.bins {
		if b < 0 || b >= knots {
			return fmt.Errorf("bijector: feature %d of a gaussianization has %d bins, want 0 to %d: %w", j, b, knots-1, ErrSpec)
		}
		if b == 0 {
			continue
		}
		if err := l.load(j).Validate(); err != nil {
			return fmt.Errorf("bijector: feature %d of a gaussianization: %w: %w", j, err, ErrSpec)
		}
	}
	for _, v := range [][]float64{l.knots, l.latents, l.slopes, l.tails} {
		for _, x := range v {
			if !rows.IsFinite(x) {
				return fmt.Errorf("bijector: a gaussianization with a %v among its figures: %w", x, ErrSpec)
			}
		}
	}
	return checkFlag("a gaussianization", l.initialised[0])
}

// marginCurve is a margin as a curve.
type marginCurve struct{ *margin.Margin }

func (c marginCurve) forward(x float64) (z, logSlope float64) {
	z, logSlope, _ = c.Forward(x)
	return z, logSlope
}

func (c marginCurve) inverse(z float64) (x, logSlope float64) { return c.Inverse(z) }

func (c marginCurve) derivatives(x float64) (slope, bend float64) {
	_, logSlope, bend := c.Forward(x)
	return math.Exp(logSlope), bend
}

func (marginCurve) domain() (lo, hi float64) { return math.Inf(-1), math.Inf(1) }

func (marginCurve) image() (lo, hi float64) { return math.Inf(-1), math.Inf(1) }
