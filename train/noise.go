// Noise on the rows of a training set, new in every step.

package train

import (
	"math"
	"math/rand/v2"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/columns"
	"github.com/bijou-flow/bijou/internal/random"
)

// noise adds normal values to batches: a deviation for each feature.
type noise[T bijector.Float] struct {
	deviations []float64
	seed       uint64
	pcg        rand.PCG
	rng        *rand.Rand
}

// newNoise makes noise of a share of each column's deviation, by the rows'
// weights where they have some; of a constant
// column, of its magnitude, or of 1 for 0.
func newNoise[T bijector.Float](share float64, x bijector.Mat[T], weights []float64, seed uint64) *noise[T] {
	n := &noise[T]{seed: seed}
	for j, c := range columns.Describe(x) {
		s := columns.Deviation(x.Feature(j), c, weights)
		if c.IsConstant() {
			if s = math.Abs(c.Largest); s == 0 {
				s = 1
			}
		}
		n.deviations = append(n.deviations, share*s)
	}
	n.rng = rand.New(&n.pcg)
	return n
}

// add adds the noise of a step, which depends on the seed and the step alone.
// A nil noise adds none.
func (n *noise[T]) add(x bijector.Mat[T], step int) {
	if n == nil {
		return
	}
	n.pcg.Seed(random.Mix(n.seed), random.Mix(uint64(step)+0x6e6f6973650000))
	for j, s := range n.deviations {
		for i, v := range x.Feature(j) {
			x.Feature(j)[i] = T(float64(v) + s*n.rng.NormFloat64())
		}
	}
}
