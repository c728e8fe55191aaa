package autoregressive_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/bijou-flow/bijou/autoregressive"
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/bijector/bijectortest"
)

// TestFlows: whole chains, in which the layers meet each other's output.
func TestFlows(t *testing.T) {
	for name, r := range map[string]autoregressive.Recipe{
		"default":     {Dim: 4, Hidden: []int{7, 6}},
		"conditional": {Dim: 3, ContextDim: 2, Layers: 2, Hidden: []int{7}, Norm: "act", Order: "random", Seed: 1},
		"one":         {Dim: 1, ContextDim: 1, Layers: 2, Hidden: []int{4}, Norm: "none", Activation: "tanh"},
	} {
		t.Run("MAF/"+name, func(t *testing.T) {
			bijectortest.RunSpec(t, r, autoregressive.MAF[float32], autoregressive.MAF[float64], bijectortest.Options{Perturb: 0.5})
		})
		t.Run("NSF/"+name, func(t *testing.T) {
			bijectortest.RunSpec(t, r, autoregressive.NSF[float32], autoregressive.NSF[float64], bijectortest.Options{Perturb: 0.5})
		})
	}
}

// describe names the members of a chain, with the orders of those that have
// one.
func describe(c *bijector.Chain[float64]) string {
	var names []string
	for _, l := range c.Members() {
		name := fmt.Sprintf("%T", l)
		name = name[strings.Index(name, ".")+1 : strings.Index(name, "[")]
		for _, b := range l.(bijector.Stateful[float64]).Buffers() {
			if b.Name == "order" {
				name += fmt.Sprint(b.Data)
			}
		}
		names = append(names, name)
	}
	return strings.Join(names, " ")
}

func TestRecipeLayers(t *testing.T) {
	for _, c := range []struct {
		recipe func(autoregressive.Recipe) (*bijector.Chain[float64], error)
		r      autoregressive.Recipe
		want   string
	}{
		{autoregressive.MAF[float64], autoregressive.Recipe{}, "Gaussianize Standardize Affine[0 1 2] BatchNorm Affine[2 1 0] BatchNorm Affine[0 1 2] BatchNorm Affine[2 1 0] BatchNorm Affine[0 1 2]"},
		{autoregressive.MAF[float64], autoregressive.Recipe{Layers: 2, Norm: "act"}, "Gaussianize Standardize Affine[0 1 2] ActNorm Affine[2 1 0]"},
		{autoregressive.MAF[float64], autoregressive.Recipe{Layers: 2, Norm: "none"}, "Gaussianize Standardize Affine[0 1 2] Affine[2 1 0]"},
		{autoregressive.NSF[float64], autoregressive.Recipe{Layers: 2, Bins: 3, Bound: 2}, "Gaussianize Standardize Spline[0 1 2] ActNorm Spline[2 1 0]"},
		{autoregressive.MAF[float64], autoregressive.Recipe{Layers: 2, Norm: "act", Raw: true}, "Affine[0 1 2] ActNorm Affine[2 1 0]"},
	} {
		c.r.Dim = 3
		if got := describe(must(c.recipe(c.r))); got != c.want {
			t.Errorf("%+v: %s, want %s", c.r, got, c.want)
		}
	}
}

// TestSeeds: weights and random orders depend on the seed, and on the layer.
func TestSeeds(t *testing.T) {
	seen := map[string]string{}
	for seed := range uint64(3) {
		r := autoregressive.Recipe{Dim: 12, Layers: 3, Hidden: []int{5}, Order: "random", Seed: seed}
		c, again := must(autoregressive.MAF[float64](r)), must(autoregressive.MAF[float64](r))
		if fmt.Sprint(c.Params(), c.Buffers()) != fmt.Sprint(again.Params(), again.Buffers()) {
			t.Errorf("seed %d gives two different flows", seed)
		}
		record := func(name string, data any) {
			at, value := fmt.Sprintf("%s of seed %d", name, seed), fmt.Sprint(data)
			if other, ok := seen[value]; ok {
				t.Errorf("%s and %s are alike", other, at)
			}
			seen[value] = at
		}
		for _, p := range c.Params() {
			if strings.HasSuffix(p.Name, "0.weight") {
				record(p.Name, p.Data)
			}
		}
		for _, b := range c.Buffers() {
			if strings.HasSuffix(b.Name, ".order") {
				record(b.Name, b.Data)
			}
		}
	}
	if len(seen) != 18 {
		t.Errorf("%d weights and orders were compared, want 18", len(seen))
	}
}

// TestOutScale: last layers that start small make a flow that starts near the
// identity, and others do not.
func TestOutScale(t *testing.T) {
	for name, recipe := range map[string]func(autoregressive.Recipe) (*bijector.Chain[float64], error){
		"MAF": autoregressive.MAF[float64], "NSF": autoregressive.NSF[float64],
	} {
		moved := func(scale float64) float64 {
			c := must(recipe(autoregressive.Recipe{Dim: 3, Hidden: []int{8}, Norm: "none", OutScale: scale, Seed: 1}))
			x, z := normal[float64](3, 20, rand.New(rand.NewPCG(1, 2))), bijector.NewMat[float64](3, 20)
			c.NewPass(bijector.PassOptions{MaxBatch: 20}).Forward(z, x, bijector.Mat[float64]{}, make([]float64, 20))
			most := 0.0
			for j := range 3 {
				for i, v := range z.Feature(j) {
					most = max(most, math.Abs(v-x.Feature(j)[i]))
				}
			}
			return most
		}
		if small, full := moved(1e-9), moved(0); !(small < 1e-6) || !(full > 0.1) {
			t.Errorf("%s: values are moved by up to %v with an OutScale of 1e-9, and by %v without one", name, small, full)
		}
	}
}
