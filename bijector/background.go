// Background: what takes the pixels of drawings, most of which are blank, to the
// real line.

package bijector

import (
	"cmp"
	"fmt"
	"math"
	"sort"

	"gonum.org/v1/gonum/mathext"
)

// BackgroundSpec describes a Background.
type BackgroundSpec struct {
	Dim int `json:"dim"` // features
	// Levels is the number of levels that the data had before noise was added
	// (train.Dequantize), at least 2; 0 means 256, those of a byte. The lowest is
	// the background.
	Levels int `json:"levels,omitempty"`
	// Gap is half the distance of the two normals, in their standard
	// deviations, from 0.5 to 6; 0 means 2.5.
	Gap float64 `json:"gap,omitempty"`
}

// levels is the number of them.
func (s BackgroundSpec) levels() int { return cmp.Or(s.Levels, 256) }

// Values is the number of values that are saved: see registry.Sizer.
func (s BackgroundSpec) Values() float64 { return float64(s.levels()) }

// The default gap, and how far beyond its end a level goes on, as a share of it:
// half of the last digit of noise on bytes in float32.
const (
	defaultGap   = 2.5
	levelsMargin = 1.0 / (1 << 17)
)

// Background takes dequantised pixels in [0, 1] to the real line such that the
// lowest level's noise, uniform on [0, 1/L) of L levels, becomes a standard
// normal, and the other levels together a normal around 2g, where g is the gap;
// the two meet at g,
//
//	z = Phi^-1(c L x)            x < 1/L,   c = Phi(g)
//	z = 2g - Phi^-1(c S(x))      x >= 1/L
//
// with the normal distribution function Phi and its inverse, and S(x) the share of
// the values at 1/L and above that are above x, the noise within a level v
// uniform and each level's share s_v that of the data, and
//
//	log|det dz/dx| = sum_j log(c L s) + u_j^2/2 + log(2 pi)/2,  s = 1 or s_v,
//
// u_j the value of Phi^-1. A margin of 2^-17 levels at either end keeps 0 and 1
// finite.
//
// Where a pixel is known to be blank, all that is left of it is its noise. A flow of
// affine couplings makes a normal of it at best, and behind a logit the noise has another
// shape: a normal is 0.25 bits a pixel too wide for a uniform distribution and
// 0.6 for an exponential one, the limits of a logit for a large and a small Alpha.
// Behind a Background it is 0.01 bits for a gap of 2.5. It is the Gaussianization of one
// variable (Chen and Gopinath 2000, "Gaussianization", section 3) for the two kinds
// of pixels, and exact as any bijection: a density stays one of the data.
//
// The first Calibrate with start counts the levels of all features together; until then
// all have one share. A thousandth goes to all of them evenly, so that a level
// that was not seen has a density.
//
// The domain is [0, 1]. A latent beyond becomes the nearest end, with the
// log-det of that number. The slope jumps between levels, at points that noise hits
// once in 65,536 times. The cost is a normal quantile and a logarithm a value, and a
// complementary error function back.
//
// Buffers are "shares" of the levels but the lowest, and "initialised", which is 1 once
// the data was seen.
type Background[T Float] struct {
	*elementwise[T]
	spec        BackgroundSpec
	shares      []float64
	initialised []int64
	curve       *backgroundCurve
}

// NewBackground makes a Background. It returns ErrSpec for fewer than 2 levels or
// more than 65536, and for a gap out of its range.
func NewBackground[T Float](s BackgroundSpec) (*Background[T], error) {
	if err := checkDim("a background", s.Dim); err != nil {
		return nil, err
	}
	levels, gap := s.levels(), cmp.Or(s.Gap, defaultGap)
	if levels < 2 || levels > 1<<16 {
		return nil, fmt.Errorf("bijector: a background of %d levels, want 2 to 65536: %w", s.Levels, ErrSpec)
	}
	if !(gap >= 0.5 && gap <= 6) {
		return nil, fmt.Errorf("bijector: a background with a gap of %v, want 0.5 to 6: %w", s.Gap, ErrSpec)
	}
	r := room{hi: 1, least: 0, most: 1}
	r.before, r.after = nextOf[T](0, -1), nextOf[T](1, 2)
	c := &backgroundCurve{room: r, levels: float64(levels), gap: gap, mass: normalBelow(gap), above: make([]float64, levels)}
	l := &Background[T]{spec: s, shares: make([]float64, levels-1), initialised: make([]int64, 1), curve: c}
	for i := range l.shares {
		l.shares[i] = 1 / float64(len(l.shares))
	}
	c.shares = l.shares
	c.sum()
	l.elementwise = newElementwise[T](s.Dim, c)
	return l, nil
}

// Spec is the BackgroundSpec.
func (l *Background[T]) Spec() any { return l.spec }

// Buffers are "shares" and "initialised".
func (l *Background[T]) Buffers() []Buffer {
	return []Buffer{
		{Name: "shares", Shape: []int{len(l.shares)}, Data: l.shares},
		{Name: "initialised", Shape: []int{1}, Data: l.initialised},
	}
}

// Invalidate reads the shares anew.
func (l *Background[T]) Invalidate() { l.curve.sum() }

// Validate returns ErrSpec where the shares are none.
func (l *Background[T]) Validate() error {
	sum := 0.0
	for _, s := range l.shares {
		if !(s > 0) {
			return fmt.Errorf("bijector: a background with a level of share %v, want positive ones: %w", s, ErrSpec)
		}
		sum += s
	}
	if !(math.Abs(sum-1) < 1e-6) {
		return fmt.Errorf("bijector: a background with shares of %v in all, want 1: %w", sum, ErrSpec)
	}
	return checkFlag("a background", l.initialised[0])
}

// calibratesOnce is true.
func (l *Background[T]) calibratesOnce() bool { return true }

// Calibrate counts the levels of x, once.
func (l *Background[T]) Calibrate(x, cond Mat[T], start bool, w *Workers) {
	l.CalibrateWeighted(x, cond, nil, start, w)
}

// CalibrateWeighted counts the levels of weighted rows, once.
func (l *Background[T]) CalibrateWeighted(x, _ Mat[T], weights []float64, start bool, _ *Workers) {
	if !start || l.initialised[0] != 0 || x.N == 0 {
		return
	}
	const even = 1e-3
	counts, total := make([]float64, len(l.shares)), 0.0
	for j := range x.D {
		for i, v := range x.Feature(j) {
			at, weight := int(l.curve.levels*float64(v)), 1.0
			if weights != nil {
				weight = weights[i]
			}
			if at >= 1 && v <= 1 {
				counts[min(at, len(counts))-1] += weight
				total += weight
			}
		}
	}
	if total > 0 {
		for i, n := range counts {
			l.shares[i] = even/float64(len(counts)) + (1-even)*n/total
		}
	}
	l.initialised[0] = 1
	l.Invalidate()
}

// normalBelow is the standard normal distribution function.
func normalBelow(z float64) float64 { return math.Erfc(-z/math.Sqrt2) / 2 }

type backgroundCurve struct {
	room
	levels, gap, mass float64
	shares            []float64 // of levels 1 and up
	above             []float64 // share of what is above level i
}

// sum adds up the shares, from the top.
func (c *backgroundCurve) sum() {
	for i := len(c.shares) - 1; i >= 0; i-- {
		c.above[i] = c.above[i+1] + c.shares[i]
	}
}

// margin is a share at the end of the levels but the lowest.
func (c *backgroundCurve) margin() float64 { return levelsMargin * c.shares[len(c.shares)-1] }

// normal is the quantile u that belongs to x, and the log-slope; NaN outside of
// the domain.
func (c *backgroundCurve) normal(x float64) (u, logSlope float64, blank bool) {
	at := c.levels * x
	if !(at >= 0 && at <= c.levels) {
		return math.NaN(), math.NaN(), false
	}
	outside, width, share := at+levelsMargin, 1+levelsMargin, 1.0
	if blank = at < 1; !blank {
		m, v := c.margin(), min(int(at), len(c.shares))
		share = c.shares[v-1]
		outside, width = c.above[v]+share*(float64(v+1)-at)+m, 1+m
	}
	u = mathext.NormalQuantile(c.mass * min(outside/width, 1))
	return u, math.Log(c.mass*c.levels*share/width) + u*u/2 + math.Log(2*math.Pi)/2, blank
}

func (c *backgroundCurve) forward(x float64) (z, logSlope float64) {
	u, logSlope, blank := c.normal(x)
	if blank {
		return u, logSlope
	}
	return 2*c.gap - u, logSlope
}

func (c *backgroundCurve) inverse(z float64) (x, logSlope float64) {
	if z < c.gap {
		x = (normalBelow(z)/c.mass*(1+levelsMargin) - levelsMargin) / c.levels
	} else {
		m := c.margin()
		rest := normalBelow(2*c.gap-z)/c.mass*(1+m) - m
		v := 1 + sort.Search(len(c.shares)-1, func(i int) bool { return c.above[i+1] <= rest })
		x = (float64(v+1) - (rest-c.above[v])/c.shares[v-1]) / c.levels
	}
	x, _ = c.inside(z, x)
	_, logSlope = c.forward(x)
	return x, logSlope
}

// derivatives. With u = Phi^-1(y), f' = +-u' and (log f')' = u u'.
func (c *backgroundCurve) derivatives(x float64) (slope, bend float64) {
	u, logSlope, blank := c.normal(x)
	slope = math.Exp(logSlope)
	if blank {
		return slope, u * slope
	}
	return slope, -u * slope
}
