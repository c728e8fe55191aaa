package kernel

import "testing"

// testVector is testGemm for a matrix times a vector, which has kernels of its own.
func testVector[T Float](t *testing.T) {
	rng := newRand()
	shape := func(m, k int) {
		for mode := Store; mode <= Gate; mode++ {
			p := newGemmCase[T](rng, m, 1, k, mode, false, false)
			p.ldb, p.ldc, p.c, p.aux = 1, 1, p.c[:m], p.aux[:m]
			if mode == Store {
				p.check(t) // in every mode
				p.mode = mode
			}
			whole, split := append([]T(nil), p.c...), append([]T(nil), p.c...)
			p.part(0, m, 0, 1, whole)
			for i := 0; i < m; {
				h := 1 + rng.IntN(m-i)
				p.part(i, h, 0, 1, split)
				i += h
			}
			for i := range whole {
				if !sameBits(whole[i], split[i]) {
					t.Fatalf("%s: row %d depends on the split: %v, %v", p, i, whole[i], split[i])
				}
			}
		}
	}
	for n := 0; n <= 130; n++ {
		shape(1+n%9, n)
		shape(n, 1+n%40)
	}
	shape(3, 70_000)
	shape(300, 500)
}

func TestVector(t *testing.T) { everywhere(t, testVector[float32], testVector[float64]) }

func benchmarkVector[T Float](b *testing.B) {
	for _, k := range []int{20, 100, 784} {
		b.Run(map[int]string{20: "100x20", 100: "100x100", 784: "100x784"}[k], func(b *testing.B) {
			rng := newRand()
			a, x, y := normal[T](rng, 100*k), normal[T](rng, k), make([]T, 100)
			e := Epilogue[T]{Mode: ReLU, Bias: normal[T](rng, 100)}
			b.ResetTimer()
			for i := 0; i < b.N; i++ {
				Gemm(100, 1, k, a, k, 1, x, 1, y, 1, e)
			}
			b.ReportMetric(2*100*float64(k)*float64(b.N)/float64(b.Elapsed().Nanoseconds()), "GFLOP/s")
		})
	}
}

func BenchmarkVector32(b *testing.B) { benchmarkVector[float32](b) }
func BenchmarkVector64(b *testing.B) { benchmarkVector[float64](b) }
