// Masked autoregressive flow once more, written from the paper: one small
// network a feature, explicit masks, sums by hand.

package autoregressive_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/bijou-flow/bijou/autoregressive"
	"github.com/bijou-flow/bijou/bijector"
)

// TestParity compares z, log-det and x with a plain implementation of eq. 3 to
// 5, for a net of one hidden layer with as many units as it has degrees.
func TestParity(t *testing.T) {
	t.Run("float64", func(t *testing.T) { testParity[float64](t, 1e-12) })
	t.Run("float32", func(t *testing.T) { testParity[float32](t, 1e-5) })
}

func testParity[T bijector.Float](t *testing.T, tolerance float64) {
	const d, c, n = 4, 2, 6
	order := []int{1, 3, 0, 2}
	l := must(autoregressive.NewAffine[T](autoregressive.AffineSpec{
		Dim: d, ContextDim: c, Order: autoregressive.OrderSpec{Indices: order}, Scale: "tanh",
		Hidden: []int{d}, Activation: "tanh", Seed: 4,
	}))
	w := map[string][]T{}
	for _, p := range l.Params() {
		w[p.Name] = p.Data
	}
	rng := rand.New(rand.NewPCG(1, 2))
	x, cond := normal[T](d, n, rng), normal[T](c, n, rng)
	z, back := bijector.NewMat[T](d, n), bijector.NewMat[T](d, n)
	logDet, inverse := make([]float64, n), make([]float64, n)
	p := l.NewPass(bijector.PassOptions{MaxBatch: n})
	p.Forward(z, x, cond, logDet)
	p.Inverse(back, z, cond, inverse)
	for i := range n {
		// Unit u sees the context and the first u features; feature j of the
		// order sees the units 0 to j.
		hidden := make([]float64, d)
		for u := range hidden {
			sum := float64(w["net.0.bias"][u])
			for k := range c {
				sum += float64(w["net.0.weight"][u*(c+d)+k]) * float64(cond.Feature(k)[i])
			}
			for k := range u {
				sum += float64(w["net.0.weight"][u*(c+d)+c+k]) * float64(x.Feature(order[k])[i])
			}
			hidden[u] = math.Tanh(sum)
		}
		total := 0.0
		for j, k := range order {
			raw, shift := float64(w["net.1.bias"][j]), float64(w["net.1.bias"][d+j])
			for u := range j + 1 {
				raw += float64(w["net.1.weight"][j*d+u]) * hidden[u]
				shift += float64(w["net.1.weight"][(d+j)*d+u]) * hidden[u]
			}
			scale := math.Tanh(raw)
			total += scale
			want := float64(x.Feature(k)[i])*math.Exp(scale) + shift
			if got := float64(z.Feature(k)[i]); math.Abs(got-want) > tolerance {
				t.Errorf("row %d: z[%d] = %v, want %v", i, k, got, want)
			}
			if got, want := float64(back.Feature(k)[i]), float64(x.Feature(k)[i]); math.Abs(got-want) > 10*tolerance {
				t.Errorf("row %d: x[%d] = %v, want %v", i, k, got, want)
			}
		}
		if math.Abs(logDet[i]-total) > tolerance || math.Abs(inverse[i]+total) > 10*tolerance {
			t.Errorf("row %d: log-dets %v and %v, want %v and %v", i, logDet[i], inverse[i], total, -total)
		}
	}
}
