// The density's integral, and the law of the draws.

package distributiontest

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
)

// checkMarginals integrates the density of a base of one or two features between
// quantiles of its draws. The integrals add up to 1, and the draws in each
// interval are as many as the density says (Kolmogorov and Smirnov).
func checkMarginals(f *fixture[float64]) error {
	if f.d > 2 {
		return nil
	}
	n := f.o.Draws
	if n == 0 {
		if n = 1_000_000; testing.Short() {
			n /= 10
		}
	}
	for row := range min(1+f.c, 2) {
		l := newConditionalDensity(f, uint64(80+row))
		draws := l.draws(f, n)
		for j := range f.d {
			if err := l.checkFeature(j, draws[j]); err != nil {
				return fmt.Errorf("feature %d: %w", j, err)
			}
		}
	}
	return nil
}

// conditionalDensity is a density of one or two features under one context, on the axes t of
// z = at + scale*sinh(t), which reach far.
type conditionalDensity struct {
	density    func(z []float64) float64
	loc, scale []float64
	stream     uint64
	cond       bijector.Mat[float64]
	evalsLeft  int // evaluations that may still be made
}

// maxEvals bounds the evaluations for one feature: a density that is NaN, or
// another one at each call, would be refined for ever. What they add up to by
// then is reported. A smooth density takes some 20,000 in one dimension and a
// million in two.
const maxEvals = 10_000_000

// axisRange is how far the axes go: sinh(20) is 2e8.
const axisRange = 20

func newConditionalDensity(f *fixture[float64], stream uint64) *conditionalDensity {
	l := &conditionalDensity{stream: stream, cond: f.contexts(f.rng(stream), 1), loc: make([]float64, f.d), scale: make([]float64, f.d)}
	for j, z := range l.draws(f, 1000) {
		slices.Sort(z)
		l.loc[j], l.scale[j] = z[500], z[750]-z[250]
		if !(l.scale[j] > 0) {
			l.scale[j] = 1
		}
	}
	pass, z, logp := f.base.NewBasePass(bijector.PassOptions{MaxBatch: 1}), bijector.NewMat[float64](f.d, 1), make([]float64, 1)
	l.density = func(at []float64) float64 {
		l.evalsLeft--
		for j, v := range at {
			z.Feature(j)[0] = v
		}
		logp[0] = 0
		pass.LogProb(z, l.cond, logp)
		return math.Exp(logp[0])
	}
	return l
}

// draws are n draws under the context, a slice for each feature.
func (l *conditionalDensity) draws(f *fixture[float64], n int) [][]float64 {
	const size = 1000
	pass, rng := f.base.NewBasePass(bijector.PassOptions{MaxBatch: size}), f.rng(l.stream+100)
	z, cond := bijector.NewMat[float64](f.d, size), bijector.NewMat[float64](f.c, size)
	for j := range f.c {
		for i := range size {
			cond.Feature(j)[i] = l.cond.Feature(j)[0]
		}
	}
	all := make([][]float64, f.d)
	for len(all[0]) < n {
		k := min(size, n-len(all[0]))
		pass.Sample(rng, z.Samples(0, k), cond.Samples(0, k), 1)
		for j := range all {
			all[j] = append(all[j], z.Feature(j)[:k]...)
		}
	}
	return all
}

// checkFeature compares feature j of the draws with its marginal density.
func (l *conditionalDensity) checkFeature(j int, z []float64) error {
	points, tol := 1000, 1e-5
	marginal := func(t float64) float64 { return l.density([]float64{l.z(0, t)}) * l.sinhSlope(0, t) }
	if len(l.loc) == 2 {
		points, tol = 50, 1e-3
		at := make([]float64, 2)
		marginal = func(t float64) float64 {
			at[j] = l.z(j, t)
			return l.sinhSlope(j, t) * l.integrate(func(u float64) float64 {
				at[1-j] = l.z(1-j, u)
				return l.density(at) * l.sinhSlope(1-j, u)
			}, -axisRange, axisRange, 100, 1e-6)
		}
	}
	slices.Sort(z)
	l.evalsLeft = maxEvals
	n := len(z)
	limit := 3.3 / math.Sqrt(float64(n))
	sum, worst, where, from := 0.0, 0.0, 0.0, -float64(axisRange)
	for k := 1; k <= points; k++ {
		i, to := n, float64(axisRange)
		if k < points {
			i = k * n / points
			to = math.Asinh((z[i-1] - l.loc[j]) / l.scale[j])
		}
		sum += l.integrate(marginal, from, to, 1+100/points, tol/1e4)
		if d := math.Abs(sum - float64(i)/float64(n)); k < points && d > worst {
			worst, where = d, z[i-1]
		}
		from = to
	}
	if !(math.Abs(sum-1) <= tol) {
		return fmt.Errorf("the density integrates to %v, want 1 within %v", sum, tol)
	}
	if worst > limit {
		return fmt.Errorf("the draws do not follow the density: the distribution functions differ by %.5f at %v, allowed %.5f for %d draws", worst, where, limit, n)
	}
	return nil
}

func (l *conditionalDensity) z(j int, t float64) float64 { return l.loc[j] + l.scale[j]*math.Sinh(t) }

func (l *conditionalDensity) sinhSlope(j int, t float64) float64 { return l.scale[j] * math.Cosh(t) }

// integrate is the integral of f from a to b by Simpson's rule, on pieces that
// are halved until their halves agree with them within eps.
func (l *conditionalDensity) integrate(f func(float64) float64, a, b float64, pieces int, eps float64) (sum float64) {
	h := (b - a) / float64(pieces)
	for i := range pieces {
		lo := a + h*float64(i)
		sum += l.simpson(f, lo, lo+h, f(lo), f(lo+h/2), f(lo+h), eps, 40)
	}
	return sum
}

func (l *conditionalDensity) simpson(f func(float64) float64, a, b, fa, fm, fb, eps float64, depth int) float64 {
	h, m := (b-a)/2, (a+b)/2
	fl, fr := f(a+h/2), f(m+h/2)
	whole, halves := h/3*(fa+4*fm+fb), h/6*(fa+4*fl+2*fm+4*fr+fb)
	if !(math.Abs(halves-whole) > eps) || depth == 0 || l.evalsLeft < 0 {
		return halves + (halves-whole)/15
	}
	return l.simpson(f, a, m, fa, fl, fm, eps, depth-1) + l.simpson(f, m, b, fm, fr, fb, eps, depth-1)
}
