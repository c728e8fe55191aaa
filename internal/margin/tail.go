// One tail: what lies above a threshold.

package margin

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/mathext"
)

// NormalTail is the shape of a tail in which the latent goes on linearly, as
// that of a normal does.
const NormalTail = -1

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
)

// Tail is what lies above the threshold u, where the latent is t: a generalized
// Pareto distribution
//
//	P(X > x) = P(Z > t) (1 + shape (x-u)/scale)^(-1/shape),
//
// with z = -Phi^-1(P(X > x)), up to a latent of 8, and linear from there; or, of
// shape NormalTail, z = t + (x-u)/scale.
type Tail struct{ Shape, Scale float64 }

// tail is a Tail at its threshold, with what is derived from it.
type tail struct {
	Tail
	u, t           float64
	mass           float64 // P(Z > t)
	farX, farSlope float64 // where it goes on linearly
}

func newTail(s Tail, u, t float64) tail {
	a := tail{Tail: s, u: u, t: t, mass: upperMass(t), farX: math.Inf(1)}
	if s.Shape == NormalTail {
		a.farX, a.farSlope = u, 1/s.Scale
		return a
	}
	a.farX = a.quantile(farLatent)
	_, slope, _ := a.heavy(a.farX)
	a.farSlope = math.Exp(slope)
	return a
}

// slope is dz/dx at the threshold.
func (a *tail) slope() float64 {
	if a.Shape == NormalTail {
		return 1 / a.Scale
	}
	return a.mass / a.Scale * math.Exp(a.t*a.t/2+logSqrtTwoPi)
}

// upperMass is P(Z > z).
func upperMass(z float64) float64 { return math.Erfc(z/math.Sqrt2) / 2 }

var logSqrtTwoPi = math.Log(2*math.Pi) / 2

// forward is z, log dz/dx and the derivative of that.
func (a *tail) forward(x float64) (z, logSlope, bend float64) {
	if x < a.farX {
		return a.heavy(x)
	}
	start := float64(farLatent)
	if a.Shape == NormalTail {
		start = a.t
	}
	return start + a.farSlope*(x-a.farX), math.Log(a.farSlope), 0
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

// quantile is the x of a latent within the generalized Pareto distribution.
func (a *tail) quantile(z float64) float64 {
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
	case z >= farLatent:
		return a.farX + (z-farLatent)/a.farSlope, math.Log(a.farSlope)
	}
	x = a.quantile(z)
	_, logSlope, _ = a.heavy(x)
	return x, logSlope
}

// fitTail is the tail of the exceedances over a threshold at the latent t: a
// generalized Pareto distribution, or where that fits worse a normal
// tail, whose density is d phi(t + d y)/mass with the likeliest d.
func fitTail(exceed []float64, t float64) Tail {
	m := float64(len(exceed))
	sum, squares := 0.0, 0.0
	for _, y := range exceed {
		sum += y
		squares += y * y
	}
	d := (math.Sqrt(t*t*sum*sum+4*m*squares) - t*sum) / (2 * squares)
	normal := m*(math.Log(d)-logSqrtTwoPi-math.Log(upperMass(t))) - (m*t*t+2*t*d*sum+d*d*squares)/2
	shape, scale := generalizedPareto(exceed)
	heavy := -m * math.Log(scale)
	for _, y := range exceed {
		if shape > 0 {
			heavy -= (1 + 1/shape) * math.Log1p(shape*y/scale)
		} else {
			heavy -= y / scale
		}
	}
	if heavy > normal+heavyEvidence && scale > 0 {
		return Tail{shape, scale}
	}
	return Tail{NormalTail, 1 / d}
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
