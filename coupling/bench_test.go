package coupling_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/coupling"
)

// benchSpec is one coupling of a small conditional flow.
var benchSpec = coupling.AffineSpec{Dim: 20, ContextDim: 10, Hidden: []int{100, 100}, Seed: 1}

func BenchmarkAffineTraining(b *testing.B) {
	for _, workers := range []int{1, 2} {
		for _, n := range []int{16, 100, 400} {
			b.Run(fmt.Sprintf("batch%d/workers%d", n, workers), func(b *testing.B) {
				w := bijector.NewWorkers(workers)
				defer w.Close()
				benchTraining(b, must(coupling.NewAffine[float32](benchSpec)), n, w)
			})
		}
	}
}

func BenchmarkAffineEvaluation(b *testing.B) {
	for _, n := range []int{1, 100} {
		b.Run(fmt.Sprintf("batch%d", n), func(b *testing.B) {
			benchEvaluation(b, must(coupling.NewAffine[float32](benchSpec)), n, bijector.Pass[float32].Forward)
		})
	}
}

// benchTraining runs steps of n samples.
func benchTraining(b *testing.B, c bijector.Trainable[float32], n int, w *bijector.Workers) {
	rng := rand.New(rand.NewPCG(1, 2))
	d := c.Dim()
	g := c.NewGradPass(bijector.PassOptions{MaxBatch: n, Workers: w})
	x, cond, dz := normal[float32](d, n, rng), normal[float32](c.ContextDim(), n, rng), normal[float32](d, n, rng)
	z, dx, logDet := bijector.NewMat[float32](d, n), bijector.NewMat[float32](d, n), make([]float64, n)
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		g.Forward(z, x, cond, logDet)
		g.Backward(dx, bijector.Mat[float32]{}, dz, x, z, cond, logDet)
	}
	perSecond(b, n)
}

// benchEvaluation runs one direction on n samples.
func benchEvaluation(b *testing.B, c bijector.Layer[float32], n int, run func(p bijector.Pass[float32], z, x, cond bijector.Mat[float32], logDet []float64)) {
	rng := rand.New(rand.NewPCG(1, 2))
	p := c.NewPass(bijector.PassOptions{MaxBatch: n})
	x, cond, logDet := normal[float32](c.Dim(), n, rng), normal[float32](c.ContextDim(), n, rng), make([]float64, n)
	z := bijector.NewMat[float32](c.Dim(), n)
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		run(p, z, x, cond, logDet)
	}
	perSecond(b, n)
}

func perSecond(b *testing.B, n int) {
	b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "samples/s")
}
