// Gradients of log-densities by the rows, against differences of log-densities.

package flow_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"math"
	"testing"

	"github.com/bijou-flow/bijou/autoregressive"
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/coupling"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/internal/conform"
	"github.com/bijou-flow/bijou/internal/testkit"
	"github.com/bijou-flow/bijou/train"
)

// gradientFlows are flows of three positive columns, after an epoch.
func gradientFlows[T bijector.Float](t *testing.T) map[string]*flow.Flow[T] {
	recipe := coupling.Recipe{Dim: 3, Layers: 3, Hidden: []int{8}, Activation: "tanh", Seed: 1}
	conditional := recipe
	conditional.ContextDim = 2
	front := testkit.Must(bijector.NewBounds[T](bijector.BoundsSpec{Dim: 3, Features: []bijector.FeatureBounds{bijector.Above(1, 0)}}))
	softplus := testkit.Must(bijector.NewPart[T](3, 0, 1, bijector.Invert[T](testkit.Must(bijector.NewSoftplus[T](bijector.SoftplusSpec{Dim: 1})))))
	maf := testkit.Must(autoregressive.NSF[T](autoregressive.Recipe{Dim: 3, ContextDim: 2, Layers: 2, Hidden: []int{16}, Activation: "tanh", Seed: 1}))
	embedding := testkit.Must(coupling.NewMLP[T](coupling.MLPSpec{In: 4, Out: 2, Hidden: []int{5}, Activation: "tanh"}))
	normal := distribution.StandardNormal[T](3)
	all := map[string]*flow.Flow[T]{
		"RealNVP":     testkit.Must(flow.New[T](testkit.Must(coupling.RealNVP[T](recipe)), normal)),
		"Glow":        testkit.Must(flow.New[T](testkit.Must(coupling.Glow[T](recipe)), testkit.Must(distribution.NewStudentT[T](distribution.StudentTSpec{Dim: 3, DF: []float64{4, 5, 6}})))),
		"bounds":      testkit.Must(flow.New[T](testkit.Must(bijector.NewChain[T](front, softplus, testkit.Must(coupling.NSF[T](recipe)))), testkit.Must(distribution.NewMixture[T](distribution.MixtureSpec{Dim: 3, Components: 2})))),
		"conditional": testkit.Must(flow.New[T](testkit.Must(coupling.RealNVP[T](conditional)), normal)),
		"embedding":   testkit.Must(flow.NewWithEmbedding[T](maf, normal, embedding)),
	}
	for name, f := range all {
		x := positive[T](300, 3, 5)
		src := train.Tensor(x)
		if c := f.ContextDim(); c > 0 {
			src = src.Given(testkit.Gauss[T](300, c, 6))
		}
		if _, err := train.Fit(context.Background(), f, src, train.Options{ValidationFraction: train.NoValidation, Epochs: 1, Rate: 1e-2}); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	return all
}

// positive is rows of positive values.
func positive[T bijector.Float](n, d int, seed uint64) *bijector.Rows[T] {
	x := testkit.Gauss[T](n, d, seed)
	for i, v := range x.Values() {
		x.Values()[i] = T(math.Exp(float64(v) / 2))
	}
	return x
}

func TestLogProbGradIsThatOfLogProb(t *testing.T) {
	for name, f := range gradientFlows[float64](t) {
		for _, n := range []int{1, 150} {
			x := positive[float64](n, 3, 7)
			given := f
			if c := f.ContextDim(); c > 0 {
				given = f.Given(testkit.Gauss[float64](n, c, 8))
			}
			logp, grad, err := given.LogProbGrad(x)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			want := testkit.Must(given.LogProb(x))
			for i := range want {
				testkit.Near(t, fmt.Sprintf("%s: log-density %d of %d", name, i, n), logp[i], want[i], 1e-10)
			}
			const h = 1e-6
			for j := range 3 {
				up, down := x.Clone().(*bijector.Rows[float64]), x.Clone().(*bijector.Rows[float64])
				for i := range n {
					up.Row(i)[j] += h
					down.Row(i)[j] -= h
				}
				a, b := testkit.Must(given.LogProb(up)), testkit.Must(given.LogProb(down))
				for i := range n {
					testkit.Near(t, fmt.Sprintf("%s: derivative %d of row %d of %d", name, j, i, n), grad.Row(i)[j], (a[i]-b[i])/(2*h), 1e-6)
				}
			}
		}
	}
}

// The gradient depends on the row and the context alone: not on the rows beside it,
// the number of cores or earlier calls, and float32 agrees with float64.
func TestLogProbGradByRows(t *testing.T) {
	for name, f := range gradientFlows[float32](t) {
		x := positive[float32](300, 3, 7)
		c := testkit.Gauss[float32](300, max(f.ContextDim(), 1), 8)
		given := func(lo, hi int) *flow.Flow[float32] {
			if f.ContextDim() == 0 {
				return f
			}
			return f.Given(testkit.Rows(c.Values()[lo*c.Dim():hi*c.Dim()], hi-lo, c.Dim()))
		}
		logp, grad, err := given(0, 300).LogProbGrad(x)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		f.SetParallelism(1)
		alone := make([]float64, 300)
		one := make([]float32, 900)
		if err := given(0, 300).LogProbGradInto(alone, one, x); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		testkit.Equal(t, name+": log-densities on one core", alone, logp)
		testkit.Equal(t, name+": gradients on one core", one, grad.Values())
		for _, i := range []int{0, 127, 128, 299} {
			_, g, err := given(i, i+1).LogProbGrad(testkit.Rows(x.Row(i), 1, 3))
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			for j, v := range g.Row(0) {
				testkit.Near(t, fmt.Sprintf("%s: derivative %d of row %d alone", name, j, i), float64(v), float64(grad.Row(i)[j]), 1e-4)
			}
		}
	}
}

func TestLogProbGradOfOddRows(t *testing.T) {
	f := gradientFlows[float64](t)["bounds"]
	x := positive[float64](5, 3, 7)
	x.Row(1)[1] = -1 // below the bound
	x.Row(3)[0] = math.NaN()
	clean := positive[float64](5, 3, 7)
	logp, grad, err := f.LogProbGrad(x)
	var bad *bijector.RowError
	if !errors.As(err, &bad) || bad.Row != 3 || bad.Count != 1 {
		t.Errorf("error is %v, want a RowError about row 3", err)
	}
	if !math.IsInf(logp[1], -1) || !math.IsNaN(logp[3]) {
		t.Errorf("log-densities %v, want -Inf for row 1 and NaN for row 3", logp)
	}
	wantP, want, err := f.LogProbGrad(clean)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		for j, v := range grad.Row(i) {
			if odd := i == 1 || i == 3; odd != math.IsNaN(v) || !odd && (v != want.Row(i)[j] || logp[i] != wantP[i]) {
				t.Errorf("derivative %d of row %d is %v, want %v or NaN for rows 1 and 3", j, i, v, want.Row(i)[j])
			}
		}
	}
	if err := f.LogProbGradInto(make([]float64, 5), make([]float64, 14), clean); !errors.Is(err, bijector.ErrShape) {
		t.Errorf("a short destination: error is %v, want ErrShape", err)
	}
	inverted := testkit.Must(flow.New[float64](bijector.Invert(f.Layer()), distribution.StandardNormal[float64](3)))
	if _, _, err := inverted.LogProbGrad(clean); !errors.Is(err, bijector.ErrNotTrainable) {
		t.Errorf("an inverted chain: error is %v, want ErrNotTrainable", err)
	}
}

func TestLogProbGradIntoAllocates(t *testing.T) {
	if conform.Raced {
		t.Skip("allocations are not counted under the race detector")
	}
	f := gradientFlows[float32](t)["RealNVP"]
	x, logp, grad := positive[float32](100, 3, 7), make([]float64, 100), make([]float32, 300)
	n := testing.AllocsPerRun(20, func() {
		if err := f.LogProbGradInto(logp, grad, x); err != nil {
			t.Fatal(err)
		}
	})
	if n > 0.5 {
		t.Errorf("%v allocations a call, want none", n)
	}
}

// Which value makes a row unlikely: the largest derivative, in units of the
// columns' deviations, says so.
func ExampleFlow_LogProbGrad() {
	scale, err := bijector.NewScale[float64](bijector.ScaleSpec{Dim: 3})
	if err != nil {
		log.Fatal(err)
	}
	f, err := flow.New(scale, distribution.StandardNormal[float64](3)) // the identity over a standard normal
	if err != nil {
		log.Fatal(err)
	}
	x, err := bijector.RowsOf([]float64{0.5, -4, 1}, 1, 3)
	if err != nil {
		log.Fatal(err)
	}
	logp, grad, err := f.LogProbGrad(x)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%.2f nats, with the gradient %.1f\n", logp[0], grad.Row(0))
	// Output: -11.38 nats, with the gradient [-0.5 4.0 -1.0]
}
