// Benchmarks of the flow: a training step, log-densities and draws.

package benchmarks

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/coupling"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/flow"
)

// Batch is the number of rows of a training step.
const Batch = 100

// Sizes of the demonstration's flow.
const (
	dim     = 20
	classes = 10
	layers  = 9
	width   = 100
)

// NewFlow is the demonstration's flow, untrained.
func NewFlow[T bijector.Float]() (*flow.Flow[T], error) {
	chain, err := coupling.RealNVP[T](coupling.Recipe{
		Dim: dim, ContextDim: classes, Layers: layers, Hidden: []int{width, width}, Seed: 1,
	})
	if err != nil {
		return nil, err
	}
	return flow.New(chain, distribution.StandardNormal[T](dim))
}

// NewPlainFlow is a flow of the same couplings with nothing between them:
// masks that alternate, no batch norm.
func NewPlainFlow[T bijector.Float]() (*flow.Flow[T], error) {
	chain, err := coupling.RealNVP[T](coupling.Recipe{
		Dim: dim, ContextDim: classes, Layers: layers, Hidden: []int{width, width},
		Order: "alternate", Norm: "none", Seed: 1,
	})
	if err != nil {
		return nil, err
	}
	return flow.New(chain, distribution.StandardNormal[T](dim))
}

// mustMake ends a benchmark whose model could not be made.
func mustMake[M any](b *testing.B, make func() (M, error)) M {
	m, err := make()
	if err != nil {
		b.Fatal(err)
	}
	return m
}

// Normal is a tensor of n rows of d standard normal values.
func Normal[T bijector.Float](n, d int) *bijector.Rows[T] {
	rng := rand.New(rand.NewPCG(1, 1))
	rows := bijector.NewRows[T](n, d)
	for i := range rows.Values() {
		rows.Values()[i] = T(rng.NormFloat64())
	}
	return rows
}

// Labels is a one-hot context of n rows.
func Labels[T bijector.Float](n int) *bijector.Rows[T] {
	rows := bijector.NewRows[T](n, classes)
	for i := range n {
		rows.Row(i)[i%classes] = 1
	}
	return rows
}

// FlowTraining measures training steps of the flow.
func FlowTraining(b *testing.B) {
	b.Run("float32", flowTraining[float32])
	b.Run("float64", flowTraining[float64])
}

func flowTraining[T bijector.Float](b *testing.B) {
	const rows = 10000
	fit(b, mustMake(b, NewFlow[T]), newRepeatedSource(Normal[T](rows, dim), Labels[T](rows), Batch*b.N))
}

// NICETraining measures training steps of NICE on 784 features.
func NICETraining(b *testing.B) {
	fit(b, mustMake(b, NewNICE[float32]), newRepeatedSource(Normal[float32](1000, pixels), nil, Batch*b.N))
}

// ImageTraining measures training steps of the multi-scale Real NVP.
func ImageTraining(b *testing.B) {
	fit(b, mustMake(b, NewImage[float32]), newRepeatedSource(Pixels[float32](1000), nil, Batch*b.N))
}

// forEachBatchSize runs f for the customary batch sizes.
func forEachBatchSize(b *testing.B, f func(b *testing.B, n int)) {
	for _, n := range []int{1, 100, 10000} {
		b.Run(fmt.Sprintf("n=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			f(b, n)
			perSecond(b, n*b.N)
		})
	}
}

// LogProb measures log-densities.
func LogProb(b *testing.B) {
	b.Run("float32", logProb[float32])
	b.Run("float64", logProb[float64])
}

func logProb[T bijector.Float](b *testing.B) {
	flow := mustMake(b, NewFlow[T])
	forEachBatchSize(b, func(b *testing.B, n int) {
		x, dst := Normal[T](n, dim), make([]float64, n)
		given := flow.Given(Labels[T](n))
		b.ResetTimer()
		for range b.N {
			if err := given.LogProbInto(dst, x); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// Sample measures draws.
func Sample(b *testing.B) {
	b.Run("float32", sample[float32])
	b.Run("float64", sample[float64])
}

func sample[T bijector.Float](b *testing.B) {
	flow := mustMake(b, NewFlow[T])
	rng := rand.New(rand.NewPCG(1, 1))
	forEachBatchSize(b, func(b *testing.B, n int) {
		dst := make([]T, n*dim)
		given := flow.Given(Labels[T](n))
		b.ResetTimer()
		for range b.N {
			if err := given.SampleInto(dst, rng); err != nil {
				b.Fatal(err)
			}
		}
	})
}
