package autoregressive_test

import (
	"math/rand/v2"

	"github.com/bijou-flow/bijou/bijector"
)

func must[V any](v V, err error) V {
	if err != nil {
		panic(err)
	}
	return v
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
