// Draws that overflow, drawn again.

package flow

import (
	"errors"
	"math"
	"strings"
	"testing"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/internal/testkit"
)

// overflowingFlow maps a wide normal z through x = sinh(u), u about z: beyond 710
// there is no x.
func overflowingFlow() *Flow[float64] {
	layer := bijector.Invert[float64](newBend[float64](2, 1, 1))
	return newFlow[float64](layer, testkit.Must(distribution.NewNormal[float64](distribution.NormalSpec{Dim: 2, Scale: []float64{1, 700}})))
}

// Redraws replace the rows that are not finite, and no others.
func TestRedraws(t *testing.T) {
	f := overflowingFlow().Given(rowsOf[float64](1, 1))
	for _, n := range []int{1, 40, 300} {
		once, err := f.Sample(testkit.NewRand(5), n)
		if err == nil && n > 1 {
			t.Fatal("nothing overflows")
		}
		draws, logp, err := f.WithRedraws(60).SampleWithLogProb(testkit.NewRand(5), n)
		if err != nil {
			t.Fatalf("%d draws: %v", n, err)
		}
		again := testkit.Must(f.WithRedraws(60).Sample(testkit.NewRand(5), n))
		testkit.Equal(t, "the same draws without log-densities", again.Values(), draws.Values())
		f.SetParallelism(1)
		testkit.Equal(t, "the same draws on one goroutine", testkit.Must(f.WithRedraws(60).Sample(testkit.NewRand(5), n)).Values(), draws.Values())
		f.SetParallelism(0)
		want := testkit.Must(f.LogProb(draws))
		for i, v := range once.Values() {
			w := draws.Values()[i]
			if w-w != 0 || v == v && v != w {
				t.Errorf("value %d of %d: %v at once, %v with redraws", i, n, v, w)
			}
			if got := logp[i/2]; !testkit.IsNear(got, want[i/2], 1e-9) {
				t.Errorf("draw %d of %d: log-density %v, LogProb says %v", i/2, n, got, want[i/2])
			}
		}
	}
}

// With redraws the draws are those of the model that are finite: here, a
// normal cut off where sinh overflows.
func TestRedrawsFollowTheirLaw(t *testing.T) {
	b := newBend[float64](1, 0, 1)
	f := newFlow[float64](bijector.Invert[float64](b), testkit.Must(distribution.NewNormal[float64](distribution.NormalSpec{Dim: 1, Scale: []float64{700}})))
	const n = 20_000
	draws := testkit.Must(f.WithRedraws(100).Sample(testkit.NewRand(1), n)).Values()
	e := math.Exp(b.l[0])
	edge := math.Asinh(math.MaxFloat64)
	lo, hi := (-edge-b.a[0])/e, (edge-b.a[0])/e
	z := distuv.Normal{Sigma: 700}
	below, mass := z.CDF(lo), z.CDF(hi)-z.CDF(lo)
	if mass > 0.9 {
		t.Fatalf("only %v overflows", 1-mass)
	}
	for i, x := range draws {
		draws[i] = (math.Asinh(x) - b.a[0]) / e
	}
	if d := testkit.Distance(draws, func(z0 float64) float64 { return (z.CDF(z0) - below) / mass }); d > 1.95/math.Sqrt(n) {
		t.Errorf("draws are %.4f from the law cut off", d)
	}
}

// What is not finite after all attempts is an error, and so is a context that
// no attempt can help.
func TestRedrawsEnd(t *testing.T) {
	f := overflowingFlow()
	const n = 300
	c := rowsOf[float64](n, 1)
	c.Values()[7], c.Values()[130] = math.NaN(), math.Inf(1)
	var r *bijector.RowError
	draws, err := f.Given(c).WithRedraws(60).Sample(testkit.NewRand(1), n)
	if !errors.As(err, &r) || r.What != "context" || r.Row != 7 || r.Count != 2 {
		t.Errorf("two contexts that are not finite: %v", err)
	}
	for i, v := range draws.Values() {
		if math.IsNaN(v) != (i/2 == 7 || i/2 == 130) {
			t.Errorf("value %d is %v", i, v)
		}
	}
	g := f.Given(rowsOf[float64](1, 1))
	last := n
	for _, k := range []int{0, 1} {
		_, err := g.WithRedraws(k).Sample(testkit.NewRand(1), n)
		if !errors.As(err, &r) || r.What != "result" || r.Count >= last || strings.Contains(err.Error(), "again") != (k > 0) {
			t.Fatalf("%d redraws: %v, after %d", k, err, last)
		}
		last = r.Count
	}
	if x, err := g.WithRedraws(-1).Sample(testkit.NewRand(1), 1); !errors.Is(err, bijector.ErrSpec) || x != nil {
		t.Errorf("-1 redraws: %v", err)
	}
}

// The flows of an ensemble redraw their own.
func TestEnsembleRedraws(t *testing.T) {
	e := testkit.Must(NewEnsemble(Mixing{}, overflowingFlow(), overflowingFlow())).Given(rowsOf[float64](1, 1))
	const n = 300
	var r *bijector.RowError
	once, err := e.Sample(testkit.NewRand(3), n)
	if !errors.As(err, &r) || r.What != "result" || r.N != n || r.Count < 20 {
		t.Fatalf("draws that overflow: %v", err)
	}
	bad := 0
	for i := range n {
		if math.IsNaN(once.Values()[2*i]) {
			if bad++; bad == 1 && r.Row != i {
				t.Errorf("the first is %d, the error says %d", i, r.Row)
			}
		}
	}
	if bad != r.Count {
		t.Errorf("%d bad draws, the error says %d", bad, r.Count)
	}
	for i, v := range testkit.Must(e.WithRedraws(60).Sample(testkit.NewRand(3), n)).Values() {
		if v-v != 0 {
			t.Errorf("value %d is %v", i, v)
		}
	}
}
