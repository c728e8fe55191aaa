// The recipe Glow.

package coupling

import "github.com/bijou-flow/bijou/bijector"

// Glow makes a flow of steps of an actnorm, a trained linear map of all
// features and an affine coupling,
//
//	y = exp(a) x + b,  u = P L U y + c,  z_moved = u_moved * exp(s(u_kept)) + t(u_kept)
//
// (Kingma and Dhariwal 2018, arXiv 1807.03039, table 1 and section 3; the
// linear map is its invertible 1x1 convolution, equation 10, over features in
// place of channels), on standardised data. 8 steps by default. The linear maps
// cost 2 d^2 parameters a step beside the conditioners, and an inverse of two
// triangular solves. It overfits sooner than RealNVP and has the better
// densities of new rows where weight decay holds it back: docs/recipes.md.
//
// It returns ErrSpec for a recipe that makes no flow.
func Glow[T bijector.Float](r Recipe) (*bijector.Chain[T], error) {
	return recipeKind[T]{name: "Glow", layers: 8, order: "lu", norm: "act", normFirst: true, hasAffine: true, newCoupling: affineCoupling[T]}.chain(r)
}
