// The flow over the layers that people use.

package flow_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/coupling"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/internal/testkit"
)

// realNVP is a flow far from the identity: its batch norms have statistics of
// their own.
func realNVP[T bijector.Float](t *testing.T, dim int) *flow.Flow[T] {
	t.Helper()
	chain, err := coupling.RealNVP[T](coupling.Recipe{Dim: dim, Layers: 4, Hidden: []int{16, 16}, Seed: 3})
	if err != nil {
		t.Fatal(err)
	}
	f := testkit.Must(flow.New[T](chain, distribution.StandardNormal[T](dim)))
	rng := rand.New(rand.NewPCG(1, 2))
	for _, p := range f.Params() {
		for i := range p.Data {
			p.Data[i] = T(float32(float64(p.Data[i]) + 0.3*(rng.Float64()-0.5)))
		}
	}
	f.Invalidate()
	return f
}

func normalRows[T bijector.Float](n, d int) []T {
	rng := rand.New(rand.NewPCG(3, 4))
	x := make([]T, n*d)
	for i := range x {
		x[i] = T(float32(rng.NormFloat64()))
	}
	return x
}

func TestRealNVPIntegratesToOne(t *testing.T) {
	const edge, step = 20.0, 0.1
	var plane []float64
	for x := -edge; x <= edge; x += step {
		for y := -edge; y <= edge; y += step {
			plane = append(plane, x, y)
		}
	}
	logp, err := realNVP[float64](t, 2).LogProb(testkit.Rows(plane, len(plane)/2, 2))
	if err != nil {
		t.Fatal(err)
	}
	sum := 0.0
	for _, v := range logp {
		sum += math.Exp(v) * step * step
	}
	if !(math.Abs(sum-1) <= 1e-3) {
		t.Errorf("the density integrates to %v", sum)
	}
}

func TestRealNVPInBothTypes(t *testing.T) {
	const n, d = 300, 6
	f32, f64 := realNVP[float32](t, d), realNVP[float64](t, d)
	a, err := f32.LogProb(testkit.Rows(normalRows[float32](n, d), n, d))
	if err != nil {
		t.Fatal(err)
	}
	b, err := f64.LogProb(testkit.Rows(normalRows[float64](n, d), n, d))
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range b {
		if got := a[i]; !(math.Abs(got-want) <= 1e-4*math.Abs(want)) {
			t.Errorf("row %d: %v in float32, %v in float64", i, got, want)
		}
	}
}

func TestRealNVPSamples(t *testing.T) {
	const n, d = 300, 6
	f := realNVP[float64](t, d)
	x, logp, err := f.SampleWithLogProb(rand.New(rand.NewPCG(1, 2)), n)
	if err != nil {
		t.Fatal(err)
	}
	want, err := f.LogProb(x)
	if err != nil {
		t.Fatal(err)
	}
	for i, got := range logp {
		if w := want[i]; !(math.Abs(got-w) <= 1e-9*max(1, math.Abs(w))) {
			t.Errorf("draw %d: log-density %v, LogProb says %v", i, got, w)
		}
	}
}

// A NaN in row 17 changes no bit of another row, through matrix products too.
func TestRealNVPBadRow(t *testing.T) {
	const n, d = 200, 6
	f := realNVP[float32](t, d)
	data := normalRows[float32](n, d)
	want, err := f.LogProb(testkit.Rows(data, n, d))
	if err != nil {
		t.Fatal(err)
	}
	spoilt := append([]float32(nil), data...)
	spoilt[17*d+2] = float32(math.NaN())
	got, err := f.LogProb(testkit.Rows(spoilt, n, d))
	var row *bijector.RowError
	if !errors.As(err, &row) || row.Row != 17 || row.Count != 1 {
		t.Fatalf("a NaN in row 17: %v", err)
	}
	for i, v := range got {
		if i != 17 && v != want[i] {
			t.Errorf("row %d: %v, without the NaN %v", i, v, want[i])
		}
	}
}
