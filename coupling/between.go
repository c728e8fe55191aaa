// How every feature of a recipe gets its turn, and its norms.

package coupling

import (
	"math/rand/v2"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/conditioned"
)

// between makes what stands between the couplings of a recipe, one after the
// other.
type between[T bijector.Float] struct {
	recipe Recipe
	turns  *turns
	rng    *rand.Rand
}

// order makes the layer that brings other features to where the next coupling
// moves them, or nil. previous is the mask of the coupling in front; nil: none.
func (b *between[T]) order(previous *MaskSpec, last bool) (bijector.Layer[T], error) {
	r := b.recipe
	switch {
	case r.Order == "lu":
		return bijector.NewLU[T](bijector.LUSpec{Dim: r.Dim, Seed: conditioned.Seed(b.rng)})
	case r.Order == "random":
		return permute[T](b.rng.Perm(r.Dim))
	case r.Order == "balanced" && previous != nil && !last:
		m, err := previous.mask(r.Dim)
		if err != nil {
			return nil, err
		}
		return permute[T](b.turns.next(m, b.rng))
	}
	return nil, nil
}

func permute[T bijector.Float](order []int) (bijector.Layer[T], error) {
	return bijector.NewPermute[T](bijector.PermuteSpec{Dim: len(order), Kind: "given", Indices: order})
}

// norm makes the norm of a coupling, or nil.
func (b *between[T]) norm() (bijector.Layer[T], error) {
	r := b.recipe
	return conditioned.Norm[T]("coupling", r.Norm, bijector.BatchNormSpec{Dim: r.Dim, Eps: r.Eps, Unbiased: r.Unbiased})
}
