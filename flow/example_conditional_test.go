// Runnable example: some features given others.

package flow_test

import (
	"errors"
	"fmt"
	"log"
	"math/rand/v2"

	"github.com/bijou-flow/bijou/autoregressive"
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/coupling"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/flow"
)

// Features 0 and 1 are known, 2 and 3 are drawn: exactly from autoregressive
// layers of that order, and from couplings with a report on how well.
func ExampleFlow_Condition() {
	maf, err := autoregressive.MAF[float32](autoregressive.Recipe{Dim: 4, Order: "same", Seed: 1})
	if err != nil {
		log.Fatal(err)
	}
	nvp, err := coupling.RealNVP[float32](coupling.Recipe{Dim: 4, Seed: 1})
	if err != nil {
		log.Fatal(err)
	}
	for _, layer := range []bijector.Layer[float32]{maf, nvp} {
		f, err := flow.New(layer, distribution.StandardNormal[float32](4))
		if err != nil {
			log.Fatal(err)
		}
		given, err := f.Condition(flow.Conditioning{Observed: []int{0, 1}})
		if err != nil {
			log.Fatal(err)
		}
		observed, err := bijector.RowsOf([]float32{0.5, -1, 0, 0.25}, 2, 2) // two rows
		if err != nil {
			log.Fatal(err)
		}
		out, err := given.Sample(rand.New(rand.NewPCG(1, 2)), observed, 100)
		if err != nil && !errors.Is(err, flow.ErrEffectiveSize) {
			log.Fatal(err)
		}
		r := out.Reports[1]
		fmt.Println(r.Method, out.Draws.Shape(), out.Draws.Row(100)[:2], r.EffectiveSize > 1000)
	}
	// Output:
	// exact (200, 4) [0 0.25] true
	// importance (200, 4) [0 0.25] true
}
