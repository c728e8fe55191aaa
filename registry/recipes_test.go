package registry_test

import (
	"context"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/coupling"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/registry"
	"github.com/bijou-flow/bijou/train"
)

// TestRecipesRoundTrip: every recipe, trained for a few steps, so that
// standardisation and norms have seen data, comes back bit by bit.
func TestRecipesRoundTrip(t *testing.T) {
	for name, recipe := range map[string]func(coupling.Recipe) (*bijector.Chain[float32], error){
		"NICE": coupling.NICE[float32], "RealNVP": coupling.RealNVP[float32],
		"Glow": coupling.Glow[float32], "NSF": coupling.NSF[float32],
	} {
		for _, blocks := range []int{0, 2} {
			chain := must(recipe(coupling.Recipe{Dim: 4, ContextDim: 2, Layers: 2, Hidden: []int{6}, Blocks: blocks, Seed: 4}))
			f := must(flow.New(chain, distribution.StandardNormal[float32](4)))
			x, given := batch[float32](300, 4), batch[float32](300, 2)
			must(train.Fit(context.Background(), f, train.Tensor(x).Given(given), train.Options{ValidationFraction: train.NoValidation, Epochs: 1, Workers: 1}))
			file := path(t)
			if err := registry.Save(file, f); err != nil {
				t.Fatal(err)
			}
			g := must(registry.LoadFlow[float32](file))
			sameBits(t, name+": LogProb", must(f.Given(given).LogProb(x)), must(g.Given(given).LogProb(x)))
			sameBits(t, name+": Inverse", must(f.Given(given).Inverse(x)), must(g.Given(given).Inverse(x)))
		}
	}
}
