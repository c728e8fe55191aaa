// Seeded draws, and how far they are from a law.

package testkit

import (
	"math"
	"math/rand/v2"
	"slices"
)

// Sizes are numbers of rows around the piece that a session computes.
var Sizes = []int{1, 2, 127, 128, 129, 1000}

// Million draws of the right law are farther than Farthest from it once in
// 10^9 tries.
const Million, Farthest = 1_000_000, 0.0033

// NewRand is a generator that depends on seed alone.
func NewRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 2)) }

// Distance is the Kolmogorov-Smirnov statistic of draws against a distribution
// function; it sorts the draws.
func Distance(draws []float64, cdf func(float64) float64) (d float64) {
	slices.Sort(draws)
	n := float64(len(draws))
	for i, x := range draws {
		p := cdf(x)
		d = max(d, math.Abs(p-float64(i)/n), math.Abs(float64(i+1)/n-p))
	}
	return d
}
