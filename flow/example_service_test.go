// Runnable examples: what a service calls.

package flow_test

import (
	"fmt"
	"log"
	"math/rand/v2"
	"sync"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/coupling"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/flow"
)

// Many goroutines score a row a request, as plain slices: none of it allocates.
func ExampleFlow_LogProbRow() {
	chain, err := coupling.RealNVP[float32](coupling.Recipe{Dim: 3, Seed: 1})
	if err != nil {
		log.Fatal(err)
	}
	f, err := flow.New(chain, distribution.StandardNormal[float32](3))
	if err != nil {
		log.Fatal(err)
	}

	var wg sync.WaitGroup
	scores := make([]float64, 16)
	for i := range scores {
		wg.Add(1)
		go func() {
			defer wg.Done()
			row := [3]float32{float32(i), 0, 1}
			logp, err := f.LogProbRow(row[:])
			if err != nil {
				log.Fatal(err)
			}
			scores[i] = logp
		}()
	}
	wg.Wait()
	fmt.Println("the last row is less likely than the first:", scores[15] < scores[0])
	// Output: the last row is less likely than the first: true
}

// A context comes with each request: it is not bound to the flow.
func ExampleFlow_LogProbRowsGiven() {
	chain, err := coupling.RealNVP[float32](coupling.Recipe{Dim: 3, ContextDim: 2, Seed: 1})
	if err != nil {
		log.Fatal(err)
	}
	f, err := flow.New(chain, distribution.StandardNormal[float32](3))
	if err != nil {
		log.Fatal(err)
	}

	rows := []float32{0, 0, 1, 3, 0, 1} // two of them
	contexts := []float32{1, 0, 0, 1}   // one each
	logp := make([]float64, 2)
	if err := f.LogProbRowsGiven(logp, rows, contexts); err != nil {
		log.Fatal(err)
	}

	rng := rand.New(rand.NewPCG(1, 2)) // one for each goroutine
	draws := make([]float32, 5*3)
	if err := f.SampleIntoGiven(draws, contexts[:2], rng); err != nil { // one context for all
		log.Fatal(err)
	}
	fmt.Println(logp[1] < logp[0], len(draws)/3, "draws")
	// Output: true 5 draws
}

// An alarm that normal rows raise one time in twenty, by rows that the model was
// not trained on.
func ExampleThreshold() {
	scores := make([]float64, 199) // of f.LogProb, of held-out rows
	for i := range scores {
		scores[i] = -float64((i*37 + 5) % 199)
	}
	c, err := flow.NewCalibration(scores)
	if err != nil {
		log.Fatal(err)
	}
	threshold, err := c.Threshold(0.05) // or flow.Threshold(scores, 0.05)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("threshold", threshold)
	for _, score := range []float64{-3, -189, -1000} {
		fmt.Println(score, score < threshold, c.PValue(score))
	}
	// Output:
	// threshold -189
	// -3 false 0.985
	// -189 false 0.055
	// -1000 true 0.005
}

// Two contexts, three draws of each.
func ExampleFlow_SampleEach() {
	chain, err := coupling.RealNVP[float32](coupling.Recipe{Dim: 4, ContextDim: 2, Seed: 1})
	if err != nil {
		log.Fatal(err)
	}
	f, err := flow.New(chain, distribution.StandardNormal[float32](4))
	if err != nil {
		log.Fatal(err)
	}
	contexts, err := bijector.RowsOf([]float32{1, 0, 0, 1}, 2, 2)
	if err != nil {
		log.Fatal(err)
	}
	draws, err := f.Given(contexts).SampleEach(rand.New(rand.NewPCG(1, 2)), 3)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(draws.Shape()) // rows 0 to 2 given (1, 0), 3 to 5 given (0, 1)
	// Output: (6, 4)
}
