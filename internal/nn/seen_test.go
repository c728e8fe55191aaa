// Masked layers against the same ones multiplied densely.

package nn

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/testkit"
)

// dense makes a network's layers multiply their zeros, too.
func dense[T bijector.Float](layers []*Linear[T]) {
	for _, l := range layers {
		l.rows, l.columns = nil, nil
	}
}

func fillNormal[T bijector.Float](m bijector.Mat[T], rng *rand.Rand) bijector.Mat[T] {
	for i := range m.Data {
		m.Data[i] = T(rng.NormFloat64())
	}
	return m
}

// What a mask leaves out is multiplied in vain only: outputs and gradients have
// the same bits, for rows that see ever more, and for rows that do not. Products of a
// single row are summed in parts that depend on how many there are.
func TestMaskedProductsKeepTheirBits(t *testing.T) {
	for _, c := range []MADESpec{
		{Features: 7, Params: 3, Hidden: []int{96, 130}},
		{Features: 90, Params: 2, Hidden: []int{200, 64}, Activation: "tanh"},
		{Features: 30, Context: 10, Params: 3, Hidden: []int{100}},
	} {
		for _, n := range []int{1, 5, 70} {
			c.Seed = 3
			masked, plain := testkit.Must(NewMADE[float32](c)), testkit.Must(NewMADE[float32](c))
			spans := 0
			for _, l := range masked.layers {
				spans += len(l.rows)
			}
			if spans == 0 {
				t.Fatalf("%+v: nothing is left out", c)
			}
			dense(plain.layers)
			rng := rand.New(rand.NewPCG(1, 2))
			in, out := c.Context+c.Features, c.Params*c.Features
			x, dy := fillNormal(bijector.NewMat[float32](in, n), rng), fillNormal(bijector.NewMat[float32](out, n), rng)
			var results [2][]float32
			for k, m := range []*MADE[float32]{masked, plain} {
				y, dx := bijector.NewMat[float32](out, n), bijector.NewMat[float32](in, n)
				m.NewNetworkPass(bijector.PassOptions{MaxBatch: n}).Forward(y, x, 0, n)
				results[k] = slices.Clone(y.Data)
				for _, workers := range []*bijector.Workers{nil, bijector.NewWorkers(3)} {
					g := m.NewNetworkGradPass(bijector.PassOptions{MaxBatch: n, Workers: workers})
					g.Forward(y, x, 0, n)
					g.Backward(dx, dy, x, y, 0, n)
					g.Accumulate(dy, x, y)
					results[k] = append(append(results[k], y.Data...), dx.Data...)
					for _, d := range g.Grads() {
						results[k] = append(results[k], d...)
					}
					workers.Close()
				}
			}
			slack := 0.0
			if n == 1 {
				slack = 1e-5
			}
			if i := firstDifference(results[0], results[1], slack); i >= 0 {
				t.Errorf("%+v, %d rows: result %d is %v, densely %v", c, n, i, results[0][i], results[1][i])
			}
		}
	}
}

// firstDifference is where two slices differ by more than slack, or -1.
func firstDifference(a, b []float32, slack float64) int {
	for i := range max(len(a), len(b)) {
		if i >= len(a) || i >= len(b) || !(math.Abs(float64(a[i])-float64(b[i])) <= slack) {
			return i
		}
	}
	return -1
}

// The rows of a layer are dealt out without gaps, by the multiply-adds that they are.
func TestRowsByWork(t *testing.T) {
	l := NewLinear[float64](100, 150, rand.New(rand.NewPCG(1, 2)))
	for name, seen := range map[string]func(i int) int{
		"ascending": func(i int) int { return i * 2 / 3 },
		"none":      func(int) int { return 0 },
		"all":       func(int) int { return 100 },
		"in turns":  func(i int) int { return i % 40 },
	} {
		rows := make([]int, l.Out)
		for i := range rows {
			rows[i] = seen(i)
		}
		l.mask(rows)
		all, last := l.work(l.Out), 0
		for _, parts := range []int{1, 2, 3, 7} {
			last = 0
			for p := range parts {
				first, end := l.rowAt(p*all/parts), l.rowAt((p+1)*all/parts)
				if first != last || end < first {
					t.Fatalf("%s: part %d of %d is rows %d to %d, the one before ended at %d", name, p, parts, first, end, last)
				}
				if most := all/parts + 100; l.work(end)-l.work(first) > most {
					t.Errorf("%s: part %d of %d has %d multiply-adds of %d, want up to %d", name, p, parts, l.work(end)-l.work(first), all, most)
				}
				last = end
			}
			if last != l.Out {
				t.Fatalf("%s: %d of %d rows are dealt out", name, last, l.Out)
			}
		}
		if name == "ascending" && all > 9000 {
			t.Errorf("%d multiply-adds, densely %d: nothing is left out", all, l.Out*l.In)
		}
	}
}
