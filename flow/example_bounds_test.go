// Columns on intervals and half-lines.

package flow_test

import (
	"context"
	"fmt"
	"log"
	"math"
	"math/rand/v2"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/coupling"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/train"
)

// A rate, a duration and a column without bounds: Bounds in front of a recipe,
// and every draw is a rate and a duration again. The loss stays one of the data,
// in nats and in its units.
func Example_bounds() {
	rng := rand.New(rand.NewPCG(1, 2))
	x := bijector.NewRows[float32](2000, 3)
	truth := 0.0 // log-density of the rows on average, as they are made
	for i := range x.Len() {
		u, v, w := rng.NormFloat64(), rng.NormFloat64(), rng.NormFloat64()
		rate, seconds := 1/(1+math.Exp(-u)), 3600*math.Exp(u+v/2)
		x.Row(i)[0], x.Row(i)[1], x.Row(i)[2] = float32(rate), float32(seconds), float32(v+w)
		truth += -(u*u+v*v+w*w+3*math.Log(2*math.Pi))/2 - math.Log(rate*(1-rate)*seconds/2)
	}
	bounds, err := bijector.NewBounds[float32](bijector.BoundsSpec{Dim: 3, Features: []bijector.FeatureBounds{
		bijector.Between(0, 0, 1), bijector.Above(1, 0),
	}})
	if err != nil {
		log.Fatal(err)
	}
	recipe, err := coupling.RealNVP[float32](coupling.Recipe{Dim: 3, Layers: 4, Hidden: []int{16}, Seed: 1})
	if err != nil {
		log.Fatal(err)
	}
	chain, err := bijector.NewChain[float32](bounds, recipe)
	if err != nil {
		log.Fatal(err)
	}
	f, err := flow.New(chain, distribution.StandardNormal[float32](3))
	if err != nil {
		log.Fatal(err)
	}
	report, err := train.Fit(context.Background(), f, train.Tensor(x), train.Options{Epochs: 20, Seed: 1})
	if err != nil {
		log.Fatal(err)
	}
	draws, err := f.Sample(rng, 10000)
	if err != nil {
		log.Fatal(err)
	}
	inside := 0
	for i := range draws.Len() {
		if r := draws.Row(i); r[0] > 0 && r[0] < 1 && r[1] > 0 {
			inside++
		}
	}
	gap := report.Loss() + truth/float64(x.Len())
	fmt.Printf("%d of %d draws inside; the loss is the truth's to 0.05 nats: %v\n", inside, draws.Len(), math.Abs(gap) < 0.05)
	// Output: 10000 of 10000 draws inside; the loss is the truth's to 0.05 nats: true
}
