package coupling_test

import (
	"testing"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/coupling"
)

// BenchmarkConvNet measures a coupling over images of 28x28 on one core: the
// forward pass and a training step of 100 images.
func BenchmarkConvNet(b *testing.B) {
	const n, d = 100, 784
	m := coupling.MaskSpec{Kind: "checkerboard", Channels: 1, Height: 28, Width: 28}
	c, err := coupling.NewAffineWith(coupling.AffineSpec{Dim: d, Mask: m}, coupling.ConvNet[float32](m, coupling.ConvNetSpec{Hidden: 32}))
	if err != nil {
		b.Fatal(err)
	}
	x, z, dx := bijector.NewMat[float32](d, n), bijector.NewMat[float32](d, n), bijector.NewMat[float32](d, n)
	for i := range x.Data {
		x.Data[i] = float32(i%7) - 3
	}
	none, logDet := bijector.Mat[float32]{}, make([]float64, n)
	work := c.Conditioner().(bijector.WorkEstimator).Work() * n
	rate := func(b *testing.B, passes int) {
		b.ReportMetric(2e-9*float64(passes*work)*float64(b.N)/b.Elapsed().Seconds(), "GFLOP/s")
	}
	b.Run("forward", func(b *testing.B) {
		p := c.NewPass(bijector.PassOptions{MaxBatch: n})
		for range b.N {
			p.Forward(z, x, none, logDet)
		}
		rate(b, 1)
	})
	b.Run("step", func(b *testing.B) {
		p := c.NewGradPass(bijector.PassOptions{MaxBatch: n})
		for range b.N {
			p.Forward(z, x, none, logDet)
			p.Backward(dx, none, z, x, z, none, logDet)
		}
		rate(b, 3)
	})
}
