package coupling_test

import (
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/bijector/bijectortest"
	"github.com/bijou-flow/bijou/coupling"
)

// drawing draws an image in [0, 1], half of it blank.
func drawing(rng *rand.Rand, x []float64) {
	for j := range x {
		x[j] = (0.3 + 0.4*rng.Float64()) / 256
		if rng.IntN(2) == 0 {
			x[j] = 0.1 + 0.8*rng.Float64()
		}
	}
}

func TestGlowImage(t *testing.T) {
	for name, r := range map[string]coupling.GlowImageRecipe{
		"two scales":  {Channels: 1, Height: 8, Width: 4, Steps: []int{1, 2}, Hidden: []int{4, 3}, ContextDim: 2},
		"one scale":   {Channels: 2, Height: 4, Width: 2, Steps: []int{2}, Hidden: []int{3}, Scale: "tanh"},
		"splines":     {Channels: 1, Height: 4, Width: 4, Steps: []int{2}, Hidden: []int{3}, Coupling: "spline", Bins: 4},
		"no start":    {Channels: 1, Height: 2, Width: 4, Steps: []int{1}, Hidden: []int{3}, Start: "none"},
		"backgrounds": {Channels: 1, Height: 4, Width: 4, Steps: []int{1, 1}, Hidden: []int{3}, Start: "background"},
	} {
		t.Run(name, func(t *testing.T) {
			bijectortest.RunSpec(t, r, coupling.GlowImage[float32], coupling.GlowImage[float64], bijectortest.Options{Sample: drawing, Perturb: 0.3})
		})
	}
}

// TestGlowImageLayout walks down the scales of the default model of 28x28 images:
// the half of the channels that is done is the one that the last coupling moved.
func TestGlowImageLayout(t *testing.T) {
	chain, err := coupling.GlowImage[float32](coupling.GlowImageRecipe{Channels: 1, Height: 28, Width: 28, Hidden: []int{2}, Start: "background"})
	if err != nil {
		t.Fatal(err)
	}
	layers, c, h, w := chain.Members(), 1, 28, 28
	if _, ok := layers[0].(*bijector.Background[float32]); !ok {
		t.Errorf("the first layer is a %T", layers[0])
	}
	layers = layers[1:]
	for scale := range 2 {
		c, h, w = layers[0].(*bijector.Squeeze[float32]).OutShape()
		layers = layers[1:]
		for range 8 {
			if n := layers[0].(*bijector.ActNorm[float32]).Spec().(bijector.ActNormSpec); n.Pixels != h*w {
				t.Errorf("a norm over %d pixels, want %d", n.Pixels, h*w)
			}
			if got, _, _ := layers[1].(*bijector.Conv1x1[float32]).InShape(); got != c {
				t.Errorf("a convolution of %d channels, want %d", got, c)
			}
			m := layers[2].(*coupling.Affine[float32]).Spec().(coupling.AffineSpec).Mask
			if m.Kind != "channel" || m.Channels != c || m.Height != h || m.Width != w || m.Invert {
				t.Errorf("mask %+v", m)
			}
			layers = layers[3:]
		}
		if scale == 1 {
			break
		}
		p := layers[0].(*bijector.Part[float32]).Spec().(bijector.PartSpec)
		c /= 2
		if p.Lo != 0 || p.Hi != c*h*w || p.Dim != 2*p.Hi || len(layers) != 1 {
			t.Errorf("a part of features %d to %d of %d, and %d layers behind it", p.Lo, p.Hi, p.Dim, len(layers)-1)
		}
		layers = layers[0].(*bijector.Part[float32]).Members()[0].(*bijector.Chain[float32]).Members()
	}
	if len(layers) != 0 || c != 8 || h != 7 || w != 7 {
		t.Errorf("the last scale is %dx%dx%d, with %d layers left", c, h, w, len(layers))
	}
}

func TestGlowImageRefuses(t *testing.T) {
	good := coupling.GlowImageRecipe{Channels: 1, Height: 4, Width: 4, Steps: []int{1}, Hidden: []int{2}}
	for name, change := range map[string]func(*coupling.GlowImageRecipe){
		"nothing":      func(r *coupling.GlowImageRecipe) { *r = coupling.GlowImageRecipe{} },
		"odd sides":    func(r *coupling.GlowImageRecipe) { r.Height = 3 },
		"many scales":  func(r *coupling.GlowImageRecipe) { r.Steps = []int{1, 1, 1} },
		"no step":      func(r *coupling.GlowImageRecipe) { r.Steps = []int{0} },
		"no scale":     func(r *coupling.GlowImageRecipe) { r.Steps = []int{} },
		"two widths":   func(r *coupling.GlowImageRecipe) { r.Hidden = []int{1, 2} },
		"coupling":     func(r *coupling.GlowImageRecipe) { r.Coupling = "none" },
		"start":        func(r *coupling.GlowImageRecipe) { r.Start = "sigmoid" },
		"scale":        func(r *coupling.GlowImageRecipe) { r.Scale = "none" },
		"alpha":        func(r *coupling.GlowImageRecipe) { r.Alpha = 0.5 },
		"hidden":       func(r *coupling.GlowImageRecipe) { r.Hidden = []int{-1} },
		"blocks":       func(r *coupling.GlowImageRecipe) { r.Blocks = -1 },
		"context":      func(r *coupling.GlowImageRecipe) { r.ContextDim = -1 },
		"bins":         func(r *coupling.GlowImageRecipe) { r.Coupling, r.Bins = "spline", 1 },
		"small images": func(r *coupling.GlowImageRecipe) { r.Steps, r.Height, r.Width = nil, 6, 6 },
	} {
		r := good
		change(&r)
		if _, err := coupling.GlowImage[float32](r); !errors.Is(err, bijector.ErrSpec) && !errors.Is(err, bijector.ErrShape) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
