// The logistic base distribution.

package distribution

import (
	"math"
	"math/rand/v2"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/kernel"
)

// Logistic is a logistic distribution of independent dimensions, with
// location and scale of each, the prior of NICE (Dinh et al. 2015, arXiv
// 1410.8516, section 3.4):
//
//	log p(z) = sum_j -log(1+e^u_j) - log(1+e^-u_j) - log s_j,  u = (z-loc)/s.
//
// A scale s means a standard deviation of s*pi/sqrt(3). The support is the
// whole space. The log-density falls like -|u|, so that it is finite wherever
// u is, and its gradient, -tanh(u/2)/s, is bounded by 1/s.
//
// A draw is loc + scale u, with u the quantile log(p/(1-p)) of a uniform p;
// temperature multiplies u. The cost is a softplus a value, a tanh in the
// gradient, and two logarithms in a draw.
type Logistic[T bijector.Float] struct {
	spec LogisticSpec
	locationScale[T]
}

// LogisticSpec describes a Logistic.
type LogisticSpec struct {
	// Dim is the number of features.
	Dim int `json:"dim"`
	// Loc is the location of each feature; none means 0.
	Loc []float64 `json:"loc,omitempty"`
	// Scale is the scale of each feature, positive; none means 1.
	Scale []float64 `json:"scale,omitempty"`
	// Learned makes location and log-scale parameters, which start from Loc
	// and Scale. Otherwise they stay what they are.
	Learned bool `json:"learned,omitempty"`
}

// NewLogistic makes a Logistic from its spec. A spec that describes no
// distribution is an ErrSpec.
func NewLogistic[T bijector.Float](s LogisticSpec) (*Logistic[T], error) {
	d, err := newLocationScale[T]("logistic", NormalSpec(s))
	if err != nil {
		return nil, err
	}
	return &Logistic[T]{spec: LogisticSpec(NormalSpec(s).clone()), locationScale: d}, nil
}

// Spec is the LogisticSpec. That of a learned one holds the values it started
// from; the present ones are its Params.
func (l *Logistic[T]) Spec() any { return LogisticSpec(NormalSpec(l.spec).clone()) }

// NewBasePass returns a pass that scores and draws.
func (l *Logistic[T]) NewBasePass(o bijector.PassOptions) BasePass[T] {
	return newLocationScalePass(&l.locationScale, standardLogistic{}, o)
}

// NewBaseGradPass returns a pass that differentiates.
func (l *Logistic[T]) NewBaseGradPass(o bijector.PassOptions) BaseGradPass[T] {
	return newLocationScaleGradPass(&l.locationScale, standardLogistic{}, o)
}

type standardLogistic struct{ shapeless }

// logProb: with a = |u|, the two softplus terms are log(1+e^a) = a +
// log(1+e^-a) and log(1+e^-a), of which neither overflows.
func (standardLogistic) logProb(_ int, logp, u []float64, shift float64) {
	for i, v := range u {
		a := math.Abs(v)
		logp[i] += shift - a
		u[i] = -a
	}
	kernel.Softplus(u, u)
	for i, v := range u {
		logp[i] -= 2 * v
	}
}

// score: d/du (-log(1+e^u) - log(1+e^-u)) = -(2 sigmoid(u) - 1) = -tanh(u/2).
func (standardLogistic) score(_ int, u []float64) {
	for i, v := range u {
		u[i] = -v / 2
	}
	kernel.Tanh(u, u)
}

// draw inverts the distribution function: u = log(p/(1-p)).
func (standardLogistic) draw(_ int, rng *rand.Rand) float64 {
	p := rng.Float64()
	for p == 0 { // one in 2^53, and no number
		p = rng.Float64()
	}
	return math.Log(p) - math.Log1p(-p)
}
