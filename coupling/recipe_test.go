package coupling_test

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/coupling"
)

// moveCounts counts how often a chain moves each feature of the data.
func moveCounts(t *testing.T, c *bijector.Chain[float64]) []int {
	t.Helper()
	at, count := make([]int, c.Dim()), make([]int, c.Dim())
	for i := range at {
		at[i] = i
	}
	for _, b := range c.Buffers() {
		switch data, _ := b.Data.([]int64); {
		case strings.HasSuffix(b.Name, ".mask"):
			for p, kept := range data {
				count[at[p]] += int(1 - kept)
			}
		case strings.HasSuffix(b.Name, ".indices"):
			now := make([]int, len(at))
			for j, p := range data {
				now[j] = at[p]
			}
			at = now
		}
	}
	return count
}

func minMax(count []int) (lowest, highest int) {
	lowest, highest = count[0], count[0]
	for _, n := range count {
		lowest, highest = min(lowest, n), max(highest, n)
	}
	return lowest, highest
}

// TestEveryFeatureIsMoved: as evenly as the number of layers allows.
func TestEveryFeatureIsMoved(t *testing.T) {
	masks := []coupling.MaskSpec{{}, {Kind: "even"}, {Kind: "half"}, {Kind: "random", Seed: 3}}
	for dim := 2; dim <= 21; dim++ {
		for layers := 1; layers <= 9; layers++ {
			for seed := range uint64(6) {
				for _, mask := range masks {
					r := coupling.Recipe{Dim: dim, Layers: layers, Hidden: []int{1}, Mask: mask, Seed: seed}
					lowest, highest := minMax(moveCounts(t, must(coupling.RealNVP[float64](r))))
					if highest-lowest > 1 {
						t.Fatalf("%+v moves one feature %d times and another %d times", r, lowest, highest)
					}
					if dim%2 == 0 && layers%2 == 0 && lowest != layers/2 {
						t.Fatalf("%+v moves a feature %d times, want %d", r, lowest, layers/2)
					}
					r.Order = "balanced" // and with what is in front of the couplings
					lowest, highest = minMax(moveCounts(t, must(coupling.Glow[float64](r))))
					if highest-lowest > 1 {
						t.Fatalf("Glow of %+v moves one feature %d times and another %d times", r, lowest, highest)
					}
					r.Order = ""
					nice := moveCounts(t, must(coupling.NICE[float64](r)))
					if lowest, highest := minMax(nice); (dim%2 == 0 && highest-lowest > 1) || (layers > 1 && lowest == 0) {
						t.Fatalf("NICE of %+v moves features %v times", r, nice)
					}
				}
			}
		}
	}
}

// TestOneMovedFeature: even a mask that moves one of five gives all a turn.
func TestOneMovedFeature(t *testing.T) {
	r := coupling.Recipe{Dim: 5, Layers: 5, Hidden: []int{1}, Mask: coupling.MaskSpec{Keep: []int{1, 1, 0, 1, 1}}}
	if count := moveCounts(t, must(coupling.RealNVP[float64](r))); fmt.Sprint(count) != "[1 1 1 1 1]" {
		t.Errorf("features are moved %v times", count)
	}
}

// TestPermutationsDependOnSeed: balanced does not mean always the same.
func TestPermutationsDependOnSeed(t *testing.T) {
	seen := map[string]bool{}
	for seed := range uint64(10) {
		c := must(coupling.RealNVP[float64](coupling.Recipe{Dim: 8, Layers: 2, Hidden: []int{1}, Seed: seed}))
		again := must(coupling.RealNVP[float64](coupling.Recipe{Dim: 8, Layers: 2, Hidden: []int{1}, Seed: seed}))
		if a, b := fmt.Sprint(c.Buffers(), c.Params()), fmt.Sprint(again.Buffers(), again.Params()); a != b {
			t.Errorf("seed %d gives two different flows", seed)
		}
		for _, b := range c.Buffers() {
			if strings.HasSuffix(b.Name, ".indices") {
				seen[fmt.Sprint(b.Data)] = true
			}
		}
	}
	if len(seen) < 9 {
		t.Errorf("10 seeds gave %d permutations", len(seen))
	}
}

// TestWeightsDependOnSeed: couplings of one flow start with different weights,
// and so do flows of different seeds.
func TestWeightsDependOnSeed(t *testing.T) {
	seen := map[string]string{}
	for seed := range uint64(3) {
		c := must(coupling.NICE[float64](coupling.Recipe{Dim: 4, Hidden: []int{1}, Seed: seed}))
		for _, p := range c.Params() {
			if !strings.HasSuffix(p.Name, "0.weight") {
				continue
			}
			at, weights := fmt.Sprintf("%s of seed %d", p.Name, seed), fmt.Sprint(p.Data)
			if other, ok := seen[weights]; ok {
				t.Errorf("%s and %s start alike", other, at)
			}
			seen[weights] = at
		}
	}
	if len(seen) != 12 {
		t.Errorf("%d weights were compared, want 12", len(seen))
	}
}

func TestRecipeLayers(t *testing.T) {
	for _, c := range []struct {
		make func(coupling.Recipe) (*bijector.Chain[float64], error)
		r    coupling.Recipe
		want string
	}{
		{coupling.RealNVP[float64], coupling.Recipe{Layers: 2}, "Gaussianize Standardize Affine Permute BatchNorm Affine BatchNorm"},
		{coupling.RealNVP[float64], coupling.Recipe{Layers: 2, Raw: true}, "Affine Permute BatchNorm Affine BatchNorm"},
		{coupling.RealNVP[float64], coupling.Recipe{Layers: 2, Order: "random", Raw: true}, "Affine Permute BatchNorm Affine Permute BatchNorm"},
		{coupling.RealNVP[float64], coupling.Recipe{Layers: 2, Order: "lu", Norm: "act", Raw: true}, "Affine LU ActNorm Affine LU ActNorm"},
		{coupling.RealNVP[float64], coupling.Recipe{Layers: 2, Norm: "act"}, "Gaussianize Standardize Affine Permute ActNorm Affine ActNorm"},
		{coupling.RealNVP[float64], coupling.Recipe{Layers: 2, Norm: "none", Order: "alternate"}, "Gaussianize Standardize Affine Affine"},
		{coupling.Glow[float64], coupling.Recipe{Layers: 2}, "Gaussianize Standardize ActNorm LU Affine ActNorm LU Affine"},
		{coupling.Glow[float64], coupling.Recipe{Layers: 2, Order: "balanced", Norm: "batch", Raw: true}, "BatchNorm Affine BatchNorm Permute Affine"},
		{coupling.NSF[float64], coupling.Recipe{Layers: 2, Bins: 3, Bound: 2}, "Gaussianize Standardize ActNorm LU Spline ActNorm LU Spline"},
		{coupling.NSF[float64], coupling.Recipe{Layers: 2, Order: "random", Raw: true}, "ActNorm Permute Spline ActNorm Permute Spline"},
		{coupling.NSF[float64], coupling.Recipe{Layers: 2, Norm: "none", Order: "alternate", Raw: true}, "Spline Spline"},
		{coupling.NICE[float64], coupling.Recipe{}, "Gaussianize Standardize Additive Additive Additive Additive Scale"},
		{coupling.NICE[float64], coupling.Recipe{Layers: 1, Norm: "batch", Raw: true}, "Additive BatchNorm Scale"},
	} {
		c.r.Dim = 4
		var got []string
		for _, l := range must(c.make(c.r)).Members() {
			name := fmt.Sprintf("%T", l)
			got = append(got, name[strings.Index(name, ".")+1:strings.Index(name, "[")])
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("%+v: %s, want %s", c.r, s, c.want)
		}
	}
}

// recipes are all of them, by name.
func recipes[T bijector.Float]() map[string]func(coupling.Recipe) (*bijector.Chain[T], error) {
	return map[string]func(coupling.Recipe) (*bijector.Chain[T], error){
		"NICE": coupling.NICE[T], "RealNVP": coupling.RealNVP[T], "Glow": coupling.Glow[T], "NSF": coupling.NSF[T],
	}
}

func TestRecipeRefuses(t *testing.T) {
	for name, recipe := range recipes[float32]() {
		for _, r := range []coupling.Recipe{
			{},
			{Dim: -1},
			{Dim: 4, Layers: -1},
			{Dim: 4, Layers: 1 << 20},
			{Dim: 4, ContextDim: -1},
			{Dim: 4, Hidden: []int{0}},
			{Dim: 4, Activation: "cubic"},
			{Dim: 4, Norm: "layer"},
			{Dim: 4, Order: "sorted"},
			{Dim: 4, Norm: "none", Eps: 1e-3},
			{Dim: 4, Norm: "act", Unbiased: true},
			{Dim: 4, Mask: coupling.MaskSpec{Kind: "x"}},
			{Dim: 4, Scale: "square"},
			{Dim: 4, Scale: "tanh", Clamp: 1},
			{Dim: 4, Bins: 1},
			{Dim: 4, Bound: -1},
			{Dim: 4, Blocks: -1},
			{Dim: 4, Blocks: 1, Hidden: []int{8, 8}},
		} {
			if _, err := recipe(r); !errors.Is(err, bijector.ErrSpec) {
				t.Errorf("%s of %+v: %v, want ErrSpec", name, r, err)
			}
		}
		// One feature: the error says what to use.
		if _, err := recipe(coupling.Recipe{Dim: 1}); !errors.Is(err, bijector.ErrSpec) || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), "autoregressive.MAF") {
			t.Errorf("%s of one feature: %v", name, err)
		}
		// What other recipes read and this one would ignore is refused.
		affine, spline := name == "RealNVP" || name == "Glow", name == "NSF"
		for _, c := range []struct {
			r    coupling.Recipe
			read bool
		}{
			{coupling.Recipe{Dim: 4, Scale: "tanh"}, affine},
			{coupling.Recipe{Dim: 4, Scale: "softclamp", Clamp: 1}, affine},
			{coupling.Recipe{Dim: 4, Bins: 5}, spline},
			{coupling.Recipe{Dim: 4, Bound: 2}, spline},
		} {
			if _, err := recipe(c.r); (err == nil) != c.read {
				t.Errorf("%s of %+v: %v", name, c.r, err)
			}
		}
	}
}

// TestRecipeIsPassedOn: the layers are made as the recipe says, each with a seed
// of its own.
func TestRecipeIsPassedOn(t *testing.T) {
	r := coupling.Recipe{
		Dim: 5, ContextDim: 3, Layers: 3, Hidden: []int{7, 8}, Activation: "tanh", OutScale: 0.5,
		Mask: coupling.MaskSpec{Kind: "even"}, Order: "lu", Norm: "batch", Unbiased: true, Eps: 1e-3, Seed: 6,
	}
	for name, recipe := range recipes[float64]() {
		r := r
		switch name {
		case "RealNVP", "Glow":
			r.Scale, r.Clamp = "softclamp", 1.5
		case "NSF":
			r.Bins, r.Bound = 4, 2.5
		}
		seeds := map[uint64]bool{}
		couplings := 0
		for _, l := range must(recipe(r)).Members() {
			var got, want any = l.(bijector.Stateful[float64]).Spec(), nil
			switch s := got.(type) {
			case coupling.AdditiveSpec:
				seeds[s.Seed] = true
				want = coupling.AdditiveSpec{Dim: 5, ContextDim: 3, Mask: r.Mask, Hidden: r.Hidden, Activation: "tanh", OutScale: 0.5, Seed: s.Seed}
			case coupling.AffineSpec:
				seeds[s.Seed] = true
				want = coupling.AffineSpec{Dim: 5, ContextDim: 3, Mask: r.Mask, Scale: "softclamp", Clamp: 1.5, Hidden: r.Hidden, Activation: "tanh", OutScale: 0.5, Seed: s.Seed}
			case coupling.SplineSpec:
				seeds[s.Seed] = true
				want = coupling.SplineSpec{Dim: 5, ContextDim: 3, Mask: r.Mask, Bins: 4, Bound: 2.5, Hidden: r.Hidden, Activation: "tanh", OutScale: 0.5, Seed: s.Seed}
			case bijector.LUSpec:
				seeds[s.Seed] = true
				want = bijector.LUSpec{Dim: 5, Seed: s.Seed}
			case bijector.BatchNormSpec:
				want = bijector.BatchNormSpec{Dim: 5, Eps: 1e-3, Unbiased: true}
			default:
				continue
			}
			couplings++
			if !reflect.DeepEqual(got, want) {
				t.Errorf("%s: %+v, want %+v", name, got, want)
			}
		}
		if couplings != 9 || len(seeds) != 6 {
			t.Errorf("%s: %d layers with %d seeds, want 9 with 6", name, couplings, len(seeds))
		}
	}
}

// TestResidualRecipes: Blocks makes residual conditioners, with what the recipe
// says of them.
func TestResidualRecipes(t *testing.T) {
	for name, recipe := range recipes[float64]() {
		c := must(recipe(coupling.Recipe{Dim: 4, Layers: 2, Blocks: 3, Hidden: []int{7}, Activation: "tanh", OutScale: 0.5, Seed: 3}))
		seen := map[uint64]bool{}
		for _, l := range c.Members() {
			if l, ok := l.(interface {
				Conditioner() bijector.Network[float64]
			}); ok {
				s, ok := l.Conditioner().Spec().(coupling.ResidualSpec)
				if !ok || s.Blocks != 3 || s.Hidden != 7 || s.Activation != "tanh" || s.OutScale != 0.5 {
					t.Errorf("%s: a conditioner %+v", name, l.Conditioner().Spec())
				}
				seen[s.Seed] = true
			}
		}
		if len(seen) != 2 {
			t.Errorf("%s: %d seeds in two couplings", name, len(seen))
		}
	}
}

// TestEveryFeatureBends: behind a rotation, one coupling moves all features of
// the data, and not along straight lines.
func TestEveryFeatureBends(t *testing.T) {
	const d, h = 5, 0.5
	for _, name := range []string{"Glow", "NSF"} {
		c := must(recipes[float64]()[name](coupling.Recipe{Dim: d, Layers: 1, Seed: 2}))
		var points []float64
		for j := range d {
			for _, by := range []float64{-h, 0, h} {
				x := []float64{0.3, -0.2, 0.5, 0.1, -0.4}
				x[j] += by
				points = append(points, x...)
			}
		}
		z := must(c.Forward(rows(d, points...))).Float64s()
		for j := range d {
			bend := 0.0
			for i := range d {
				at := func(k int) float64 { return z[(3*j+k)*d+i] }
				bend = max(bend, math.Abs(at(0)-2*at(1)+at(2)))
			}
			if bend < 1e-4 {
				t.Errorf("%s bends feature %d by %g", name, j, bend)
			}
		}
	}
}
