// Batches that go through convolutions in parts.

package autoencoder

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
)

// partStep is the losses and the gradients of one step on the first n samples of x.
func partStep(t *testing.T, a *Autoencoder[float64], x bijector.Mat[float64], n, workers int) ([]float64, [][]float64) {
	t.Helper()
	w := bijector.NewWorkers(workers)
	defer w.Close()
	p, loss := a.NewStepPass(bijector.PassOptions{MaxBatch: x.N, Workers: w}), make([]float64, n)
	p.Step(x.Samples(0, n), bijector.Mat[float64]{}, loss)
	return loss, p.Grads()
}

// TestStepInParts compares steps by different numbers of workers, whose parts differ,
// bit by bit, and with the mean over steps of ten rows, which are one part each.
func TestStepInParts(t *testing.T) {
	for _, loss := range []string{"", "gaussian"} {
		a, err := NewConv[float64](ConvSpec{InChannels: 1, Height: 6, Width: 5, Channels: []int{3, 9}, Embedding: 2, Bias: true, Loss: loss, Seed: 3})
		if err != nil {
			t.Fatal(err)
		}
		rng := rand.New(rand.NewPCG(5, 6))
		x := bijector.NewMat[float64](a.Dim(), 250)
		for i := range x.Data {
			x.Data[i] = rng.Float64()
		}
		for _, n := range []int{250, 110, 10} {
			losses, grads := partStep(t, a, x, n, 1)
			for _, workers := range []int{2, 3, 7} {
				l, g := partStep(t, a, x, n, workers)
				if !slices.Equal(l, losses) {
					t.Errorf("loss %q, %d rows, %d workers: other losses than with one", loss, n, workers)
				}
				for i := range g {
					if !slices.Equal(g[i], grads[i]) {
						t.Errorf("loss %q, %d rows, %d workers: gradient %d has other bits than with one", loss, n, workers, i)
					}
				}
			}
			mean := make([][]float64, len(grads))
			for lo := 0; lo < n; lo += 10 {
				l, g := partStep(t, a, x.Samples(lo, lo+10), 10, 1)
				for i, v := range l {
					if math.Abs(v-losses[lo+i]) > 1e-12 {
						t.Errorf("loss %q, row %d of %d: %v, by itself %v", loss, lo+i, n, losses[lo+i], v)
					}
				}
				for i := range g {
					if mean[i] == nil {
						mean[i] = make([]float64, len(g[i]))
					}
					for k, v := range g[i] {
						mean[i][k] += v * 10 / float64(n)
					}
				}
			}
			for i := range mean {
				for k, v := range mean[i] {
					if math.Abs(v-grads[i][k]) > 1e-9*(1+math.Abs(v)) {
						t.Fatalf("loss %q, %d rows: gradient %d[%d] is %v, the mean of its parts %v", loss, n, i, k, grads[i][k], v)
					}
				}
			}
		}
	}
}
