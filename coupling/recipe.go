// Recipes: whole flows made of couplings. They are in recipes.go; here is what
// they share.

package coupling

import (
	"errors"
	"fmt"
	"math/rand/v2"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/conditioned"
)

// Recipe describes a stack of couplings with whatever goes between them. NICE,
// RealNVP, Glow and NSF make a chain of it; Dim alone is enough for a good one.
//
// Train it with decoupled weight decay and a rate that falls to 0,
//
//	train.Options{Rate: 3e-3, Schedule: train.Cosine{}, Optimizer: train.Adam{WeightDecay: 0.1, Decoupled: true}}
//
// where, on tens of thousands of rows, a decay of 0.1 suits widths of 100, 0.2 of
// 200 and 0.3 of 256; thousands of rows want 1, hundreds 3 to 10. Where there is no
// Validation, Fit holds a tenth of the rows out and keeps the best epoch.
// docs/recipes.md compares decays, and all recipes; package auto chooses among them.
//
// Every chain starts with a bijector.Gaussianize, which takes heavy tails, skew
// and outliers out of the columns that have them, and a bijector.Standardize;
// train.Fit sets both from the training data, so that columns of any scale,
// offset and shape train alike. The Standardize is
// there even where an actnorm follows, since it keeps its moments in float64
// and no step moves them: a column of mean 10^6 and deviation 1 would lose an
// actnorm's float32 bias to rounding. A conditional chain sees its contexts
// through a bijector.StandardizeContext for the same reason: contexts of any
// scale and offset train alike, and those of only 0 and 1 stay as they are.
type Recipe struct {
	Dim        int // features, at least 2; for one, see package autoregressive
	ContextDim int // features of the context; 0: unconditional
	// Layers is the number of couplings; 0 means 4 for NICE, 8 for RealNVP and
	// Glow, and 6 for NSF.
	Layers int
	// Hidden are the widths of each conditioner's hidden layers; none means
	// 100 and 100.
	Hidden []int
	// Blocks makes the conditioners residual perceptrons with that many blocks
	// (see ResidualSpec), of the one width in Hidden (none means 100); 0: plain
	// perceptrons.
	Blocks int
	// Activation of the conditioners: "relu" (the default), "tanh" or another of MLPSpec's.
	Activation string
	// Scale of the couplings of RealNVP and Glow, and its Clamp: see AffineSpec.
	Scale string
	Clamp float64
	// Bins and Bound of the couplings of NSF: see SplineSpec.
	Bins  int
	Bound float64
	// OutScale shrinks the conditioners' initial last layers; 0 means 1.
	OutScale float64
	// Mask of every coupling. The zero value keeps the odd features.
	Mask MaskSpec
	// Order is how every feature gets its turn:
	//
	//	balanced   between couplings, a permutation that puts the features that
	//	           were moved least often where the next coupling moves them,
	//	           and draws the rest from Seed; RealNVP's default
	//	lu         a trained linear map of all features (bijector.LU), at first a
	//	           rotation drawn from Seed, so that every feature has a part in
	//	           what is moved; the default of Glow and NSF
	//	alternate  no permutation: every other coupling moves what Mask keeps;
	//	           NICE's default
	//	random     a permutation for each coupling, drawn from Seed alone; with
	//	           few layers some features are never moved
	//
	// docs/recipes.md compares them.
	Order string
	// Norm of each coupling: "batch" (bijector.BatchNorm, RealNVP's default, as
	// in the paper), "act" (bijector.ActNorm, the default of Glow and NSF) or
	// "none" (NICE's default).
	Norm string
	// Unbiased and Eps are batch norm's: see bijector.BatchNormSpec.
	Unbiased bool
	Eps      float64
	// Margins is what becomes of the single columns: "gaussianize" (the
	// default) or "standardize", which scales and shifts them alone.
	Margins string
	// Whiten puts a bijector.Whiten in place of the Standardize: for columns
	// that depend on each other linearly, above all few rows. With a small
	// OutScale and the norm "none" the flow starts as the Gaussian fit.
	Whiten bool
	// Raw leaves Gaussianize, Standardize and StandardizeContext out: for data
	// that is standardised already, and to build a published flow layer by layer.
	// A layer of your own goes behind what standardises:
	// bijector.NewChain(standardize, layer, recipe), with a Raw recipe. In front
	// of a recipe that has it, a layer that is trained changes what was
	// standardised by its first outputs.
	Raw bool
	// Seed of all that is drawn: weights, permutations, rotations.
	Seed uint64
}

// recipeKind is what tells one recipe from another.
type recipeKind[T bijector.Float] struct {
	name                 string
	layers               int    // of Recipe, where it has none
	order, norm          string // and these
	normFirst            bool   // norm and order come before a coupling and not behind it
	hasAffine, hasSpline bool   // it reads what is meant for such couplings
	newCoupling          func(r Recipe, mask MaskSpec, seed uint64) (bijector.Layer[T], error)
	lastLayer            func(dim int) (bijector.Layer[T], error) // what comes behind the couplings; nil: nothing
}

// chain makes the flow of a recipe.
func (k recipeKind[T]) chain(r Recipe) (*bijector.Chain[T], error) {
	if r.Layers == 0 {
		r.Layers = k.layers
	}
	if r.Order == "" {
		r.Order = k.order
	}
	if r.Norm == "" {
		r.Norm = k.norm
	}
	if err := k.check(r); err != nil {
		return nil, err
	}
	layers, err := k.stack(r)
	if err != nil {
		return nil, err
	}
	if !r.Raw {
		start, err := conditioned.Start[T]("coupling", r.Dim, r.Margins, r.Whiten)
		if err != nil {
			return nil, err
		}
		layers = append(start, layers...)
	}
	if k.lastLayer != nil {
		end, err := k.lastLayer(r.Dim)
		if err != nil {
			return nil, err
		}
		layers = append(layers, end)
	}
	return conditioned.Chain(r.ContextDim, r.Raw, layers)
}

// check refuses what makes no flow, and what the recipe would ignore.
func (k recipeKind[T]) check(r Recipe) error {
	switch {
	case r.Dim == 1:
		return fmt.Errorf("coupling: a %s recipe for one feature: a coupling keeps one feature and moves another; use autoregressive.NSF, which takes any number (autoregressive.MAF of one feature is a normal density): %w", k.name, bijector.ErrSpec)
	case r.Dim < 1 || r.Dim > maxDim:
		return fmt.Errorf("coupling: a %s recipe for %d features, want 2 to %d: %w", k.name, r.Dim, maxDim, bijector.ErrSpec)
	case r.Layers < 1 || r.Layers > conditioned.MaxLayers:
		return fmt.Errorf("coupling: a recipe of %d layers, want 1 to %d: %w", r.Layers, conditioned.MaxLayers, bijector.ErrSpec)
	case !k.hasAffine && (r.Scale != "" || r.Clamp != 0):
		return fmt.Errorf("coupling: a %s recipe with a scale (%q, clamp %g), which its couplings do not have: %w", k.name, r.Scale, r.Clamp, bijector.ErrSpec)
	case !k.hasSpline && (r.Bins != 0 || r.Bound != 0):
		return fmt.Errorf("coupling: a %s recipe with bins (%d) or a bound (%g), which are NSF's: %w", k.name, r.Bins, r.Bound, bijector.ErrSpec)
	case r.Norm != "batch" && (r.Eps != 0 || r.Unbiased):
		return fmt.Errorf("coupling: Eps and Unbiased are batch norm's, the recipe's norm is %q: %w", r.Norm, bijector.ErrSpec)
	case r.Blocks < 0 || (r.Blocks > 0 && len(r.Hidden) > 1):
		return fmt.Errorf("coupling: %d residual blocks with hidden widths %v, want no negative number and, for blocks, one width at most: %w", r.Blocks, r.Hidden, bijector.ErrSpec)
	}
	return nil
}

// stack makes the couplings and what stands between them.
func (k recipeKind[T]) stack(r Recipe) ([]bijector.Layer[T], error) {
	masks, err := r.masks()
	if err != nil {
		return nil, err
	}
	b := &interlayers[T]{recipe: r, tracker: newFeatureTracker(r.Dim), rng: rand.New(rand.NewPCG(r.Seed, 0x726563697065))}
	var layers []bijector.Layer[T]
	var failed error
	add := func(l bijector.Layer[T], err error) {
		if failed = errors.Join(failed, err); l != nil && err == nil {
			layers = append(layers, l)
		}
	}
	var previous *MaskSpec
	for i := range r.Layers {
		mask := masks[i%len(masks)]
		if k.normFirst {
			add(b.norm())
			add(b.permutation(previous, false))
		}
		add(k.newCoupling(r, mask, conditioned.Seed(b.rng)))
		previous = &mask
		if !k.normFirst {
			add(b.permutation(previous, i == r.Layers-1))
			add(b.norm())
		}
		if failed != nil {
			return nil, failed
		}
	}
	return layers, nil
}

// masks are those of the couplings, in turn.
func (r Recipe) masks() ([]MaskSpec, error) {
	switch r.Order {
	case "balanced", "random", "lu":
		return []MaskSpec{r.Mask}, nil
	case "alternate":
		m, err := r.Mask.mask(r.Dim)
		if err != nil {
			return nil, err
		}
		other := MaskSpec{Kind: "given", Keep: make([]int, len(m))}
		for i, k := range m {
			other.Keep[i] = int(1 - k)
		}
		return []MaskSpec{r.Mask, other}, nil
	}
	return nil, fmt.Errorf("coupling: order %q, want balanced, lu, alternate or random: %w", r.Order, bijector.ErrSpec)
}

// conditioner is the constructor of the residual perceptrons that a recipe
// asks for, or nil for plain ones.
func conditioner[T bijector.Float](r Recipe, seed uint64) func(in, out int) (bijector.Network[T], error) {
	if r.Blocks == 0 {
		return nil
	}
	s := ResidualSpec{Blocks: r.Blocks, Activation: r.Activation, OutScale: r.OutScale, Seed: seed}
	if len(r.Hidden) > 0 {
		s.Hidden = r.Hidden[0]
	}
	return Residual[T](s)
}

// affineCoupling makes the couplings of RealNVP and Glow.
func affineCoupling[T bijector.Float](r Recipe, mask MaskSpec, seed uint64) (bijector.Layer[T], error) {
	s := AffineSpec{
		Dim: r.Dim, ContextDim: r.ContextDim, Mask: mask, Scale: r.Scale, Clamp: r.Clamp,
		Hidden: r.Hidden, Activation: r.Activation, OutScale: r.OutScale, Seed: seed,
	}
	if c := conditioner[T](r, seed); c != nil {
		return NewAffineWith(s, c)
	}
	return NewAffine[T](s)
}
