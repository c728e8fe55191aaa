package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// gemmCase is one call of Gemm or GemmIndirect with everything that it needs.
type gemmCase[T Float] struct {
	m, n, k, rsa, csa, ldb, ldc int
	a, b, c, bias, aux          []T
	rows                        []int // nil: Gemm
	mode                        Mode
}

func newGemmCase[T Float](rng *rand.Rand, m, n, k int, mode Mode, transposed, indirect bool) *gemmCase[T] {
	p := &gemmCase[T]{m: m, n: n, k: k, mode: mode, rsa: k + rng.IntN(3), csa: 1, ldb: n + rng.IntN(5), ldc: n + rng.IntN(5)}
	sizeA := m*p.rsa + 1
	if transposed {
		p.rsa, p.csa = 1, m+rng.IntN(3)
		sizeA = k*p.csa + 1
	}
	p.a, p.b = normal[T](rng, sizeA), normal[T](rng, k*p.ldb+n)
	p.c, p.aux, p.bias = normal[T](rng, m*p.ldc), normal[T](rng, m*p.ldc), normal[T](rng, m)
	if indirect {
		p.rows = make([]int, k)
		for l := range p.rows {
			p.rows[l] = rng.IntN(len(p.b) - n + 1)
		}
	}
	return p
}

// part runs the product's rows i to i+m and columns j to j+n on c.
func (p *gemmCase[T]) part(i, m, j, n int, c []T) {
	e := Epilogue[T]{Mode: p.mode}
	if p.mode == Store || p.mode == ReLU {
		e.Bias = p.bias[i : i+m]
	}
	at := i*p.ldc + j
	if p.mode == Gate {
		e.Aux = p.aux[at:]
	}
	if p.rows != nil {
		GemmIndirect(m, n, p.k, p.a[i*p.rsa:], p.rsa, p.csa, p.b[j:], p.rows, c[at:], p.ldc, e)
		return
	}
	Gemm(m, n, p.k, p.a[i*p.rsa:], p.rsa, p.csa, p.b[min(j, len(p.b)):], p.ldb, c[at:], p.ldc, e)
}

// reference is A·B in float64, with the sums of the magnitudes that went into its elements.
func (p *gemmCase[T]) reference() (product, scale []float64) {
	product, scale = make([]float64, p.m*p.n), make([]float64, p.m*p.n)
	for i := 0; i < p.m; i++ {
		out, sizes := product[i*p.n:][:p.n], scale[i*p.n:][:p.n]
		for l := 0; l < p.k; l++ {
			at := l * p.ldb
			if p.rows != nil {
				at = p.rows[l]
			}
			x := float64(p.a[i*p.rsa+l*p.csa])
			for j, y := range p.b[at:][:p.n] {
				out[j] += x * float64(y)
				sizes[j] += math.Abs(x * float64(y))
			}
		}
	}
	return product, scale
}

// check compares the product in every mode with the reference.
func (p *gemmCase[T]) check(t *testing.T) {
	t.Helper()
	tol := 1e-13
	if is32[T]() {
		tol = 1e-5
	}
	product, scale := p.reference()
	for p.mode = Store; p.mode <= Gate; p.mode++ {
		got, intact := guarded[T](len(p.c), 1)
		copy(got, p.c)
		p.part(0, p.m, 0, p.n, got)
		if !intact() {
			t.Fatalf("%s wrote outside C", p)
		}
		for at, v := range got {
			i, j := at/p.ldc, at%p.ldc
			if j >= p.n {
				if v != p.c[at] {
					t.Fatalf("%s wrote between the rows of C, at (%d, %d)", p, i, j)
				}
				continue
			}
			start := 0.0
			switch p.mode {
			case Add:
				start = float64(p.c[at])
			case Store, ReLU:
				start = float64(p.bias[i])
			}
			want := product[i*p.n+j] + start
			if p.mode == ReLU && want < 0 || p.mode == Gate && !(p.aux[at] > 0) {
				want = 0
			}
			if !(math.Abs(float64(v)-want) <= tol*(scale[i*p.n+j]+math.Abs(start))) {
				t.Fatalf("%s: c(%d, %d) = %v, want %v", p, i, j, v, want)
			}
		}
	}
}

func (p *gemmCase[T]) String() string {
	return fmt.Sprintf("%s: %T m=%d n=%d k=%d rsa=%d csa=%d mode=%d indirect=%v", Path(), p.a, p.m, p.n, p.k, p.rsa, p.csa, p.mode, p.rows != nil)
}

func testGemm[T Float](t *testing.T) {
	rng := newRand()
	sizes := func(m, n, k int) {
		for v := 0; v < 4; v++ {
			newGemmCase[T](rng, m, n, k, Store, v&1 != 0, v&2 != 0).check(t)
		}
	}
	for n := 0; n <= 130; n++ {
		sizes(1+n%19, n, 1+n%37)
		sizes(n, 1+n%50, n%23)
		sizes(5, 1+n%7, n)
	}
	sizes(100, 100, 21)
	sizes(21, 50, 700)
	sizes(35, 67, 600)
}

func TestGemm(t *testing.T) { everywhere(t, testGemm[float32], testGemm[float64]) }

// A product split by rows, by columns or both has the bits of the whole.
func testGemmSplit[T Float](t *testing.T) {
	rng := newRand()
	for trial := 0; trial < 120; trial++ {
		m, n, k := 1+rng.IntN(70), 2+rng.IntN(140), rng.IntN(60)
		if trial%10 == 0 {
			k = 300 + rng.IntN(900)
		}
		p := newGemmCase[T](rng, m, n, k, Mode(trial%4), trial%3 == 0, trial%5 == 0)
		whole, split := append([]T(nil), p.c...), append([]T(nil), p.c...)
		p.part(0, m, 0, n, whole)
		for i := 0; i < m; {
			h := 1 + rng.IntN(m-i)
			for j := 0; j < n; {
				w := min(n-j, 2+rng.IntN(n))
				if n-j-w == 1 { // a single column is a matrix-vector product
					w++
				}
				p.part(i, h, j, w, split)
				j += w
			}
			i += h
		}
		for at := range whole {
			if !sameBits(whole[at], split[at]) {
				t.Fatalf("%s: element (%d, %d) depends on the split: %v, %v", p, at/p.ldc, at%p.ldc, whole[at], split[at])
			}
		}
	}
}

func TestGemmSplit(t *testing.T) { everywhere(t, testGemmSplit[float32], testGemmSplit[float64]) }

// Products whose blocks are copied have the bits of those whose blocks are not.
func testGemmCopied[T Float](t *testing.T) {
	rng := newRand()
	const m, n, k = 70, 170, 570 // more than one block each way
	far, near := n+2048, m
	a, b := normal[T](rng, k*far), normal[T](rng, k*far)
	a2, b2 := make([]T, k*near), make([]T, k*n)
	for l := 0; l < k; l++ {
		copy(a2[l*near:][:m], a[l*far:])
		copy(b2[l*n:][:n], b[l*far:])
	}
	c, bias := normal[T](rng, m*n), normal[T](rng, m)
	for mode := Store; mode <= Gate; mode++ {
		e := Epilogue[T]{Mode: mode, Bias: bias, Aux: b2}
		c1, c2 := append([]T(nil), c...), append([]T(nil), c...)
		Gemm(m, n, k, a, 1, far, b, far, c1, n, e)
		Gemm(m, n, k, a2, 1, near, b2, n, c2, n, e)
		for i := range c1 {
			if !sameBits(c1[i], c2[i]) {
				t.Fatalf("mode %d: element %d: %v from far rows, %v from near ones", mode, i, c1[i], c2[i])
			}
		}
	}
}

func TestGemmCopied(t *testing.T) { everywhere(t, testGemmCopied[float32], testGemmCopied[float64]) }

// NaN and infinities go through products as IEEE arithmetic has it: ReLU keeps NaN, the gate lets
// through what is above zero alone.
func testGemmSpecial[T Float](t *testing.T) {
	nan, inf := T(math.NaN()), T(math.Inf(1))
	for _, n := range []int{1, 3, 4, 16, 50, 100} {
		const m = 37
		a, b, c := make([]T, m), make([]T, n), make([]T, m*n)
		aux := make([]T, m*n)
		for i := range a {
			a[i] = []T{1, nan, inf, -inf, -1, 0}[i%6]
		}
		for j := range b {
			b[j] = []T{2, -2, nan, 0}[j%4]
		}
		for at := range aux {
			aux[at] = []T{1, 0, nan, -1, inf, -inf, T(math.Copysign(0, -1))}[at%7]
		}
		for mode := Store; mode <= Gate; mode++ {
			clear(c)
			Gemm(m, n, 1, a, 1, 1, b, n, c, n, Epilogue[T]{Mode: mode, Aux: aux})
			for at, got := range c {
				want := a[at/n] * b[at%n]
				if mode == ReLU && want < 0 || mode == Gate && !(aux[at] > 0) {
					want = 0
				}
				if got != want && (got == got || want == want) {
					t.Fatalf("n = %d, mode %d: %v * %v is %v, want %v (aux %v)", n, mode, a[at/n], b[at%n], got, want, aux[at])
				}
			}
		}
	}
}

func TestGemmSpecial(t *testing.T) {
	everywhere(t, testGemmSpecial[float32], testGemmSpecial[float64])
}
