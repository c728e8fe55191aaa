// The distributions of one dimension that have a name.

package distribution

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"

	"gonum.org/v1/gonum/mathext"
	"gonum.org/v1/gonum/stat/distuv"

	"github.com/bijou-flow/bijou/bijector"
)

// MarginalSpec describes a distribution of one dimension. The kinds and their
// parameters are those of gonum's distuv, in its order:
//
//	beta          alpha, beta     on 0 to 1
//	chi           k               from 0
//	chisquared    k               from 0
//	exponential   rate            from 0
//	gamma         alpha, beta     from 0, with rate beta
//	gumbel        mu, beta        of maxima
//	inversegamma  alpha, beta     from 0
//	laplace       mu, scale
//	logistic      mu, s
//	lognormal     mu, sigma       from 0, of the logarithm
//	normal        mu, sigma
//	pareto        xm, alpha       from xm
//	studentst     mu, sigma, nu
//	triangle      a, b, c         on a to b, with mode c
//	uniform       min, max
//	weibull       k, lambda       from 0, with scale lambda
type MarginalSpec struct {
	Kind   string    `json:"kind"`
	Params []float64 `json:"params"`
}

// MarginalKinds are the kinds of a MarginalSpec, sorted.
func MarginalKinds() []string {
	all := make([]string, 0, len(kinds))
	for name := range kinds {
		all = append(all, name)
	}
	slices.Sort(all)
	return all
}

// marginal is one dimension of an Independent.
type marginal struct {
	of             Univariate
	spec           MarginalSpec // of no kind for a Univariate from outside
	lo, hi, median float64
	law
}

// law is a density within its support. score is nil where there is none.
type law struct {
	logProb, score func(x float64) float64
	draw           func(*rand.Rand) float64 // nil: by quantiles
}

// newMarginal makes the marginal that a spec describes.
func newMarginal(s MarginalSpec) (marginal, error) {
	k, ok := kinds[s.Kind]
	if !ok {
		return marginal{}, fmt.Errorf("the kind %q is unknown, want one of %s: %w", s.Kind, strings.Join(MarginalKinds(), ", "), bijector.ErrSpec)
	}
	if len(s.Params) != len(k.params) {
		return marginal{}, fmt.Errorf("%s with %d parameters, want %d (%s): %w", s.Kind, len(s.Params), len(k.params), strings.Join(k.params, ", "), bijector.ErrSpec)
	}
	for i, v := range s.Params {
		name, positive := strings.CutPrefix(k.params[i], "positive ")
		if v-v != 0 || positive && v <= 0 {
			return marginal{}, fmt.Errorf("%s with %s %v, want it finite%s: %w", s.Kind, name, v, map[bool]string{true: " and positive"}[positive], bijector.ErrSpec)
		}
	}
	if k.check != nil && !k.check(s.Params) {
		return marginal{}, fmt.Errorf("%s with %v for %s, want them in order: %w", s.Kind, s.Params, strings.Join(k.params, ", "), bijector.ErrSpec)
	}
	s.Params = slices.Clone(s.Params)
	u, l := k.make(s.Params)
	m := bound(u, l)
	m.spec = s
	return m, nil
}

// marginalOf makes the marginal of a Univariate, by its kind where it has one.
func marginalOf(u Univariate) (marginal, error) {
	if u == nil {
		return marginal{}, fmt.Errorf("nil is no distribution: %w", bijector.ErrSpec)
	}
	if s, ok := specOf(u); ok {
		return newMarginal(s)
	}
	l := law{logProb: u.LogProb}
	if s, ok := u.(Scorer); ok {
		l.score = s.ScoreInput
	}
	return bound(u, l), nil
}

// bound completes a marginal.
func bound(u Univariate, l law) marginal {
	if l.draw == nil {
		l.draw = func(rng *rand.Rand) float64 { return u.Quantile(open(rng)) }
	}
	return marginal{of: u, law: l, lo: u.Quantile(0), hi: u.Quantile(1), median: u.Quantile(0.5)}
}

// open draws a uniform between 0 and 1, both not included.
func open(rng *rand.Rand) float64 {
	u := rng.Float64()
	for u == 0 { // one in 2^53
		u = rng.Float64()
	}
	return u
}

// kind makes a distribution and its law, of which gonum has the quantiles.
type kind struct {
	params []string // "positive" in front of those that must be
	check  func(p []float64) bool
	make   func(p []float64) (Univariate, law)
}

// specOf is the spec of a distribution of gonum's that has a kind.
func specOf(u Univariate) (s MarginalSpec, ok bool) {
	is := func(kind string, params ...float64) (MarginalSpec, bool) { return MarginalSpec{kind, params}, true }
	switch d := u.(type) {
	case distuv.Beta:
		return is("beta", d.Alpha, d.Beta)
	case distuv.Chi:
		return is("chi", d.K)
	case distuv.ChiSquared:
		return is("chisquared", d.K)
	case distuv.Exponential:
		return is("exponential", d.Rate)
	case distuv.Gamma:
		return is("gamma", d.Alpha, d.Beta)
	case distuv.GumbelRight:
		return is("gumbel", d.Mu, d.Beta)
	case distuv.InverseGamma:
		return is("inversegamma", d.Alpha, d.Beta)
	case distuv.Laplace:
		return is("laplace", d.Mu, d.Scale)
	case distuv.Logistic:
		return is("logistic", d.Mu, d.S)
	case distuv.LogNormal:
		return is("lognormal", d.Mu, d.Sigma)
	case distuv.Normal:
		return is("normal", d.Mu, d.Sigma)
	case distuv.Pareto:
		return is("pareto", d.Xm, d.Alpha)
	case distuv.StudentsT:
		return is("studentst", d.Mu, d.Sigma, d.Nu)
	case distuv.Triangle:
		return is("triangle", d.Quantile(0), d.Quantile(1), d.Mode())
	case distuv.Uniform:
		return is("uniform", d.Min, d.Max)
	case distuv.Weibull:
		return is("weibull", d.K, d.Lambda)
	}
	return s, false
}

// power is (a-1) log(x), the term of most densities on the positive line, and 0
// where a is 1 and x is 0.
func power(a, x float64) float64 {
	if a == 1 {
		return 0
	}
	return (a - 1) * math.Log(x)
}

// slope is the derivative of power.
func slope(a, x float64) float64 {
	if a == 1 {
		return 0
	}
	return (a - 1) / x
}

func lgamma(x float64) float64 {
	v, _ := math.Lgamma(x)
	return v
}

// kinds have densities and their derivatives side by side, c a logarithm of
// what makes the density integrate to 1.
var kinds = map[string]kind{
	"beta": {params: []string{"positive alpha", "positive beta"}, make: func(p []float64) (Univariate, law) {
		a, b := p[0], p[1]
		c := mathext.Lbeta(a, b)
		return distuv.Beta{Alpha: a, Beta: b}, law{
			logProb: func(x float64) float64 { return power(a, x) + power(b, 1-x) - c },
			score:   func(x float64) float64 { return slope(a, x) - slope(b, 1-x) },
		}
	}},
	"chi": {params: []string{"positive k"}, make: func(p []float64) (Univariate, law) {
		k := p[0]
		c := (k/2-1)*math.Ln2 + lgamma(k/2)
		return distuv.Chi{K: k}, law{
			logProb: func(x float64) float64 { return power(k, x) - x*x/2 - c },
			score:   func(x float64) float64 { return slope(k, x) - x },
		}
	}},
	"chisquared": {params: []string{"positive k"}, make: func(p []float64) (Univariate, law) {
		k := p[0]
		return distuv.ChiSquared{K: k}, gammaLaw(k/2, 0.5)
	}},
	"exponential": {params: []string{"positive rate"}, make: func(p []float64) (Univariate, law) {
		return distuv.Exponential{Rate: p[0]}, gammaLaw(1, p[0])
	}},
	"gamma": {params: []string{"positive alpha", "positive beta"}, make: func(p []float64) (Univariate, law) {
		return distuv.Gamma{Alpha: p[0], Beta: p[1]}, gammaLaw(p[0], p[1])
	}},
	"gumbel": {params: []string{"mu", "positive beta"}, make: func(p []float64) (Univariate, law) {
		mu, b := p[0], p[1]
		return distuv.GumbelRight{Mu: mu, Beta: b}, law{
			logProb: func(x float64) float64 { u := (x - mu) / b; return -u - math.Exp(-u) - math.Log(b) },
			score:   func(x float64) float64 { return math.Expm1(-(x-mu)/b) / b },
		}
	}},
	"inversegamma": {params: []string{"positive alpha", "positive beta"}, make: func(p []float64) (Univariate, law) {
		a, b := p[0], p[1]
		c := lgamma(a) - a*math.Log(b)
		return distuv.InverseGamma{Alpha: a, Beta: b}, law{
			logProb: func(x float64) float64 {
				if x == 0 {
					return math.Inf(-1)
				}
				return power(-a, x) - b/x - c
			},
			score: func(x float64) float64 {
				if x == 0 {
					return 0
				}
				return slope(-a, x) + b/x/x
			},
		}
	}},
	"laplace": {params: []string{"mu", "positive scale"}, make: func(p []float64) (Univariate, law) {
		mu, b := p[0], p[1]
		return distuv.Laplace{Mu: mu, Scale: b}, law{
			logProb: func(x float64) float64 { return -math.Abs(x-mu)/b - math.Log(2*b) },
			score: func(x float64) float64 {
				if x == mu {
					return 0
				}
				return math.Copysign(1/b, mu-x)
			},
		}
	}},
	"logistic": {params: []string{"mu", "positive s"}, make: func(p []float64) (Univariate, law) {
		mu, s := p[0], p[1]
		return distuv.Logistic{Mu: mu, S: s}, law{
			logProb: func(x float64) float64 {
				u := math.Abs(x-mu) / s
				return -u - 2*math.Log1p(math.Exp(-u)) - math.Log(s)
			},
			score: func(x float64) float64 { return -math.Tanh((x-mu)/s/2) / s },
		}
	}},
	"lognormal": {params: []string{"mu", "positive sigma"}, make: func(p []float64) (Univariate, law) {
		mu, s := p[0], p[1]
		c := math.Log(s) + halfLog2Pi
		return distuv.LogNormal{Mu: mu, Sigma: s}, law{
			logProb: func(x float64) float64 {
				if x == 0 {
					return math.Inf(-1)
				}
				l := math.Log(x)
				u := (l - mu) / s
				return -u*u/2 - l - c
			},
			score: func(x float64) float64 {
				if x == 0 {
					return 0
				}
				return -(1 + (math.Log(x)-mu)/s/s) / x
			},
			draw: func(rng *rand.Rand) float64 { return math.Exp(mu + s*rng.NormFloat64()) },
		}
	}},
	"normal": {params: []string{"mu", "positive sigma"}, make: func(p []float64) (Univariate, law) {
		mu, s := p[0], p[1]
		c := math.Log(s) + halfLog2Pi
		return distuv.Normal{Mu: mu, Sigma: s}, law{
			logProb: func(x float64) float64 { u := (x - mu) / s; return -u*u/2 - c },
			score:   func(x float64) float64 { return (mu - x) / s / s },
			draw:    func(rng *rand.Rand) float64 { return mu + s*rng.NormFloat64() },
		}
	}},
	"pareto": {params: []string{"positive xm", "positive alpha"}, make: func(p []float64) (Univariate, law) {
		xm, a := p[0], p[1]
		c := -math.Log(a) - a*math.Log(xm)
		return distuv.Pareto{Xm: xm, Alpha: a}, law{
			logProb: func(x float64) float64 { return power(-a, x) - c },
			score:   func(x float64) float64 { return slope(-a, x) },
		}
	}},
	"studentst": {params: []string{"mu", "positive sigma", "positive nu"}, make: func(p []float64) (Univariate, law) {
		mu, s, nu := p[0], p[1], p[2]
		c := math.Log(s) - logNormT(nu)
		return distuv.StudentsT{Mu: mu, Sigma: s, Nu: nu}, law{
			logProb: func(x float64) float64 { return logKernelT(nu, (x-mu)/s) - c },
			score:   func(x float64) float64 { return scoreT(nu, (x-mu)/s) / s },
			draw:    func(rng *rand.Rand) float64 { return mu + s*drawT(nu, rng) },
		}
	}},
	"triangle": {
		params: []string{"a", "b", "c"},
		check:  func(p []float64) bool { return p[0] <= p[2] && p[2] <= p[1] && p[0] < p[1] },
		make: func(p []float64) (Univariate, law) {
			a, b, c := p[0], p[1], p[2]
			return distuv.NewTriangle(a, b, c, nil), law{
				logProb: func(x float64) float64 {
					if x < c {
						return math.Log(2 * (x - a) / (b - a) / (c - a))
					}
					if x == c {
						return math.Log(2 / (b - a))
					}
					return math.Log(2 * (b - x) / (b - a) / (b - c))
				},
				score: func(x float64) float64 {
					switch {
					case x == c, x == a, x == b:
						return 0
					case x < c:
						return 1 / (x - a)
					}
					return -1 / (b - x)
				},
			}
		},
	},
	"uniform": {
		params: []string{"min", "max"},
		check:  func(p []float64) bool { return p[0] < p[1] },
		make: func(p []float64) (Univariate, law) {
			c := math.Log(p[1] - p[0])
			return distuv.Uniform{Min: p[0], Max: p[1]}, law{
				logProb: func(float64) float64 { return -c },
				score:   func(float64) float64 { return 0 },
			}
		},
	},
	"weibull": {params: []string{"positive k", "positive lambda"}, make: func(p []float64) (Univariate, law) {
		k, l := p[0], p[1]
		c := math.Log(k / l)
		return distuv.Weibull{K: k, Lambda: l}, law{
			logProb: func(x float64) float64 { return power(k, x/l) - math.Pow(x/l, k) + c },
			score:   func(x float64) float64 { return slope(k, x) - k/l*math.Pow(x/l, k-1) },
		}
	}},
}

// gammaLaw is a gamma distribution with shape a and rate b.
func gammaLaw(a, b float64) law {
	c := lgamma(a) - a*math.Log(b)
	return law{
		logProb: func(x float64) float64 { return power(a, x) - b*x - c },
		score:   func(x float64) float64 { return slope(a, x) - b },
	}
}
