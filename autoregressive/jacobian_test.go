// The Jacobian of an autoregressive layer: triangular in the layer's order.

package autoregressive_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/bijou-flow/bijou/autoregressive"
	"github.com/bijou-flow/bijou/bijector"
)

// perturb moves every parameter away from its start, masked ones too.
func perturb(l bijector.Trainable[float64], rng *rand.Rand) {
	for _, p := range l.Params() {
		for i := range p.Data {
			p.Data[i] += 0.5 * rng.NormFloat64()
		}
	}
	l.(bijector.Invalidator).Invalidate()
}

// jacobian is dz_i/dx_j at x by central differences.
func jacobian(l bijector.Layer[float64], x, cond bijector.Mat[float64]) [][]float64 {
	const h = 1e-6
	p := l.NewPass(bijector.PassOptions{MaxBatch: 1})
	d := l.Dim()
	rows := make([][]float64, d)
	for i := range rows {
		rows[i] = make([]float64, d)
	}
	at := func(j int, by float64) bijector.Mat[float64] {
		moved, z := bijector.NewMat[float64](d, 1), bijector.NewMat[float64](d, 1)
		moved.CopyFrom(x)
		moved.Feature(j)[0] += by
		p.Forward(z, moved, cond, make([]float64, 1))
		return z
	}
	for j := range d {
		up, down := at(j, h), at(j, -h)
		for i := range d {
			rows[i][j] = (up.Feature(i)[0] - down.Feature(i)[0]) / (2 * h)
		}
	}
	return rows
}

// TestTriangular: in the layer's order, nothing is above the diagonal, to the
// bit; what is below is there; and the log-determinant is the diagonal's.
func TestTriangular(t *testing.T) {
	for name, s := range layers {
		s.Activation = "tanh"
		affine := must(autoregressive.NewAffine[float64](s))
		spline := must(autoregressive.NewSpline[float64](autoregressive.SplineSpec{
			Dim: s.Dim, ContextDim: s.ContextDim, Order: s.Order, Hidden: s.Hidden, Activation: s.Activation,
		}))
		for kind, l := range map[string]bijector.Trainable[float64]{"affine": affine, "spline": spline} {
			rng := rand.New(rand.NewPCG(1, 2))
			perturb(l, rng)
			x, cond := normal[float64](s.Dim, 1, rng), normal[float64](s.ContextDim, 1, rng)
			rows := jacobian(l, x, cond)
			order := l.Buffers()[0].Data.([]int64)
			want := 0.0
			for a, i := range order {
				for b, j := range order {
					switch v := rows[i][j]; {
					case a < b && v != 0:
						t.Errorf("%s %s: z[%d] depends on x[%d], which comes after it", kind, name, i, j)
					case a > b && v == 0 && name != "narrow":
						t.Errorf("%s %s: z[%d] does not depend on x[%d], which comes before it", kind, name, i, j)
					case a == b:
						want += math.Log(math.Abs(v))
					}
				}
			}
			logDet := make([]float64, 1)
			l.NewPass(bijector.PassOptions{MaxBatch: 1}).Forward(bijector.NewMat[float64](s.Dim, 1), x, cond, logDet)
			if math.Abs(logDet[0]-want) > 1e-6 {
				t.Errorf("%s %s: log-det %v, the diagonal says %v", kind, name, logDet[0], want)
			}
		}
	}
}

// TestFirstFeature: the first in the order depends on the context or, without
// one, on nothing.
func TestFirstFeature(t *testing.T) {
	for _, context := range []int{0, 2} {
		l := must(autoregressive.NewAffine[float64](autoregressive.AffineSpec{Dim: 3, ContextDim: context, Order: autoregressive.OrderSpec{Kind: "reverse"}, Activation: "tanh"}))
		rng := rand.New(rand.NewPCG(1, 2))
		perturb(l, rng)
		const n = 4
		x, cond := normal[float64](3, n, rng), normal[float64](context, n, rng)
		for i := range n {
			x.Feature(2)[i] = 0.5
		}
		z := bijector.NewMat[float64](3, n)
		l.NewPass(bijector.PassOptions{MaxBatch: n}).Forward(z, x, cond, make([]float64, n))
		first := z.Feature(2)
		if first[0] == 0.5 {
			t.Error("the first feature is not moved")
		}
		for i := 1; i < n; i++ {
			if (first[i] == first[0]) != (context == 0) {
				t.Errorf("context %d: the first feature goes from 0.5 to %v", context, first)
			}
		}
	}
}
