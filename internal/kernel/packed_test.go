package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"unsafe"
)

// zero sets inputs to zero: none, or about half, or all but one, or those on one side of an input, or
// those of even or odd numbers.
func zero[T Float](rng *rand.Rand, x []T) {
	if len(x) == 0 {
		return
	}
	at, side := rng.IntN(len(x)), rng.IntN(2)
	kind := rng.IntN(5)
	for i := range x {
		if kind == 1 && rng.IntN(2) == 0 || kind == 2 && i != at || kind == 3 && (i < at) == (side == 0) || kind == 4 && i%2 == side {
			x[i] = T(math.Copysign(0, float64(i%3-1)))
		}
	}
}

// testPacked compares with the product in float64.
func testPacked[T Float](t *testing.T) {
	rng := newRand()
	tol := 1e-13
	if is32[T]() {
		tol = 1e-5
	}
	shape := func(out, in, offset int) {
		ldw := in + rng.IntN(3)
		w, bias := normal[T](rng, out*ldw+1), normal[T](rng, out)
		if rng.IntN(4) == 0 {
			bias = nil
		}
		name := fmt.Sprintf("%s: %T %dx%d, bias %v", Path(), w, out, in, bias != nil)
		p := Pack(out, in, w, ldw, bias)
		x, _ := guarded[T](in, offset)
		fill(rng, x)
		zero(rng, x)
		plain := make([]T, out)
		for _, relu := range []bool{false, true} {
			y, intact := guarded[T](out, offset)
			p.Apply(y, x, relu)
			if !intact() {
				t.Fatalf("%s: wrote outside y", name)
			}
			for i, got := range y {
				sum, scale := 0.0, 0.0
				if bias != nil {
					sum = float64(bias[i])
					scale = math.Abs(sum)
				}
				for l, v := range x {
					term := float64(w[i*ldw+l]) * float64(v)
					sum += term
					scale += math.Abs(term)
				}
				if relu {
					sum = max(sum, 0)
				}
				if !(math.Abs(float64(got)-sum) <= tol*scale) {
					t.Fatalf("%s: y[%d] = %v, want %v", name, i, got, sum)
				}
				if relu && got != max(plain[i], 0) {
					t.Fatalf("%s: y[%d] = %v with relu and %v without", name, i, got, plain[i])
				}
			}
			copy(plain, y)
		}
		again := make([]T, out+1)[1:]
		p.Apply(again, append(make([]T, 3), x...)[3:], false)
		p.Apply(plain, x, false)
		for i := range again {
			if !sameBits(again[i], plain[i]) {
				t.Fatalf("%s: y[%d] depends on where x and y lie: %v, %v", name, i, plain[i], again[i])
			}
		}
	}
	for n := 0; n <= 130; n++ {
		shape(n, 1+n%11, n%17)
		shape(1+n%9, n, n%16)
		shape(n, 130-n, 0)
	}
	for range 20 {
		shape(40, 1500, 0)
		shape(8, 1500, 0)
	}
	shape(300, 500, 1)
	shape(784, 3, 0)
	shape(23, 20_000, 0) // more than a call's inner indices
	shape(4, 20_001, 0)
}

// testPackedSpecial: NaN and infinities stay in their rows, also where a row is read together with
// its neighbours, and relu keeps NaN.
func testPackedSpecial[T Float](t *testing.T) {
	nan, inf := T(math.NaN()), T(math.Inf(1))
	for out := 1; out <= 130; out++ {
		const in = 6
		w, bias := make([]T, out*in), make([]T, out)
		for i := range out {
			for l := range in {
				w[i*in+l] = []T{1, -1}[i%2]
			}
			w[i*in+i%in] = []T{1, nan, inf, -inf, -1}[i%5]
			bias[i] = []T{0, 0, 0, 0, 0, 0, nan, inf, -inf}[i%9]
		}
		p := Pack(out, in, w, in, bias)
		y := make([]T, out)
		for _, x := range [][]T{{1, 1, 1, 1, 1, 1}, {1, 1, nan, 1, 1, 1}, {-1, -1, -1, -1, -1, inf}, {0, 0, 0, 0, 0, 0}, {0, 0, nan, 0, inf, 0}} {
			for _, relu := range []bool{false, true} {
				p.Apply(y, x, relu)
				for i, got := range y {
					want := bias[i]
					for l, v := range x {
						want += w[i*in+l] * v
					}
					if relu && want < 0 {
						want = 0
					}
					if got != want && (got == got || want == want) {
						t.Fatalf("%d outputs, x = %v, relu %v: y[%d] = %v, want %v", out, x, relu, i, got, want)
					}
				}
			}
		}
	}
}

// testPackedLeftOut: an input of zero changes no bit of what the others make, and a NaN or an infinity
// among zeros is an input.
func testPackedLeftOut[T Float](t *testing.T) {
	rng := newRand()
	for _, out := range []int{7, 20, 40, 100, 130} {
		const in = 300
		w := normal[T](rng, out*in)
		p := Pack(out, in, w, in, normal[T](rng, out))
		x, y, want := make([]T, in), make([]T, out), make([]T, out)
		for range 10 {
			fill(rng, x)
			zero(rng, x)
			p.Apply(want, x, false)
			other := append([]T(nil), w...)
			for i := range other {
				if x[i%in] == 0 {
					other[i] = T(rng.NormFloat64())
				}
			}
			bias := make([]T, out)
			for i := range p.panels {
				q := &p.panels[i]
				copy(bias[q.at:], q.bias[:q.n])
			}
			q := Pack(out, in, other, in, bias)
			q.Apply(y, x, false)
			for i := range y {
				if !sameBits(y[i], want[i]) {
					t.Fatalf("%d outputs: y[%d] = %v with other weights of zeros, %v with the first", out, i, y[i], want[i])
				}
			}
		}
		for _, v := range []T{T(math.NaN()), T(math.Inf(1))} {
			clear(x)
			x[rng.IntN(in)] = v
			p.Apply(y, x, false)
			for i := range y {
				if y[i]-y[i] == 0 {
					t.Fatalf("%d outputs: y[%d] = %v of an input of %v", out, i, y[i], v)
				}
			}
		}
	}
}

func TestPackedLeftOut(t *testing.T) {
	everywhere(t, testPackedLeftOut[float32], testPackedLeftOut[float64])
}

func TestPackedSpecial(t *testing.T) {
	everywhere(t, testPackedSpecial[float32], testPackedSpecial[float64])
}

// A copy is no larger than it must be, and begins on a cache line, as do its rows.
func testPackedSize[T Float](t *testing.T) {
	line := lineBytes / elementSize[T]()
	for _, s := range [][2]int{{100, 20}, {100, 100}, {20, 100}, {128, 64}, {7, 300}, {3, 16}, {53, 64}, {784, 10}, {1000, 1000}} {
		out, in := s[0], s[1]
		p := Pack(out, in, normal[T](newRand(), out*in), in, nil)
		size := 0
		for i, q := range p.panels {
			size += len(q.bias) + len(q.rows) + len(q.rest)
			if q.stride%(line/4) != 0 || q.stride > 0 && len(q.rest) < (in-1)*q.stride+line/2 {
				t.Errorf("%dx%d: rest of stride %d in %d elements", out, in, q.stride, len(q.rest))
			}
			for name, s := range map[string][]T{"bias": q.bias, "rows": q.rows, "rest": q.rest} {
				if len(s) > 0 && uintptr(unsafe.Pointer(&s[0]))%lineBytes != 0 {
					t.Errorf("%dx%d: %s of panel %d not on a line", out, in, name, i)
				}
			}
		}
		padded := (out + line/4 - 1) / (line / 4) * (line / 4)
		if out%line > line/2 {
			padded = (out + line - 1) / line * line
		}
		if most := (in+1)*padded + 4*line; size > most {
			t.Errorf("%dx%d: %d elements, want at most %d", out, in, size, most)
		}
	}
}

func TestPackedSize(t *testing.T) { everywhere(t, testPackedSize[float32], testPackedSize[float64]) }

func TestPacked(t *testing.T) { everywhere(t, testPacked[float32], testPacked[float64]) }

func benchmarkPacked[T Float](b *testing.B) {
	for _, s := range [][2]int{{100, 20}, {100, 100}, {20, 100}, {64, 64}, {784, 100}, {100, 784}, {1000, 1000}} {
		rng := newRand()
		out, in := s[0], s[1]
		w, x, y, bias := normal[T](rng, out*in), normal[T](rng, in), make([]T, out), normal[T](rng, out)
		b.Run(fmt.Sprintf("%dx%d", out, in), func(b *testing.B) {
			p := Pack(out, in, w, in, bias)
			b.ResetTimer()
			for i := 0; i < b.N; i++ {
				p.Apply(y, x, true)
			}
			b.ReportMetric(2*float64(out*in)*float64(b.N)/float64(b.Elapsed().Nanoseconds()), "GFLOP/s")
		})
		b.Run(fmt.Sprintf("%dx%d/half", out, in), func(b *testing.B) { // as behind a ReLU
			p, x := Pack(out, in, w, in, bias), append([]T(nil), x...)
			Rectify(x, x)
			b.ResetTimer()
			for i := 0; i < b.N; i++ {
				p.Apply(y, x, true)
			}
		})
		b.Run(fmt.Sprintf("%dx%d/rows", out, in), func(b *testing.B) {
			for i := 0; i < b.N; i++ {
				Gemm(out, 1, in, w, in, 1, x, 1, y, 1, Epilogue[T]{Mode: ReLU, Bias: bias})
			}
			b.ReportMetric(2*float64(out*in)*float64(b.N)/float64(b.Elapsed().Nanoseconds()), "GFLOP/s")
		})
	}
}

func BenchmarkPacked32(b *testing.B) { benchmarkPacked[float32](b) }
func BenchmarkPacked64(b *testing.B) { benchmarkPacked[float64](b) }
