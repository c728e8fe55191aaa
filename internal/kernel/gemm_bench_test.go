package kernel

import (
	"fmt"
	"testing"
)

// shapes are m x k times k x n.
var shapes = []struct {
	m, k, n    int
	transposed bool
}{
	{100, 20, 100, false},
	{100, 100, 48, false},
	{100, 100, 50, false},
	{100, 100, 64, false},
	{100, 100, 100, false},
	{100, 100, 256, false},
	{20, 100, 100, false},
	{100, 100, 20, false},
	{100, 100, 100, true},
	{3136, 20, 100, false},
	{20, 3136, 100, false},
	{1000, 784, 200, false},
	{1000, 1000, 200, false},
	{512, 512, 512, false},
	{1024, 1024, 1024, false},
	{1000, 1000, 200, true},
	{1024, 1024, 1024, true},
}

func benchmarkGemm[T Float](b *testing.B) {
	for _, s := range shapes {
		name := fmt.Sprintf("%dx%d*%dx%d", s.m, s.k, s.k, s.n)
		rsa, csa := s.k, 1
		if s.transposed {
			name += "_transposedA"
			rsa, csa = 1, s.m
		}
		b.Run(name, func(b *testing.B) {
			rng := newRand()
			x, y, z := normal[T](rng, s.m*s.k), normal[T](rng, s.k*s.n), make([]T, s.m*s.n)
			b.ResetTimer()
			for i := 0; i < b.N; i++ {
				Gemm(s.m, s.n, s.k, x, rsa, csa, y, s.n, z, s.n, Epilogue[T]{})
			}
			reportFlops(b, s.m*s.k*s.n)
		})
	}
}

func BenchmarkGemm32(b *testing.B) { benchmarkGemm[float32](b) }
func BenchmarkGemm64(b *testing.B) { benchmarkGemm[float64](b) }

// One output pixel of a 3x3 convolution from 32 to 64 channels.
func BenchmarkConvolution(b *testing.B) {
	const out, k, pixels = 64, 288, 196
	for _, n := range []int{48, 50, 64, 100} {
		b.Run(fmt.Sprintf("%dx%d*%dx%d", out, k, k, n), func(b *testing.B) {
			rng := newRand()
			w, image, c := normal[float32](rng, out*k), normal[float32](rng, 32*pixels*n), make([]float32, out*n)
			rows := make([]int, k)
			for l := range rows {
				rows[l] = (l/96*14*32 + l%96) * n
			}
			b.ResetTimer()
			for i := 0; i < b.N; i++ {
				GemmIndirect(out, n, k, w, k, 1, image, rows, c, n, Epilogue[float32]{Mode: ReLU, Bias: w[:out]})
			}
			reportFlops(b, out*k*n)
		})
	}
}

func reportFlops(b *testing.B, multiplyAdds int) {
	b.ReportMetric(2*float64(multiplyAdds)*float64(b.N)/float64(b.Elapsed().Nanoseconds()), "GFLOP/s")
	b.ReportMetric(0, "ns/op")
}
