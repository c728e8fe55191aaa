// Runnable examples: what a service calls.

package flow_test

import (
	"fmt"
	"log"
	"math/rand/v2"
	"sync"

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
