package coupling_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/coupling"
)

// benchSpline is benchSpec with a spline.
var benchSpline = coupling.SplineSpec{Dim: 20, ContextDim: 10, Hidden: []int{100, 100}, Seed: 1}

func BenchmarkSplineTraining(b *testing.B) {
	for _, n := range []int{16, 100, 400} {
		b.Run(fmt.Sprintf("batch%d", n), func(b *testing.B) {
			rng := rand.New(rand.NewPCG(1, 2))
			c := must(coupling.NewSpline[float32](benchSpline))
			g := c.NewGradPass(bijector.PassOptions{MaxBatch: n})
			x, cond, dz := normal[float32](20, n, rng), normal[float32](10, n, rng), normal[float32](20, n, rng)
			z, dx, logDet := bijector.NewMat[float32](20, n), bijector.NewMat[float32](20, n), make([]float64, n)
			b.ReportAllocs()
			b.ResetTimer()
			for range b.N {
				g.Forward(z, x, cond, logDet)
				g.Backward(dx, bijector.Mat[float32]{}, dz, x, z, cond, logDet)
			}
			perSecond(b, n)
		})
	}
}

func BenchmarkSplineEvaluation(b *testing.B) {
	for name, run := range map[string]func(p bijector.Pass[float32], z, x, cond bijector.Mat[float32], logDet []float64){
		"forward": bijector.Pass[float32].Forward,
		"inverse": bijector.Pass[float32].Inverse,
	} {
		for _, n := range []int{1, 100} {
			b.Run(fmt.Sprintf("%s/batch%d", name, n), func(b *testing.B) {
				rng := rand.New(rand.NewPCG(1, 2))
				c := must(coupling.NewSpline[float32](benchSpline))
				p := c.NewPass(bijector.PassOptions{MaxBatch: n})
				x, cond, logDet := normal[float32](20, n, rng), normal[float32](10, n, rng), make([]float64, n)
				z := bijector.NewMat[float32](20, n)
				b.ReportAllocs()
				b.ResetTimer()
				for range b.N {
					run(p, z, x, cond, logDet)
				}
				perSecond(b, n)
			})
		}
	}
}
