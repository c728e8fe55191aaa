// Benchmarks of matrix products, in the shapes that training has.

package benchmarks

import (
	"fmt"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/kernel"
)

// gemmShape is a product C (m, n) = A (m, k) B (k, n).
type gemmShape struct {
	m, n, k int
	// transposed tells that A is stored as (k, m).
	transposed bool
}

// gemmShapes that occur in training the demonstration's models.
var gemmShapes = []gemmShape{
	{100, 100, 100, false},    // flow hidden
	{100, 100, 20, false},     // flow first
	{20, 100, 100, false},     // flow last
	{100, 52, 100, false},     // flow hidden, half a batch
	{100, 100, 100, true},     // flow input gradient
	{100, 20, 100, false},     // flow first weight gradient
	{20, 48, 3136, false},     // autoencoder to embedding
	{3136, 48, 20, false},     // autoencoder from embedding
	{1000, 200, 1000, false},  // NICE hidden
	{512, 512, 512, false},    // square
	{1024, 1024, 1024, false}, // large
}

// Gemm measures matrix products, on one core.
func Gemm(b *testing.B) {
	for _, s := range gemmShapes {
		b.Run(fmt.Sprintf("%dx%dx%d/float32", s.m, s.n, s.k), func(b *testing.B) { gemm[float32](b, s) })
		b.Run(fmt.Sprintf("%dx%dx%d/float64", s.m, s.n, s.k), func(b *testing.B) { gemm[float64](b, s) })
	}
}

func gemm[T bijector.Float](b *testing.B, s gemmShape) {
	x, y, z := kernel.Make[T](s.m*s.k), kernel.Make[T](s.k*s.n), kernel.Make[T](s.m*s.n)
	for i := range x {
		x[i] = T(i%7) - 3
	}
	for i := range y {
		y[i] = T(i%5) - 2
	}
	rsa, csa := s.k, 1
	if s.transposed {
		rsa, csa = 1, s.m
	}
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		kernel.Gemm(s.m, s.n, s.k, x, rsa, csa, y, s.n, z, s.n, kernel.Epilogue[T]{})
	}
	b.ReportMetric(2*float64(s.m*s.n*s.k)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
}
