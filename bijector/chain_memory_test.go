package bijector_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/coupling"
)

// gradient runs one training step of a chain under a Memory and returns the
// gradients of the input, of the context and of all parameters, end to end.
func gradient[T bijector.Float](t *testing.T, layers int, m bijector.Memory, w *bijector.Workers) []T {
	t.Helper()
	const d, c, n = 6, 3, 50
	chain, err := coupling.RealNVP[T](coupling.Recipe{Dim: d, ContextDim: c, Layers: layers, Hidden: []int{16}, Scale: "learned-tanh", Seed: 5})
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	fill := func(rows int) bijector.Mat[T] {
		m := bijector.NewMat[T](rows, n)
		for j := range rows {
			for i := range n {
				m.Feature(j)[i] = T(rng.NormFloat64())
			}
		}
		return m
	}
	x, cond, dz := fill(d), fill(c), fill(d)
	z, dx, dcond := bijector.NewMat[T](d, n), bijector.NewMat[T](d, n), bijector.NewMat[T](c, n)
	logDet, dLogDet := make([]float64, n), make([]float64, n)
	for i := range dLogDet {
		dLogDet[i] = rng.NormFloat64()
	}
	pass := chain.NewGradPass(bijector.PassOptions{MaxBatch: n, Workers: w}.WithMemory(m))
	for range 2 { // the second step must find nothing of the first
		for _, g := range pass.Grads() {
			clear(g)
		}
		clear(logDet)
		dcond.Zero()
		pass.Forward(z, x, cond, logDet)
		pass.Backward(dx, dcond, dz, x, z, cond, dLogDet)
	}
	var all []T
	for j := range d {
		all = append(all, dx.Feature(j)...)
	}
	for j := range c {
		all = append(all, dcond.Feature(j)...)
	}
	for _, g := range pass.Grads() {
		all = append(all, g...)
	}
	return all
}

// TestMemory compares the gradients of the three ways to save memory.
func TestMemory(t *testing.T) {
	w := bijector.NewWorkers(2)
	defer w.Close()
	for _, layers := range []int{1, 2, 9} {
		want := gradient[float64](t, layers, bijector.Memory{}, nil)
		norm := 0.0
		for _, v := range want {
			norm += v * v
		}
		for i, v := range gradient[float64](t, layers, bijector.Memory{Mode: bijector.MemoryKeepInputs}, w) {
			if v != want[i] {
				t.Fatalf("%d layers, MemoryKeepInputs: gradient %d is %v, want %v to the bit", layers, i, v, want[i])
			}
		}
		for _, every := range []int{0, 1, 2, 5, 100} {
			t.Run(fmt.Sprintf("%d layers, every %d", layers, every), func(t *testing.T) {
				off := 0.0
				for i, v := range gradient[float64](t, layers, bijector.Memory{Mode: bijector.MemoryReverse, Every: every}, w) {
					off += (v - want[i]) * (v - want[i])
				}
				if r := math.Sqrt(off / norm); r > 1e-11 {
					t.Fatalf("relative error of the gradient %g", r)
				}
			})
		}
	}
}
