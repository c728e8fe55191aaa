// Recipes: whole flows made of autoregressive layers.

package autoregressive

import (
	"fmt"
	"math/rand/v2"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/conditioned"
)

// Recipe describes a stack of autoregressive layers with whatever goes between
// them. MAF and NSF make a chain of it; Dim alone is enough for a good one. The
// chain starts with a bijector.Gaussianize, which takes heavy tails, skew and
// outliers out of the columns that have them, and a bijector.Standardize;
// train.Fit sets both from the data, so that columns of any scale, offset and
// shape train alike. A conditional chain sees its
// contexts through a bijector.StandardizeContext, to the same end; contexts of
// only 0 and 1 stay as they are.
type Recipe struct {
	Dim        int // features, at least 1
	ContextDim int // features of the context; 0: unconditional
	// Layers is the number of autoregressive layers; 0 means 5.
	Layers int
	// Hidden are the widths of each net's hidden layers; none means 256 and
	// 256. A unit serves only features that come after all that it sees, so
	// that nets want to be wider than those of couplings; docs/recipes.md
	// compares widths.
	Hidden []int
	// Activation of the nets: "relu" (the default), "tanh" or another of coupling.MLPSpec's.
	Activation string
	// Scale of the layers of MAF and its Clamp: see AffineSpec.
	Scale string
	Clamp float64
	// Bins and Bound of the layers of NSF: see SplineSpec.
	Bins  int
	Bound float64
	// OutScale shrinks the nets' initial last layers; 0 means 1.
	OutScale float64
	// Order of the features in the layers:
	//
	//	reverse  0, 1, 2, ... in the first, and each the reverse of the one
	//	         before; the default, as in the paper
	//	random   one drawn from Seed in each
	//	same     0, 1, 2, ... in all: features are exactly conditioned on those
	//	         before them (flow.Flow.Condition), and fit less well
	Order string
	// Norm between the layers: "batch" (bijector.BatchNorm, MAF's default, as
	// in the paper), "act" (bijector.ActNorm, NSF's default) or "none".
	Norm string
	// Margins is what becomes of the single columns: "gaussianize" (the
	// default) or "standardize", which scales and shifts them alone.
	Margins string
	// Whiten puts a bijector.Whiten in place of the Standardize: for columns
	// that depend on each other linearly, above all few rows. With a small
	// OutScale and the norm "none" the flow starts as the Gaussian fit.
	Whiten bool
	// Raw leaves Gaussianize, Standardize and StandardizeContext out: for data
	// that is standardised already, and to build a published flow layer by layer.
	Raw bool
	// Seed of all that is drawn: weights and orders.
	Seed uint64
}

// MAF makes a masked autoregressive flow: affine autoregressive layers
//
//	z_j = x_j exp(s_j) + t_j,  (s_j, t_j) = net_j(context, x_1, ..., x_(j-1)),
//
// with a norm between them (Papamakarios et al. 2017, arXiv 1705.07057, eq. 3
// to 5 and section 3.1), on standardised data. 5 layers by default, as many as
// the paper's smaller flows, with nets of 256 and 256, batch norm, and the
// order reversed from one to the next. Of one feature without a context it is
// a normal density, whatever the layers: NSF bends that too. It returns
// ErrSpec for a recipe with a field that is out of its range.
func MAF[T bijector.Float](r Recipe) (*bijector.Chain[T], error) {
	if r.Bins != 0 || r.Bound != 0 {
		return nil, fmt.Errorf("autoregressive: a MAF recipe with bins (%d) or a bound (%g), which are NSF's: %w", r.Bins, r.Bound, bijector.ErrSpec)
	}
	r = r.withDefaults("batch")
	return newChain(r, func(order OrderSpec, seed uint64) (bijector.Layer[T], error) {
		return NewAffine[T](AffineSpec{
			Dim: r.Dim, ContextDim: r.ContextDim, Order: order, Scale: r.Scale, Clamp: r.Clamp,
			Hidden: r.Hidden, Activation: r.Activation, OutScale: r.OutScale, Seed: seed,
		})
	})
}

// NSF makes an autoregressive neural spline flow: autoregressive layers of
// splines, whose box the standardised data are in,
//
//	z_j = g(x_j; theta_j),  theta_j = net_j(context, x_1, ..., x_(j-1)),
//
// with a norm between them (Durkan et al. 2019, arXiv 1906.04032, eq. 4 and
// section 3; the paper's learned linear maps are orders here). 5 layers of 8
// bins within [-5, 5] by default, with nets of 256 and 256, an actnorm between
// them, and the order reversed from one to the next. It returns ErrSpec for a
// recipe with a field that is out of its range.
func NSF[T bijector.Float](r Recipe) (*bijector.Chain[T], error) {
	if r.Scale != "" || r.Clamp != 0 {
		return nil, fmt.Errorf("autoregressive: an NSF recipe with a scale (%q, clamp %g); splines have none: %w", r.Scale, r.Clamp, bijector.ErrSpec)
	}
	r = r.withDefaults("act")
	return newChain(r, func(order OrderSpec, seed uint64) (bijector.Layer[T], error) {
		return NewSpline[T](SplineSpec{
			Dim: r.Dim, ContextDim: r.ContextDim, Order: order, Bins: r.Bins, Bound: r.Bound,
			Hidden: r.Hidden, Activation: r.Activation, OutScale: r.OutScale, Seed: seed,
		})
	})
}

func (r Recipe) withDefaults(norm string) Recipe {
	if r.Layers == 0 {
		r.Layers = 5
	}
	if len(r.Hidden) == 0 {
		r.Hidden = []int{256, 256}
	}
	if r.Norm == "" {
		r.Norm = norm
	}
	return r
}

// newChain makes the chain of a recipe.
func newChain[T bijector.Float](r Recipe, layer func(order OrderSpec, seed uint64) (bijector.Layer[T], error)) (*bijector.Chain[T], error) {
	if r.Layers < 1 || r.Layers > conditioned.MaxLayers {
		return nil, fmt.Errorf("autoregressive: a recipe of %d layers, want 1 to %d: %w", r.Layers, conditioned.MaxLayers, bijector.ErrSpec)
	}
	var layers []bijector.Layer[T]
	if !r.Raw {
		var err error
		if layers, err = conditioned.Start[T]("autoregressive", r.Dim, r.Margins, r.Whiten); err != nil {
			return nil, err
		}
	}
	rng := rand.New(rand.NewPCG(r.Seed, 0x6d616672656369))
	for i := range r.Layers {
		if i > 0 {
			n, err := conditioned.Norm[T]("autoregressive", r.Norm, bijector.BatchNormSpec{Dim: r.Dim})
			if err != nil {
				return nil, err
			}
			if n != nil {
				layers = append(layers, n)
			}
		}
		order, err := r.orderSpec(i, rng)
		if err != nil {
			return nil, err
		}
		l, err := layer(order, conditioned.Seed(rng))
		if err != nil {
			return nil, err
		}
		layers = append(layers, l)
	}
	return conditioned.Chain(r.ContextDim, r.Raw, layers)
}

// orderSpec is that of the i-th layer.
func (r Recipe) orderSpec(i int, rng *rand.Rand) (OrderSpec, error) {
	switch r.Order {
	case "", "reverse":
		if i%2 == 1 {
			return OrderSpec{Kind: "reverse"}, nil
		}
		return OrderSpec{}, nil
	case "same":
		return OrderSpec{}, nil
	case "random":
		return OrderSpec{Kind: "random", Seed: conditioned.Seed(rng)}, nil
	}
	return OrderSpec{}, fmt.Errorf("autoregressive: a recipe with order %q, want reverse, random or same: %w", r.Order, bijector.ErrSpec)
}
