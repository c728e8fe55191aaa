package coupling_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/coupling"
)

// Where nobody wants the context's gradient, the others are the same.
func TestContextGradientUnwanted(t *testing.T) {
	const n, dim, context = 50, 7, 3
	for _, hidden := range [][]int{{20, 30}, {5}} {
		layer := must(coupling.NewAffine[float64](coupling.AffineSpec{Dim: dim, ContextDim: context, Hidden: hidden, Seed: 1}))
		rng := rand.New(rand.NewPCG(1, 2))
		x, cond, dz := normal[float64](dim, n, rng), normal[float64](context, n, rng), normal[float64](dim, n, rng)
		logDet, dLogDet := make([]float64, n), make([]float64, n)
		backward := func(dcond bijector.Mat[float64]) (dx []float64, grads [][]float64) {
			p := layer.NewGradPass(bijector.PassOptions{MaxBatch: n})
			z, d := bijector.NewMat[float64](dim, n), bijector.NewMat[float64](dim, n)
			p.Forward(z, x, cond, logDet)
			p.Backward(d, dcond, dz, x, z, cond, dLogDet)
			return rowsOf(d), p.Grads()
		}
		dcond := bijector.NewMat[float64](context, n)
		wantDx, want := backward(dcond)
		gotDx, got := backward(bijector.Mat[float64]{})
		if !slices.Equal(gotDx, wantDx) {
			t.Errorf("hidden %v: the input's gradient differs", hidden)
		}
		for i := range want {
			if !slices.Equal(got[i], want[i]) {
				t.Errorf("hidden %v: gradient %d differs", hidden, i)
			}
		}
		if !slices.ContainsFunc(dcond.Data, func(v float64) bool { return v != 0 }) {
			t.Errorf("hidden %v: no gradient of the context", hidden)
		}
	}
}
