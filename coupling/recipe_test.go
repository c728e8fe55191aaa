package coupling_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/coupling"
)

// turnsOf counts how often a chain moves each feature of the data.
func turnsOf(t *testing.T, c *bijector.Chain[float64]) []int {
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

func spread(count []int) (lowest, highest int) {
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
					lowest, highest := spread(turnsOf(t, must(coupling.RealNVP[float64](r))))
					if highest-lowest > 1 {
						t.Fatalf("%+v moves one feature %d times and another %d times", r, lowest, highest)
					}
					if dim%2 == 0 && layers%2 == 0 && lowest != layers/2 {
						t.Fatalf("%+v moves a feature %d times, want %d", r, lowest, layers/2)
					}
					nice := turnsOf(t, must(coupling.NICE[float64](r)))
					if lowest, highest := spread(nice); (dim%2 == 0 && highest-lowest > 1) || (layers > 1 && lowest == 0) {
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
	if count := turnsOf(t, must(coupling.RealNVP[float64](r))); fmt.Sprint(count) != "[1 1 1 1 1]" {
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
		seen[fmt.Sprint(c.Buffers()[1].Data)] = true
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
		{coupling.RealNVP[float64], coupling.Recipe{Layers: 2}, "Affine Permute BatchNorm Affine BatchNorm"},
		{coupling.RealNVP[float64], coupling.Recipe{Layers: 2, Order: "random"}, "Affine Permute BatchNorm Affine Permute BatchNorm"},
		{coupling.RealNVP[float64], coupling.Recipe{Layers: 2, Norm: "act"}, "Affine Permute ActNorm Affine ActNorm"},
		{coupling.RealNVP[float64], coupling.Recipe{Layers: 2, Norm: "none", Order: "alternate"}, "Affine Affine"},
		{coupling.NSF[float64], coupling.Recipe{Layers: 2, Bins: 3, Bound: 2}, "ActNorm Spline Permute ActNorm Spline ActNorm"},
		{coupling.NSF[float64], coupling.Recipe{Layers: 2, Norm: "none", Order: "alternate"}, "Spline Spline"},
		{coupling.NICE[float64], coupling.Recipe{}, "Additive Additive Additive Additive Scale"},
		{coupling.NICE[float64], coupling.Recipe{Layers: 1, Norm: "batch"}, "Additive BatchNorm Scale"},
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

func TestRecipeRefuses(t *testing.T) {
	for _, r := range []coupling.Recipe{
		{},
		{Dim: 1},
		{Dim: 4, Layers: -1},
		{Dim: 4, Layers: 1 << 20},
		{Dim: 4, ContextDim: -1},
		{Dim: 4, Hidden: []int{0}},
		{Dim: 4, Activation: "gelu"},
		{Dim: 4, Norm: "layer"},
		{Dim: 4, Order: "sorted"},
		{Dim: 4, Norm: "none", Eps: 1e-3},
		{Dim: 4, Norm: "act", Unbiased: true},
		{Dim: 4, Mask: coupling.MaskSpec{Kind: "x"}},
		{Dim: 4, Scale: "softplus"},
		{Dim: 4, Scale: "tanh", Clamp: 1},
	} {
		if _, err := coupling.RealNVP[float32](r); !errors.Is(err, bijector.ErrSpec) {
			t.Errorf("RealNVP of %+v: %v, want ErrSpec", r, err)
		}
		if _, err := coupling.NICE[float32](r); !errors.Is(err, bijector.ErrSpec) {
			t.Errorf("NICE of %+v: %v, want ErrSpec", r, err)
		}
		if _, err := coupling.NSF[float32](r); !errors.Is(err, bijector.ErrSpec) {
			t.Errorf("NSF of %+v: %v, want ErrSpec", r, err)
		}
	}
	// What one recipe reads and the others would ignore is refused by them.
	for _, r := range []coupling.Recipe{{Dim: 4, Bins: 5}, {Dim: 4, Bound: 2}} {
		_, nvp := coupling.RealNVP[float32](r)
		_, nice := coupling.NICE[float32](r)
		if !errors.Is(nvp, bijector.ErrSpec) || !errors.Is(nice, bijector.ErrSpec) {
			t.Errorf("%+v: RealNVP %v, NICE %v, want ErrSpec", r, nvp, nice)
		}
	}
	for _, r := range []coupling.Recipe{{Dim: 4, Bins: 1}, {Dim: 4, Bound: -1}, {Dim: 4, Scale: "tanh"}, {Dim: 4, Clamp: 1}} {
		if _, err := coupling.NSF[float32](r); !errors.Is(err, bijector.ErrSpec) {
			t.Errorf("NSF of %+v: %v, want ErrSpec", r, err)
		}
	}
}
