package autoencoder

import (
	"testing"

	"github.com/bijou-flow/bijou/bijector"
)

// BenchmarkStep is a training step of the zero ConvSpec's autoencoder,
// forward, backward and gradients, on one core and on all.
func BenchmarkStep(b *testing.B) {
	for _, c := range []struct {
		name           string
		batch, workers int
	}{{"batch=96/cores=1", 96, 1}, {"batch=100/cores=1", 100, 1}, {"batch=100/cores=all", 100, 0}} {
		b.Run(c.name, func(b *testing.B) {
			a := must(NewConv[float32](ConvSpec{}))
			x := must(bijector.MatOf[float32](images[float32](c.batch, 784), 784))
			w := bijector.NewWorkers(c.workers)
			defer w.Close()
			p := a.NewStepPass(bijector.PassOptions{MaxBatch: c.batch, Workers: w})
			loss := make([]float64, c.batch)
			p.Step(x, bijector.Mat[float32]{}, loss)
			b.ReportAllocs()
			b.ResetTimer()
			for range b.N {
				p.Step(x, bijector.Mat[float32]{}, loss)
			}
			b.ReportMetric(float64(c.batch*b.N)/b.Elapsed().Seconds(), "samples/s")
		})
	}
}

// BenchmarkEncode embeds 10,000 images on all cores.
func BenchmarkEncode(b *testing.B) {
	const n = 10_000
	a := must(NewConv[float32](ConvSpec{}))
	x := images[float32](n, 784)
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		if _, err := a.Encode(x); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(n*b.N)/b.Elapsed().Seconds(), "samples/s")
}
