// All bases through the conformance suite.

package distribution_test

import (
	"math/rand/v2"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/distribution/distributiontest"
)

// testConformance is one row of the table: a base from its spec.
func testConformance[S any, A distribution.Base[float32], B distribution.Base[float64]](name string, new32 func(S) (A, error), new64 func(S) (B, error), s S, opts ...distributiontest.Options) func(*testing.T) {
	return func(t *testing.T) {
		t.Run(name, func(t *testing.T) {
			distributiontest.Run(t, func() (A, error) { return new32(s) }, func() (B, error) { return new64(s) }, opts...)
		})
	}
}

// classes draws weights of classes, all positive.
var classes = distributiontest.Options{Draws: 200_000, Context: func(rng *rand.Rand, c []float64) {
	for j := range c {
		c[j] = 0.1 + rng.Float64()
	}
}}

func TestBasesConform(t *testing.T) {
	normal := func(s distribution.NormalSpec) func(*testing.T) {
		return testConformance("normal", distribution.NewNormal[float32], distribution.NewNormal[float64], s)
	}
	logistic := func(s distribution.LogisticSpec) func(*testing.T) {
		return testConformance("logistic", distribution.NewLogistic[float32], distribution.NewLogistic[float64], s)
	}
	student := func(s distribution.StudentTSpec) func(*testing.T) {
		return testConformance("student t", distribution.NewStudentT[float32], distribution.NewStudentT[float64], s)
	}
	uniform := func(s distribution.UniformSpec) func(*testing.T) {
		return testConformance("uniform", distribution.NewUniform[float32], distribution.NewUniform[float64], s)
	}
	mixture := func(s distribution.MixtureSpec, opts ...distributiontest.Options) func(*testing.T) {
		return testConformance("mixture", distribution.NewMixture[float32], distribution.NewMixture[float64], s, opts...)
	}
	class := func(s distribution.ClassMixtureSpec) func(*testing.T) {
		return testConformance("class mixture", distribution.NewClassMixture[float32], distribution.NewClassMixture[float64], s, classes)
	}
	independent := func(s distribution.IndependentSpec) func(*testing.T) {
		return testConformance("independent", distribution.NewIndependent[float32], distribution.NewIndependent[float64], s)
	}
	for _, run := range []func(*testing.T){
		normal(distribution.NormalSpec{Dim: 1}),
		normal(distribution.NormalSpec{Dim: 2, Learned: true, Loc: []float64{3, -40}, Scale: []float64{0.1, 7}}),
		logistic(distribution.LogisticSpec{Dim: 1, Learned: true}),
		logistic(distribution.LogisticSpec{Dim: 3, Loc: []float64{1, 2, 3}}),
		student(distribution.StudentTSpec{Dim: 1, DF: []float64{1}}),
		student(distribution.StudentTSpec{Dim: 1, DF: []float64{3000}, LearnedDF: true}),
		student(distribution.StudentTSpec{Dim: 2, DF: []float64{2.5, 4}, Learned: true, LearnedDF: true}),
		student(distribution.StudentTSpec{Dim: 5, Learned: true}),
		uniform(distribution.UniformSpec{Dim: 1}),
		uniform(distribution.UniformSpec{Dim: 2, Lo: []float64{-3, 0.1}, Hi: []float64{-1, 0.7}}),
		mixture(distribution.MixtureSpec{Dim: 1, Components: 1}),
		mixture(distribution.MixtureSpec{Dim: 1, Components: 3, Spread: 4}),
		mixture(distribution.MixtureSpec{Dim: 2, Components: 3, Spread: 2, Seed: 1}, distributiontest.Options{Draws: 200_000}),
		mixture(distribution.MixtureSpec{Dim: 20, Components: 5}),
		mixture(distribution.MixtureSpec{Dim: 1, Components: 2, Full: true, Spread: 2}),
		mixture(distribution.MixtureSpec{Dim: 4, Components: 2, Full: true}),
		class(distribution.ClassMixtureSpec{Dim: 1, Classes: 3, Spread: 4}),
		class(distribution.ClassMixtureSpec{Dim: 2, Classes: 2, Components: 2, Spread: 2}),
		class(distribution.ClassMixtureSpec{Dim: 20, Classes: 10, Components: 3}),
		independent(distribution.IndependentSpec{Dim: 1, Marginals: []distribution.MarginalSpec{{Kind: "laplace", Params: []float64{1, 2}}}}),
		independent(distribution.IndependentSpec{Dim: 2, Marginals: []distribution.MarginalSpec{{Kind: "normal", Params: []float64{1, 2}}, {Kind: "weibull", Params: []float64{2, 3}}}}),
		independent(distribution.IndependentSpec{Dim: 1, Marginals: []distribution.MarginalSpec{{Kind: "weibull", Params: []float64{1.5, 0.2}}}}),
		independent(distribution.IndependentSpec{Dim: 1, Marginals: []distribution.MarginalSpec{{Kind: "exponential", Params: []float64{2}}}}),
		independent(distribution.IndependentSpec{Dim: 3, Marginals: []distribution.MarginalSpec{{Kind: "uniform", Params: []float64{2, 3}}}}),
	} {
		run(t)
	}
}

var _ = []distribution.Base[float32]{
	(*distribution.StudentT[float32])(nil), (*distribution.Uniform[float32])(nil), (*distribution.Mixture[float32])(nil),
	(*distribution.ClassMixture[float32])(nil), (*distribution.Independent[float32])(nil),
}

var _ bijector.Validator = (*distribution.Mixture[float32])(nil)
