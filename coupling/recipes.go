// The recipes: NICE, RealNVP, Glow and NSF. What they share is in recipe.go.

package coupling

import "github.com/bijou-flow/bijou/bijector"

// NICE makes a flow of additive couplings that ends in a diagonal scale,
//
//	z = exp(s) f_K(... f_1(x)),  f_k: z_moved = x_moved + t_k(x_kept),
//
// log|det dz/dx| = sum_j s_j (Dinh et al. 2015, arXiv 1410.8516, equations 9
// and 10 and section 3.3), on standardised data. It preserves volume but for
// the scale, the same for every row: the recipe to compare others with. 4
// couplings by default, as in the paper, with masks that alternate.
//
// It returns ErrSpec for a recipe that makes no flow.
func NICE[T bijector.Float](r Recipe) (*bijector.Chain[T], error) {
	return recipeKind[T]{name: "NICE", layers: 4, order: "alternate", norm: "none", newCoupling: additiveCoupling[T], lastLayer: finalScale[T]}.chain(r)
}

func additiveCoupling[T bijector.Float](r Recipe, mask MaskSpec, seed uint64) (bijector.Layer[T], error) {
	s := AdditiveSpec{
		Dim: r.Dim, ContextDim: r.ContextDim, Mask: mask,
		Hidden: r.Hidden, Activation: r.Activation, OutScale: r.OutScale, Seed: seed,
	}
	if c := conditioner[T](r, seed); c != nil {
		return NewAdditiveWith(s, c)
	}
	return NewAdditive[T](s)
}

func finalScale[T bijector.Float](dim int) (bijector.Layer[T], error) {
	return bijector.NewScale[T](bijector.ScaleSpec{Dim: dim})
}

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

// NSF makes a neural spline flow: steps of an actnorm, a trained linear map of
// all features and a coupling by monotonic rational-quadratic splines,
//
//	z_moved = spline(u_moved; theta(u_kept)),  u = P L U (exp(a) x + b) + c
//
// (Durkan et al. 2019, arXiv 1906.04032, equation 4 and section 3.1; its linear
// maps by LU are those of section 3.3 and appendix B.1), on standardised data.
// 6 steps of 8 bins within [-5, 5] by default; beyond, a spline is the identity.
//
// It returns ErrSpec for a recipe that makes no flow.
func NSF[T bijector.Float](r Recipe) (*bijector.Chain[T], error) {
	return recipeKind[T]{name: "NSF", layers: 6, order: "lu", norm: "act", normFirst: true, hasSpline: true, newCoupling: splineCoupling[T]}.chain(r)
}

func splineCoupling[T bijector.Float](r Recipe, mask MaskSpec, seed uint64) (bijector.Layer[T], error) {
	s := SplineSpec{
		Dim: r.Dim, ContextDim: r.ContextDim, Mask: mask, Bins: r.Bins, Bound: r.Bound,
		Hidden: r.Hidden, Activation: r.Activation, OutScale: r.OutScale, Seed: seed,
	}
	if c := conditioner[T](r, seed); c != nil {
		return NewSplineWith(s, c)
	}
	return NewSpline[T](s)
}
