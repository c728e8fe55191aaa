package posterior_test

import (
	"context"
	"fmt"
	"log"
	"math/rand/v2"

	"github.com/bijou-flow/bijou/autoregressive"
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/posterior"
	"github.com/bijou-flow/bijou/train"
)

// A posterior learned from a simulator, and checked on pairs that were kept back.
func ExampleCheck() {
	rng := rand.New(rand.NewPCG(1, 2))
	simulate := func(n int) (parameters, observations *bijector.Rows[float32]) {
		parameters, observations = bijector.NewRows[float32](n, 2), bijector.NewRows[float32](n, 3)
		for i := range n {
			a, b := rng.NormFloat64(), rng.NormFloat64() // the prior
			copy(parameters.Row(i), []float32{float32(a), float32(b)})
			for j := range observations.Row(i) { // a line, with noise
				observations.Row(i)[j] = float32(a + b*float64(j) + 0.5*rng.NormFloat64())
			}
		}
		return parameters, observations
	}

	layers, err := autoregressive.MAF[float32](autoregressive.Recipe{Dim: 2, ContextDim: 3, Layers: 2, Hidden: []int{32}})
	if err != nil {
		log.Fatal(err)
	}
	f, err := flow.New(layers, distribution.StandardNormal[float32](2))
	if err != nil {
		log.Fatal(err)
	}
	parameters, observations := simulate(4000)
	if _, err := train.Fit(context.Background(), f, train.Tensor(parameters).Given(observations), train.Options{Epochs: 20, Schedule: train.Cosine{}}); err != nil {
		log.Fatal(err)
	}

	parameters, observations = simulate(500)
	report, err := posterior.Check[float32](context.Background(), f, parameters, observations, posterior.Options{})
	if err != nil {
		log.Fatal(err)
	}
	for j, ranks := range report.Parameters {
		fmt.Printf("parameter %d even: %t\n", j, ranks.PValue() > 0.01)
	}
	fmt.Printf("within 3 %% of 90 %%: %t\n", report.Density.Coverage(0.9) > 0.87 && report.Density.Coverage(0.9) < 0.93)
	// Output:
	// parameter 0 even: true
	// parameter 1 even: true
	// within 3 % of 90 %: true
}
