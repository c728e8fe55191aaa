package kernel

import (
	"math"
	"testing"
)

// op is an elementwise kernel in a form that the shape test can drive: it reads and writes rows of T
// and of float64, and has a loop that it equals.
type op[T Float] struct {
	name         string
	narrow, wide int   // how many rows of each kind
	written      []int // rows that may be written: 0.. narrow, 100.. wide
	run          func(r [][]T, w [][]float64)
	loop         func(i int, r [][]T, w [][]float64)
	ulps         float64 // 0: equal to the bit
}

func ops[T Float]() []op[T] {
	a, b, c := T(1.7), T(-0.3), T(0.01)
	step := NewAdamStep(3, 1e-2, 0.9, 0.999, 1e-8, 0.02, 0.05)
	step.Scale = 0.7
	return []op[T]{
		{
			"AddTo", 2, 0,
			[]int{0},
			func(r [][]T, _ [][]float64) { AddTo(r[0], r[1]) },
			func(i int, r [][]T, _ [][]float64) { r[0][i] += r[1][i] }, 0,
		},
		{
			"Scale", 1, 0,
			[]int{0},
			func(r [][]T, _ [][]float64) { Scale(r[0], a) },
			func(i int, r [][]T, _ [][]float64) { r[0][i] *= a }, 0,
		},
		{
			"Mul", 3, 0,
			[]int{0},
			func(r [][]T, _ [][]float64) { Mul(r[0], r[1], r[2]) },
			func(i int, r [][]T, _ [][]float64) { r[0][i] = r[1][i] * r[2][i] }, 0,
		},
		{
			"Rectify", 2, 0,
			[]int{0},
			func(r [][]T, _ [][]float64) { Rectify(r[0], r[1]) },
			func(i int, r [][]T, _ [][]float64) {
				if r[0][i] = r[1][i]; r[0][i] < 0 {
					r[0][i] = 0
				}
			}, 0,
		},
		{
			"Affine", 2, 0,
			[]int{0},
			func(r [][]T, _ [][]float64) { Affine(r[0], r[1], a, b) },
			func(i int, r [][]T, _ [][]float64) { r[0][i] = T(a*r[1][i]) + b }, 0,
		},
		{
			"Combine", 3, 0,
			[]int{0},
			func(r [][]T, _ [][]float64) { Combine(r[0], r[1], r[2], a, b, c) },
			func(i int, r [][]T, _ [][]float64) { r[0][i] = T(a*r[1][i]) + T(b*r[2][i]) + c }, 0,
		},
		{
			"Widen", 1, 1,
			[]int{100},
			func(r [][]T, w [][]float64) { Widen(w[0], r[0]) },
			func(i int, r [][]T, w [][]float64) { w[0][i] = float64(r[0][i]) }, 0,
		},
		{
			"Narrow", 1, 1,
			[]int{0},
			func(r [][]T, w [][]float64) { Narrow(r[0], w[0]) },
			func(i int, r [][]T, w [][]float64) { r[0][i] = T(w[0][i]) }, 0,
		},
		{
			"Adam", 5, 0,
			[]int{0, 2, 3, 4},
			func(r [][]T, _ [][]float64) { Adam(r[0], r[1], r[2], r[3], r[4], step) },
			func(i int, r [][]T, _ [][]float64) {
				g := T(T(step.Scale)*r[1][i]) + T(T(step.L2)*r[0][i])
				r[2][i] = T(T(step.Beta1)*r[2][i]) + T(T(1-step.Beta1)*g)
				r[3][i] = T(T(step.Beta2)*r[3][i]) + T(T(1-step.Beta2)*T(g*g))
				r[4][i] = r[0][i]
				p := r[0][i] - T(T(step.Decay)*r[0][i])
				r[0][i] = p - T(T(step.Rate)*(r[2][i]/(T(T(math.Sqrt(float64(r[3][i])))*T(1/step.Root))+T(step.Eps))))
			}, 0,
		},
		{
			"AffineForward", 3, 3,
			[]int{0, 100, 102},
			func(r [][]T, w [][]float64) { AffineForward(r[0], r[1], r[2], w[0], w[1], w[2]) },
			func(i int, r [][]T, w [][]float64) {
				w[0][i] = exp(w[1][i])
				r[0][i] = T(float64(float64(r[1][i])*w[0][i]) + float64(r[2][i]))
				w[2][i] += w[1][i]
			}, 4,
		},
		{
			"AffineInverse", 3, 2,
			[]int{0, 101},
			func(r [][]T, w [][]float64) { AffineInverse(r[0], r[1], r[2], w[0], w[1]) },
			func(i int, r [][]T, w [][]float64) {
				r[0][i] = T((float64(r[1][i]) - float64(r[2][i])) * exp(-w[0][i]))
				w[1][i] -= w[0][i]
			}, 4,
		},
		{
			"TanhAffineForward", 5, 3,
			[]int{0, 100, 101, 102},
			func(r [][]T, w [][]float64) {
				TanhAffineForward(r[0], r[1], r[2], r[3], r[4], w[0], w[1], w[2])
			},
			func(i int, r [][]T, w [][]float64) {
				w[0][i] = math.Tanh(float64(r[3][i]))
				s := w[0][i] * float64(r[4][i])
				w[1][i] = exp(s)
				r[0][i] = T(float64(float64(r[1][i])*w[1][i]) + float64(r[2][i]))
				w[2][i] += s
			}, 4,
		},
		{
			"TanhAffineInverse", 5, 1,
			[]int{0, 100},
			func(r [][]T, w [][]float64) { TanhAffineInverse(r[0], r[1], r[2], r[3], r[4], w[0]) },
			func(i int, r [][]T, w [][]float64) {
				s := math.Tanh(float64(r[3][i])) * float64(r[4][i])
				r[0][i] = T((float64(r[1][i]) - float64(r[2][i])) * exp(-s))
				w[0][i] -= s
			}, 4,
		},
		{
			"TanhAffineBackward", 7, 3,
			[]int{0, 1, 2, 3},
			func(r [][]T, w [][]float64) {
				TanhAffineBackward(r[0], r[1], r[2], r[3], r[4], r[5], r[6], w[0], w[1], w[2])
			},
			func(i int, r [][]T, w [][]float64) {
				v, k := float64(r[4][i])*w[1][i], w[0][i]
				ds := float64(v*float64(r[5][i])) + w[2][i]
				r[1][i], r[0][i] = r[4][i], T(v)
				r[3][i] = T(ds * k)
				r[2][i] = T(ds * float64(r[6][i]) * ((1 - k) * (1 + k)))
			}, 0,
		},
		{
			"AffineBackward", 4, 3,
			[]int{0, 1, 100},
			func(r [][]T, w [][]float64) { AffineBackward(r[0], r[1], w[0], r[2], r[3], w[1], w[2]) },
			func(i int, r [][]T, w [][]float64) {
				v := float64(r[2][i]) * w[1][i]
				w[0][i] = float64(v*float64(r[3][i])) + w[2][i]
				r[1][i], r[0][i] = r[2][i], T(v)
			}, 0,
		},
	}
}

// testRows runs every kernel at every length and alignment against its loop.
func testRows[T Float](t *testing.T) {
	rng := newRand()
	for _, o := range ops[T]() {
		for n := 0; n <= 130; n++ {
			var r, wantR [][]T
			var w, wantW [][]float64
			var intact []func() bool
			for i := 0; i < o.narrow; i++ {
				s, ok := guarded[T](n, (n+i)%5)
				fill(rng, s)
				if o.name == "Adam" && i == 3 {
					Mul(s, s, s)
				} else if n > 20 {
					sprinkle(s, i)
				}
				r, wantR, intact = append(r, s), append(wantR, append([]T(nil), s...)), append(intact, ok)
			}
			for i := 0; i < o.wide; i++ {
				s, ok := guarded[float64](n, (n+i)%3)
				fill(rng, s)
				if n > 20 {
					sprinkle(s, i+3)
				}
				w, wantW, intact = append(w, s), append(wantW, append([]float64(nil), s...)), append(intact, ok)
			}
			o.run(r, w)
			for i := 0; i < n; i++ {
				o.loop(i, wantR, wantW)
			}
			for i, ok := range intact {
				if !ok() {
					t.Fatalf("%s of %d elements wrote outside row %d", o.name, n, i)
				}
			}
			for row := range r {
				compareRow(t, o.name, n, row, o.ulps, r[row], wantR[row])
			}
			for row := range w {
				compareRow(t, o.name, n, 100+row, o.ulps, w[row], wantW[row])
			}
		}
	}
}

// sprinkle puts special values into a row.
func sprinkle[T Float](s []T, seed int) {
	for i, v := range special[T]()[:5] {
		s[(i*3+seed)%len(s)] = v
	}
}

func compareRow[T Float](t *testing.T, name string, n, row int, tolerance float64, got, want []T) {
	t.Helper()
	for i := range got {
		if sameBits(got[i], want[i]) {
			continue
		}
		if tolerance > 0 && ulps(got[i], float64(want[i])) <= tolerance {
			continue
		}
		// A sum of terms that cancel has no relative accuracy left.
		if tolerance > 0 && math.Abs(float64(got[i]-want[i])) < 1e-15 {
			continue
		}
		t.Fatalf("%s: element %d of %d in row %d is %v, want %v", name, i, n, row, got[i], want[i])
	}
}

func TestRows(t *testing.T) { everywhere(t, testRows[float32], testRows[float64]) }

// In place, a row's destination is one of its sources.
func testRowsInPlace[T Float](t *testing.T) {
	rng := newRand()
	const n = 77
	x, tr, s, ld := normal[T](rng, n), normal[T](rng, n), normal[float64](rng, n), normal[float64](rng, n)
	y, e := make([]T, n), make([]float64, n)
	AffineForward(y, x, tr, e, s, append([]float64(nil), ld...))
	y2, e2 := append([]T(nil), x...), append([]float64(nil), s...)
	AffineForward(y2, y2, tr, e2, e2, append([]float64(nil), ld...))
	dx, dt, ds := make([]T, n), make([]T, n), make([]float64, n)
	AffineBackward(dx, dt, ds, y, x, e, ld)
	dy, e3 := append([]T(nil), y...), append([]float64(nil), e...)
	AffineBackward(dy, dt, e3, dy, x, e3, ld)
	back := append([]T(nil), y...)
	AffineInverse(back, back, tr, s, append([]float64(nil), ld...))
	for i := range y {
		if y[i] != y2[i] || e[i] != e2[i] || dx[i] != dy[i] || ds[i] != e3[i] {
			t.Fatalf("element %d differs in place", i)
		}
		if math.Abs(float64(back[i]-x[i])) > 1e-5 {
			t.Fatalf("element %d comes back as %v, not %v", i, back[i], x[i])
		}
	}
}

func TestRowsInPlace(t *testing.T) { everywhere(t, testRowsInPlace[float32], testRowsInPlace[float64]) }

// Adam follows the published formula in float64, whatever order its loop has.
func TestAdamFormula(t *testing.T) {
	p, m, v := []float64{0.5}, []float64{0}, []float64{0}
	x, mm, vv := 0.5, 0.0, 0.0
	for step := 1; step <= 20; step++ {
		g := math.Sin(float64(step)) * 3
		grad := []float64{g}
		Adam(p, grad, m, v, grad, NewAdamStep(step, 0.01, 0.9, 0.99, 1e-6, 0.1, 0.2))
		x -= 0.01 * 0.2 * x
		g += 0.1 * (x / (1 - 0.01*0.2)) // the gradient's decay sees the weight before the decoupled one
		mm = 0.9*mm + 0.1*g
		vv = 0.99*vv + 0.01*g*g
		mHat := mm / (1 - math.Pow(0.9, float64(step)))
		vHat := vv / (1 - math.Pow(0.99, float64(step)))
		x -= 0.01 * mHat / (math.Sqrt(vHat) + 1e-6)
	}
	if math.Abs(p[0]-x) > 1e-14 {
		t.Errorf("after 20 steps: %v, want %v", p[0], x)
	}
}
