// The spline within a bin: value, root and partial derivatives.

package coupling

import "math"

// splineBin is the spline within a bin: s its mean slope, d0 and d1 those at its
// ends.
type splineBin struct{ s, d0, d1 float64 }

// eval returns, at the fraction q of the bin, the numerator and the denominator
// of the height's fraction in eq. 4, and eq. 5's second factor. All are sums
// of positive terms, so none loses digits, and den is s/2 or more.
func (p splineBin) eval(q float64) (num, den, inner float64) {
	u := 1 - q
	t := q * u
	return p.s*q*q + p.d0*t, p.s*(1-2*t) + (p.d0+p.d1)*t, p.d1*q*q + 2*p.s*t + p.d0*u*u
}

// solve is the q at which the spline is at v, 0 to h, in a bin of height h: the
// root of a q^2 + b q + c between 0 and 1 (eq. 6 to 8), in the form of appendix
// A.3, which needs no a other than 0. Where a slope is far from the others, b*b
// and 4 a c are far larger than what they leave: see refine. The bin's ends are
// exact.
func (p splineBin) solve(v, h float64) float64 {
	if v == h {
		return 1
	}
	e := v * (p.d1 + p.d0 - 2*p.s)
	a, b, c := h*(p.s-p.d0)+e, h*p.d0-e, -p.s*v
	return clampUnit(2 * c / (-b - math.Sqrt(max(b*b-4*a*c, 0))))
}

// refine is a step of Newton's from the q that solve found: up to 6 digits that
// its root lost come back, and what is left is the rounding of v over the slope.
// w and h are the bin's sizes.
func (p splineBin) refine(q, v, w, h float64) float64 {
	num, den, inner := p.eval(q)
	m := p.s / den
	return clampUnit(q - (h*(num/den)-v)/(w*m*m*inner))
}

// clampUnit clips q to [0, 1]; NaN stays.
func clampUnit(q float64) float64 { return min(max(q, 0), 1) }

// partials are dq, ds, dd0 and dd1 of a value at the fraction q of the bin, and
// N/D: see Backward, whose g = dy and l = dLogDet are given.
func (p splineBin) partials(q, w, h, g, l float64) (dq, ds, dd0, dd1, n float64) {
	u := 1 - q
	t := q * u
	num, den, inner := p.eval(q)
	n, invD, invE := num/den, 1/den, 1/inner
	m := p.s * invD
	dq = g*w*m*m*inner + 2*l*((p.d1*q+p.s*(u-q)-p.d0*u)*invE-(p.d0+p.d1-2*p.s)*(u-q)*invD)
	ds = g*h*(q*q-(1-2*t)*n)*invD + 2*l*(1/p.s+t*invE-(1-2*t)*invD)
	dd0 = g*h*t*(1-n)*invD + l*(u*u*invE-2*t*invD)
	dd1 = -g*h*t*n*invD + l*(q*q*invE-2*t*invD)
	return dq, ds, dd0, dd1, n
}
