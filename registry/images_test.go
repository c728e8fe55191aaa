package registry_test

import (
	"os"
	"strings"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/coupling"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/registry"
)

// TestImageFlow saves and loads a conditional flow over images, of several
// scales and with a 1x1 convolution.
func TestImageFlow(t *testing.T) {
	t.Run("float32", testImageFlow[float32])
	t.Run("float64", testImageFlow[float64])
}

func testImageFlow[T bijector.Float](t *testing.T) {
	scales := must(coupling.RealNVPImage[T](coupling.ImageRecipe{
		Channels: 1, Height: 8, Width: 8, ContextDim: 2, Couplings: 2, Hidden: 4, Blocks: 1, Alpha: -1, Seed: 1<<53 - 1,
	}))
	glow := must(coupling.GlowImage[T](coupling.GlowImageRecipe{
		Channels: 1, Height: 8, Width: 8, ContextDim: 2, Steps: []int{2, 1}, Hidden: []int{4, 3}, Coupling: "spline", Start: "none", Seed: 9,
	}))
	chain := must(bijector.NewChain[T](
		must(bijector.NewSqueeze[T](bijector.SqueezeSpec{Channels: 1, Height: 8, Width: 8})),
		must(bijector.NewConv1x1[T](bijector.Conv1x1Spec{Channels: 4, Height: 4, Width: 4, Seed: 5})),
		must(bijector.NewActNorm[T](bijector.ActNormSpec{Dim: 64, Pixels: 16})),
		bijector.Invert[T](must(bijector.NewSqueeze[T](bijector.SqueezeSpec{Channels: 1, Height: 8, Width: 8}))),
		scales))
	imageFlowRoundTrip(t, chain, "bijector.squeeze", "bijector.conv1x1", "coupling.convnet", `"invert":true`, `"pixels":16`)
	imageFlowRoundTrip(t, glow, "bijector.squeeze", "bijector.conv1x1", "coupling.convnet", "coupling.spline", "bijector.part")
}

// imageFlowRoundTrip saves and loads a flow; its file says the words.
func imageFlowRoundTrip[T bijector.Float](t *testing.T, chain *bijector.Chain[T], words ...string) {
	t.Helper()
	flow := must(flow.New[T](chain, distribution.StandardNormal[T](64)))
	stir[T](flow, 8)
	file := path(t)
	if err := registry.Save(file, flow); err != nil {
		t.Fatal(err)
	}
	for _, name := range words {
		text := strings.ReplaceAll(string(must(os.ReadFile(file))), `\"`, `"`)
		if !strings.Contains(text, name) {
			t.Errorf("the file does not say %s", name)
		}
	}
	loaded, err := registry.LoadFlow[T](file)
	if err != nil {
		t.Fatal(err)
	}
	x, context := batch[T](30, 64), batch[T](30, 2)
	sameBits(t, "LogProb", must(flow.Given(context).LogProb(x)), must(loaded.Given(context).LogProb(x)))
	sameBits(t, "Inverse", must(flow.Given(context).Inverse(x)), must(loaded.Given(context).Inverse(x)))
}
