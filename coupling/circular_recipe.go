// The recipe of tables with circular columns.

package coupling

import (
	"fmt"
	"math/rand/v2"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/conditioned"
)

// CircularRecipe describes a stack of circular couplings. Dim and Circles alone are
// enough for a good one.
type CircularRecipe struct {
	Dim        int      // features, at least 2
	ContextDim int      // features of the context; 0: unconditional
	Circles    []Circle // the features that lie on circles, at least one
	// Layers is the number of couplings; 0 means 6.
	Layers int
	// Hidden are the widths of each conditioner's hidden layers; none means 100
	// and 100.
	Hidden []int
	// Activation of the conditioners: "relu" (the default), "tanh" or another of MLPSpec's.
	Activation string
	// Bins and Bound of the splines: see CircularSpec.
	Bins  int
	Bound float64
	// OutScale shrinks the conditioners' initial last layers; 0 means 1.
	OutScale float64
	// Seed of all that is drawn: weights and masks.
	Seed uint64
}

// CircularNSF makes a neural spline flow of features of which some lie on circles:
// circular couplings
//
//	z_moved = g(x_moved; theta(x_kept))
//
// (Rezende et al. 2020, arXiv 2002.02428, section 2.1.3), behind a Standardize of
// the features that lie on none. Each mask keeps what the one before moved; from
// one pair to the next they are drawn anew. There is no norm and no linear map in
// between, which would leave the circles. Its base is CircularBase.
//
// It returns ErrSpec for a recipe that makes no flow.
func CircularNSF[T bijector.Float](r CircularRecipe) (*bijector.Chain[T], error) {
	if r.Layers == 0 {
		r.Layers = 6
	}
	if r.Layers < 1 || r.Layers > conditioned.MaxLayers {
		return nil, fmt.Errorf("coupling: a circular recipe of %d layers, want 1 to %d: %w", r.Layers, conditioned.MaxLayers, bijector.ErrSpec)
	}
	of, err := circlesOf[T](r.Dim, r.Circles)
	if err != nil {
		return nil, err
	}
	layers, err := standardizeLines[T](of)
	if err != nil {
		return nil, err
	}
	rng := rand.New(rand.NewPCG(r.Seed, 0x636972636c6573))
	var mask MaskSpec
	for i := range r.Layers {
		if i%2 == 0 {
			mask = MaskSpec{Kind: "random", Seed: conditioned.Seed(rng)}
		}
		mask.Invert = i%2 == 1
		c, err := NewCircular[T](CircularSpec{
			Dim: r.Dim, ContextDim: r.ContextDim, Mask: mask, Circles: r.Circles, Bins: r.Bins, Bound: r.Bound,
			Hidden: r.Hidden, Activation: r.Activation, OutScale: r.OutScale, Seed: conditioned.Seed(rng),
		})
		if err != nil {
			return nil, err
		}
		layers = append(layers, c)
	}
	return bijector.NewChain(layers...)
}

// standardizeLines are layers that standardise each run of features that lie on no
// circle.
func standardizeLines[T bijector.Float](of []*Circle) (layers []bijector.Layer[T], err error) {
	for lo := 0; lo < len(of); lo++ {
		hi := lo
		for hi < len(of) && of[hi] == nil {
			hi++
		}
		if hi == lo {
			continue
		}
		s, err := bijector.NewStandardize[T](bijector.StandardizeSpec{Dim: hi - lo})
		if err != nil {
			return nil, err
		}
		p, err := bijector.NewPart[T](len(of), lo, hi, s)
		if err != nil {
			return nil, err
		}
		layers = append(layers, p)
		lo = hi
	}
	return layers, nil
}
