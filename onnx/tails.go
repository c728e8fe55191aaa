// The tails of a Gaussianize as a graph: those of both sides at once, each value
// with the figures of its side.

package onnx

import (
	"math"

	"github.com/bijou-flow/bijou/internal/margin"
)

// farLatent is where a curved tail goes on linearly.
const farLatent = 8

// marginTail is a margin.Tail as a function of the distance from its threshold,
// outwards, to the latent, outwards.
type marginTail struct {
	sign                 float64 // -1 of a lower tail
	threshold, latent    float64 // as they are, and outwards
	shape, scale         float64
	farDistance, farFrom float64 // where it goes on linearly
	farSlope             float64
	asinh, near, span    float64 // of a tail towards 0: 1, e and -asinh(u/e); else 0, 1 and 0
}

func newMarginTail(t margin.Tail, sign, x, z float64) marginTail {
	a := marginTail{sign: sign, threshold: x, latent: sign * z, farFrom: farLatent, near: 1, scale: t.Scale}
	// The limit of a shape of 0 is reached, to the last digit, before this one.
	a.shape = max(t.Shape, 1e-20)
	switch t.Shape {
	case margin.NormalTail:
		a.farFrom, a.farSlope = a.latent, 1/t.Scale
	case margin.AsinhTail:
		u := sign * x
		a.asinh = 1
		a.near, a.span = t.Asinh(u, a.latent)
		far := a.near * math.Sinh(t.Scale*(farLatent-a.latent)-a.span)
		a.farDistance, a.farSlope = far-u, 1/(t.Scale*math.Hypot(far, a.near))
	default:
		grown := math.Expm1(a.shape * (logTail(farLatent) - logTail(a.latent)))
		a.farDistance = t.Scale * grown / a.shape
		a.farSlope = math.Exp(logMills(farLatent)) / (t.Scale * (1 + grown))
	}
	return a
}

// marginTails are the tails of the features.
type marginTails struct {
	lower, upper []marginTail
	centre       []float64 // an x between the outer knots
	heavy, asinh bool      // some tail is a generalized Pareto distribution, or goes towards 0
}

func newMarginTails(margins []margin.Margin) (t marginTails) {
	for _, m := range margins {
		last := len(m.X) - 1
		t.lower = append(t.lower, newMarginTail(m.Lower, -1, m.X[0], m.Z[0]))
		t.upper = append(t.upper, newMarginTail(m.Upper, 1, m.X[last], m.Z[last]))
		t.centre = append(t.centre, m.X[0]/2+m.X[last]/2)
		t.heavy = t.heavy || m.Lower.Shape >= 0 || m.Upper.Shape >= 0
		t.asinh = t.asinh || m.Lower.Shape == margin.AsinhTail || m.Upper.Shape == margin.AsinhTail
	}
	return t
}

// tailSide is marginTails with the side of each value.
type tailSide struct {
	marginTails
	g       *Graph
	isUpper Value
}

// pick is a figure of each value's tail.
func (t tailSide) pick(figure func(marginTail) float64) Value {
	lower, upper := t.rows(figure)
	return t.where(lower, upper)
}

func (t tailSide) rows(figure func(marginTail) float64) (lower, upper []float64) {
	for j := range t.lower {
		lower, upper = append(lower, figure(t.lower[j])), append(upper, figure(t.upper[j]))
	}
	return lower, upper
}

func (t tailSide) where(lower, upper []float64) Value {
	return t.g.where(t.isUpper, t.g.Row(upper), t.g.Row(lower))
}

// minus is v less a figure, as Graph.Minus is.
func (t tailSide) minus(v Value, figure func(marginTail) float64) Value {
	m := len(t.lower)
	lower, upper := t.rows(figure)
	first, second := t.g.parts(append(lower, upper...))
	v = t.g.Sub(v, t.where(first[:m], first[m:]))
	if second != nil {
		v = t.g.Sub(v, t.where(second[:m], second[m:]))
	}
	return v
}

// towardsZero is near where a tail goes towards 0 and is not yet linear.
func (t tailSide) towardsZero(isFar, other, near Value) Value {
	is := t.g.atLeast(t.pick(func(a marginTail) float64 { return a.asinh }), t.g.Number(0.5))
	return t.g.where(is, t.g.where(isFar, other, near), other)
}

// asinhSlope is log dz/dx = -log(scale e sqrt(1+v^2)) at v = x/e.
func (t tailSide) asinhSlope(v Value) Value {
	return t.g.Sub(t.pick(func(a marginTail) float64 { return -math.Log(a.scale * a.near) }), t.g.Times(t.g.Log1p(t.g.Mul(v, v)), 0.5))
}

func signOf(a marginTail) float64 { return a.sign }

// forward is z and its log-slope in the tails, with the distance beyond the
// threshold: the share that is left there, e^-rest, and the density that goes
// with it give
//
//	rest = log(1 + shape y)/shape - log P(Z > t),  y = distance/scale,
//	log dz/dx = log M(z) - log(scale (1 + shape y))
//
// with Mills' ratio M(z) = P(Z > z)/phi(z).
func (m marginTails) forward(g *Graph, x Value) (distance, z, logSlope Value) {
	centre := make([]float64, len(m.centre))
	for j, c := range m.centre {
		centre[j] = g.ceiling(c)
	}
	t := tailSide{m, g, g.atLeast(x, g.Row(centre))}
	sign := t.pick(signOf)
	distance = g.Mul(sign, t.minus(x, func(a marginTail) float64 { return a.threshold }))
	fromFar := t.minus(distance, func(a marginTail) float64 { return a.farDistance })
	z = g.Add(t.pick(func(a marginTail) float64 { return a.farFrom }), g.Mul(fromFar, t.pick(func(a marginTail) float64 { return a.farSlope })))
	logSlope = t.pick(func(a marginTail) float64 { return math.Log(a.farSlope) })
	isFar := g.atLeast(fromFar, g.Number(0))
	if m.heavy {
		y := g.Mul(distance, t.pick(func(a marginTail) float64 { return 1 / a.scale }))
		grown := g.Log1p(g.Mul(y, t.pick(func(a marginTail) float64 { return a.shape })))
		rest := g.Add(g.Mul(grown, t.pick(func(a marginTail) float64 { return 1 / a.shape })), t.pick(func(a marginTail) float64 { return logTail(a.latent) }))
		heavy := g.tailQuantile(rest)
		slope := g.Sub(g.Sub(g.logMills(heavy), t.pick(func(a marginTail) float64 { return math.Log(a.scale) })), grown)
		z, logSlope = g.where(isFar, z, heavy), g.where(isFar, logSlope, slope)
	}
	if m.asinh {
		v := g.Mul(g.Mul(sign, x), t.pick(func(a marginTail) float64 { return 1 / a.near }))
		up := g.Add(g.asinh(v), t.pick(func(a marginTail) float64 { return a.span }))
		near := g.Add(t.pick(func(a marginTail) float64 { return a.latent }), g.Mul(up, t.pick(func(a marginTail) float64 { return 1 / a.scale })))
		z, logSlope = t.towardsZero(isFar, z, near), t.towardsZero(isFar, logSlope, t.asinhSlope(v))
	}
	return distance, g.Mul(sign, z), logSlope
}

// inverse is x and log dz/dx in the tails, with how far the latent is beyond the
// threshold's. The share that is left between the latents t and z is e^-rest with
//
//	rest = (z-t)(z+t)/2 - log M(z) + log M(t).
func (m marginTails) inverse(g *Graph, z Value) (beyond, x, logSlope Value) {
	t := tailSide{m, g, g.atLeast(z, g.Number(0))}
	z = g.Abs(z)
	latent := func(a marginTail) float64 { return a.latent }
	beyond = t.minus(z, latent)
	fromFar := t.minus(z, func(a marginTail) float64 { return a.farFrom })
	distance := g.Add(t.pick(func(a marginTail) float64 { return a.farDistance }), g.Mul(fromFar, t.pick(func(a marginTail) float64 { return 1 / a.farSlope })))
	logSlope = t.pick(func(a marginTail) float64 { return math.Log(a.farSlope) })
	isFar := g.atLeast(fromFar, g.Number(0))
	if m.heavy {
		mills := g.logMills(z)
		ratio := g.Sub(mills, t.pick(func(a marginTail) float64 { return logMills(a.latent) }))
		rest := g.Sub(g.Times(g.Mul(beyond, g.Add(z, t.pick(latent))), 0.5), ratio)
		grown := g.Mul(rest, t.pick(func(a marginTail) float64 { return a.shape }))
		expm1 := g.Mul(g.Tanh(g.Times(grown, 0.5)), g.Plus(g.Exp(grown), 1))
		heavy := g.Mul(g.Mul(expm1, t.pick(func(a marginTail) float64 { return 1 / a.shape })), t.pick(func(a marginTail) float64 { return a.scale }))
		slope := g.Sub(g.Sub(mills, t.pick(func(a marginTail) float64 { return math.Log(a.scale) })), grown)
		distance, logSlope = g.where(isFar, distance, heavy), g.where(isFar, logSlope, slope)
	}
	x = g.Add(g.Mul(t.pick(signOf), distance), t.pick(func(a marginTail) float64 { return a.threshold }))
	if m.asinh {
		w := g.Sub(g.Mul(beyond, t.pick(func(a marginTail) float64 { return a.scale })), t.pick(func(a marginTail) float64 { return a.span }))
		v := g.Times(g.Sub(g.Exp(w), g.Exp(g.Neg(w))), 0.5)
		near := g.Mul(v, t.pick(func(a marginTail) float64 { return a.sign * a.near })) // no difference from the threshold
		x, logSlope = t.towardsZero(isFar, x, near), t.towardsZero(isFar, logSlope, t.asinhSlope(v))
	}
	return beyond, x, logSlope
}
