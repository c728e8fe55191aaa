// Package margin describes the density of one column, so that it can be made a
// standard normal: a monotone spline between quantiles, with tails.
package margin

import (
	"fmt"
	"math"
	"sort"
)

// Margin is an increasing map z of the line to itself under which a column is
// nearly a standard normal: Z[k] at the knots X[k], a rational quadratic between
// two of them (Gregory and Delbourgo 1982) with the derivatives Slope[k] at the
// ends, and a Tail on either side. The lower tail is that of -x.
type Margin struct {
	X, Z, Slope  []float64
	Lower, Upper Tail
	lower, upper tail
}

// Prepare derives what evaluation needs from the fields.
func (m *Margin) Prepare() {
	last := len(m.X) - 1
	m.lower, m.upper = newTail(m.Lower, -m.X[0], -m.Z[0]), newTail(m.Upper, m.X[last], m.Z[last])
}

// Forward is z(x), log dz/dx and the derivative of that by x.
func (m *Margin) Forward(x float64) (z, logSlope, bend float64) {
	last := len(m.X) - 1
	switch {
	case !(x > m.X[0]): // NaN too
		z, logSlope, bend = m.lower.forward(-x)
		return -z, logSlope, -bend
	case x >= m.X[last]:
		return m.upper.forward(x)
	}
	k := sort.SearchFloat64s(m.X, x) - 1
	w, h, d0, d1 := m.X[k+1]-m.X[k], m.Z[k+1]-m.Z[k], m.Slope[k], m.Slope[k+1]
	s := h / w
	a := (x - m.X[k]) / w
	b := 1 - a
	num := d1*a*a + 2*s*a*b + d0*b*b
	den := s + (d1+d0-2*s)*a*b
	z = m.Z[k] + h*(s*a*a+d0*a*b)/den
	slope := s * s * num / (den * den)
	bend = ((2*d1*a+2*s*(b-a)-2*d0*b)/num - 2*(d1+d0-2*s)*(b-a)/den) / w
	return z, math.Log(slope), bend
}

// Place is z alone, with the bits of Forward's.
func (m *Margin) Place(x float64) float64 {
	last := len(m.X) - 1
	if !(x > m.X[0]) || x >= m.X[last] {
		z, _, _ := m.Forward(x)
		return z
	}
	k := sort.SearchFloat64s(m.X, x) - 1
	w, h, d0, d1 := m.X[k+1]-m.X[k], m.Z[k+1]-m.Z[k], m.Slope[k], m.Slope[k+1]
	s := h / w
	a := (x - m.X[k]) / w
	b := 1 - a
	den := s + (d1+d0-2*s)*a*b
	return m.Z[k] + h*(s*a*a+d0*a*b)/den
}

// Inverse is x(z) and log dz/dx there.
func (m *Margin) Inverse(z float64) (x, logSlope float64) {
	last := len(m.Z) - 1
	switch {
	case !(z > m.Z[0]):
		x, logSlope = m.lower.inverse(-z)
		return -x, logSlope
	case z >= m.Z[last]:
		return m.upper.inverse(z)
	}
	k := sort.SearchFloat64s(m.Z, z) - 1
	w, h, d0, d1 := m.X[k+1]-m.X[k], m.Z[k+1]-m.Z[k], m.Slope[k], m.Slope[k+1]
	s, y := h/w, z-m.Z[k]
	// The root in [0, 1] of a quadratic, in the form that loses no digits.
	c := d1 + d0 - 2*s
	p, q, r := h*(s-d0)+y*c, h*d0-y*c, -s*y
	a := 2 * r / (-q - math.Sqrt(max(q*q-4*p*r, 0)))
	x = m.X[k] + w*min(max(a, 0), 1)
	_, logSlope, _ = m.Forward(x)
	return x, logSlope
}

// Validate returns what keeps m from being an increasing function.
func (m *Margin) Validate() error {
	for k := range m.X {
		if k > 0 && !(m.X[k] > m.X[k-1] && m.Z[k] > m.Z[k-1]) {
			return fmt.Errorf("knots %v and %v, latents %v and %v, want increasing ones", m.X[k-1], m.X[k], m.Z[k-1], m.Z[k])
		}
		if s := m.Slope[k]; !(s > 0) || math.IsInf(s, 0) {
			return fmt.Errorf("a slope of %v, want a positive one", s)
		}
	}
	last := len(m.X) - 1
	for _, t := range []struct {
		Tail
		threshold, latent float64 // outwards
	}{{m.Lower, -m.X[0], -m.Z[0]}, {m.Upper, m.X[last], m.Z[last]}} {
		if t.Shape != NormalTail && t.Shape != AsinhTail && !(t.Shape >= 0 && t.Shape <= largestShape) || !(t.Scale > 0) || math.IsInf(t.Scale, 0) {
			return fmt.Errorf("a tail of shape %v and scale %v, want a shape of -2, -1 or 0 to %v and a positive scale", t.Shape, t.Scale, largestShape)
		}
		if t.Shape != AsinhTail {
			continue
		}
		if e, span := t.Asinh(t.threshold, t.latent); !(e > 0) || !(span < largestSpan) {
			return fmt.Errorf("a tail of shape -2 and scale %v at %v, want one on its side of 0, and a smaller scale", t.Scale, t.threshold)
		}
	}
	if first, last := m.Z[0], m.Z[last]; !(first > -farLatent && first < 0 && last > 0 && last < farLatent) {
		return fmt.Errorf("tails from the latents %v and %v, want a negative and a positive one within %d", first, last, farLatent)
	}
	return nil
}
