// How every feature of a recipe gets its turn, and its norms.

package coupling

import (
	"math/rand/v2"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/conditioned"
)

// interlayers makes what stands between the couplings of a recipe, one after the
// other.
type interlayers[T bijector.Float] struct {
	recipe  Recipe
	tracker *featureTracker
	rng     *rand.Rand
}

// permutation makes the layer that brings other features to where the next coupling
// moves them, or nil. previous is the mask of the coupling in front; nil: none.
func (b *interlayers[T]) permutation(previous *MaskSpec, last bool) (bijector.Layer[T], error) {
	r := b.recipe
	switch {
	case r.Order == "lu":
		return bijector.NewLU[T](bijector.LUSpec{Dim: r.Dim, Seed: conditioned.Seed(b.rng)})
	case r.Order == "random":
		return newPermute[T](b.rng.Perm(r.Dim))
	case r.Order == "balanced" && previous != nil && !last:
		m, err := previous.mask(r.Dim)
		if err != nil {
			return nil, err
		}
		return newPermute[T](b.tracker.nextOrder(m, b.rng))
	}
	return nil, nil
}

func newPermute[T bijector.Float](order []int) (bijector.Layer[T], error) {
	return bijector.NewPermute[T](bijector.PermuteSpec{Dim: len(order), Kind: "given", Indices: order})
}

// norm makes the norm of a coupling, or nil.
func (b *interlayers[T]) norm() (bijector.Layer[T], error) {
	r := b.recipe
	return conditioned.Norm[T]("coupling", r.Norm, bijector.BatchNormSpec{Dim: r.Dim, Eps: r.Eps, Unbiased: r.Unbiased})
}
