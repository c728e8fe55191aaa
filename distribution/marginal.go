// Distributions of one dimension: gonum's, a few of them with names, and any
// other that has a density, its derivative and quantiles.

package distribution

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/nilcheck"
)

// Univariate is a continuous distribution of one dimension as a base needs it.
// gonum's distuv.Exponential, Laplace, Normal, Triangle, Uniform and Weibull
// are such.
type Univariate interface {
	// LogProb is the log-density at x, in nats: -Inf outside the support.
	LogProb(x float64) float64
	// ScoreInput is the derivative of LogProb at x. NaN says that there is
	// none, as at the mode of a Laplace distribution, and counts as 0.
	ScoreInput(x float64) float64
	// Quantile is the inverse of the distribution function, for p from 0 to
	// 1. Quantile(0) and Quantile(1) are the bounds of the support, an
	// interval, and Quantile(0.5) lies between them.
	Quantile(p float64) float64
}

// MarginalSpec describes a distribution of one dimension by its name in model
// files and its parameters, which are those of the distuv type of that name:
//
//	exponential  rate       from 0
//	laplace      mu, scale
//	normal       mu, sigma
//	uniform      min, max   from min to max
//	weibull      k, lambda  from 0, with scale lambda
//
// A parameter is at most 1e100 in magnitude; rate, scale, sigma, k and lambda
// are at least 1e-100, and min is below max.
type MarginalSpec struct {
	Kind   string    `json:"kind"`
	Params []float64 `json:"params"`
}

// Bounds of a parameter: products and quotients of two are finite and not 0.
const (
	maxParam = 1e100
	minScale = 1e-100
)

// marginalKind makes the distribution of a MarginalSpec.
type marginalKind struct {
	params  []string // "positive" in front of those that must be
	newDist func(p []float64) Univariate
}

var marginalKinds = map[string]marginalKind{
	"exponential": {[]string{"positive rate"}, func(p []float64) Univariate { return distuv.Exponential{Rate: p[0]} }},
	"laplace":     {[]string{"mu", "positive scale"}, func(p []float64) Univariate { return distuv.Laplace{Mu: p[0], Scale: p[1]} }},
	"normal":      {[]string{"mu", "positive sigma"}, func(p []float64) Univariate { return distuv.Normal{Mu: p[0], Sigma: p[1]} }},
	"uniform":     {[]string{"min", "max"}, func(p []float64) Univariate { return distuv.Uniform{Min: p[0], Max: p[1]} }},
	"weibull": {[]string{"positive k", "positive lambda"}, func(p []float64) Univariate {
		if p[0] == 1 { // where distuv.Weibull has a log-density of 0 at 0, whatever lambda is
			return distuv.Exponential{Rate: 1 / p[1]}
		}
		return distuv.Weibull{K: p[0], Lambda: p[1]}
	}},
}

// marginalSpecOf is the spec of a distribution of gonum's that has a name.
func marginalSpecOf(u Univariate) (s MarginalSpec, ok bool) {
	switch d := u.(type) {
	case distuv.Exponential:
		return MarginalSpec{"exponential", []float64{d.Rate}}, true
	case distuv.Laplace:
		return MarginalSpec{"laplace", []float64{d.Mu, d.Scale}}, true
	case distuv.Normal:
		return MarginalSpec{"normal", []float64{d.Mu, d.Sigma}}, true
	case distuv.Uniform:
		return MarginalSpec{"uniform", []float64{d.Min, d.Max}}, true
	case distuv.Weibull:
		return MarginalSpec{"weibull", []float64{d.K, d.Lambda}}, true
	}
	return s, false
}

// marginal is one dimension of an Independent.
type marginal struct {
	dist           Univariate
	spec           MarginalSpec // of no kind where dist has no name
	lo, median, hi float64
}

// newMarginal makes the marginal that a spec describes. gonum is called with
// parameters in their bounds alone.
func newMarginal(s MarginalSpec) (m marginal, err error) {
	k, ok := marginalKinds[s.Kind]
	if !ok {
		var known []string
		for name := range marginalKinds {
			known = append(known, name)
		}
		slices.Sort(known)
		return m, fmt.Errorf("the kind %q is unknown, want one of %s: %w", s.Kind, strings.Join(known, ", "), bijector.ErrSpec)
	}
	if len(s.Params) != len(k.params) {
		return m, fmt.Errorf("%s with %d parameters, want %d (%s): %w: %w", s.Kind, len(s.Params), len(k.params), strings.Join(k.params, ", "), bijector.ErrSpec, bijector.ErrShape)
	}
	for i, v := range s.Params {
		name, positive := strings.CutPrefix(k.params[i], "positive ")
		lo := -maxParam
		if positive {
			lo = minScale
		}
		if !(v >= lo && v <= maxParam) {
			return m, fmt.Errorf("%s with %s %v, want it from %g to %g: %w", s.Kind, name, v, lo, maxParam, bijector.ErrSpec)
		}
	}
	s.Params = slices.Clone(s.Params)
	return withQuantiles(k.newDist(s.Params), s)
}

// marginalOf makes the marginal of a Univariate, by its name where it has one.
func marginalOf(u Univariate) (marginal, error) {
	if nilcheck.IsNil(u) {
		return marginal{}, fmt.Errorf("a distribution that is nil: %w", bijector.ErrSpec)
	}
	if s, ok := marginalSpecOf(u); ok {
		return newMarginal(s)
	}
	return withQuantiles(u, MarginalSpec{})
}

// withQuantiles completes a marginal.
func withQuantiles(u Univariate, s MarginalSpec) (marginal, error) {
	m := marginal{dist: u, spec: s, lo: u.Quantile(0), median: u.Quantile(0.5), hi: u.Quantile(1)}
	if !(m.lo < m.median && m.median < m.hi) {
		return marginal{}, fmt.Errorf("%T with quantiles 0, 0.5 and 1 at %v, %v and %v, want each above the one before: %w", u, m.lo, m.median, m.hi, bijector.ErrSpec)
	}
	return m, nil
}

// logProb is the log-density at x.
func (m *marginal) logProb(x float64) float64 {
	switch {
	case x < m.lo || x > m.hi:
		return math.Inf(-1)
	case x != x:
		return x
	}
	return m.dist.LogProb(x)
}

// score is the derivative of logProb at x, and 0 outside the support.
func (m *marginal) score(x float64) float64 {
	if x < m.lo || x > m.hi {
		return 0
	}
	if q := m.dist.ScoreInput(x); q == q || x != x {
		return q
	}
	return 0
}

// draw returns one value: the quantile of a uniform between 0 and 1, both not
// included.
func (m *marginal) draw(rng *rand.Rand) float64 {
	u := rng.Float64()
	for u == 0 { // one in 2^53
		u = rng.Float64()
	}
	return m.dist.Quantile(u)
}
