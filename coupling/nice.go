// The recipe NICE.

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
