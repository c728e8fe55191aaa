// Runnable examples.

package distribution_test

import (
	"fmt"
	"log"
	"math/rand/v2"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distmv"
	"gonum.org/v1/gonum/stat/samplemv"
	"gorgonia.org/tensor"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/coupling"
	"github.com/bijou-flow/bijou/distribution"
)

// A density model of rows of two values: score some.
func ExampleFlow_LogProb() {
	chain, err := coupling.NICE[float64](coupling.Recipe{Dim: 2, Seed: 1})
	if err != nil {
		log.Fatal(err)
	}
	base, err := distribution.NewLogistic[float64](distribution.LogisticSpec{Dim: 2})
	if err != nil {
		log.Fatal(err)
	}
	flow := distribution.NewFlow(chain, base)

	x := tensor.New(tensor.WithShape(3, 2), tensor.WithBacking([]float64{0, 0, 1, -1, 50, 80}))
	logp, err := flow.LogProb(x)
	if err != nil {
		log.Fatal(err)
	}
	scores := logp.Float64s()
	fmt.Println(logp.Shape())
	fmt.Println("the last row is the outlier:", scores[2] < scores[0] && scores[2] < scores[1])
	// Output:
	// (3)
	// the last row is the outlier: true
}

// The same seed makes the same draws, on any number of cores.
func ExampleFlow_Sample() {
	chain, err := coupling.RealNVP[float32](coupling.Recipe{Dim: 4, Seed: 1})
	if err != nil {
		log.Fatal(err)
	}
	flow := distribution.NewFlow(chain, distribution.StandardNormal[float32](4))

	draws, err := flow.Sample(rand.New(rand.NewPCG(1, 2)), 1000)
	if err != nil {
		log.Fatal(err)
	}
	again, err := flow.Sample(rand.New(rand.NewPCG(1, 2)), 1000)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(draws.Shape(), draws.Eq(again))
	// Output: (1000, 4) true
}

// One row of context for all draws.
func ExampleFlow_Given() {
	chain, err := coupling.RealNVP[float32](coupling.Recipe{Dim: 4, ContextDim: 10, Seed: 1})
	if err != nil {
		log.Fatal(err)
	}
	flow := distribution.NewFlow(chain, distribution.StandardNormal[float32](4))

	class := make([]float32, 10)
	class[3] = 1 // one-hot
	draws, err := flow.Given(bijector.TensorOf(class, 1, 10)).Sample(rand.New(rand.NewPCG(1, 2)), 5)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(draws.Shape())

	_, err = flow.Sample(rand.New(rand.NewPCG(1, 2)), 5)
	fmt.Println(err)
	// Output:
	// (5, 4)
	// bijou: the model is conditional and has no context; bind one of shape (5, 10) or (1, 10) with Given: context mismatch
}

// A score that costs no garbage, for a service.
func ExampleFlow_LogProbInto() {
	scale, err := bijector.NewScale[float32](bijector.ScaleSpec{Dim: 2})
	if err != nil {
		log.Fatal(err)
	}
	flow := distribution.NewFlow(scale, distribution.StandardNormal[float32](2))

	logp := make([]float64, 1)
	row := tensor.New(tensor.WithShape(1, 2), tensor.WithBacking([]float32{0, 2}))
	if err := flow.LogProbInto(logp, row); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%.4f\n", logp[0]) // -log(2 pi) - 2
	// Output: -3.8379
}

// At a low temperature, draws stay near the mode.
func ExampleFlow_WithTemperature() {
	scale, err := bijector.NewScale[float64](bijector.ScaleSpec{Dim: 2})
	if err != nil {
		log.Fatal(err)
	}
	flow := distribution.NewFlow(scale, distribution.StandardNormal[float64](2))

	mode, err := flow.WithTemperature(0).Sample(rand.New(rand.NewPCG(1, 2)), 1)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(mode.Float64s())
	// Output: [0 0]
}

// The density of each draw comes at the price of the draw.
func ExampleFlow_SampleWithLogProb() {
	scale, err := bijector.NewScale[float64](bijector.ScaleSpec{Dim: 2})
	if err != nil {
		log.Fatal(err)
	}
	flow := distribution.NewFlow(scale, distribution.StandardNormal[float64](2))

	x, logp, err := flow.SampleWithLogProb(rand.New(rand.NewPCG(1, 2)), 100)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(x.Shape(), logp.Shape())
	// Output: (100, 2) (100)
}

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

// A context of 100 features reaches layers and base as two, through a network
// that is trained with them.
func ExampleNewConditional() {
	chain, err := coupling.RealNVP[float32](coupling.Recipe{Dim: 3, ContextDim: 2, Layers: 4})
	if err != nil {
		log.Fatal(err)
	}
	embedding, err := coupling.NewMLP[float32](coupling.MLPSpec{In: 100, Out: 2, Hidden: []int{32}})
	if err != nil {
		log.Fatal(err)
	}
	flow := distribution.NewConditional[float32](chain, distribution.StandardNormal[float32](3), embedding)

	context := tensor.New(tensor.WithShape(1, 100), tensor.Of(tensor.Float32))
	draws, err := flow.Given(context).Sample(rand.New(rand.NewPCG(1, 2)), 5)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(flow.ContextDim(), "context features;", draws.Shape(), "drawn")
	// Output: 100 context features; (5, 3) drawn
}

// A flow is the proposal of gonum's importance sampling: draws of the flow and
// their weights give expectations under a target.
func ExampleFlow_Gonum() {
	chain, err := coupling.RealNVP[float64](coupling.Recipe{Dim: 2, Layers: 4, Seed: 1})
	if err != nil {
		log.Fatal(err)
	}
	flow := distribution.NewFlow(chain, distribution.StandardNormal[float64](2)) // wider than the target
	proposal, err := flow.Gonum(rand.NewPCG(1, 2))
	if err != nil {
		log.Fatal(err)
	}
	target, ok := distmv.NewNormal([]float64{0.5, 0.5}, mat.NewSymDense(2, []float64{0.25, 0, 0, 0.25}), nil)
	if !ok {
		log.Fatal("no covariance matrix")
	}

	draws, weights := mat.NewDense(50_000, 2, nil), make([]float64, 50_000)
	samplemv.Importance{Target: target, Proposal: proposal}.SampleWeighted(draws, weights)
	mean, variance := stat.MeanVariance(mat.Col(nil, 0, draws), weights)
	fmt.Printf("mean %.2f, variance %.2f\n", mean, variance)
	// Output: mean 0.50, variance 0.25
}
