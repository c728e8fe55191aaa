// Bayes' rule against sums over classes.

package flow

import (
	"errors"
	"math"
	"strings"
	"testing"

	"gorgonia.org/tensor"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/internal/rows"
	"github.com/bijou-flow/bijou/internal/testkit"
)

// classifier is a flow or an ensemble.
type classifier[T bijector.Float] interface {
	Posterior(x tensor.Tensor, c Classes) (*bijector.Rows[T], error)
}

func TestPosterior(t *testing.T) {
	t.Run("float32", testPosterior[float32])
	t.Run("float64", testPosterior[float64])
}

func testPosterior[T bijector.Float](t *testing.T) {
	const n = 150
	x := rowsOf[T](n, 2)
	f, e := embeddedFlow[T](), threeFlows[T](unevenMixing)
	hot := testkit.Rows([]T{1, 0, 0, 0, 1, 0, 0, 0, 1}, 3, 3)
	five := rowsOf[T](5, 3)
	for name, m := range map[string]struct {
		posterior classifier[T]
		logProb   func(context tensor.Tensor, dst []float64) error
	}{
		"flow":     {f.Given(rowsOf[T](1, 3)), func(c tensor.Tensor, dst []float64) error { return f.Given(c).LogProbInto(dst, x) }},
		"ensemble": {e, func(c tensor.Tensor, dst []float64) error { return e.Given(c).LogProbInto(dst, x) }},
	} {
		for what, c := range map[string]struct {
			classes  Classes
			contexts tensor.Tensor
			prior    []float64
		}{
			"one-hot":         {Classes{}, hot, []float64{1. / 3, 1. / 3, 1. / 3}},
			"contexts, prior": {Classes{Contexts: five, Prior: []float64{1, 2, 3, 1, 1}}, five, []float64{0.125, 0.25, 0.375, 0.125, 0.125}},
		} {
			k := len(c.prior)
			all := testkit.Must(bijector.MatOf[T](c.contexts, 3))
			want := make([][]float64, k) // prior times density
			for j := range want {
				one := make([]T, 3)
				rows.Store(one, rows.Features[T](all.Samples(j, j+1)), 0)
				want[j] = make([]float64, n)
				if err := m.logProb(testkit.Rows(one, 1, 3), want[j]); err != nil {
					t.Fatal(err)
				}
				for i, v := range want[j] {
					want[j][i] = c.prior[j] * math.Exp(v)
				}
			}
			p := testkit.Wide(testkit.Must(m.posterior.Posterior(x, c.classes)).Values())
			c.classes.Log = true
			logs := testkit.Wide(testkit.Must(m.posterior.Posterior(x, c.classes)).Values())
			if len(p) != n*k || len(logs) != n*k {
				t.Fatalf("%s, %s: %d probabilities", name, what, len(p))
			}
			for i := range n {
				evidence, sum := 0.0, 0.0
				for j := range k {
					evidence += want[j][i]
					sum += p[i*k+j]
				}
				if !testkit.IsNear(sum, 1, 1e-5) {
					t.Fatalf("%s, %s: the probabilities of row %d sum to %v", name, what, i, sum)
				}
				for j := range k {
					w := want[j][i] / evidence
					if evidence < 1e-250 || w < 1e-100 {
						continue
					}
					if !testkit.IsNear(p[i*k+j], w, 1e-5) || !testkit.IsNear(logs[i*k+j], math.Log(w), 1e-5) {
						t.Fatalf("%s, %s: class %d of row %d has %v, log %v, want %v", name, what, j, i, p[i*k+j], logs[i*k+j], w)
					}
				}
			}
		}
	}
}

// Far from every class the nearest is still certain, where all densities
// underflow.
func TestPosteriorFarAway(t *testing.T) {
	shift := testkit.Must(bijector.NewShift[float64](bijector.ShiftSpec{Dim: 1}))
	f := newFlow[float64](shift, distribution.Base[float64](shiftedNormal[float64]{distribution.StandardNormal[float64](1), 1}))
	c := Classes{Contexts: testkit.Rows([]float64{0, 1}, 2, 1), Log: true}
	got := testkit.Must(f.Posterior(testkit.Rows([]float64{100, -0.3}, 2, 1), c)).Values()
	for i, x := range []float64{100, -0.3} {
		odds := (x*x - (x-1)*(x-1)) / 2 // of the second class
		if !testkit.IsNear(got[2*i], -odds-math.Log1p(math.Exp(-odds)), 1e-12) || !testkit.IsNear(got[2*i+1], -math.Log1p(math.Exp(-odds)), 1e-12) {
			t.Errorf("row %d: %v at odds of exp(%v)", i, got[2*i:2*i+2], odds)
		}
	}
}

// What is not finite is NaN and named, and so is a row that no class explains.
func TestPosteriorNonFinite(t *testing.T) {
	f := embeddedFlow[float64]()
	x := rowsOf[float64](6, 2)
	want := testkit.Must(f.Posterior(x, Classes{})).Values()
	for what, v := range map[string]float64{"input": math.NaN(), "result": 1e300} {
		spoilt := x.Clone().(*bijector.Rows[float64])
		spoilt.Values()[2*4] = v
		got, err := f.Posterior(spoilt, Classes{})
		var r *bijector.RowError
		if !errors.As(err, &r) || r.What != what || r.Row != 4 || r.Count != 1 || r.N != 6 {
			t.Fatalf("%s: %v", what, err)
		}
		for i, p := range got.Values() {
			if i/3 == 4 && !math.IsNaN(p) || i/3 != 4 && p != want[i] {
				t.Errorf("%s: value %d is %v, was %v", what, i, p, want[i])
			}
		}
	}
	within := testkit.Must(NewEnsemble(Mixing{}, uniformFlow(0, 1), newFlow[float64](newBend[float64](1, 2, 1), testkit.Must(distribution.NewUniform[float64](distribution.UniformSpec{Dim: 1})))))
	got, err := within.Posterior(testkit.Rows([]float64{0.5, -1e3}, 2, 1), Classes{})
	var r *bijector.RowError
	if !errors.As(err, &r) || r.What != "result" || r.Row != 1 || !math.IsNaN(got.Values()[2]) {
		t.Errorf("a row outside of all supports: %v, %v", got, err)
	}
}

func TestPosteriorRefuses(t *testing.T) {
	f, x := embeddedFlow[float64](), rowsOf[float64](2, 2)
	nan := rowsOf[float64](4, 3)
	nan.Values()[7] = math.NaN()
	for name, c := range map[string]struct {
		got  error
		want error
		says string
	}{
		"unconditional":      {errOf(flowOf[float64](2, 0).Posterior(x, Classes{})), bijector.ErrContext, "unconditional"},
		"width":              {errOf(f.Posterior(rowsOf[float64](2, 3), Classes{})), bijector.ErrShape, "3 values"},
		"nil":                {errOf(f.Posterior(nil, Classes{})), bijector.ErrShape, "nil"},
		"contexts' width":    {errOf(f.Posterior(x, Classes{Contexts: rowsOf[float64](4, 2)})), bijector.ErrContext, "2 features"},
		"contexts' type":     {errOf(f.Posterior(x, Classes{Contexts: rowsOf[float32](4, 3)})), bijector.ErrDType, "contexts of the classes"},
		"a NaN in a context": {errOf(f.Posterior(x, Classes{Contexts: nan})), bijector.ErrNonFinite, "row 2 of 4"},
		"few prior weights":  {errOf(f.Posterior(x, Classes{Prior: []float64{1, 2}})), bijector.ErrSpec, "2 weights, want one for each class, 3"},
		"a prior of zero":    {errOf(f.Posterior(x, Classes{Prior: []float64{1, 2, 0}})), bijector.ErrSpec, "class 2 is 0"},
	} {
		if !errors.Is(c.got, c.want) || !strings.Contains(c.got.Error(), c.says) {
			t.Errorf("%s: %v, want %v with %q", name, c.got, c.want, c.says)
		}
	}
}
