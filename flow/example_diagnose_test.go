// A flow that is no longer invertible.

package flow_test

import (
	"context"
	"fmt"
	"log"
	"math/rand/v2"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/coupling"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/train"
)

// A flow whose weights have grown fivefold explodes when it draws; the
// figures tell before it is put to use.
func ExampleDiagnose() {
	rng := rand.New(rand.NewPCG(1, 2))
	x := bijector.NewRows[float32](500, 2)
	for i := range x.Len() {
		u := rng.NormFloat64()
		x.Row(i)[0], x.Row(i)[1] = float32(u), float32(rng.NormFloat64()+u*u)
	}
	chain, err := coupling.RealNVP[float32](coupling.Recipe{Dim: 2, Layers: 4, Hidden: []int{24}, Seed: 1})
	if err != nil {
		log.Fatal(err)
	}
	f, err := flow.New(chain, distribution.StandardNormal[float32](2))
	if err != nil {
		log.Fatal(err)
	}
	for _, factor := range []float32{1, 5} {
		for _, p := range f.Params() {
			for i := range p.Data {
				p.Data[i] *= factor
			}
		}
		f.Invalidate()
		d, err := flow.Diagnose(context.Background(), f, train.Tensor(x))
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("healthy: %t, gain above 100: %t, saturated rows: %t\n", d.Healthy(), d.Gain > 100, d.Saturated > 0.5)
	}
	// Output:
	// healthy: true, gain above 100: false, saturated rows: false
	// healthy: false, gain above 100: true, saturated rows: true
}
