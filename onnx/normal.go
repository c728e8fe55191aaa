// The normal distribution's tail, which ONNX has no function for: polynomials
// that are fitted to what the library computes.

package onnx

import (
	"math"

	"gonum.org/v1/gonum/mathext"
)

// logTail is -log P(Z > z) of a standard normal Z.
func logTail(z float64) float64 { return -math.Log(math.Erfc(z/math.Sqrt2) / 2) }

// logMills is the logarithm of Mills' ratio P(Z > z)/phi(z).
func logMills(z float64) float64 { return z*z/2 + math.Log(2*math.Pi)/2 - logTail(z) }

// fit is how a function of a value from lo to hi becomes a polynomial of
// t = a - b/(value + pole), which is -1 and 1 at the ends and takes singularities
// to the left of lo far away.
type fit struct {
	f              func(float64) float64
	lo, hi, pole   float64
	single, double int // terms in float32 and in float64
}

var (
	logMillsFit = fit{logMills, 0, farLatent, 6, 12, 22}
	// The latent of -log P(Z > z), by the root of that.
	tailQuantileFit = fit{func(root float64) float64 { return -mathext.NormalQuantile(math.Exp(-root * root)) }, math.Sqrt(math.Ln2), math.Sqrt(logTail(farLatent)), 3, 15, 26}
)

// logMills is the function of that name for a latent from 0 to 8.
func (g *Graph) logMills(z Value) Value { return g.polynomial(z, logMillsFit) }

// tailQuantile is the latent z beyond which a standard normal has the share
// e^-rest, for a z from 0 to 8.
func (g *Graph) tailQuantile(rest Value) Value {
	return g.polynomial(g.Op("Sqrt", nil, rest), tailQuantileFit)
}

func (g *Graph) polynomial(v Value, p fit) Value {
	n := p.double
	if g.elem == elemFloat {
		n = p.single
	}
	a, b, c := p.coefficients(n)
	t := g.Sub(g.Number(a), g.Div(g.Number(b), g.Plus(v, p.pole)))
	sum := g.Number(c[n-1])
	for k := n - 2; k >= 0; k-- {
		sum = g.Plus(g.Mul(sum, t), c[k])
	}
	return sum
}

// coefficients are a and b of t, and those of 1, t, ..., t^(n-1).
func (p fit) coefficients(n int) (a, b float64, c []float64) {
	first, last := 1/(p.lo+p.pole), 1/(p.hi+p.pole)
	b = 2 / (first - last)
	a = 1 + b*last
	return a, b, powers(chebyshev(func(t float64) float64 { return p.f(b/(a-t) - p.pole) }, n))
}

// chebyshev are the coefficients of Chebyshev's polynomials T_0 to T_n-1, whose
// sum is f at the n zeros of T_n.
func chebyshev(f func(float64) float64, n int) []float64 {
	c := make([]float64, n)
	for i := range n {
		angle := math.Pi * (float64(i) + 0.5) / float64(n)
		y := f(math.Cos(angle))
		for k := range c {
			c[k] += 2 / float64(n) * y * math.Cos(float64(k)*angle)
		}
	}
	c[0] /= 2
	return c
}

// powers turns a sum of Chebyshev's polynomials into one of powers of t, by
// T_k+1 = 2t T_k - T_k-1.
func powers(c []float64) []float64 {
	n := len(c)
	sum, before, now := make([]float64, n), make([]float64, n), make([]float64, n)
	now[0] = 1
	for k := range n {
		for i, v := range now {
			sum[i] += c[k] * v
		}
		next := make([]float64, n)
		factor := 2.0
		if k == 0 {
			factor = 1
		}
		for i := range n {
			if i > 0 {
				next[i] = factor * now[i-1]
			}
			next[i] -= before[i]
		}
		before, now = now, next
	}
	return sum
}
