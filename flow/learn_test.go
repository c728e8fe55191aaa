// Flows over every base: trained, saved and loaded.

package flow_test

import (
	"bytes"
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/coupling"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/internal/testkit"
	"github.com/bijou-flow/bijou/registry"
	"github.com/bijou-flow/bijou/train"
)

func TestFlowsLearnOverEveryBase(t *testing.T) {
	t.Run("float32", testLearning[float32])
	t.Run("float64", testLearning[float64])
}

func testLearning[T bijector.Float](t *testing.T) {
	none := func() bijector.Layer[T] { return nil }
	for name, c := range map[string]struct {
		last func() bijector.Layer[T] // into the base's support
		base distribution.Base[T]
	}{
		"student t":     {none, testkit.Must(distribution.NewStudentT[T](distribution.StudentTSpec{Dim: 2, Learned: true, LearnedDF: true}))},
		"uniform":       {func() bijector.Layer[T] { return testkit.Must(bijector.NewSigmoid[T](bijector.SigmoidSpec{Dim: 2})) }, testkit.Must(distribution.NewUniform[T](distribution.UniformSpec{Dim: 2}))},
		"mixture":       {none, testkit.Must(distribution.NewMixture[T](distribution.MixtureSpec{Dim: 2, Seed: 3}))},
		"class mixture": {none, testkit.Must(distribution.NewClassMixture[T](distribution.ClassMixtureSpec{Dim: 2, Classes: 3, Components: 2}))},
		"independent":   {func() bijector.Layer[T] { return testkit.Must(bijector.NewSoftplus[T](bijector.SoftplusSpec{Dim: 2})) }, testkit.Must(distribution.IndependentOf[T](distuv.Weibull{K: 2, Lambda: 1}, distuv.Exponential{Rate: 1}))},
	} {
		t.Run(name, func(t *testing.T) {
			layers := testkit.Must(coupling.RealNVP[T](coupling.Recipe{Dim: 2, Layers: 2, Hidden: []int{8}, Seed: 1})).Members()
			if l := c.last(); l != nil {
				layers = append(layers, l)
			}
			f := testkit.Must(flow.New[T](testkit.Must(bijector.NewChain(layers...)), c.base))
			rng := rand.New(rand.NewPCG(5, 6))
			const n = 600
			x, labels := make([]T, 2*n), make([]T, 3*n)
			for i := range n { // three clusters, bent
				k := i % 3
				u := rng.NormFloat64()
				x[2*i], x[2*i+1] = T(3*float64(k)+u), T(0.5*rng.NormFloat64()+u*u)
				labels[3*i+k] = 1
			}
			rows := testkit.Rows(x, n, 2)
			data := train.Source(train.Tensor(rows))
			var given *bijector.Rows[T]
			if f.ContextDim() > 0 {
				given = testkit.Rows(labels, n, 3)
				data = train.Tensor(rows).Given(given)
			}
			before, err := train.Evaluate(context.Background(), f, data)
			if err != nil {
				t.Fatal(err)
			}
			report, err := train.Fit(context.Background(), f, data, train.Options{ValidationFraction: train.NoValidation, Epochs: 8, Rate: 1e-2, Seed: 2})
			if err != nil {
				t.Fatal(err)
			}
			after, err := train.Evaluate(context.Background(), f, data)
			if err != nil || report.BadSteps > 0 || math.IsNaN(after) || !(after < before-0.3) {
				t.Errorf("the loss goes from %v to %v, with %d bad steps, %v", before, after, report.BadSteps, err)
			}
			var file bytes.Buffer
			if err := registry.Write(&file, f); err != nil {
				t.Fatal(err)
			}
			back, err := registry.Read[*flow.Flow[T]](&file, int64(file.Len()))
			if err != nil {
				t.Fatal(err)
			}
			if given != nil {
				f, back = f.Given(given), back.Given(given)
			}
			testkit.Equal(t, "LogProb of the loaded model", testkit.Must(back.LogProb(rows)), testkit.Must(f.LogProb(rows)))
			draw := func(f *flow.Flow[T]) []T {
				return testkit.Must(f.Sample(rand.New(rand.NewPCG(1, 2)), n)).Values()
			}
			testkit.Equal(t, "Sample of the loaded model", draw(back), draw(f))
		})
	}
}

// What has no name cannot be saved, and says so.
func TestUnnamedMarginalIsNotSaved(t *testing.T) {
	type own struct{ distuv.Normal }
	f := testkit.Must(flow.New[float64](testkit.Must(bijector.NewScale[float64](bijector.ScaleSpec{Dim: 1})),
		testkit.Must(distribution.IndependentOf[float64](own{distuv.Normal{Sigma: 1}}))))
	if err := registry.Write(&bytes.Buffer{}, f); !errors.Is(err, registry.ErrNotRegistered) {
		t.Errorf("a flow over a marginal without a name: %v, want ErrNotRegistered", err)
	}
}

// untrainable is a base that lacks a gradient.
type untrainable struct{ *distribution.Normal[float64] }

func (untrainable) CheckTrainable() error { return bijector.ErrNotTrainable }

func TestBaseWithoutGradientIsNotTrained(t *testing.T) {
	layer := testkit.Must(bijector.NewScale[float64](bijector.ScaleSpec{Dim: 1}))
	normal := distribution.StandardNormal[float64](1)
	if err := testkit.Must(flow.New[float64](layer, normal)).Check(); err != nil {
		t.Error(err)
	}
	if err := testkit.Must(flow.New[float64](layer, untrainable{normal})).Check(); !errors.Is(err, bijector.ErrNotTrainable) {
		t.Errorf("a flow over a base without a gradient: %v, want ErrNotTrainable", err)
	}
}
