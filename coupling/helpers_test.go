package coupling_test

import (
	"math/rand/v2"

	"github.com/bijou-flow/bijou/bijector"
)

// batchOf is the batch of n rows in row-major data.
func batchOf[T bijector.Float](data []float64, n int) bijector.Mat[T] {
	d := len(data) / n
	m := bijector.NewMat[T](d, n)
	for i := range n {
		for j := range d {
			m.Feature(j)[i] = T(data[i*d+j])
		}
	}
	return m
}

// rowsOf is batchOf the other way round.
func rowsOf[T bijector.Float](m bijector.Mat[T]) []float64 {
	data := make([]float64, 0, m.D*m.N)
	for i := range m.N {
		for j := range m.D {
			data = append(data, float64(m.Feature(j)[i]))
		}
	}
	return data
}

func float64s[T bijector.Float](s []T) []float64 {
	w := make([]float64, len(s))
	for i, v := range s {
		w[i] = float64(v)
	}
	return w
}

func normal[T bijector.Float](d, n int, rng *rand.Rand) bijector.Mat[T] {
	m := bijector.NewMat[T](d, n)
	for j := range d {
		for i := range m.Feature(j) {
			m.Feature(j)[i] = T(rng.NormFloat64())
		}
	}
	return m
}

func must[V any](v V, err error) V {
	if err != nil {
		panic(err)
	}
	return v
}
