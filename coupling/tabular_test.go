// Recipes on a table as it comes: columns of any scale and offset.

package coupling_test

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/bijou-flow/bijou/flow"

	"github.com/bijou-flow/bijou/coupling"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/train"
)

// tabularSource is n rows of four columns that hang together along a bend; column j is
// multiplied by unit[j] and moved by from[j].
func tabularSource(n int, seed uint64, unit, from [4]float64) *train.TensorSource {
	rng := rand.New(rand.NewPCG(seed, 2))
	var data []float64
	for range n {
		a, b := rng.NormFloat64(), rng.NormFloat64()
		x := [4]float64{a, a*a/2 + 0.2*rng.NormFloat64(), b, 0.8*b + 0.3*rng.NormFloat64()*math.Exp(a/2)}
		for j, v := range x {
			data = append(data, v*unit[j]+from[j])
		}
	}
	return train.Tensor(rows(4, data...))
}

// TestRecipesOnUnscaledTables: a recipe with its defaults learns the same
// density, up to the units, from a table in units from a thousandth to a
// thousand and far from 0, and makes something of it.
func TestRecipesOnUnscaledTables(t *testing.T) {
	unit, from := [4]float64{1e3, 1e-3, 1, 30}, [4]float64{5e4, 0, -1e3, 2}
	units := 0.0
	for _, u := range unit {
		units += math.Log(u)
	}
	// The table's entropy is 2.863 nats; a Gaussian with its moments has 4.41.
	const good = 3.4
	for name, recipe := range recipes[float64]() {
		loss := func(unit, from [4]float64) float64 {
			chain := must(recipe(coupling.Recipe{Dim: 4, Layers: 4, Hidden: []int{24, 24}, Seed: 1}))
			flow := must(flow.New[float64](chain, distribution.StandardNormal[float64](4)))
			_, err := train.Fit(context.Background(), flow, tabularSource(1000, 1, unit, from), train.Options{ValidationFraction: train.NoValidation, Epochs: 12, Rate: 5e-3, Batch: 50, Schedule: train.Cosine{}, Workers: 1})
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			return must(train.Evaluate(context.Background(), flow, tabularSource(1000, 2, unit, from)))
		}
		plain, scaled := loss([4]float64{1, 1, 1, 1}, [4]float64{}), loss(unit, from)-units
		t.Logf("%s: %.3f nats, in other units %.3f", name, plain, scaled)
		if plain > good {
			t.Errorf("%s learns %.3f nats, want %g", name, plain, good)
		}
		if !(math.Abs(plain-scaled) < 0.05) {
			t.Errorf("%s learns %.3f nats, and %.3f from the same table in other units", name, plain, scaled)
		}
	}
}
