// Runnable examples.

package flow_test

import (
	"fmt"
	"log"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distmv"
	"gonum.org/v1/gonum/stat/samplemv"
	"gorgonia.org/tensor"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/coupling"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/flow"
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
	f, err := flow.New(chain, base)
	if err != nil {
		log.Fatal(err)
	}

	x := tensor.New(tensor.WithShape(3, 2), tensor.WithBacking([]float64{0, 0, 1, -1, 50, 80}))
	logp, err := f.LogProb(x)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(logp), "rows")
	fmt.Println("the last row is the outlier:", logp[2] < logp[0] && logp[2] < logp[1])
	// Output:
	// 3 rows
	// the last row is the outlier: true
}

// The same seed makes the same draws, on any number of cores.
func ExampleFlow_Sample() {
	chain, err := coupling.RealNVP[float32](coupling.Recipe{Dim: 4, Seed: 1})
	if err != nil {
		log.Fatal(err)
	}
	f, err := flow.New(chain, distribution.StandardNormal[float32](4))
	if err != nil {
		log.Fatal(err)
	}

	draws, err := f.Sample(rand.New(rand.NewPCG(1, 2)), 1000)
	if err != nil {
		log.Fatal(err)
	}
	again, err := f.Sample(rand.New(rand.NewPCG(1, 2)), 1000)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(draws.Shape(), slices.Equal(draws.Values(), again.Values()))
	// Output: (1000, 4) true
}

// One row of context for all draws.
func ExampleFlow_Given() {
	chain, err := coupling.RealNVP[float32](coupling.Recipe{Dim: 4, ContextDim: 10, Seed: 1})
	if err != nil {
		log.Fatal(err)
	}
	f, err := flow.New(chain, distribution.StandardNormal[float32](4))
	if err != nil {
		log.Fatal(err)
	}

	class := make([]float32, 10)
	class[3] = 1 // one-hot
	given, err := bijector.RowsOf(class, 1, 10)
	if err != nil {
		log.Fatal(err)
	}
	draws, err := f.Given(given).Sample(rand.New(rand.NewPCG(1, 2)), 5)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(draws.Shape())

	_, err = f.Sample(rand.New(rand.NewPCG(1, 2)), 5)
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
	f, err := flow.New(scale, distribution.StandardNormal[float32](2))
	if err != nil {
		log.Fatal(err)
	}

	logp := make([]float64, 1)
	row := tensor.New(tensor.WithShape(1, 2), tensor.WithBacking([]float32{0, 2}))
	if err := f.LogProbInto(logp, row); err != nil {
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
	f, err := flow.New(scale, distribution.StandardNormal[float64](2))
	if err != nil {
		log.Fatal(err)
	}

	mode, err := f.WithTemperature(0).Sample(rand.New(rand.NewPCG(1, 2)), 1)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(mode.Values())
	// Output: [0 0]
}

// The density of each draw comes at the price of the draw.
func ExampleFlow_SampleWithLogProb() {
	scale, err := bijector.NewScale[float64](bijector.ScaleSpec{Dim: 2})
	if err != nil {
		log.Fatal(err)
	}
	f, err := flow.New(scale, distribution.StandardNormal[float64](2))
	if err != nil {
		log.Fatal(err)
	}

	x, logp, err := f.SampleWithLogProb(rand.New(rand.NewPCG(1, 2)), 100)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(x.Shape(), len(logp))
	// Output: (100, 2) 100
}

// A context of 100 features reaches layers and base as two, through a network
// that is trained with them.
func ExampleNewWithEmbedding() {
	chain, err := coupling.RealNVP[float32](coupling.Recipe{Dim: 3, ContextDim: 2, Layers: 4})
	if err != nil {
		log.Fatal(err)
	}
	embedding, err := coupling.NewMLP[float32](coupling.MLPSpec{In: 100, Out: 2, Hidden: []int{32}})
	if err != nil {
		log.Fatal(err)
	}
	f, err := flow.NewWithEmbedding[float32](chain, distribution.StandardNormal[float32](3), embedding)
	if err != nil {
		log.Fatal(err)
	}

	context := tensor.New(tensor.WithShape(1, 100), tensor.Of(tensor.Float32))
	draws, err := f.Given(context).Sample(rand.New(rand.NewPCG(1, 2)), 5)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(f.ContextDim(), "context features;", draws.Shape(), "drawn")
	// Output: 100 context features; (5, 3) drawn
}

// A flow is the proposal of gonum's importance sampling: draws of the flow and
// their weights give expectations under a target.
func ExampleFlow_Gonum() {
	chain, err := coupling.RealNVP[float64](coupling.Recipe{Dim: 2, Layers: 4, Seed: 1})
	if err != nil {
		log.Fatal(err)
	}
	f, err := flow.New(chain, distribution.StandardNormal[float64](2)) // wider than the target
	if err != nil {
		log.Fatal(err)
	}
	proposal, err := f.Gonum(rand.NewPCG(1, 2))
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
