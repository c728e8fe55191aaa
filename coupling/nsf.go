// The recipe NSF.

package coupling

import "github.com/bijou-flow/bijou/bijector"

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
