// What users of flows ran into elsewhere.

package flow_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"testing"

	"gorgonia.org/tensor"

	"github.com/bijou-flow/bijou/autoregressive"
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/coupling"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/internal/testkit"
	"github.com/bijou-flow/bijou/train"
)

// Draws of a flow that saturates stay where it has a density, in float32 too.
func TestSaturatedDrawsHaveADensity(t *testing.T) {
	scale := testkit.Must(bijector.NewScale[float32](bijector.ScaleSpec{Dim: 2}))
	for i := range scale.Params()[0].Data {
		scale.Params()[0].Data[i] = 10
	}
	for name, last := range map[string]bijector.Layer[float32]{
		"tanh":       testkit.Must(bijector.NewTanh[float32](bijector.TanhSpec{Dim: 2})),
		"sigmoid":    testkit.Must(bijector.NewSigmoid[float32](bijector.SigmoidSpec{Dim: 2})),
		"softplus":   testkit.Must(bijector.NewSoftplus[float32](bijector.SoftplusSpec{Dim: 2})),
		"logit":      bijector.Invert[float32](testkit.Must(bijector.NewLogit[float32](bijector.LogitSpec{Dim: 2}))),
		"logit 0.05": bijector.Invert[float32](testkit.Must(bijector.NewLogit[float32](bijector.LogitSpec{Dim: 2, Alpha: 0.05}))),
	} {
		drawing := testkit.Must(bijector.NewChain[float32](scale, last))
		f := testkit.Must(flow.New[float32](bijector.Invert[float32](drawing), distribution.StandardNormal[float32](2)))
		draws, drawn, err := f.SampleWithLogProb(testkit.NewRand(1), 200)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		logp, err := f.LogProb(draws)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for i, v := range logp {
			if v-v != 0 || drawn[i]-drawn[i] != 0 {
				t.Errorf("%s: draw %v has the log-density %v, and %v as it was drawn", name, draws.Row(i), v, drawn[i])
				break
			}
		}
	}
}

// Batch norm of a few rows says nothing about them: training says so.
func TestBatchNormOfFewRows(t *testing.T) {
	for _, c := range []struct {
		norm  string
		batch int
		fine  bool
	}{{"batch", 1, false}, {"batch", 2, false}, {"batch", 3, false}, {"batch", 4, true}, {"act", 1, true}, {"none", 2, true}} {
		chain := testkit.Must(coupling.RealNVP[float32](coupling.Recipe{Dim: 2, Layers: 2, Hidden: []int{4}, Norm: c.norm}))
		f := testkit.Must(flow.New[float32](chain, distribution.StandardNormal[float32](2)))
		_, err := train.Fit(context.Background(), f, train.Tensor(testkit.Gauss[float32](40, 2, 1)), train.Options{ValidationFraction: train.NoValidation, Epochs: 1, Batch: c.batch})
		if c.fine && err != nil || !c.fine && !errors.Is(err, train.ErrOptions) {
			t.Errorf("norm %q, batches of %d rows: error is %v", c.norm, c.batch, err)
		}
	}
}

// Contexts train alike in any unit.
func TestContextsInOtherUnits(t *testing.T) {
	loss := func(from, unit float64) float64 {
		rng := testkit.NewRand(1)
		sample := func(n int) (x, c *bijector.Rows[float32]) {
			x, c = bijector.NewRows[float32](n, 2), bijector.NewRows[float32](n, 1)
			for i := range n {
				a := rng.NormFloat64()
				x.Row(i)[0], x.Row(i)[1] = float32(math.Sin(a)+rng.NormFloat64()/10), float32(math.Cos(a)+rng.NormFloat64()/10)
				c.Row(i)[0] = float32(from + unit*a)
			}
			return x, c
		}
		chain := testkit.Must(coupling.RealNVP[float32](coupling.Recipe{Dim: 2, ContextDim: 1, Layers: 4, Hidden: []int{24, 24}, Seed: 1}))
		f := testkit.Must(flow.New[float32](chain, distribution.StandardNormal[float32](2)))
		x, c := sample(4000)
		testkit.Must(train.Fit(context.Background(), f, train.Tensor(x).Given(c), train.Options{ValidationFraction: train.NoValidation, Epochs: 12, Rate: 4e-3, Schedule: train.Cosine{}}))
		x, c = sample(1000)
		return testkit.Must(train.Evaluate(context.Background(), f, train.Tensor(x).Given(c)))
	}
	plain, other := loss(0, 1), loss(1e6, 1e4) // the truth is -1.767
	if !(plain < -1.55 && other < -1.55 && math.Abs(plain-other) < 0.03) {
		t.Errorf("%.3f nats, and %.3f in other units, want about -1.65 of both", plain, other)
	}
}

// A row's log-density does not depend on how many others there are, or on the
// contexts of calls before.
func TestRowsOfAnyNumber(t *testing.T) {
	chain := testkit.Must(coupling.NSF[float32](coupling.Recipe{Dim: 3, ContextDim: 1, Layers: 2, Hidden: []int{8}, OutScale: 2, Seed: 1}))
	f := testkit.Must(flow.New[float32](chain, distribution.StandardNormal[float32](3)))
	const most = 3970
	x, c, other := testkit.Gauss[float32](most, 3, 1), testkit.Gauss[float32](most, 1, 2), testkit.Gauss[float32](1, 1, 3)
	want := testkit.Must(f.Given(c).LogProb(x))
	for _, i := range []int{0, 127, 128, 1000, 3967, most - 1} { // alone
		row, context := testkit.Rows(x.Values()[3*i:3*i+3], 1, 3), testkit.Rows(c.Values()[i:i+1], 1, 1)
		testkit.Near(t, fmt.Sprintf("row %d alone", i), testkit.Must(f.Given(context).LogProb(row))[0], want[i], 1e-5)
	}
	counts := []int{1, 2, 63, 65, 3967, 3968, 3969}
	for n := 127; n <= 257; n += 5 {
		counts = append(counts, n)
	}
	for _, n := range append(counts, 128, 129, 255, 256) {
		rows, contexts := testkit.Rows(x.Values()[:3*n], n, 3), testkit.Rows(c.Values()[:n], n, 1)
		testkit.Must(f.Given(other).LogProb(rows))
		got := testkit.Must(f.Given(contexts).LogProb(rows))
		for i, v := range got {
			testkit.Near(t, fmt.Sprintf("row %d of %d", i, n), v, want[i], 1e-5)
		}
	}
}

// A spline coupling leaves rows in its tails as they are, both ways, and a training
// step on such rows alone is finite.
func TestRowsInTheTailsOfSplines(t *testing.T) {
	x := testkit.Gauss[float32](200, 3, 1)
	for i, v := range x.Values() {
		x.Values()[i] = v + float32(math.Copysign(6, float64(v)))
	}
	l := testkit.Must(coupling.NewSpline[float32](coupling.SplineSpec{Dim: 3, Hidden: []int{8}, OutScale: 2, Seed: 1}))
	testkit.Equal(t, "there", testkit.Must(l.Forward(x)).Values(), x.Values())
	testkit.Equal(t, "back", testkit.Must(l.Inverse(x)).Values(), x.Values())
	testkit.Equal(t, "log-determinants", testkit.Must(l.LogDetJacobian(x)), make([]float64, 200))
	f := testkit.Must(flow.New[float32](l, distribution.StandardNormal[float32](3)))
	report, err := train.Fit(context.Background(), f, train.Tensor(x), train.Options{ValidationFraction: train.NoValidation, Epochs: 1})
	if err != nil || report.BadSteps > 0 || report.Loss()-report.Loss() != 0 {
		t.Errorf("error %v, report %+v", err, report)
	}
}

// Views that tensors are handed over as are scored as their clones.
func TestViewsOfTensors(t *testing.T) {
	chain := testkit.Must(coupling.RealNVP[float64](coupling.Recipe{Dim: 3, Layers: 2, Hidden: []int{8}, Seed: 1}))
	f := testkit.Must(flow.New[float64](chain, distribution.StandardNormal[float64](3)))
	whole := tensor.New(tensor.WithShape(6, 5), tensor.WithBacking(testkit.Gauss[float64](6, 5, 1).Values()))
	lazy := tensor.New(tensor.WithShape(3, 6), tensor.WithBacking(testkit.Gauss[float64](6, 3, 2).Values()))
	if err := lazy.T(); err != nil {
		t.Fatal(err)
	}
	values := func(at func(i, j int) (any, error)) *bijector.Rows[float64] {
		return testkit.RowsBy[float64](6, 3, func(i, j int) float64 { return testkit.Must(at(i, j)).(float64) })
	}
	for name, c := range map[string]struct {
		view, clone tensor.Tensor
	}{
		"transposed": {lazy, values(func(i, j int) (any, error) { return lazy.At(i, j) })},
		"columns":    {testkit.Must(whole.Slice(nil, tensor.S(1, 4))), values(func(i, j int) (any, error) { return whole.At(i, j+1) })},
		"every other column": {testkit.Must(whole.Slice(nil, tensor.S(0, 5, 2))), values(func(i, j int) (any, error) {
			return whole.At(i, 2*j)
		})},
	} {
		testkit.Equal(t, name, testkit.Must(f.LogProb(c.view)), testkit.Must(f.LogProb(c.clone)))
	}
	rows := testkit.Must(whole.Slice(tensor.S(1, 4), tensor.S(0, 3)))
	got, want := testkit.Must(f.LogProb(rows)), testkit.Must(f.LogProb(values(func(i, j int) (any, error) { return whole.At(i, j) })))
	testkit.Equal(t, "rows and columns", got, want[1:4])
}

// A flow of one column with networks of large outputs is a density, and every
// draw of it a number.
func TestUntrainedFlowIsADensity(t *testing.T) {
	for seed := range uint64(3) {
		chain := testkit.Must(autoregressive.NSF[float64](autoregressive.Recipe{Dim: 1, Layers: 2, Hidden: []int{16}, OutScale: 3, Seed: seed}))
		f := testkit.Must(flow.New[float64](chain, distribution.StandardNormal[float64](1)))
		const n, width = 200_000, 40.0
		x := testkit.RowsBy[float64](n, 1, func(i, _ int) float64 { return width * ((float64(i)+0.5)/n - 0.5) })
		mass := 0.0
		for _, v := range testkit.Must(f.LogProb(x)) {
			mass += math.Exp(v) * width / n
		}
		testkit.Near(t, fmt.Sprintf("mass, seed %d", seed), mass, 1, 1e-4)
		for i, v := range testkit.Must(f.Sample(testkit.NewRand(seed), 50_000)).Values() {
			if v-v != 0 {
				t.Fatalf("seed %d: draw %d is %v", seed, i, v)
			}
		}
	}
}

// The inverse of an inverse is the layer, and one inverse has the other sign.
func TestNestedInvert(t *testing.T) {
	l := testkit.Must(coupling.NSF[float64](coupling.Recipe{Dim: 3, Layers: 2, Hidden: []int{8}, OutScale: 2, Seed: 1}))
	once, twice := bijector.Invert[float64](l), bijector.Invert[float64](bijector.Invert[float64](l))
	x := testkit.Gauss[float64](20, 3, 1)
	z := testkit.Must(l.Forward(x))
	testkit.Equal(t, "twice", testkit.Must(twice.Forward(x)).Values(), z.Values())
	want := testkit.Must(l.LogDetJacobian(x))
	testkit.Equal(t, "log-determinants", testkit.Must(twice.LogDetJacobian(x)), want)
	for i, v := range testkit.Must(once.LogDetJacobian(z)) {
		testkit.Near(t, fmt.Sprintf("log-determinant %d of the inverse", i), v, -want[i], 1e-9)
	}
}
