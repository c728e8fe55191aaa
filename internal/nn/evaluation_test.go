// Passes that evaluate: their memory, and what they give in it.

package nn

import (
	"math/rand/v2"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
)

// TestEvaluationTiles: a pass that evaluates by itself keeps one tile, however large batches are,
// and gives the bits of one that has a tile for each worker, and of one for a tile alone.
func TestEvaluationTiles(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	conv, err := NewConv2D[float32](ConvSpec{InChannels: 2, Height: 6, Width: 5, OutChannels: 3, Kernel: 3, Stride: 2, Padding: 1, Bias: true, ReLU: true}, rng)
	if err != nil {
		t.Fatal(err)
	}
	dense, err := NewDense[float32](conv.Out(), 4, false, rng)
	if err != nil {
		t.Fatal(err)
	}
	maps := []bijector.Network[float32]{conv, dense}
	const n = 3*TileSamples - 7
	x := randomMat[float32](rng, conv.In(), n)
	workers := bijector.NewWorkers(3)
	defer workers.Close()
	forward := func(o bijector.PassOptions, x bijector.Mat[float32]) (*sequentialPass[float32], bijector.Mat[float32]) {
		p, y := newSequentialPass(maps, o), bijector.NewMat[float32](4, x.N)
		o.Workers.For(x.N, TileSamples, func(lo, hi int) { p.Forward(y, x, lo, hi) })
		return p, y
	}
	alone, y := forward(bijector.PassOptions{MaxBatch: 100 * TileSamples}, x)
	if len(alone.in) != 1 || len(alone.h[0]) != 1 || alone.h[0][0].N != TileSamples {
		t.Errorf("%d tiles of input and %d between the maps, want one of each", len(alone.in), len(alone.h[0]))
	}
	shared, z := forward(bijector.PassOptions{MaxBatch: n, Workers: workers}, x)
	if len(shared.in) != 3 {
		t.Errorf("%d tiles for three workers and three tiles of samples", len(shared.in))
	}
	sameMat(t, "alone and by three workers", y, z)
	for lo := 0; lo < n; lo += TileSamples {
		hi := min(lo+TileSamples, n)
		_, one := forward(bijector.PassOptions{MaxBatch: hi - lo}, x.Samples(lo, hi))
		sameMat(t, "a tile of the batch", y.Samples(lo, hi), one)
	}
}
