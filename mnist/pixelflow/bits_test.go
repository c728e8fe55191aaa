// The bits of a discrete image, by adding up the density over all of them.

package main

import (
	"math"
	"testing"

	"gorgonia.org/tensor"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/coupling"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/internal/testkit"
)

// TestBitsOfAll: a flow on images of two pixels of four levels gives all sixteen
// images together the probability 1, less the little beyond the ends of the
// interval, whatever stands in front; and the mean over the noise of the
// bits that are reported is no less than the bits of the image's probability, and
// not much more where the density is high.
func TestBitsOfAll(t *testing.T) {
	const side, n = 4, 60 // levels, and points in a level
	for name, start := range map[string]bijector.Layer[float64]{
		"background": testkit.Must(bijector.NewBackground[float64](bijector.BackgroundSpec{Dim: 2, Levels: side})),
		"logit":      testkit.Must(bijector.NewLogit[float64](bijector.LogitSpec{Dim: 2, Alpha: 1e-3, Clamp: true})),
	} {
		f := testkit.Must(flow.New[float64](testkit.Must(bijector.NewChain(start,
			testkit.Must(coupling.NewAffine[float64](coupling.AffineSpec{Dim: 2, Hidden: []int{5}, Seed: 1})),
			testkit.Must(coupling.NewSpline[float64](coupling.SplineSpec{Dim: 2, Hidden: []int{5}, Seed: 2, Mask: coupling.MaskSpec{Kind: "even"}})),
		)), distribution.StandardNormal[float64](2)))
		all := 0.0
		for image := range side * side {
			var x []float64
			for i := range n * n {
				x = append(x, (float64(image/side)+(float64(i/n)+0.5)/n)/side, (float64(image%side)+(float64(i%n)+0.5)/n)/side)
			}
			logp := testkit.Must(f.LogProb(tensor.New(tensor.WithShape(n*n, 2), tensor.WithBacking(x))))
			probability, bits := 0.0, 0.0
			for _, l := range logp {
				probability += math.Exp(l) / (n * n * side * side) // the area of a point
				bits += flow.BitsPerDim(l, 2, side) / (n * n)
			}
			if exact := -math.Log2(probability) / 2; bits < exact-1e-3 || image == 0 && bits > exact+1.5 {
				t.Errorf("%s: image %d has the probability %v, %v bits a pixel, and is said to have %v", name, image, probability, exact, bits)
			}
			all += probability
		}
		if !(all > 0.985 && all < 1.002) {
			t.Errorf("%s: all images together have the probability %v", name, all)
		}
	}
}
