// The recipe RealNVP.

package coupling

import "github.com/bijou-flow/bijou/bijector"

// RealNVP makes a flow of affine couplings,
//
//	z_moved = x_moved * exp(s(x_kept)) + t(x_kept),  z_kept = x_kept,
//
// each followed by batch norm and, but for the last, a permutation (Dinh et al.
// 2017, arXiv 1605.08803, equations 7 and 8, and section 3.7 for the norm), on
// standardised data. 8 couplings by default. Actnorm (Norm)
// tends to better densities of new rows and worse draws: docs/recipes.md.
//
// It returns ErrSpec for a recipe that makes no flow.
func RealNVP[T bijector.Float](r Recipe) (*bijector.Chain[T], error) {
	return recipeKind[T]{name: "RealNVP", layers: 8, order: "balanced", norm: "batch", hasAffine: true, newCoupling: affineCoupling[T]}.chain(r)
}
