// The spline within a bin: value, root and partial derivatives.

package kernel

import "math"

// SplineBin is the spline within a bin: S its mean slope, D0 and D1 those at its
// ends. The equations are those of Durkan et al. 2019, arXiv 1906.04032; see coupling.Spline.
type SplineBin struct{ S, D0, D1 float64 }

// Eval returns, at the fraction q of the bin, the numerator and the denominator
// of the height's fraction in eq. 4, and eq. 5's second factor. All are sums
// of positive terms, so none loses digits, and den is s/2 or more.
func (p SplineBin) Eval(q float64) (num, den, inner float64) {
	u := 1 - q
	t := q * u
	return p.S*q*q + p.D0*t, p.S*(1-2*t) + (p.D0+p.D1)*t, p.D1*q*q + 2*p.S*t + p.D0*u*u
}

// Solve is the q at which the spline is at v, 0 to h, in a bin of height h: the
// root of a q^2 + b q + c between 0 and 1 (eq. 6 to 8), in the form of appendix
// A.3, which needs no a other than 0. Where a slope is far from the others, b*b
// and 4 a c are far larger than what they leave: see Refine. The bin's ends are
// exact.
func (p SplineBin) Solve(v, h float64) float64 {
	if v == h {
		return 1
	}
	e := v * (p.D1 + p.D0 - 2*p.S)
	a, b, c := h*(p.S-p.D0)+e, h*p.D0-e, -p.S*v
	return clampUnit(2 * c / (-b - math.Sqrt(max(b*b-4*a*c, 0))))
}

// Refine is a step of Newton's from the q that Solve found: up to 6 digits that
// its root lost come back, and what is left is the rounding of v over the slope.
// w and h are the bin's sizes.
func (p SplineBin) Refine(q, v, w, h float64) float64 {
	num, den, inner := p.Eval(q)
	m := p.S / den
	return clampUnit(q - (h*(num/den)-v)/(w*m*m*inner))
}

// clampUnit clips q to [0, 1]; NaN stays.
func clampUnit(q float64) float64 { return min(max(q, 0), 1) }

// Partials are dq, ds, dd0 and dd1 of a value at the fraction q of the bin, and
// N/D: see coupling's Backward, whose g = dy and l = dLogDet are given.
func (p SplineBin) Partials(q, w, h, g, l float64) (dq, ds, dd0, dd1, n float64) {
	u := 1 - q
	t := q * u
	num, den, inner := p.Eval(q)
	n, invD, invE := num/den, 1/den, 1/inner
	m := p.S * invD
	dq = g*w*m*m*inner + 2*l*((p.D1*q+p.S*(u-q)-p.D0*u)*invE-(p.D0+p.D1-2*p.S)*(u-q)*invD)
	ds = g*h*(q*q-(1-2*t)*n)*invD + 2*l*(1/p.S+t*invE-(1-2*t)*invD)
	dd0 = g*h*t*(1-n)*invD + l*(u*u*invE-2*t*invD)
	dd1 = -g*h*t*n*invD + l*(q*q*invE-2*t*invD)
	return dq, ds, dd0, dd1, n
}
