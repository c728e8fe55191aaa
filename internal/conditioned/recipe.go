// Defaults that both kinds of layers have, and what their recipes have in
// common.

package conditioned

import (
	"cmp"
	"fmt"
	"math/rand/v2"

	"github.com/bijou-flow/bijou/bijector"
)

// MaxLayers bounds a recipe's layers.
const MaxLayers = 1 << 12

// Hidden are the widths of a net's hidden layers, 100 and 100 where a spec has
// none.
func Hidden(widths []int) []int {
	if len(widths) == 0 {
		return []int{100, 100}
	}
	return widths
}

// DefaultBins are a spline's, where a spec has none.
const DefaultBins = 8

// SplineParams is the number of a spline's parameters: widths, heights and slopes,
// at the ends of the box too where those are free.
func SplineParams(bins int, freeEnds bool) float64 {
	n := 3*float64(cmp.Or(bins, DefaultBins)) - 1
	if freeEnds {
		n += 2
	}
	return n
}

// Seed draws a seed of 53 bits, which every reader of JSON keeps exactly.
func Seed(rng *rand.Rand) uint64 { return rng.Uint64() >> 11 }

// Chain makes the chain of a recipe's layers: under standardised contexts, where
// they take any and raw does not ask for the contexts themselves.
func Chain[T bijector.Float](contextDim int, raw bool, layers []bijector.Layer[T]) (*bijector.Chain[T], error) {
	if contextDim <= 0 || raw {
		return bijector.NewChain(layers...)
	}
	context, err := bijector.NewStandardizeContext[T](bijector.StandardizeContextSpec{Dim: contextDim})
	if err != nil {
		return nil, err
	}
	return bijector.NewConditionalChain[T](context, layers...)
}

// Norm makes the norm of a package's recipe: "batch", as s says, "act", of the
// same features and pixels, or nil for "none". It returns ErrSpec for another
// name.
func Norm[T bijector.Float](pkg, name string, s bijector.BatchNormSpec) (bijector.Layer[T], error) {
	switch name {
	case "batch":
		return bijector.NewBatchNorm[T](s)
	case "act":
		return bijector.NewActNorm[T](bijector.ActNormSpec{Dim: s.Dim, Pixels: s.Pixels})
	case "none":
		return nil, nil
	}
	return nil, fmt.Errorf("%s: norm %q, want batch, act or none: %w", pkg, name, bijector.ErrSpec)
}

// Start is what stands in front of a recipe's layers: a Gaussianize of the
// margins that a normal does not describe, and a Standardize or a Whiten.
// margins is the recipe's field, "" for "gaussianize".
func Start[T bijector.Float](pkg string, dim int, margins string, whiten bool) ([]bijector.Layer[T], error) {
	var layers []bijector.Layer[T]
	switch margins {
	case "", "gaussianize":
		g, err := bijector.NewGaussianize[T](bijector.GaussianizeSpec{Dim: dim})
		if err != nil {
			return nil, err
		}
		layers = append(layers, g)
	case "standardize":
	default:
		return nil, fmt.Errorf("%s: a recipe with margins %q, want gaussianize or standardize: %w", pkg, margins, bijector.ErrSpec)
	}
	if whiten {
		w, err := bijector.NewWhiten[T](bijector.WhitenSpec{Dim: dim})
		if err != nil {
			return nil, err
		}
		return append(layers, w), nil
	}
	s, err := bijector.NewStandardize[T](bijector.StandardizeSpec{Dim: dim})
	if err != nil {
		return nil, err
	}
	return append(layers, s), nil
}
