// One tail: what lies above a threshold.

package margin

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/mathext"
)

// Shapes of tails that are no generalized Pareto distributions.
const (
	// NormalTail: the latent goes on linearly, as that of a normal does.
	NormalTail = -1
	// AsinhTail: towards 0, the latent is linear in asinh(x/e) with a small e, and so
	// in log |x|, as that of a log-normal, until it nears 0.
	AsinhTail = -2
)

const (
	// farLatent is where a heavy tail's latent goes on linearly, so that every
	// latent has a finite value: 1 in 10^15 draws of a normal is beyond.
	farLatent = 8
	// largestShape bounds the shape: at 1.5, 1 of 10^15 draws is 10^22 scales
	// away, which float32 holds.
	largestShape = 1.5
	// heavyEvidence is by how many nats over all exceedances a heavy tail has to
	// fit better than a normal one; it may fit a little worse, since a heavy tail
	// that is missed costs much more than one that is not there.
	heavyEvidence = -1
	// asinhEvidence is by how many nats a tail towards 0 has to fit better than the
	// others; zeroLatent is the latent of 0 there, largestSpan what asinh may be at
	// the threshold: float32 holds its square.
	asinhEvidence = 1
	zeroLatent    = 5
	largestSpan   = 30
)

// Tail is what lies above the threshold u, where the latent is t: a generalized
// Pareto distribution
//
//	P(X > x) = P(Z > t) (1 + shape (x-u)/scale)^(-1/shape),
//
// with z = -Phi^-1(P(X > x)); of shape NormalTail, z = t + (x-u)/scale; or, of
// shape AsinhTail, for u < 0,
//
//	z = t + (asinh(x/e) - asinh(u/e))/scale
//
// with the e that puts 0 at a latent of 5, or at t+1. Latents beyond 8 are linear.
type Tail struct{ Shape, Scale float64 }

// tail is a Tail at its threshold, with what is derived from it.
type tail struct {
	Tail
	u, t                float64
	mass                float64 // P(Z > t)
	near, span          float64 // of an asinh tail: e, and -asinh(u/e)
	far, farX, farSlope float64 // where it goes on linearly
}

func newTail(s Tail, u, t float64) tail {
	a := tail{Tail: s, u: u, t: t, mass: upperMass(t), far: t}
	if s.Shape == NormalTail {
		a.farX, a.farSlope = u, 1/s.Scale
		return a
	}
	if a.far = farLatent; s.Shape == AsinhTail {
		a.near, a.span = s.Asinh(u, t)
	}
	a.farX = a.quantile(a.far)
	_, slope, _ := a.curved(a.farX)
	a.farSlope = math.Exp(slope)
	return a
}

// Asinh is e and -asinh(u/e) of an AsinhTail.
func (s Tail) Asinh(u, t float64) (near, span float64) {
	span = s.Scale * max(zeroLatent-t, 1)
	return -u / math.Sinh(span), span
}

// slope is dz/dx at the threshold.
func (a *tail) slope() float64 {
	switch a.Shape {
	case NormalTail:
		return 1 / a.Scale
	case AsinhTail:
		return 1 / (a.Scale * math.Hypot(a.u, a.near))
	}
	return a.mass / a.Scale * math.Exp(a.t*a.t/2+logSqrtTwoPi)
}

// upperMass is P(Z > z).
func upperMass(z float64) float64 { return math.Erfc(z/math.Sqrt2) / 2 }

var logSqrtTwoPi = math.Log(2*math.Pi) / 2

// forward is z, log dz/dx and the derivative of that.
func (a *tail) forward(x float64) (z, logSlope, bend float64) {
	if x < a.farX {
		return a.curved(x)
	}
	return a.far + a.farSlope*(x-a.farX), math.Log(a.farSlope), 0
}

// curved is forward below farX.
func (a *tail) curved(x float64) (z, logSlope, bend float64) {
	if a.Shape != AsinhTail {
		return a.heavy(x)
	}
	r := math.Hypot(x, a.near)
	return a.t + (math.Asinh(x/a.near)+a.span)/a.Scale, -math.Log(a.Scale * r), -x / r / r
}

// heavy is forward within the generalized Pareto distribution, whose density is
//
//	p(x) = mass/scale (1 + shape y)^(-1/shape - 1),  y = (x-u)/scale;
//
// dz/dx = p(x)/phi(z).
func (a *tail) heavy(x float64) (z, logSlope, bend float64) {
	y := max((x-a.u)/a.Scale, 0)
	e := y // -log of the share that is left
	if a.Shape > 0 {
		e = math.Log1p(a.Shape*y) / a.Shape
	}
	z = -mathext.NormalQuantile(a.mass * math.Exp(-e)) // math.Erfcinv loses the digits of small ones
	logSlope = math.Log(a.mass/a.Scale) - (1+a.Shape)*e + z*z/2 + logSqrtTwoPi
	return z, logSlope, z*math.Exp(logSlope) - (1+a.Shape)/(a.Scale*(1+a.Shape*y))
}

// quantile is the x of a latent below far.
func (a *tail) quantile(z float64) float64 {
	if a.Shape == AsinhTail {
		return a.near * math.Sinh(a.Scale*(z-a.t)-a.span)
	}
	e := math.Log(a.mass / upperMass(z))
	if a.Shape == 0 {
		return a.u + a.Scale*e
	}
	return a.u + a.Scale*math.Expm1(a.Shape*e)/a.Shape
}

// inverse is x and log dz/dx there.
func (a *tail) inverse(z float64) (x, logSlope float64) {
	switch {
	case a.Shape == NormalTail:
		return a.u + a.Scale*(z-a.t), math.Log(a.farSlope)
	case z >= a.far:
		return a.farX + (z-a.far)/a.farSlope, math.Log(a.farSlope)
	}
	x = a.quantile(z)
	_, logSlope, _ = a.curved(x)
	return x, logSlope
}

// fitTail is the tail of the exceedances over a threshold u at the latent t: a
// generalized Pareto distribution; where that fits worse, a normal tail; or,
// where all values are below 0 and it fits better than both, one towards 0.
func fitTail(exceed []float64, u, t float64) Tail {
	d, normal := normalTail(exceed, t)
	shape, scale := generalizedPareto(exceed)
	heavy := -float64(len(exceed)) * math.Log(scale)
	for _, y := range exceed {
		if shape > 0 {
			heavy -= (1 + 1/shape) * math.Log1p(shape*y/scale)
		} else {
			heavy -= y / scale
		}
	}
	best, likelihood := Tail{NormalTail, 1 / d}, normal
	if heavy > normal+heavyEvidence && scale > 0 {
		best, likelihood = Tail{shape, scale}, heavy
	}
	if u+slices.Max(exceed) < 0 {
		logs, jacobian := make([]float64, len(exceed)), 0.0
		for i, y := range exceed {
			logs[i] = -math.Log1p(y / u)
			jacobian -= math.Log(-u - y)
		}
		d, fit := normalTail(logs, t)
		towards := Tail{AsinhTail, 1 / d}
		if _, span := towards.Asinh(u, t); fit+jacobian > likelihood+asinhEvidence && span < largestSpan {
			best = towards
		}
	}
	return best
}

// normalTail is the likeliest d of exceedances with the density
// d phi(t + d y)/mass, and their log-likelihood.
func normalTail(exceed []float64, t float64) (d, likelihood float64) {
	m, sum, squares := float64(len(exceed)), 0.0, 0.0
	for _, y := range exceed {
		sum += y
		squares += y * y
	}
	d = (math.Sqrt(t*t*sum*sum+4*m*squares) - t*sum) / (2 * squares)
	return d, m*(math.Log(d)-logSqrtTwoPi-math.Log(upperMass(t))) - (m*t*t+2*t*d*sum+d*d*squares)/2
}

// generalizedPareto estimates shape and scale of exceedances in increasing
// order (Zhang and Stephens 2009, "A new and efficient estimation method for the
// generalized Pareto distribution", equations 6 to 9). A negative shape, which has an end,
// becomes 0.
func generalizedPareto(y []float64) (shape, scale float64) {
	n := len(y)
	k := 30 + int(math.Sqrt(float64(n)))
	first, last := y[max(int(float64(n)/4+0.5)-1, 0)], y[n-1]
	meanLog := func(b float64) (s float64) {
		for _, v := range y {
			s += math.Log1p(-b * v)
		}
		return s / float64(n)
	}
	theta, profile := make([]float64, k), make([]float64, k)
	for i := range theta {
		b := 1/last + (1-math.Sqrt(float64(k)/(float64(i)+0.5)))/(3*first)
		kappa := -meanLog(b)
		theta[i] = b
		profile[i] = float64(n) * (math.Log(b/kappa) + kappa - 1)
		if math.IsNaN(profile[i]) {
			profile[i] = math.Inf(-1)
		}
	}
	best := slices.Max(profile)
	sum, b := 0.0, 0.0
	for i, p := range profile {
		w := math.Exp(p - best)
		sum += w
		b += w * theta[i]
	}
	b /= sum
	shape = meanLog(b)
	scale = -shape / b
	switch {
	case !(shape > 0):
		shape, scale = 0, mean(y)
	case shape > largestShape:
		// The scale that goes with the bound, by the median.
		shape = largestShape
		scale = y[n/2] * shape / math.Expm1(shape*math.Ln2)
	}
	return shape, scale
}

func mean(v []float64) (s float64) {
	for _, x := range v {
		s += x
	}
	return s / float64(len(v))
}
