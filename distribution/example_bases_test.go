// Runnable examples of the bases.

package distribution_test

import (
	"encoding/json"
	"fmt"
	"log"
	"math/rand/v2"

	"gonum.org/v1/gonum/stat/distuv"
	"gorgonia.org/tensor"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/flow"
)

// A normal base with a mean and a standard deviation of its own for each
// feature, from which training goes on.
func ExampleNewNormal() {
	base, err := distribution.NewNormal[float32](distribution.NormalSpec{
		Dim: 2, Loc: []float64{5, -5}, Scale: []float64{1, 0.1}, Learned: true,
	})
	if err != nil {
		log.Fatal(err)
	}
	for _, p := range base.Params() {
		fmt.Println(p.Name, p.Shape)
	}
	_, err = distribution.NewNormal[float32](distribution.NormalSpec{Dim: 2, Scale: []float64{1, 0}})
	fmt.Println(err)
	// Output:
	// loc [2]
	// log_scale [2]
	// distribution: scale 1 of a normal is 0, want a positive one from e^-700 to e^700: invalid spec
}

// The standard normal that most flows stand on.
func ExampleStandardNormal() {
	base := distribution.StandardNormal[float64](3)
	fmt.Println(base.Dim(), len(base.Params()), base.Validate())
	fmt.Println(distribution.StandardNormal[float64](0).Validate())
	// Output:
	// 3 0 <nil>
	// distribution: a base of 0 dimensions, want 1 to 1048576: invalid spec
}

// The log-density of the standard logistic distribution is -2 log 2 at its
// mode, and falls by 1 for each unit far from it.
func ExampleNewLogistic() {
	base, err := distribution.NewLogistic[float64](distribution.LogisticSpec{Dim: 1})
	if err != nil {
		log.Fatal(err)
	}
	pass := base.NewBasePass(bijector.PassOptions{MaxBatch: 3})
	z := bijector.NewMat[float64](1, 3)
	copy(z.Feature(0), []float64{0, 100, 101})
	logp := make([]float64, 3)
	pass.LogProb(z, bijector.Mat[float64]{}, logp)
	fmt.Printf("%.4f\n", logp)
	// Output: [-1.3863 -100.0000 -101.0000]
}

// A wider logistic base.
func ExampleNewLogistic_scale() {
	base, err := distribution.NewLogistic[float64](distribution.LogisticSpec{Dim: 2, Scale: []float64{3, 3}})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(base.Dim(), base.Spec().(distribution.LogisticSpec).Scale)
	// Output: 2 [3 3]
}

// Two Student t features, whose degrees of freedom are learned with the layers.
func ExampleNewStudentT_tails() {
	base, err := distribution.NewStudentT[float32](distribution.StudentTSpec{
		Dim: 2, DF: []float64{2, 10}, Learned: true, LearnedDF: true,
	})
	if err != nil {
		log.Fatal(err)
	}
	for _, p := range base.Params() {
		fmt.Println(p.Name, p.Shape)
	}
	// Output:
	// loc [2]
	// log_scale [2]
	// log_df [2]
}

// With one degree of freedom, the Cauchy distribution: an outlier of 1,000
// costs 15 nats, and not half a million.
func ExampleNewStudentT() {
	base, err := distribution.NewStudentT[float64](distribution.StudentTSpec{Dim: 1, DF: []float64{1}})
	if err != nil {
		log.Fatal(err)
	}
	pass := base.NewBasePass(bijector.PassOptions{MaxBatch: 2})
	z := bijector.NewMat[float64](1, 2)
	copy(z.Feature(0), []float64{0, 1000})
	logp := make([]float64, 2)
	pass.LogProb(z, bijector.Mat[float64]{}, logp)
	fmt.Printf("%.4f\n", logp)
	// Output: [-1.1447 -14.9602]
}

// A sigmoid as the last layer maps into the unit box.
func ExampleNewUniform() {
	sigmoid, err := bijector.NewSigmoid[float64](bijector.SigmoidSpec{Dim: 2})
	if err != nil {
		log.Fatal(err)
	}
	base, err := distribution.NewUniform[float64](distribution.UniformSpec{Dim: 2})
	if err != nil {
		log.Fatal(err)
	}
	f, err := flow.New(sigmoid, base)
	if err != nil {
		log.Fatal(err)
	}
	logp, err := f.LogProb(tensor.New(tensor.WithShape(1, 2), tensor.WithBacking([]float64{0, 0})))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%.4f\n", logp) // the logistic density: 2 log(1/4)
	// Output: [-2.7726]
}

// Outside the box the log-density is -Inf, which is no error.
func ExampleNewUniform_bounds() {
	base, err := distribution.NewUniform[float64](distribution.UniformSpec{Dim: 1, Lo: []float64{-2}, Hi: []float64{2}})
	if err != nil {
		log.Fatal(err)
	}
	pass := base.NewBasePass(bijector.PassOptions{MaxBatch: 2})
	z := bijector.NewMat[float64](1, 2)
	copy(z.Feature(0), []float64{-2, 3})
	logp := make([]float64, 2)
	pass.LogProb(z, bijector.Mat[float64]{}, logp)
	fmt.Printf("%.4f\n", logp)
	// Output: [-1.3863 -Inf]
}

// Ten normals, whose weights, locations and scales are learned.
func ExampleNewMixture() {
	base, err := distribution.NewMixture[float32](distribution.MixtureSpec{Dim: 2, Components: 10, Spread: 3, Seed: 1})
	if err != nil {
		log.Fatal(err)
	}
	for _, p := range base.Params() {
		fmt.Println(p.Name, p.Shape)
	}
	// Output:
	// logits [10]
	// loc [10 2]
	// log_scale [10 2]
}

// A base of three classes: draws of the last one, at temperature 0.
func ExampleNewClassMixture() {
	base, err := distribution.NewClassMixture[float64](distribution.ClassMixtureSpec{Dim: 2, Classes: 3})
	if err != nil {
		log.Fatal(err)
	}
	copy(base.Params()[0].Data, []float64{0, 0, 5, 5, -7, 7}) // locations
	identity, err := bijector.NewScale[float64](bijector.ScaleSpec{Dim: 2})
	if err != nil {
		log.Fatal(err)
	}
	f, err := flow.New(identity, base)
	if err != nil {
		log.Fatal(err)
	}

	last := tensor.New(tensor.WithShape(1, 3), tensor.WithBacking([]float64{0, 0, 1}))
	draw, err := f.Given(last).WithTemperature(0).Sample(rand.New(rand.NewPCG(1, 2)), 1)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(draw.Values())
	// Output: [-7 7]
}

// gonum's distributions, one a feature, as a base that is saved by their names.
func ExampleIndependentOf() {
	base, err := distribution.IndependentOf[float64](
		distuv.Laplace{Mu: 0, Scale: 2},
		distuv.Weibull{K: 3, Lambda: 1},
	)
	if err != nil {
		log.Fatal(err)
	}
	text, err := json.Marshal(base.Spec())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(text))
	_, err = distribution.IndependentOf[float64](distuv.Weibull{K: -1, Lambda: 1})
	fmt.Println(err)
	// Output:
	// {"dim":2,"marginals":[{"kind":"laplace","params":[0,2]},{"kind":"weibull","params":[3,1]}]}
	// distribution: marginal 0: weibull with k -1, want it from 1e-100 to 1e+100: invalid spec
}

// One kind for all features.
func ExampleNewIndependent() {
	base, err := distribution.NewIndependent[float32](distribution.IndependentSpec{
		Dim:       3,
		Marginals: []distribution.MarginalSpec{{Kind: "laplace", Params: []float64{0, 1}}},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(base.Dim())

	_, err = distribution.NewIndependent[float32](distribution.IndependentSpec{
		Dim:       3,
		Marginals: []distribution.MarginalSpec{{Kind: "gaussian"}},
	})
	fmt.Println(err)
	// Output:
	// 3
	// distribution: marginal 0: the kind "gaussian" is unknown, want one of exponential, laplace, normal, uniform, weibull: invalid spec
}
