// Four tasks of sbibm: priors and simulators.

package main

import (
	"math"
	"math/rand/v2"

	"github.com/bijou-flow/bijou/bijector"
)

// task is a simulator with its prior, as in Lueckmann et al. 2021 (arXiv
// 2101.04653), appendix T.
type task struct {
	name     string // of its folder in the package
	dim      int    // parameters
	dataDim  int
	bound    float64                      // of a uniform prior on (-bound, bound); 0: the prior is normal
	prior    func(rng *rand.Rand) float64 // of each parameter
	simulate func(rng *rand.Rand, theta, x []float64)
}

func uniform(bound float64) func(*rand.Rand) float64 {
	return func(rng *rand.Rand) float64 { return bound * (2*rng.Float64() - 1) }
}

func tasks() []task {
	return []task{
		{"gaussian_linear", 10, 10, 0, func(rng *rand.Rand) float64 { return math.Sqrt(0.1) * rng.NormFloat64() }, func(rng *rand.Rand, theta, x []float64) {
			for j, v := range theta {
				x[j] = v + math.Sqrt(0.1)*rng.NormFloat64()
			}
		}},
		{"gaussian_mixture", 2, 2, 10, uniform(10), func(rng *rand.Rand, theta, x []float64) {
			deviation := 1.0
			if rng.Float64() < 0.5 {
				deviation = 0.1
			}
			for j, v := range theta {
				x[j] = v + deviation*rng.NormFloat64()
			}
		}},
		{"two_moons", 2, 2, 1, uniform(1), func(rng *rand.Rand, theta, x []float64) {
			a, r := math.Pi*(rng.Float64()-0.5), 0.1+0.01*rng.NormFloat64()
			x[0] = r*math.Cos(a) + 0.25 - math.Abs(theta[0]+theta[1])/math.Sqrt2
			x[1] = r*math.Sin(a) + (theta[1]-theta[0])/math.Sqrt2
		}},
		{"slcp", 5, 8, 3, uniform(3), func(rng *rand.Rand, theta, x []float64) {
			s1, s2, rho := theta[2]*theta[2], theta[3]*theta[3], math.Tanh(theta[4])
			// The task's own 1e-6 on the diagonal of the covariance.
			a := math.Sqrt(s1*s1 + 1e-6)
			b := rho * s1 * s2 / a
			c := math.Sqrt(max(s2*s2+1e-6-b*b, 0))
			for i := 0; i < len(x); i += 2 {
				u, v := rng.NormFloat64(), rng.NormFloat64()
				x[i], x[i+1] = theta[0]+a*u, theta[1]+b*u+c*v
			}
		}},
	}
}

// pairs are n draws of the prior, each with what the simulator makes of it.
func (t task) pairs(n int, seed uint64) (parameters, observations *bijector.Rows[float32]) {
	rng := rand.New(rand.NewPCG(seed, 0x73696d))
	parameters, observations = bijector.NewRows[float32](n, t.dim), bijector.NewRows[float32](n, t.dataDim)
	theta, x := make([]float64, t.dim), make([]float64, t.dataDim)
	for i := range n {
		for j := range theta {
			theta[j] = t.prior(rng)
		}
		t.simulate(rng, theta, x)
		round(parameters.Row(i), theta)
		round(observations.Row(i), x)
	}
	return parameters, observations
}

func round(dst []float32, values []float64) {
	for j, v := range values {
		dst[j] = float32(v)
	}
}
