package coupling_test

import (
	"fmt"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/coupling"
)

// benchSpline is benchSpec with a spline.
var benchSpline = coupling.SplineSpec{Dim: 20, ContextDim: 10, Hidden: []int{100, 100}, Seed: 1}

func BenchmarkSplineTraining(b *testing.B) {
	for _, n := range []int{16, 100, 400} {
		b.Run(fmt.Sprintf("batch%d", n), func(b *testing.B) {
			benchTraining(b, must(coupling.NewSpline[float32](benchSpline)), n, nil)
		})
	}
}

func BenchmarkSplineEvaluation(b *testing.B) {
	for name, run := range map[string]func(p bijector.Pass[float32], z, x, cond bijector.Mat[float32], logDet []float64){
		"forward": bijector.Pass[float32].Forward,
		"inverse": bijector.Pass[float32].Inverse,
	} {
		for _, n := range []int{1, 100} {
			b.Run(fmt.Sprintf("%s/batch%d", name, n), func(b *testing.B) {
				benchEvaluation(b, must(coupling.NewSpline[float32](benchSpline)), n, run)
			})
		}
	}
}
