// What spline couplings are for: a density that affine ones bend to slowly.

package coupling_test

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"

	"gorgonia.org/tensor"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/coupling"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/train"
)

// moons are n points on two interleaved half circles, with a little noise.
func moons(n int, seed uint64) *tensor.Dense {
	rng := rand.New(rand.NewPCG(seed, 1))
	x := make([]float32, 0, 2*n)
	for i := range n {
		sin, cos := math.Sincos(math.Pi * rng.Float64())
		if i%2 == 1 {
			sin, cos = 0.5-sin, 1-cos
		}
		x = append(x, float32(cos+0.05*rng.NormFloat64()), float32(sin+0.05*rng.NormFloat64()))
	}
	return tensor.New(tensor.WithShape(n, 2), tensor.WithBacking(x))
}

// TestMoons: with the same conditioners, depth and training, splines come
// clearly closer to two moons than affine couplings do, on other points.
func TestMoons(t *testing.T) {
	loss := func(make func(coupling.Recipe) (*bijector.Chain[float32], error)) float64 {
		chain := must(make(coupling.Recipe{Dim: 2, Layers: 4, Hidden: []int{24}, Norm: "act", Seed: 1}))
		flow := must(flow.New[float32](chain, distribution.StandardNormal[float32](2)))
		report, err := train.Fit(context.Background(), flow, train.Tensor(moons(2000, 1)), train.Options{
			Epochs: 15, Rate: 5e-3, Schedule: train.Cosine{}, Validation: train.Tensor(moons(2000, 2)), Workers: 1,
		})
		if err != nil {
			t.Fatal(err)
		}
		return report.Epochs[len(report.Epochs)-1].Validation
	}
	affine, spline := loss(coupling.RealNVP[float32]), loss(coupling.NSF[float32])
	t.Logf("affine %.3f, spline %.3f nats a point", affine, spline)
	if !(spline < affine-0.1) {
		t.Errorf("splines end at %.3f nats a point, affine couplings at %.3f", spline, affine)
	}
}
