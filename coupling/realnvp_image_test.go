package coupling_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/bijector/bijectortest"
	"github.com/bijou-flow/bijou/coupling"
)

// pixels draws an image in [0, 1].
func pixels(rng *rand.Rand, x []float64) {
	for j := range x {
		x[j] = rng.Float64()
	}
}

func TestRealNVPImage(t *testing.T) {
	for name, r := range map[string]coupling.ImageRecipe{
		"two scales":  {Channels: 1, Height: 4, Width: 4, Scales: 2, Couplings: 1, Hidden: 4, Blocks: 1, ContextDim: 2},
		"one scale":   {Channels: 2, Height: 3, Width: 2, Scales: 1, Couplings: 2, Hidden: 3, Blocks: 1, Norm: "act", Scale: "tanh"},
		"background":  {Channels: 1, Height: 4, Width: 2, Scales: 1, Couplings: 1, Hidden: 2, Blocks: 1, Start: "background"},
		"rectangular": {Channels: 1, Height: 2, Width: 8, Scales: 2, Couplings: 2, Hidden: 3, Blocks: 1, Norm: "none", Alpha: 1e-3},
	} {
		t.Run(name, func(t *testing.T) {
			bijectortest.RunSpec(t, r, coupling.RealNVPImage[float32], coupling.RealNVPImage[float64], bijectortest.Options{Sample: pixels, Perturb: 0.3})
		})
	}
}

// TestRealNVPImageLayout walks down the scales of the paper's model of 28x28
// images.
func TestRealNVPImageLayout(t *testing.T) {
	chain, err := coupling.RealNVPImage[float32](coupling.ImageRecipe{Channels: 1, Height: 28, Width: 28, Hidden: 2, Blocks: 1})
	if err != nil {
		t.Fatal(err)
	}
	layers, c, h, w := chain.Members(), 1, 28, 28
	if l, ok := layers[0].(*bijector.Logit[float32]); !ok || l.Spec() != (bijector.LogitSpec{Dim: 784, Alpha: 0.05, Clamp: true}) {
		t.Errorf("the first layer is %T", layers[0])
	}
	layers = layers[1:]
	couple := func(n int, kind string) {
		t.Helper()
		for i := range n {
			s := layers[0].(bijector.Stateful[float32]).Spec().(coupling.AffineSpec)
			want := fmt.Sprintf("%v", coupling.MaskSpec{Kind: kind, Channels: c, Height: h, Width: w, Invert: i%2 == 1})
			if got := fmt.Sprintf("%v", s.Mask); got != want {
				t.Errorf("mask %v, want %v", got, want)
			}
			b := layers[1].(*bijector.BatchNorm[float32]).Spec().(bijector.BatchNormSpec)
			if b.Pixels != h*w {
				t.Errorf("a norm over %d pixels, want %d", b.Pixels, h*w)
			}
			layers = layers[2:]
		}
	}
	for range 2 {
		couple(3, "checkerboard")
		c, h, w = layers[0].(*bijector.Squeeze[float32]).OutShape()
		layers = layers[1:]
		couple(3, "channel")
		p := layers[0].(*bijector.Part[float32]).Spec().(bijector.PartSpec)
		c /= 2
		if p.Lo != 0 || p.Hi != c*h*w || p.Dim != 2*p.Hi || len(layers) != 1 {
			t.Errorf("a part of features %d to %d of %d, and %d layers behind it", p.Lo, p.Hi, p.Dim, len(layers)-1)
		}
		layers = layers[0].(*bijector.Part[float32]).Members()[0].(*bijector.Chain[float32]).Members()
	}
	couple(4, "checkerboard")
	if len(layers) != 0 || c != 4 || h != 7 || w != 7 {
		t.Errorf("the last scale is %dx%dx%d, with %d layers left", c, h, w, len(layers))
	}
}

func TestRealNVPImageScales(t *testing.T) {
	for _, c := range []struct{ h, w, scales int }{{32, 32, 4}, {28, 28, 3}, {8, 16, 2}, {7, 8, 1}, {16, 4, 1}, {4, 4, 1}, {24, 20, 3}} {
		chain, err := coupling.RealNVPImage[float32](coupling.ImageRecipe{Channels: 1, Height: c.h, Width: c.w, Couplings: 1, Hidden: 1, Blocks: 1, Alpha: -1})
		if err != nil {
			t.Fatal(err)
		}
		scales := 1
		for {
			m := chain.Members()
			p, ok := m[len(m)-1].(*bijector.Part[float32])
			if !ok {
				break
			}
			chain = p.Members()[0].(*bijector.Chain[float32])
			scales++
		}
		if scales != c.scales {
			t.Errorf("%dx%d: %d scales, want %d", c.h, c.w, scales, c.scales)
		}
	}
}

func TestRealNVPImageRefuses(t *testing.T) {
	good := coupling.ImageRecipe{Channels: 1, Height: 4, Width: 4}
	for name, change := range map[string]func(*coupling.ImageRecipe){
		"nothing":     func(r *coupling.ImageRecipe) { *r = coupling.ImageRecipe{} },
		"one pixel":   func(r *coupling.ImageRecipe) { r.Height, r.Width = 1, 1 },
		"many scales": func(r *coupling.ImageRecipe) { r.Scales = 4 },
		"no scales":   func(r *coupling.ImageRecipe) { r.Scales = -1 },
		"couplings":   func(r *coupling.ImageRecipe) { r.Couplings = -1 },
		"norm":        func(r *coupling.ImageRecipe) { r.Norm = "layer" },
		"scale":       func(r *coupling.ImageRecipe) { r.Scale = "none" },
		"start":       func(r *coupling.ImageRecipe) { r.Start = "sigmoid" },
		"alpha":       func(r *coupling.ImageRecipe) { r.Alpha = 0.5 },
		"hidden":      func(r *coupling.ImageRecipe) { r.Hidden = -1 },
		"blocks":      func(r *coupling.ImageRecipe) { r.Blocks = -1 },
		"context":     func(r *coupling.ImageRecipe) { r.ContextDim = -1 },
	} {
		r := good
		change(&r)
		if _, err := coupling.RealNVPImage[float32](r); !errors.Is(err, bijector.ErrSpec) && !errors.Is(err, bijector.ErrShape) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
