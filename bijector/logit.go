// Logit: what takes data from an interval, such as the brightness of pixels,
// to the real line, where a flow is at home.

package bijector

import (
	"fmt"
	"math"
)

// LogitSpec describes a Logit.
type LogitSpec struct {
	Dim int `json:"dim"` // features
	// Alpha keeps the ends of the interval finite: 0 and 1 go to -+log(1/Alpha - 1).
	// At least 0 and below 0.5. 0 is the plain logit, which sends the ends to
	// infinity; data that reaches them wants 1e-6 to 0.05.
	Alpha float64 `json:"alpha,omitempty"`
	// Clamp keeps draws in [0, 1], where those with an Alpha go beyond: see Logit.
	Clamp bool `json:"clamp,omitempty"`
}

// Values is 0: nothing is saved. See registry.Sizer.
func (LogitSpec) Values() float64 { return 0 }

// Logit stretches the unit interval over the real line,
//
//	z = log(y / (1 - y)) with y = alpha + (1 - 2 alpha) x
//	x = (sigma(z) - alpha) / (1 - 2 alpha)
//	log|det dz/dx| = sum_j log(1 - 2 alpha) - log(y_j) - log(1 - y_j)
//
// (Dinh et al. 2017, arXiv 1605.08803, section 4.1, who shrink the upper end
// alone and take alpha = 0.05; Papamakarios et al. 2017, arXiv 1705.07057,
// shrink both, as here). The log-det holds the term of alpha, so that a
// density is one of x.
//
// The domain is where y is between 0 and 1, which reaches alpha/(1 - 2 alpha)
// beyond the ends of x: nothing is clamped unless Clamp says so, and samples of a
// flow that lie there map back to where they came from. The domain is
// open: a row with a value on a bound, such as 0 or 1 with an alpha of 0, or
// beyond has a log-det of -Inf, and so a flow's density 0, and Forward names it.
//
// With Clamp the domain is [0, 1], without the ends where Alpha is 0, and so is what
// Inverse makes: a latent beyond becomes the nearest number in the domain, with the
// log-det of that number. Inside, the formula is the same. A flow's density is 0
// beyond, and its draws have on the ends what would have lain there. Pixels, whose
// values end at 0 and 1, want Clamp.
//
// The cost is two logarithms
// a value, and one exponential and one logarithm back.
type Logit[T Float] struct {
	*elementwise[T]
	spec LogitSpec
}

// NewLogit makes a Logit. It returns ErrSpec for an Alpha that leaves no
// interval.
func NewLogit[T Float](s LogitSpec) (*Logit[T], error) {
	if err := checkDim("a logit", s.Dim); err != nil {
		return nil, err
	}
	if !(s.Alpha >= 0 && s.Alpha < 0.5) {
		return nil, fmt.Errorf("bijector: a logit with alpha %v, want at least 0 and below 0.5: %w", s.Alpha, ErrSpec)
	}
	w := 1 - 2*s.Alpha
	c := logitCurve{s.Alpha, w, math.Log(w)}
	if !s.Clamp {
		return &Logit[T]{newElementwise[T](s.Dim, c), s}, nil
	}
	r := room{hi: 1, margin: s.Alpha / w, least: 0, most: 1}
	if s.Alpha == 0 {
		r.least, r.most = nextOf[T](0, 1), nextOf[T](1, 0)
	}
	r.before, r.after = nextOf[T](r.least, math.Inf(-1)), nextOf[T](r.most, math.Inf(1))
	return &Logit[T]{newElementwise[T](s.Dim, clampedLogitCurve{c, r}), s}, nil
}

// Spec is the LogitSpec.
func (l *Logit[T]) Spec() any { return l.spec }

// logitCurve has the width 1 - 2 alpha and its logarithm computed once.
type logitCurve struct{ alpha, width, logWidth float64 }

// withComplement are y and 1-y, each without the cancellation of the other.
func (c logitCurve) withComplement(x float64) (y, rest float64) {
	return c.alpha + c.width*x, c.alpha + c.width*(1-x)
}

func (c logitCurve) forward(x float64) (z, logSlope float64) {
	y, rest := c.withComplement(x)
	a, b := math.Log(y), math.Log(rest)
	return a - b, c.logWidth - a - b
}

func (c logitCurve) inverse(z float64) (x, logSlope float64) {
	y, logSlope := sigmoidCurve{}.forward(z)
	return (y - c.alpha) / c.width, c.logWidth - logSlope
}

func (c logitCurve) derivatives(x float64) (slope, bend float64) {
	y, rest := c.withComplement(x)
	return c.width / (y * rest), c.width * (1/rest - 1/y)
}

func (c logitCurve) domain() (lo, hi float64) { return 0 - c.alpha/c.width, 1 + c.alpha/c.width }

func (logitCurve) image() (lo, hi float64) { return math.Inf(-1), math.Inf(1) }

// clampedLogitCurve is a logitCurve between the ends of x.
type clampedLogitCurve struct {
	logit logitCurve
	room
}

func (c clampedLogitCurve) forward(x float64) (z, logSlope float64) {
	if c.outside(x) {
		return math.NaN(), math.NaN()
	}
	return c.logit.forward(x)
}

func (c clampedLogitCurve) inverse(z float64) (x, logSlope float64) {
	x, logSlope = c.logit.inverse(z)
	x, end := c.inside(z, x)
	if end {
		_, logSlope = c.logit.forward(x)
	}
	return x, logSlope
}

func (c clampedLogitCurve) derivatives(x float64) (slope, bend float64) {
	return c.logit.derivatives(x)
}
