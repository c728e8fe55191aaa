// Masses of a standard normal between two points, to full relative precision.

package autoregressive

import "math"

const halfLog2Pi = 0.91893853320467274178

// farOut is where erfc is near the end of its range.
const farOut = 20

// logUpperMass is log P(Z > t).
func logUpperMass(t float64) float64 {
	if t < farOut {
		return math.Log(math.Erfc(t/math.Sqrt2) / 2)
	}
	if math.IsInf(t, 1) {
		return math.Inf(-1)
	}
	// phi(t)/t times the asymptotic series, whose fifth term is below 1e-10 from 20 on.
	q := 1 / (t * t)
	return -t*t/2 - halfLog2Pi - math.Log(t) + math.Log1p(-q*(1-q*(3-q*(15-105*q))))
}

// logMass is log P(a < Z < b), for a < b, either of which may be infinite, and
// -Inf where there is nothing between them.
func logMass(a, b float64) float64 {
	if !(a < b) {
		if a != a || b != b {
			return math.NaN()
		}
		return math.Inf(-1)
	}
	if a+b < 0 { // the same mass above 0
		a, b = -b, -a
	}
	if d := b - a; d < 1e-5 { // the difference of two masses would lose digits
		m := a + d/2
		return math.Log(d) - m*m/2 - halfLog2Pi + math.Log1p((m*m-1)*d*d/24)
	}
	if a < 0 {
		return math.Log1p(-(math.Erfc(-a/math.Sqrt2) + math.Erfc(b/math.Sqrt2)) / 2)
	}
	if a < farOut {
		return math.Log((math.Erfc(a/math.Sqrt2) - math.Erfc(b/math.Sqrt2)) / 2)
	}
	upper := logUpperMass(a)
	return upper + math.Log(-math.Expm1(logUpperMass(b)-upper))
}

// normalRatio is phi(t)/exp(logMass), 0 for an infinite t.
func normalRatio(t, logMass float64) float64 {
	if math.IsInf(t, 0) {
		return 0
	}
	return math.Exp(-t*t/2 - halfLog2Pi - logMass)
}

// logAddExp is log(e^a + e^b).
func logAddExp(a, b float64) float64 {
	if a < b {
		a, b = b, a
	}
	if math.IsInf(a, -1) {
		return a
	}
	return a + math.Log1p(math.Exp(b-a))
}
