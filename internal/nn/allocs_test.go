//go:build !race

// The race detector makes pools forget what they hold, and so allocate.

package nn

import (
	"math/rand/v2"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
)

func TestNoAllocation(t *testing.T) {
	for name, m := range cases[float32](t) {
		const n = 40
		rng := rand.New(rand.NewPCG(1, 2))
		x, dy := randomMat[float32](rng, m.In(), n), randomMat[float32](rng, m.Out(), n)
		y, dx := bijector.NewMat[float32](m.Out(), n), bijector.NewMat[float32](m.In(), n)
		w := bijector.NewWorkers(2)
		p := m.NewNetworkGradPass(bijector.PassOptions{MaxBatch: n, Workers: w})
		if a := testing.AllocsPerRun(5, func() {
			p.Forward(y, x, 0, n)
			p.Backward(dx, dy, x, y, 0, n)
			p.Accumulate(dy, x, y)
		}); a != 0 {
			t.Errorf("%s: %v allocations a step", name, a)
		}
		e := m.NewNetworkPass(bijector.PassOptions{MaxBatch: n})
		if a := testing.AllocsPerRun(5, func() { e.Forward(y, x, 0, n) }); a != 0 {
			t.Errorf("%s: %v allocations an evaluation", name, a)
		}
		one := m.NewNetworkPass(bijector.PassOptions{MaxBatch: 1})
		if a := testing.AllocsPerRun(5, func() { one.Forward(y.Resize(1), x.Resize(1), 0, 1) }); a != 0 {
			t.Errorf("%s: %v allocations a single sample", name, a)
		}
		w.Close()
	}
}
