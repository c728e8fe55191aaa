package coupling_test

// Couplings over images: convolutional conditioners under both masks.

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/bijector/bijectortest"
	"github.com/bijou-flow/bijou/coupling"
)

// imageMasks are masks over images with as many pixels of either kind as not,
// and of one and several channels.
var imageMasks = []coupling.MaskSpec{
	{Kind: "checkerboard", Channels: 1, Height: 4, Width: 4},
	{Kind: "checkerboard", Channels: 1, Height: 3, Width: 3, Invert: true},
	{Kind: "checkerboard", Channels: 2, Height: 3, Width: 2, Invert: true},
	{Kind: "channel", Channels: 2, Height: 2, Width: 3},
	{Kind: "channel", Channels: 3, Height: 2, Width: 2, Invert: true},
}

func convAffine[T bijector.Float](m coupling.MaskSpec, context int) (*coupling.Affine[T], error) {
	s := coupling.AffineSpec{Dim: m.Channels * m.Height * m.Width, ContextDim: context, Mask: m}
	return coupling.NewAffineWith(s, coupling.ConvNet[T](m, coupling.ConvNetSpec{Hidden: 5, Seed: 3}))
}

func TestConvNet(t *testing.T) {
	for i, m := range imageMasks {
		for _, context := range []int{0, 2} {
			t.Run(fmt.Sprintf("affine/mask%d/context%d", i, context), func(t *testing.T) {
				bijectortest.Run(t,
					func() (*coupling.Affine[float32], error) { return convAffine[float32](m, context) },
					func() (*coupling.Affine[float64], error) { return convAffine[float64](m, context) },
					bijectortest.Options{Seed: uint64(i), Perturb: 0.5})
			})
		}
	}
	m := imageMasks[2]
	t.Run("spline", func(t *testing.T) {
		bijectortest.Run(t, convSpline[float32](m), convSpline[float64](m), bijectortest.Options{Perturb: 0.5})
	})
}

func convSpline[T bijector.Float](m coupling.MaskSpec) func() (*coupling.Spline[T], error) {
	return func() (*coupling.Spline[T], error) {
		return coupling.NewSplineWith(coupling.SplineSpec{Dim: 12, Bins: 3, Mask: m}, coupling.ConvNet[T](m, coupling.ConvNetSpec{Hidden: 3}))
	}
}

// TestConvNetIsLocal: a moved pixel's output depends on the kept pixels within
// reach of the network and on no other, which pins down where each parameter
// of each pixel lies.
func TestConvNetIsLocal(t *testing.T) {
	const h, w, blocks = 7, 6, 1
	for _, m := range []coupling.MaskSpec{
		{Kind: "checkerboard", Channels: 2, Height: h, Width: w},
		{Kind: "checkerboard", Channels: 2, Height: h, Width: w, Invert: true},
		{Kind: "channel", Channels: 3, Height: h, Width: w},
	} {
		d := m.Channels * h * w
		c, err := coupling.NewAffineWith(coupling.AffineSpec{Dim: d, Mask: m},
			coupling.ConvNet[float64](m, coupling.ConvNetSpec{Hidden: 16, Blocks: blocks, Seed: 1}))
		if err != nil {
			t.Fatal(err)
		}
		mask := c.Buffers()[0].Data.([]int64)
		rng := rand.New(rand.NewPCG(2, 3))
		x := bijector.NewMat[float64](d, 1)
		for j := range x.Data {
			x.Data[j] = rng.NormFloat64()
		}
		forward := func() []float64 {
			z := bijector.NewMat[float64](d, 1)
			c.NewPass(bijector.PassOptions{MaxBatch: 1}).Forward(z, x, bijector.Mat[float64]{}, make([]float64, 1))
			return z.Data
		}
		before := forward()
		for j := range d {
			if mask[j] == 0 {
				continue
			}
			old := x.Data[j]
			x.Data[j] += 1
			for k, v := range forward() {
				dy, dx := j/w%h-k/w%h, j%w-k%w
				near := max(dy, -dy) <= blocks+1 && max(dx, -dx) <= blocks+1
				if changed := v != before[k]; mask[k] == 0 && changed != near {
					t.Fatalf("%+v: feature %d changes feature %d: %v, within reach: %v", m, j, k, changed, near)
				}
			}
			x.Data[j] = old
		}
	}
}

func TestConvNetRefuses(t *testing.T) {
	board := imageMasks[0]
	for name, c := range map[string]struct {
		mask coupling.MaskSpec
		spec coupling.ConvNetSpec
	}{
		"mask of vectors": {coupling.MaskSpec{Kind: "odd"}, coupling.ConvNetSpec{}},
		"no image":        {coupling.MaskSpec{Kind: "channel"}, coupling.ConvNetSpec{}},
		"hidden":          {board, coupling.ConvNetSpec{Hidden: -1}},
		"blocks":          {board, coupling.ConvNetSpec{Blocks: -1}},
	} {
		if _, err := coupling.ConvNet[float32](c.mask, c.spec)(8, 16); !errors.Is(err, bijector.ErrSpec) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, s := range []coupling.ConvNetSpec{
		{},
		{InChannels: 1, OutChannels: 1, Height: 1, Width: 1, Checkerboard: "odd"},
		{InChannels: 1, OutChannels: 1, Height: 2, Width: 2, Checkerboard: "black"},
		{InChannels: 1, OutChannels: 1, Height: 2, Width: 2, ContextDim: -1},
		{InChannels: min(1<<40, math.MaxInt), OutChannels: 1, Height: 2, Width: 2},
	} {
		if _, err := coupling.NewConvNet[float32](s); !errors.Is(err, bijector.ErrSpec) {
			t.Errorf("%+v: %v", s, err)
		}
	}
}

// TestConvNetMemory: gradients are the same to the bit where the networks of a
// chain take turns with one memory.
func TestConvNetMemory(t *testing.T) {
	m := imageMasks[0]
	other := m
	other.Invert = true
	a, err := convAffine[float64](m, 2)
	if err != nil {
		t.Fatal(err)
	}
	b, err := convAffine[float64](other, 2)
	if err != nil {
		t.Fatal(err)
	}
	// Between them, one that leaves other numbers where theirs were, the rows of
	// zeros around images included.
	between, err := coupling.NewAffine[float64](coupling.AffineSpec{Dim: 16, ContextDim: 2, Hidden: []int{99, 99, 99, 99, 99, 99, 99, 99}})
	if err != nil {
		t.Fatal(err)
	}
	chain, err := bijector.NewChain[float64](a, between, b)
	if err != nil {
		t.Fatal(err)
	}
	const n = 37
	rng := rand.New(rand.NewPCG(1, 4))
	random := func(d int) bijector.Mat[float64] {
		m := bijector.NewMat[float64](d, n)
		for i := range m.Data {
			m.Data[i] = rng.NormFloat64()
		}
		return m
	}
	x, cond, dz := random(16), random(2), random(16)
	var want [][]float64
	for _, mode := range []bijector.MemoryMode{bijector.MemoryKeepAll, bijector.MemoryKeepInputs} {
		p := chain.NewGradPass(bijector.PassOptions{MaxBatch: 40}.WithMemory(bijector.Memory{Mode: mode}))
		z, dx, logDet := bijector.NewMat[float64](16, n), bijector.NewMat[float64](16, n), make([]float64, n)
		var dcond bijector.Mat[float64]
		for range 2 {
			dcond = bijector.NewMat[float64](2, n)
			for _, g := range p.Grads() {
				clear(g)
			}
			p.Forward(z, x, cond, logDet)
			p.Backward(dx, dcond, dz, x, z, cond, logDet)
			clear(logDet)
		}
		got := append([][]float64{dx.Feature(3), dcond.Data}, p.Grads()...)
		if want == nil {
			want = got
		} else if d := cmp.Diff(want, got); d != "" {
			t.Errorf("memory mode %v: %s", mode, d)
		}
	}
}
