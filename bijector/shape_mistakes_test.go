// Every shape mistake is ErrShape, whatever else it is.

package bijector_test

import (
	"errors"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/bijector/bijectortest/shear"
)

func TestShapeMistakes(t *testing.T) {
	layer := must(shear.New[float64](shear.Spec{Dim: 3, Context: 2}))
	batch := bijector.NewRows[float64]
	given := func(n, d int) error { return errOf(bijector.Given(layer, batch(n, d)).Forward(batch(4, 3))) }
	spec := func(s bijector.PermuteSpec) error { return errOf(bijector.NewPermute[float64](s)) }
	three := must(bijector.NewScale[float64](bijector.ScaleSpec{Dim: 3}))
	other := must(shear.New[float64](shear.Spec{Dim: 3, Context: 1}))
	for name, c := range map[string]struct{ err, also error }{
		"width":               {errOf(bijector.Given(layer, batch(4, 2)).Inverse(batch(4, 5))), nil},
		"context's width":     {given(4, 3), bijector.ErrContext},
		"context's rows":      {given(3, 2), bijector.ErrContext},
		"contexts of a chain": {errOf(bijector.NewChain[float64](layer, other)), bijector.ErrContext},
		"widths of a chain":   {errOf(bijector.NewChain[float64](three, must(bijector.NewScale[float64](bijector.ScaleSpec{Dim: 4})))), nil},
		"part outside":        {errOf(bijector.NewPart[float64](3, 1, 4, three)), bijector.ErrSpec},
		"part too wide":       {errOf(bijector.NewPart[float64](9, 1, 3, three)), nil},
		"indices":             {spec(bijector.PermuteSpec{Dim: 3, Kind: "given", Indices: []int{1, 0}}), bijector.ErrSpec},
		"pixels":              {errOf(bijector.NewActNorm[float64](bijector.ActNormSpec{Dim: 10, Pixels: 4})), bijector.ErrSpec},
		"odd sides":           {errOf(bijector.NewSqueeze[float64](bijector.SqueezeSpec{Channels: 1, Height: 3, Width: 2})), bijector.ErrSpec},
	} {
		if !errors.Is(c.err, bijector.ErrShape) {
			t.Errorf("%s: %v, want one that wraps ErrShape", name, c.err)
		}
		if c.also != nil && !errors.Is(c.err, c.also) {
			t.Errorf("%s: %v, want one that wraps %q", name, c.err, c.also)
		}
	}
}
