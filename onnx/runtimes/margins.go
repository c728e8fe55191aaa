// Gaussianize on columns with heavy tails: at its knots, between them, in every
// kind of tail, and in front of a recipe.

package main

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/coupling"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/train"
)

// heavyRows have a Cauchy, a log-normal, a normal, a feature with outliers of some
// spread, and a Cauchy around a centre that float32 does not hold.
func heavyRows[T bijector.Float](seed uint64, n int, spread T) *bijector.Rows[T] {
	rng := rand.New(rand.NewPCG(seed, 0))
	x := bijector.NewRows[T](n, dim)
	for i := range n {
		row := x.Values()[i*dim:]
		row[0] = T(rng.NormFloat64() / rng.NormFloat64())
		row[1] = T(math.Exp(rng.NormFloat64()))
		row[2] = T(7 + rng.NormFloat64())
		row[3] = T(rng.NormFloat64())
		if rng.IntN(20) == 0 {
			row[3] *= spread
		}
		row[4] = T(1e4 + 0.3 + rng.NormFloat64()/rng.NormFloat64())
	}
	return x
}

// calibrated is a Gaussianize of heavyRows, with tails of these shapes, or of those
// that the rows have.
func calibrated[T bijector.Float](shapes ...float64) *bijector.Gaussianize[T] {
	l := must(bijector.NewGaussianize[T](bijector.GaussianizeSpec{Dim: dim}))
	const n = 4000
	x, columns := heavyRows[T](1, n, 1e4), bijector.NewMat[T](dim, n)
	for i, v := range x.Values() {
		columns.Feature(i % dim)[i/dim] = v
	}
	l.Calibrate(columns, bijector.Mat[T]{}, true, nil)
	if len(shapes) > 0 {
		tails := buffer(l, "tails")
		for j := range dim {
			tails[4*j], tails[4*j+2] = shapes[0], shapes[1]
		}
		l.Invalidate()
	}
	must(0, l.Validate())
	return l
}

// buffer is one of a Gaussianize's arrays.
func buffer[T bijector.Float](l *bijector.Gaussianize[T], name string) []float64 {
	for _, b := range l.Buffers() {
		if b.Name == name {
			return b.Data.([]float64)
		}
	}
	panic(failure{fmt.Errorf("no buffer %q", name)})
}

// marginEdges walks through each feature, and leaves the others where they are.
func marginEdges[T bijector.Float]() (all []vectors) {
	walk := func(points func(j int) []float64) *bijector.Rows[T] {
		var rows []float64
		for j := range dim {
			for _, v := range points(j) {
				row := []float64{0.3, 0.7, 7, 0.2, 1e4}
				row[j] = v
				rows = append(rows, row...)
			}
		}
		return rowsOf[T](dim, rows)
	}
	for _, c := range []struct {
		name   string
		shapes []float64
	}{{"", nil}, {"-exponential", []float64{0, 0}}, {"-heaviest", []float64{1.5, 1.5}}, {"-linear", []float64{-1, -1}}, {"-mixed", []float64{-1, 0.01}}} {
		l := calibrated[T](c.shapes...)
		bins := l.Buffers()[0].Data.([]int64)
		latents := []float64{0, 1e-8, 0.5, 1.27, 1.3, 2, 3, 5, 6.6, 7.9, 8, 8.01, 12, 30}
		inner := func(j int, name string) (v []float64) { // knots, and between them
			figures := buffer(l, name)
			k := figures[j*len(figures)/dim:][:bins[j]+1]
			for i := range k {
				v = append(v, k[i])
				if i > 0 {
					v = append(v, 0.5*k[i]+0.5*k[i-1], 0.99*k[i]+0.01*k[i-1])
				}
			}
			return v
		}
		back := walk(func(j int) []float64 {
			v := inner(j, "latents")
			for _, z := range latents {
				v = append(v, z, -z)
			}
			return v
		})
		data := must(bijector.Given[T](l, nil).Inverse(back))
		i := -1
		there := walk(func(j int) []float64 {
			v := append(inner(j, "knots"), 0, 1e-8, -1e-8, 1e4, -1e4, 1e8, -1e8)
			for range len(inner(j, "latents")) + 2*len(latents) {
				i++
				v = append(v, float64(data.Values()[i*dim+j]))
			}
			return v
		})
		all = append(all,
			edge("edge-gaussianize"+c.name, bijector.Layer[T](l), flatBase[T](dim), there, 0.1, 1),
			edge("edge-gaussianize"+c.name+"-inverted", bijector.Layer[T](bijector.Invert[T](l)), flatBase[T](dim), back, 0.1, 1))
	}
	return all
}

// heavyVectors are those of a recipe on heavyRows, trained a little. Behind layers
// in float32 a latent is off by 1e-7, and x in a tail by so much of its spread.
func heavyVectors[T bijector.Float]() []vectors {
	const spread = 30
	r := coupling.Recipe{Dim: dim, Layers: 3, Hidden: []int{8, 8}, Seed: 1}
	f := must(flow.New(must(coupling.RealNVP[T](r)), distribution.StandardNormal[T](dim)))
	must(train.Fit(context.Background(), f, train.Tensor(heavyRows[T](1, 4000, spread)), train.Options{Epochs: 2, ValidationFraction: train.NoValidation}))
	return flowVectors("heavy", f, heavyRows[T](3, 40, spread))
}
