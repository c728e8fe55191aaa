// Rows without a density: refused by name, or helped with noise.

package flow_test

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/bijou-flow/bijou/autoregressive"
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/coupling"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/internal/testkit"
	"github.com/bijou-flow/bijou/train"
)

// columns makes rows of d values from normal ones.
func columns[T bijector.Float](n, d int, f func(i int, x []float64)) *bijector.Rows[T] {
	rng := rand.New(rand.NewPCG(3, 9))
	row := make([]float64, d)
	return testkit.RowsBy[T](n, d, func(i, j int) float64 {
		if j == 0 {
			for k := range row {
				row[k] = rng.NormFloat64()
			}
			f(i, row)
		}
		return row[j]
	})
}

// fitOnce takes an epoch of a small flow over rows.
func fitOnce[T bijector.Float](x *bijector.Rows[T], o train.Options) (*flow.Flow[T], *train.Report, error) {
	d := x.Dim()
	chain := testkit.Must(coupling.RealNVP[T](coupling.Recipe{Dim: d, Layers: 2, Hidden: []int{4}}))
	f := testkit.Must(flow.New[T](chain, distribution.StandardNormal[T](d)))
	if o.Epochs == 0 {
		o.Epochs = 1
	}
	report, err := train.Fit(context.Background(), f, train.Tensor(x), o)
	return f, report, err
}

func TestDegenerateData(t *testing.T) {
	degenerateData[float32](t)
	degenerateData[float64](t)
}

func degenerateData[T bijector.Float](t *testing.T) {
	for _, c := range []struct {
		name string
		n, d int
		f    func(i int, x []float64)
		says string // "": it is fine
	}{
		{"normal", 300, 4, func(int, []float64) {}, ""},
		{"constant", 300, 4, func(_ int, x []float64) { x[2] = 0.1 }, "column 2 (of 4, counted from 0) is 0.1"},
		{"constant, large", 300, 4, func(_ int, x []float64) { x[0] = 1e9 + 1./3 }, "column 0"},
		{"nearly constant", 300, 4, func(_ int, x []float64) { x[0] = 5 + 1e-3*x[0] }, ""},
		{"one row differs", 300, 4, func(i int, x []float64) { x[1] = float64(i / 299) }, ""},
		{"duplicated", 300, 4, func(_ int, x []float64) { x[3] = x[1] }, "column 3 (counted from 0) is a multiple of column 1"},
		{"in other units", 300, 4, func(_ int, x []float64) { x[3] = 32 + 1.8*x[0] }, "column 3 (counted from 0) is a multiple of column 0"},
		{"far from zero", 300, 4, func(_ int, x []float64) { x[3] = 300 - x[0]; x[0] += 100 }, "column 3 (counted from 0) is a multiple of column 0"},
		{"sum", 300, 4, func(_ int, x []float64) { x[2] = 3*x[0] - x[1] }, "column 2 (counted from 0) is a linear combination of columns 0, 1"},
		{"one of four", 400, 4, func(i int, x []float64) { clear(x); x[(i*7+i/4)%4] = 1 }, "column 3 (counted from 0) is a linear combination of columns 0, 1, 2"},
		{"correlated", 300, 4, func(_ int, x []float64) { x[2] = x[0] + 1e-3*x[2] }, ""},
		{"dependent but for a row", 30_000, 4, func(i int, x []float64) {
			if i != 1 {
				x[3] = x[1]
			}
		}, ""},
		{"a sum far from zero", 300, 4, func(_ int, x []float64) { x[0] += 1000; x[2] = x[0] + x[1] }, "column 2 (counted from 0) is a linear combination of columns 0, 1"},
		{"within rounding", 300, 4, func(_ int, x []float64) { x[0] = 1e9 + 64*math.Round(x[0]); x[1] = x[0] + 64*math.Round(x[1]) }, ""},
		{
			"several", 400, 8, func(_ int, x []float64) { x[1], x[3], x[4], x[6], x[7] = 7, x[0], 2*x[2]-x[0], 9, x[5]+x[2] },
			"column 1 (of 8, counted from 0) is 7 in all rows; column 6 (of 8, counted from 0) is 9 in all rows; " +
				"column 3 (counted from 0) is a multiple of column 0, up to a constant, in all rows; " +
				"column 4 (counted from 0) is a linear combination of columns 0, 2, up to a constant, in all rows; " +
				"column 7 (counted from 0) is a linear combination of columns 2, 5, up to a constant, in all rows; a density",
		},
		{"all constant", 60, 30, func(_ int, x []float64) {
			for j := range x {
				x[j] = 1
			}
		}, "column 19 (of 30, counted from 0) is 1 in all rows; and 10 columns more"},
		{"few rows", 5, 5, func(int, []float64) {}, ""},
		{"wide", 700, 600, func(_ int, x []float64) { x[599] = x[7] }, "column 599 (counted from 0) is a multiple of column 7"},
	} {
		x := columns[T](c.n, c.d, c.f)
		_, report, err := fitOnce(x, train.Options{ValidationFraction: train.NoValidation})
		if c.says == "" {
			if err != nil {
				t.Errorf("%T, %s: %v", *new(T), c.name, err)
			}
			continue
		}
		if report != nil || !errors.Is(err, flow.ErrDegenerate) || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "Options.Noise") {
			t.Errorf("%T, %s: %v, want ErrDegenerate and %q", *new(T), c.name, err, c.says)
		}
		// With noise it is trained on, and no density is infinite.
		f, report, err := fitOnce(x, train.Options{ValidationFraction: train.NoValidation, Noise: 0.01, Batch: 50})
		if err != nil || report.BadSteps > 0 {
			t.Errorf("%T, %s with noise: %+v, %v", *new(T), c.name, report, err)
			continue
		}
		for _, v := range testkit.Must(f.LogProb(x)) {
			if v-v != 0 {
				t.Fatalf("%T, %s: log-density %v", *new(T), c.name, v)
			}
		}
	}
}

// constant is n rows of d times v.
func constant(n, d int, v float64) *bijector.Rows[float64] {
	return testkit.RowsBy[float64](n, d, func(int, int) float64 { return v })
}

// unchecked is a model of d features that does not look at its data.
func unchecked(d int) bijector.Objective[float64] {
	shift := testkit.Must(bijector.NewShift[float64](bijector.ShiftSpec{Dim: d}))
	return struct{ bijector.Objective[float64] }{testkit.Must(flow.New[float64](shift, distribution.StandardNormal[float64](d)))}
}

// Models without a density are trained on whatever comes.
func TestDegenerateDataOfOtherModels(t *testing.T) {
	if _, err := train.Fit(context.Background(), unchecked(2), train.Tensor(constant(50, 2, 1)), train.Options{ValidationFraction: train.NoValidation, Epochs: 1}); err != nil {
		t.Error(err)
	}
}

// One feature: autoregressive flows take it, constant ones are refused.
func TestOneFeature(t *testing.T) {
	chain := testkit.Must(autoregressive.MAF[float64](autoregressive.Recipe{Dim: 1, Layers: 2}))
	f := testkit.Must(flow.New[float64](chain, distribution.StandardNormal[float64](1)))
	x := columns[float64](500, 1, func(_ int, x []float64) { x[0] = 3 + 2*x[0] })
	report, err := train.Fit(context.Background(), f, train.Tensor(x), train.Options{ValidationFraction: train.NoValidation, Epochs: 30, Rate: 1e-2})
	if err != nil {
		t.Fatal(err)
	}
	testkit.Near(t, "entropy", report.Loss(), math.Log(2*math.Pi*math.E)/2+math.Log(2), 0.1)
	if _, err := train.Fit(context.Background(), f, train.Tensor(constant(50, 1, 2)), train.Options{ValidationFraction: train.NoValidation}); !errors.Is(err, flow.ErrDegenerate) {
		t.Errorf("constant: %v", err)
	}
}

// Noise has the deviation that was asked for, in units of the column's, is new
// in each step and epoch, follows the seed, and leaves validation alone.
func TestNoise(t *testing.T) {
	x := columns[float64](400, 3, func(_ int, x []float64) { x[0], x[1], x[2] = 100*x[0], 5, 0 })
	run := func(seed uint64, share float64) (seen []float64, validation float64) {
		m := &rowRecorder{Objective: unchecked(3)}
		report, err := train.Fit(context.Background(), m, train.Tensor(x), train.Options{
			Epochs: 2, Batch: 400, InOrder: true, Rate: 1e-300, Seed: seed, Noise: share,
			Validation: train.Tensor(x),
		})
		if err != nil {
			t.Fatal(err)
		}
		return m.seen, report.Epochs[1].Validation
	}
	plain, want := run(1, 0)
	noisy, got := run(1, 0.1)
	again, _ := run(1, 0.1)
	other, _ := run(2, 0.1)
	testkit.Near(t, "validation loss", got, want, 1e-12)
	if !slices.Equal(noisy, again) || slices.Equal(noisy, other) {
		t.Error("the noise does not follow the seed")
	}
	const n = 400
	for j, deviation := range []float64{10, 0.5, 0.1} { // 5 is constant, and 0
		sum, product := 0.0, 0.0
		for i := range n {
			a, b := noisy[j*n+i]-plain[j*n+i], noisy[(3+j)*n+i]-plain[(3+j)*n+i]
			sum, product = sum+a*a/n, product+a*b/n
		}
		testkit.Near(t, "relative deviation", math.Sqrt(sum)/deviation, 1, 0.2)
		testkit.Near(t, "correlation of two epochs", product/sum, 0, 0.2)
	}
	for _, share := range []float64{-1, math.NaN(), math.Inf(1)} {
		if _, err := train.Fit(context.Background(), unchecked(1), train.Tensor(constant(3, 1, 1)), train.Options{ValidationFraction: train.NoValidation, Noise: share}); !errors.Is(err, train.ErrOptions) {
			t.Errorf("noise %g: %v", share, err)
		}
	}
}

// rowRecorder writes down the rows of every step, a feature after the other.
type rowRecorder struct {
	bijector.Objective[float64]
	seen []float64
}

func (m *rowRecorder) NewStepPass(o bijector.PassOptions) bijector.StepPass[float64] {
	return rowRecorderPass{m.Objective.NewStepPass(o), m}
}

type rowRecorderPass struct {
	bijector.StepPass[float64]
	m *rowRecorder
}

func (p rowRecorderPass) Step(x, cond bijector.Mat[float64], loss []float64) {
	for j := range x.D {
		p.m.seen = append(p.m.seen, x.Feature(j)...)
	}
	p.StepPass.Step(x, cond, loss)
}
