// Masses, integrals and draws of a Mixed, against each other.

package autoregressive_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/bijou-flow/bijou/autoregressive"
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/testkit"
)

// movedMixed is a Mixed away from its start.
func movedMixed[T bijector.Float](t *testing.T, s autoregressive.MixedSpec, size float64) *autoregressive.Mixed[T] {
	t.Helper()
	m, err := autoregressive.NewMixed[T](s)
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(7, 8))
	for _, p := range m.Params() {
		for i := range p.Data {
			p.Data[i] += T(size * rng.NormFloat64())
		}
	}
	m.Invalidate()
	return m
}

// logProbs are those of rows, a slice each.
func logProbs[T bijector.Float](m *autoregressive.Mixed[T], rows [][]float64) []float64 {
	const size = 64
	p, all := m.NewMixedPass(bijector.PassOptions{MaxBatch: size}), make([]float64, len(rows))
	z := bijector.NewMat[T](m.Dim(), size)
	for lo := 0; lo < len(rows); lo += size {
		n := min(size, len(rows)-lo)
		for i, r := range rows[lo : lo+n] {
			for j, v := range r {
				z.Feature(j)[i] = T(v)
			}
		}
		p.LogProb(z.Samples(0, n), bijector.Mat[T]{}, all[lo:lo+n])
	}
	return all
}

// cells are all rows of the values of each column.
func cells(values ...[]float64) (rows [][]float64) {
	rows = [][]float64{nil}
	for _, column := range values {
		var longer [][]float64
		for _, r := range rows {
			for _, v := range column {
				longer = append(longer, append(append([]float64(nil), r...), v))
			}
		}
		rows = longer
	}
	return rows
}

func span(from, to, step float64) (v []float64) {
	for x := from; x <= to+step/2; x += step {
		v = append(v, x)
	}
	return v
}

func sumExp(logp []float64) (sum float64) {
	for _, v := range logp {
		sum += math.Exp(v)
	}
	return sum
}

func TestMixedMasses(t *testing.T) {
	t.Run("float32", testMixedMasses[float32])
	t.Run("float64", testMixedMasses[float64])
}

// The masses of all rows sum to 1: of atoms, of rounded numbers within bounds and without,
// and of both in one column.
func testMixedMasses[T bijector.Float](t *testing.T) {
	s := autoregressive.MixedSpec{Hidden: 16, Blocks: 1, Bins: 5, Seed: 3}
	s.Columns = []autoregressive.MixedColumn{
		{Atoms: []float64{0, 1, 2}, Shares: []float64{1, 5, 2}},
		{Continuous: true, Step: 0.1, Lower: ptr(0), Upper: ptr(0.7), Atoms: []float64{0, -9}, Missing: true},
		{Atoms: []float64{4}},
		{Continuous: true, Step: 2, Origin: 1, Lower: ptr(-3), Upper: ptr(11), Atoms: []float64{0.5}, Ordered: true, Margin: someMargin()},
	}
	m := movedMixed[T](t, s, 0.5)
	rows := cells(s.Columns[0].Atoms, append(span(0, 0.7, 0.1), -9), []float64{4}, append(span(-3, 11, 2), 0.5))
	if sum := sumExp(logProbs(m, rows)); !(math.Abs(sum-1) <= 1e-9) {
		t.Errorf("the masses of bounded columns sum to 1 + %g", sum-1)
	}
	s.Columns[3].Lower, s.Columns[3].Upper, s.Columns[3].Margin = nil, nil, nil
	m = movedMixed[T](t, s, 0.2)
	rows = cells(s.Columns[0].Atoms, append(span(0, 0.7, 0.1), -9), []float64{4}, append(span(-501, 501, 2), 0.5))
	if sum := sumExp(logProbs(m, rows)); !(math.Abs(sum-1) <= 1e-9) {
		t.Errorf("the masses of unbounded columns sum to 1 + %g", sum-1)
	}
	for _, row := range [][]float64{{3, 0, 4, 1}, {0, 0.9, 4, 1}, {0, 0, 4.5, 1}, {1, -0.1, 4, 1}} {
		if logp := logProbs(m, [][]float64{row})[0]; !math.IsInf(logp, -1) {
			t.Errorf("the row %v has log-density %v, want -Inf", row, logp)
		}
	}
}

// A column with a spike, bounds and missing cells: atoms and density integrate to 1.
func TestMixedIntegral(t *testing.T) {
	for name, c := range map[string]autoregressive.MixedColumn{
		"spike":    {Continuous: true, Atoms: []float64{0, -99}, Missing: true, Lower: ptr(0)},
		"interval": {Continuous: true, Atoms: []float64{0, 1}, Lower: ptr(0), Upper: ptr(1)},
		"line":     {Continuous: true, Atoms: []float64{0.5}},
	} {
		m := movedMixed[float64](t, autoregressive.MixedSpec{Columns: []autoregressive.MixedColumn{{Atoms: []float64{0, 1}}, c}, Hidden: 8, Blocks: 1}, 0.4)
		var all float64
		for _, first := range []float64{0, 1} {
			for _, a := range c.Atoms {
				all += sumExp(logProbs(m, [][]float64{{first, a}}))
			}
			lo, hi := -60.0, 60.0
			if c.Lower != nil {
				lo = *c.Lower
			}
			if c.Upper != nil {
				hi = *c.Upper
			}
			const n = 100_000 // midpoints miss the atoms
			rows := make([][]float64, n)
			for i := range rows {
				rows[i] = []float64{first, lo + (hi-lo)*(float64(i)+0.5137)/n}
			}
			all += sumExp(logProbs(m, rows)) * (hi - lo) / n
		}
		if !(math.Abs(all-1) <= 2e-5) {
			t.Errorf("%s: atoms and density add up to 1 + %g", name, all-1)
		}
	}
}

// The draws of all columns are as frequent as their masses say, also given other columns.
func TestMixedDraws(t *testing.T) {
	s := autoregressive.MixedSpec{Hidden: 12, Blocks: 1, Bins: 4, Order: autoregressive.OrderSpec{Indices: []int{2, 0, 1}}}
	s.Columns = []autoregressive.MixedColumn{
		{Atoms: []float64{0, 1, 2}},
		{Continuous: true, Step: 1, Lower: ptr(0), Upper: ptr(4), Atoms: []float64{0, -9}, Missing: true},
		{Atoms: []float64{5, 7}, Ordered: true},
	}
	m := movedMixed[float64](t, s, 0.5)
	rows := cells([]float64{0, 1, 2}, []float64{-9, 0, 1, 2, 3, 4}, []float64{5, 7})
	logp := logProbs(m, rows)
	const n = 50_000
	count := func(known []bool) (map[[3]float64]float64, float64) {
		p := m.NewMixedPass(bijector.PassOptions{MaxBatch: n})
		z, rng, seen, total := bijector.NewMat[float64](3, n), testkit.NewRand(5), map[[3]float64]float64{}, 0.0
		weights := make([]float64, n)
		for j, v := range []float64{1, 3, 7} {
			for i := range n {
				z.Feature(j)[i] = v
			}
		}
		var all []bool
		if known != nil {
			all = make([]bool, 3*n)
			for i := range all {
				all[i] = known[i/n]
			}
		}
		p.Complete(rng, z, bijector.Mat[float64]{}, all, 1, weights)
		for i := range n {
			seen[[3]float64{z.Feature(0)[i], z.Feature(1)[i], z.Feature(2)[i]}] += math.Exp(weights[i])
			total += math.Exp(weights[i])
		}
		return seen, total
	}
	for _, known := range [][]bool{nil, {false, false, true}, {true, false, false}, {false, true, false}} {
		seen, total := count(known)
		mass := 0.0
		fits := func(r []float64) bool {
			for j, k := range known {
				if k && r[j] != []float64{1, 3, 7}[j] {
					return false
				}
			}
			return true
		}
		for i, r := range rows {
			if fits(r) {
				mass += math.Exp(logp[i])
			}
		}
		if want := mass * n; !(math.Abs(total-want) <= 0.03*want) {
			t.Errorf("known %v: weights of %v, want the mass of what is known, %v", known, total/n, mass)
		}
		for i, r := range rows {
			if !fits(r) {
				continue
			}
			got, want := seen[[3]float64(r)]/total, math.Exp(logp[i])/mass
			if !(math.Abs(got-want) <= 6*math.Sqrt(want/n)+1e-4) {
				t.Errorf("known %v: %v is drawn with the frequency %v, want %v", known, r, got, want)
			}
		}
	}
}

// The gradients of all parameters on rows of every kind, against central differences.
func TestMixedGradient(t *testing.T) {
	s := autoregressive.MixedSpec{Hidden: 9, Blocks: 2, Bins: 4, Activation: "tanh", Seed: 2, Order: autoregressive.OrderSpec{Kind: "random"}}
	s.Columns = []autoregressive.MixedColumn{
		{Atoms: []float64{0, 1, 2}, Shares: []float64{1, 5, 2}},
		{Continuous: true, Step: 0.1, Lower: ptr(0), Upper: ptr(0.7), Atoms: []float64{0, -9}, Missing: true},
		{Continuous: true, Step: 1, Margin: someMargin()},
		{Continuous: true, Atoms: []float64{0.5}, Lower: ptr(0), Ordered: true},
	}
	m := movedMixed[float64](t, s, 0.3)
	const n = 12
	z := bijector.NewMat[float64](4, n)
	m.NewMixedPass(bijector.PassOptions{MaxBatch: n}).Sample(testkit.NewRand(3), z, bijector.Mat[float64]{}, 1)
	z.Feature(1)[0], z.Feature(1)[1], z.Feature(3)[2] = 0, -9, 0.5 // an atom among rounded numbers, a missing cell, a spike
	loss := func() (sum float64) {
		logp := make([]float64, n)
		m.NewBasePass(bijector.PassOptions{MaxBatch: n}).LogProb(z, bijector.Mat[float64]{}, logp)
		for i, v := range logp {
			sum += v * float64(1+i%3)
		}
		return sum
	}
	g := m.NewBaseGradPass(bijector.PassOptions{MaxBatch: n})
	logp, dlogp := make([]float64, n), make([]float64, n)
	for i := range dlogp {
		dlogp[i] = float64(1 + i%3)
	}
	g.LogProb(z, bijector.Mat[float64]{}, logp)
	g.Backward(bijector.NewMat[float64](4, n), bijector.Mat[float64]{}, z, bijector.Mat[float64]{}, dlogp)
	for k, p := range m.Params() {
		for i := range p.Data {
			const h = 1e-5
			v := p.Data[i]
			p.Data[i] = v + h
			m.Invalidate()
			up := loss()
			p.Data[i] = v - h
			m.Invalidate()
			down := loss()
			p.Data[i] = v
			m.Invalidate()
			if want, got := (up-down)/(2*h), g.Grads()[k][i]; !(math.Abs(got-want) <= 2e-6*(1+math.Abs(want))) {
				t.Fatalf("%s[%d]: gradient %v, central difference %v", p.Name, i, got, want)
			}
		}
	}
}
