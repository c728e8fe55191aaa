package kernel

import "testing"

// Rows of a hidden layer over a batch, resident in the second-level cache.
const benchLength = 4000

func benchmarkRows[T Float](b *testing.B) {
	rng := newRand()
	for _, f := range elementaries[T]() {
		b.Run(f.name, func(b *testing.B) {
			x, y := normal[T](rng, benchLength), make([]T, benchLength)
			b.ResetTimer()
			for i := 0; i < b.N; i++ {
				f.run(y, x)
			}
			reportElements(b)
		})
	}
	for _, o := range ops[T]() {
		b.Run(o.name, func(b *testing.B) {
			var r [][]T
			var w [][]float64
			for i := 0; i < o.narrow; i++ {
				r = append(r, normal[T](rng, benchLength))
			}
			for i := 0; i < o.wide; i++ {
				w = append(w, normal[float64](rng, benchLength))
			}
			if o.name == "Adam" {
				Mul(r[3], r[3], r[3])
			}
			b.ResetTimer()
			for i := 0; i < b.N; i++ {
				o.run(r, w)
			}
			reportElements(b)
		})
	}
	x, y := normal[T](rng, benchLength), normal[T](rng, benchLength)
	for _, f := range []struct {
		name string
		run  func()
	}{
		{"Sum", func() { Sum(x) }},
		{"Dot", func() { Dot(x, y) }},
		{"SumSquares", func() { SumSquares(x, 0.5) }},
		{"Finite", func() { Finite(x) }},
		{"Transpose", func() { Transpose(100, 40, x, 40, y, 100) }},
	} {
		b.Run(f.name, func(b *testing.B) {
			for i := 0; i < b.N; i++ {
				f.run()
			}
			reportElements(b)
		})
	}
}

func reportElements(b *testing.B) {
	b.ReportMetric(benchLength*float64(b.N)/float64(b.Elapsed().Nanoseconds()), "elements/ns")
	b.ReportMetric(0, "ns/op")
}

func BenchmarkRows32(b *testing.B) { benchmarkRows[float32](b) }
func BenchmarkRows64(b *testing.B) { benchmarkRows[float64](b) }
