// Rows far from the rest, tails, and narrow conditionals: what one row in
// thousands, or one draw in thousands, may not do.

package flow_test

import (
	"context"
	"math"
	"testing"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/bijou-flow/bijou/autoregressive"
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/coupling"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/internal/testkit"
	"github.com/bijou-flow/bijou/train"
)

// bent is n rows (x, x^2/2 + 0.3 e), and after them the row (far, far) where
// far is not 0.
func bent(n int, seed uint64, far float32) *bijector.Rows[float32] {
	rng := testkit.NewRand(seed)
	rows := make([][]float32, n)
	for i := range rows {
		x := rng.NormFloat64()
		rows[i] = []float32{float32(x), float32(x*x/2 + 0.3*rng.NormFloat64())}
	}
	if far != 0 {
		rows = append(rows, []float32{far, far})
	}
	return testkit.Must(bijector.RowsOfSlices(rows))
}

// One row a million deviations away costs the others less than 0.1 nats.
func TestOneRowFarAway(t *testing.T) {
	test := bent(4000, 2, 0)
	loss := func(far float32) float64 {
		f := testkit.Must(flow.New[float32](testkit.Must(coupling.RealNVP[float32](coupling.Recipe{Dim: 2, Layers: 4, Hidden: []int{32}})), distribution.StandardNormal[float32](2)))
		if _, err := train.Fit(context.Background(), f, train.Tensor(bent(4000, 1, far)), train.Options{Epochs: 10, Rate: 3e-3, Schedule: train.Cosine{}, Seed: 1}); err != nil {
			t.Fatal(err)
		}
		return testkit.Must(train.Evaluate(context.Background(), f, train.Tensor(test)))
	}
	without, with := loss(0), loss(1e6)
	if !(math.Abs(with-without) < 0.1) || !(without < 2) {
		t.Errorf("held out %.3f nats with the row, %.3f without", with, without)
	}
}

// Two Student-t columns of 1.5, which have a mean and no variance, through splines.
func TestSplinesOnStudentT(t *testing.T) {
	const n = 6000
	law := distuv.StudentsT{Sigma: 1, Nu: 1.5, Src: testkit.NewRand(3)}
	draw := func() (*bijector.Rows[float32], float64) {
		rows, mean := bijector.NewRows[float32](n, 2), 0.0
		for i := range n {
			for j := range 2 {
				v := law.Rand()
				rows.Row(i)[j] = float32(v)
				mean -= law.LogProb(v) / n
			}
		}
		return rows, mean
	}
	x, _ := draw()
	test, truth := draw()
	f := testkit.Must(flow.New[float32](testkit.Must(coupling.NSF[float32](coupling.Recipe{Dim: 2, Layers: 2, Hidden: []int{16}})), distribution.StandardNormal[float32](2)))
	if _, err := train.Fit(context.Background(), f, train.Tensor(x), train.Options{Epochs: 6, Rate: 3e-3, Schedule: train.Cosine{}}); err != nil {
		t.Fatal(err)
	}
	got := testkit.Must(train.Evaluate(context.Background(), f, train.Tensor(test)))
	if !(got < truth+0.1) {
		t.Errorf("held out %.3f nats, truth %.3f", got, truth)
	}
	for i, v := range testkit.Must(f.Sample(testkit.NewRand(4), 50_000)).Float32s() {
		if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
			t.Fatalf("value %d of the draws is %g", i, v)
		}
	}
}

// Draws of N(c, 0.1^2 I) in three dimensions stay near c: fewer than one value in a
// thousand is beyond five deviations.
func TestNarrowConditionals(t *testing.T) {
	const n, d, sigma = 8000, 3, 0.1
	rng := testkit.NewRand(5)
	x, c := bijector.NewRows[float32](n, d), bijector.NewRows[float32](n, d)
	for i := range n {
		for j := range d {
			v := 4*rng.Float64() - 2
			c.Row(i)[j], x.Row(i)[j] = float32(v), float32(v+sigma*rng.NormFloat64())
		}
	}
	given := bijector.NewRows[float32](20_000, d)
	for i := range given.Float32s() {
		given.Float32s()[i] = float32(4*rng.Float64() - 2)
	}
	for name, chain := range map[string]func() (*bijector.Chain[float32], error){
		"RealNVP": func() (*bijector.Chain[float32], error) {
			return coupling.RealNVP[float32](coupling.Recipe{Dim: d, ContextDim: d, Layers: 4, Hidden: []int{32}})
		},
		"NSF": func() (*bijector.Chain[float32], error) {
			return coupling.NSF[float32](coupling.Recipe{Dim: d, ContextDim: d, Layers: 4, Hidden: []int{32}})
		},
		"MAF": func() (*bijector.Chain[float32], error) {
			return autoregressive.MAF[float32](autoregressive.Recipe{Dim: d, ContextDim: d, Layers: 3, Hidden: []int{32}})
		},
	} {
		f := testkit.Must(flow.New[float32](testkit.Must(chain()), distribution.StandardNormal[float32](d)))
		if _, err := train.Fit(context.Background(), f, train.Tensor(x).Given(c), train.Options{Epochs: 12, Rate: 3e-3, Schedule: train.Cosine{}}); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		draws, beyond := testkit.Must(f.Given(given).Sample(testkit.NewRand(6), given.Len())), 0
		for i, v := range draws.Float32s() {
			if !(math.Abs(float64(v-given.Float32s()[i])) <= 5*sigma) {
				beyond++
			}
		}
		if share := float64(beyond) / float64(len(draws.Float32s())); share >= 1e-3 {
			t.Errorf("%s: %.4f of the values lie beyond five deviations", name, share)
		} else {
			t.Logf("%s: %.5f beyond five deviations", name, share)
		}
	}
}
