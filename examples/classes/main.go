// Command classes learns how the parts of three machines are spread, with one
// conditional flow, tells by Bayes' rule which machine a part is from, and checks
// whether the probabilities mean what they say.
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"os"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/coupling"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/train"
)

const machines = 3

func main() {
	log.SetFlags(0)
	if err := run(os.Stdout); err != nil {
		log.Fatal(err)
	}
}

// run fits the flow, and asks it about parts that it has not seen.
func run(w io.Writer) error {
	rng := rand.New(rand.NewPCG(1, 2))
	x, machine := parts(rng, 6000)
	f, err := fit(x, machine)
	if err != nil {
		return err
	}

	fresh, from := parts(rng, 4000)
	// The second machine makes half of the parts, the others a quarter each.
	p, err := f.Posterior(fresh, flow.Classes{Prior: []float64{1, 2, 1}})
	if err != nil {
		return err
	}

	// Of the parts that the flow is 90 to 100 % sure of, as many should be right.
	right, all := 0, 0
	var sure, hit, count [4]float64 // by probability of the likeliest machine
	for i := range p.Len() {
		best := 0
		for k, v := range p.Row(i) {
			if v > p.Row(i)[best] {
				best = k
			}
		}
		q := float64(p.Row(i)[best])
		bin := min(3, max(0, int((q-0.6)*10)))
		sure[bin], count[bin], all = sure[bin]+q, count[bin]+1, all+1
		if best == from[i] {
			hit[bin], right = hit[bin]+1, right+1
		}
	}
	fmt.Fprintf(w, "%.1f %% of new parts are told right\n", 100*float64(right)/float64(all))
	for b, name := range []string{"below 70", "70 to 80", "80 to 90", "above 90"} {
		fmt.Fprintf(w, "%s %% sure: %4.0f parts, %.0f %% on average, %.0f %% right\n", name, count[b], 100*sure[b]/count[b], 100*hit[b]/count[b])
	}
	return nil
}

// fit trains a flow of parts given their machine, which comes as a one-hot
// context.
func fit(x *bijector.Rows[float32], machine []int) (*flow.Flow[float32], error) {
	label := bijector.NewRows[float32](x.Len(), machines)
	for i, k := range machine {
		label.Row(i)[k] = 1
	}
	chain, err := coupling.RealNVP[float32](coupling.Recipe{
		Dim: 2, ContextDim: machines, Layers: 6, Hidden: []int{32}, Seed: 1,
	})
	if err != nil {
		return nil, err
	}
	f, err := flow.New(chain, distribution.StandardNormal[float32](2))
	if err != nil {
		return nil, err
	}
	_, err = train.Fit(context.Background(), f, train.Tensor(x).Given(label), train.Options{
		Epochs: 20, Rate: 3e-3, Schedule: train.Cosine{}, Seed: 1,
	})
	return f, err
}

// parts are lengths and weights, which each machine spreads in its own way, and
// the machines that made them.
func parts(rng *rand.Rand, n int) (*bijector.Rows[float32], []int) {
	x, machine := bijector.NewRows[float32](n, 2), make([]int, n)
	for i := range n {
		u, v := rng.NormFloat64(), rng.NormFloat64()
		length, weight := 50+u, 20+u*u/2+v/2
		switch rng.IntN(4) {
		case 0: // machine 0: shorter, and lighter the longer
			length, weight = 49+u/2, 20-u/2+v/2
		case 1:
			machine[i] = 2
			length, weight = 50.5+v/2, 22+u
		default:
			machine[i] = 1
		}
		x.Row(i)[0], x.Row(i)[1] = float32(length), float32(weight)
	}
	return x, machine
}
