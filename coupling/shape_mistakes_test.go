// Every shape mistake is ErrShape, whatever else it is.

package coupling_test

import (
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/coupling"
	"github.com/bijou-flow/bijou/internal/testkit"
)

func TestShapeMistakes(t *testing.T) {
	keep := coupling.AffineSpec{Dim: 4, Mask: coupling.MaskSpec{Keep: []int{1, 0}}}
	channels := coupling.AdditiveSpec{Dim: 4, Mask: coupling.MaskSpec{Kind: "channel", Channels: 3, Height: 1, Width: 1}}
	pixel := coupling.ConvNetSpec{InChannels: 1, OutChannels: 1, Height: 1, Width: 1, Checkerboard: "odd"}
	narrow := func(in, out int) (bijector.Network[float64], error) {
		return coupling.NewMLP[float64](coupling.MLPSpec{In: in, Out: out + 1})
	}
	affine := must(coupling.NewAffine[float64](coupling.AffineSpec{Dim: 4, ContextDim: 2}))
	x := normal[float64](4, 3, rand.New(rand.NewPCG(1, 2)))
	given := func(n, c, d int) error {
		_, err := bijector.Given(affine, bijector.NewRows[float64](n, c)).Forward(testkit.Rows(rowsOf(x)[:3*d], 3, d))
		return err
	}
	for name, c := range map[string]struct{ err, also error }{
		"width":           {given(3, 2, 3), nil},
		"context's width": {given(3, 3, 4), bijector.ErrContext},
		"context's rows":  {given(2, 2, 4), bijector.ErrContext},
		"mask":            {errOf(coupling.NewAffine[float64](keep)), nil},
		"mask of images":  {errOf(coupling.NewAdditive[float64](channels)), nil},
		"conditioner":     {errOf(coupling.NewAffineWith(coupling.AffineSpec{Dim: 4}, narrow)), nil},
		"odd images":      {errOf(coupling.RealNVPImage[float64](coupling.ImageRecipe{Channels: 1, Height: 6, Width: 5, Scales: 2})), bijector.ErrSpec},
		"one pixel":       {errOf(coupling.NewConvNet[float64](pixel)), bijector.ErrSpec},
	} {
		if !errors.Is(c.err, bijector.ErrShape) {
			t.Errorf("%s: %v, want one that wraps ErrShape", name, c.err)
		}
		if c.also != nil && !errors.Is(c.err, c.also) {
			t.Errorf("%s: %v, want one that wraps %q", name, c.err, c.also)
		}
	}
}
