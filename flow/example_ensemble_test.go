// Runnable examples: mixtures of flows, classes, redraws.

package flow_test

import (
	"context"
	"fmt"
	"log"
	"math/rand/v2"

	"gorgonia.org/tensor"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/coupling"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/train"
)

// smallNVP is a Real NVP over two features.
func smallNVP(seed uint64) *flow.Flow[float32] {
	chain, err := coupling.RealNVP[float32](coupling.Recipe{Dim: 2, Layers: 2, Hidden: []int{16}, Seed: seed})
	if err != nil {
		log.Fatal(err)
	}
	f, err := flow.New[float32](chain, distribution.StandardNormal[float32](2))
	if err != nil {
		log.Fatal(err)
	}
	return f
}

// Data in two pieces of unlike size: flows that are trained together share
// them out, and the weights come to say how large the pieces are.
func ExampleNewEnsemble() {
	rng := rand.New(rand.NewPCG(1, 2))
	const n = 2000
	data := make([]float32, 0, 2*n)
	for i := range n {
		at := -4.0
		if i%4 == 0 {
			at = 4
		}
		data = append(data, float32(at+0.5*rng.NormFloat64()), float32(at+0.5*rng.NormFloat64()))
	}
	x := tensor.New(tensor.WithShape(n, 2), tensor.WithBacking(data))

	ensemble, err := flow.NewEnsemble(flow.Mixing{Learned: true}, smallNVP(1), smallNVP(2))
	if err != nil {
		log.Fatal(err)
	}
	report, err := train.Fit(context.Background(), ensemble, train.Tensor(x), train.Options{Epochs: 30, Rate: 1e-2, Schedule: train.Cosine{}})
	if err != nil {
		log.Fatal(err)
	}
	logp, err := ensemble.LogProb(x)
	if err != nil {
		log.Fatal(err)
	}
	// The entropy of the data is 2.01 nats.
	fmt.Println("learned:", report.Loss() < 2.4, len(logp))
	// Output: learned: true 2000
}

// A conditional flow is a classifier: here, of points about -1 and about 1.
func ExampleFlow_Posterior() {
	base, err := distribution.NewClassMixture[float64](distribution.ClassMixtureSpec{Dim: 1, Classes: 2})
	if err != nil {
		log.Fatal(err)
	}
	for _, p := range base.Params() {
		if p.Name == "loc" {
			copy(p.Data, []float64{-1, 1}) // as training would
		}
	}
	shift, err := bijector.NewShift[float64](bijector.ShiftSpec{Dim: 1})
	if err != nil {
		log.Fatal(err)
	}
	f, err := flow.New[float64](shift, base)
	if err != nil {
		log.Fatal(err)
	}
	x := tensor.New(tensor.WithShape(3, 1), tensor.WithBacking([]float64{-2, 0, 0.5}))
	p, err := f.Posterior(x, flow.Classes{Prior: []float64{3, 1}})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%.3f\n", p.Values())
	// Output: [0.994 0.006 0.750 0.250 0.525 0.475]
}

// A flow that was stretched too far overflows in some of its draws. They are
// an error, or are made again.
func ExampleFlow_WithRedraws() {
	base, err := distribution.NewNormal[float32](distribution.NormalSpec{Dim: 1, Scale: []float64{60}})
	if err != nil {
		log.Fatal(err)
	}
	softplus, err := bijector.NewSoftplus[float32](bijector.SoftplusSpec{Dim: 1})
	if err != nil {
		log.Fatal(err)
	}
	f, err := flow.New[float32](softplus, base) // draws log(exp(z) - 1), for positive z alone
	if err != nil {
		log.Fatal(err)
	}

	_, err = f.Sample(rand.New(rand.NewPCG(1, 2)), 10)
	fmt.Println(err)
	draws, err := f.WithRedraws(20).Sample(rand.New(rand.NewPCG(1, 2)), 10)
	fmt.Println(draws.Shape(), err)
	// Output:
	// flow: drawing: result: 5 of 10 rows have a NaN or infinite value, the first is row 1
	// (10, 1) <nil>
}
