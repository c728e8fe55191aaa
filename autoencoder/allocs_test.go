//go:build !race

// The race detector makes pools forget what they hold, and so allocate.

package autoencoder

import (
	"testing"

	"github.com/bijou-flow/bijou/bijector"
)

func TestStepDoesNotAllocate(t *testing.T) {
	for name, a := range models[float32]() {
		const n = 40
		x := must(bijector.MatOf[float32](images[float32](n, a.Dim()), a.Dim()))
		w := bijector.NewWorkers(2)
		p := a.NewStepPass(bijector.PassOptions{MaxBatch: n, Workers: w})
		e := a.NewLossPass(bijector.PassOptions{MaxBatch: n})
		loss := make([]float64, n)
		if k := testing.AllocsPerRun(5, func() { p.Step(x, bijector.Mat[float32]{}, loss) }); k != 0 {
			t.Errorf("%s: %v allocations a step", name, k)
		}
		if k := testing.AllocsPerRun(5, func() { e.Loss(x, bijector.Mat[float32]{}, loss) }); k != 0 {
			t.Errorf("%s: %v allocations a loss", name, k)
		}
		w.Close()
	}
}
