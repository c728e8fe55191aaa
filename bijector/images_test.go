package bijector_test

// Layers over images: their layout, and what pixels share.

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/bijector/bijectortest"
)

func TestSqueeze(t *testing.T) {
	for _, s := range []bijector.SqueezeSpec{{Channels: 1, Height: 4, Width: 4}, {Channels: 3, Height: 2, Width: 4}} {
		t.Run(fmt.Sprint(s), func(t *testing.T) {
			bijectortest.RunSpec(t, s, bijector.NewSqueeze[float32], bijector.NewSqueeze[float64])
		})
	}
}

// TestSqueezeLayout follows the definition pixel by pixel.
func TestSqueezeLayout(t *testing.T) {
	l := must(bijector.NewSqueeze[float64](bijector.SqueezeSpec{Channels: 2, Height: 4, Width: 6}))
	x, z := bijector.NewMat[float64](48, 1), bijector.NewMat[float64](48, 1)
	for j := range x.Data {
		x.Data[j] = float64(j)
	}
	l.NewPass(bijector.PassOptions{MaxBatch: 1}).Forward(z, x, bijector.Mat[float64]{}, make([]float64, 1))
	for c := range 2 {
		for y := range 4 {
			for v := range 6 {
				channel := 4*c + y%2*2 + v%2
				if got := z.Data[(channel*2+y/2)*3+v/2]; got != x.Data[(c*4+y)*6+v] {
					t.Errorf("pixel (%d, %d) of channel %d is not at (%d, %d) of channel %d", y, v, c, y/2, v/2, channel)
				}
			}
		}
	}
	if c, h, w := l.OutShape(); c != 8 || h != 2 || w != 3 {
		t.Errorf("out shape %d, %d, %d", c, h, w)
	}
}

func TestConv1x1(t *testing.T) {
	for name, s := range map[string]bijector.Conv1x1Spec{
		"one channel": {Channels: 1, Height: 2, Width: 3},
		"one pixel":   {Channels: 5, Height: 1, Width: 1, Seed: 2},
		"images":      {Channels: 3, Height: 2, Width: 3, Seed: 3},
		"identity":    {Channels: 4, Height: 1, Width: 2, Start: "identity"},
	} {
		t.Run(name, func(t *testing.T) {
			bijectortest.RunSpec(t, s, bijector.NewConv1x1[float32], bijector.NewConv1x1[float64])
		})
	}
}

// TestConv1x1IsLUAtEachPixel compares with an LU of the same factors on one
// pixel after the other, in both directions.
func TestConv1x1IsLUAtEachPixel(t *testing.T) {
	const c, pixels, n = 3, 6, 5
	conv := must(bijector.NewConv1x1[float64](bijector.Conv1x1Spec{Channels: c, Height: 2, Width: 3, Seed: 9}))
	lu := must(bijector.NewLU[float64](bijector.LUSpec{Dim: c, Seed: 9}))
	rng := rand.New(rand.NewPCG(1, 2))
	for i, p := range conv.Params() {
		for k := range p.Data {
			p.Data[k] += rng.NormFloat64() / 4
		}
		copy(lu.Params()[i].Data, p.Data)
	}
	x := randomBatch[float64](c*pixels, n, 4)
	z, logDet := bijector.NewMat[float64](c*pixels, n), make([]float64, n)
	conv.NewPass(bijector.PassOptions{MaxBatch: n}).Forward(z, x, bijector.Mat[float64]{}, logDet)
	want := make([]float64, n)
	pass := lu.NewPass(bijector.PassOptions{MaxBatch: n})
	for p := range pixels {
		in, out := bijector.NewMat[float64](c, n), bijector.NewMat[float64](c, n)
		for k := range c {
			copy(in.Feature(k), x.Feature(k*pixels+p))
		}
		pass.Forward(out, in, bijector.Mat[float64]{}, want)
		for k := range c {
			if d := cmp.Diff(out.Feature(k), z.Feature(k*pixels+p)); d != "" {
				t.Errorf("channel %d of pixel %d: %s", k, p, d)
			}
		}
	}
	for i := range want {
		approxEqual(t, "log-det", logDet[i], want[i], 1e-12)
	}
}

// TestConv1x1LeavesPaddingAlone: what lies between the samples of a batch and
// its stride is neither read nor written, whatever it is.
func TestConv1x1LeavesPaddingAlone(t *testing.T) {
	const n = 5
	conv := must(bijector.NewConv1x1[float64](bijector.Conv1x1Spec{Channels: 3, Height: 2, Width: 2, Seed: 1}))
	run := func(pad float64) (all []bijector.Mat[float64], grads [][]float64) {
		batch := func(seed uint64) bijector.Mat[float64] {
			m := randomBatch[float64](12, n, seed)
			for j := range m.D {
				for i := n; i < m.Stride; i++ {
					m.Data[j*m.Stride+i] = pad
				}
			}
			return m
		}
		x, z, dz, dx := batch(1), batch(2), batch(3), batch(4)
		p := conv.NewGradPass(bijector.PassOptions{MaxBatch: 40})
		logDet := make([]float64, n)
		p.Forward(z, x, bijector.Mat[float64]{}, logDet)
		p.Backward(dx, bijector.Mat[float64]{}, dz, x, z, bijector.Mat[float64]{}, logDet)
		return []bijector.Mat[float64]{z, dx}, p.Grads()
	}
	clean, want := run(0)
	dirty, got := run(math.NaN())
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("gradients depend on the padding: %s", d)
	}
	for i, m := range dirty {
		for j := range m.D {
			if d := cmp.Diff(clean[i].Feature(j), m.Feature(j)); d != "" {
				t.Errorf("results depend on the padding: %s", d)
			}
			for k := n; k < m.Stride; k++ {
				if !math.IsNaN(m.Data[j*m.Stride+k]) {
					t.Fatal("the padding was written to")
				}
			}
		}
	}
}

// TestConv1x1Workers: a batch that several workers share gives the bits that
// one of them would.
func TestConv1x1Workers(t *testing.T) {
	const n = 400
	conv := must(bijector.NewConv1x1[float64](bijector.Conv1x1Spec{Channels: 8, Height: 3, Width: 2, Seed: 1}))
	x, dz := randomBatch[float64](48, n, 1), randomBatch[float64](48, n, 2)
	var want [][]float64
	for _, workers := range []int{1, 3} {
		w := bijector.NewWorkers(workers)
		defer w.Close()
		p := conv.NewGradPass(bijector.PassOptions{MaxBatch: n, Workers: w})
		z, dx, logDet := bijector.NewMat[float64](48, n), bijector.NewMat[float64](48, n), make([]float64, n)
		p.Forward(z, x, bijector.Mat[float64]{}, logDet)
		p.Backward(dx, bijector.Mat[float64]{}, dz, x, z, bijector.Mat[float64]{}, logDet)
		got := append([][]float64{z.Data, dx.Data}, p.Grads()...)
		if want == nil {
			want = got
		} else if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%d workers: %s", workers, d)
		}
	}
}

// TestBatchNormOfChannelsReverses: the batch comes back from its output.
func TestBatchNormOfChannelsReverses(t *testing.T) {
	const n = 20
	p := must(bijector.NewBatchNorm[float64](bijector.BatchNormSpec{Dim: 6, Pixels: 3})).NewGradPass(bijector.PassOptions{MaxBatch: n})
	x, z, back := randomBatch[float64](6, n, 5), bijector.NewMat[float64](6, n), bijector.NewMat[float64](6, n)
	p.Forward(z, x, bijector.Mat[float64]{}, make([]float64, n))
	p.(bijector.Reverser[float64]).Reverse(back, z, bijector.Mat[float64]{})
	for j := range x.D {
		for i, v := range x.Feature(j) {
			approxEqual(t, "x", back.Feature(j)[i], v, 1e-11)
		}
	}
}

func TestNormsOfChannels(t *testing.T) {
	for _, pixels := range []int{2, 3, 6} {
		a := bijector.ActNormSpec{Dim: 6, Pixels: pixels}
		t.Run(fmt.Sprint("actnorm/", pixels), func(t *testing.T) {
			bijectortest.RunSpec(t, a, bijector.NewActNorm[float32], bijector.NewActNorm[float64])
		})
		b := bijector.BatchNormSpec{Dim: 6, Pixels: pixels, Unbiased: pixels == 3}
		t.Run(fmt.Sprint("batchnorm/", pixels), func(t *testing.T) {
			bijectortest.RunSpec(t, b, bijector.NewBatchNorm[float32], bijector.NewBatchNorm[float64])
		})
	}
}

// TestNormsShareStatistics: a channel's mean and variance are those of all its
// pixels, not of one.
func TestNormsShareStatistics(t *testing.T) {
	const n = 50
	x := randomBatch[float64](6, n, 8)
	var all [2][]float64
	for c := range all {
		for j := 3 * c; j < 3*c+3; j++ {
			all[c] = append(all[c], x.Feature(j)...)
		}
	}
	act := must(bijector.NewActNorm[float64](bijector.ActNormSpec{Dim: 6, Pixels: 3}))
	act.Calibrate(x, bijector.Mat[float64]{}, true, nil)
	batch := must(bijector.NewBatchNorm[float64](bijector.BatchNormSpec{Dim: 6, Pixels: 3, Unbiased: true}))
	batch.Calibrate(x, bijector.Mat[float64]{}, false, nil)
	for c, values := range all {
		mean, variance := meanVar(values, 3*n)
		s := math.Log(variance) / -2
		approxEqual(t, "actnorm's scale", act.Params()[0].Data[c], s, 1e-12)
		approxEqual(t, "actnorm's bias", act.Params()[1].Data[c], -mean*math.Exp(s), 1e-12)
		mean, variance = meanVar(values, 3*n-1)
		approxEqual(t, "batch norm's mean", buffer[float64](t, batch, "mean")[c], mean, 1e-12)
		approxEqual(t, "batch norm's variance", buffer[float64](t, batch, "var")[c], variance, 1e-10)
	}
}

// squeezePermutation is a chain that folds into one map: norms of channels on both sides
// of a squeeze.
func squeezePermutation[T bijector.Float]() (*bijector.Chain[T], error) {
	return bijector.NewChain[T](
		must(bijector.NewBatchNorm[T](bijector.BatchNormSpec{Dim: 16, Pixels: 8})),
		must(bijector.NewSqueeze[T](bijector.SqueezeSpec{Channels: 2, Height: 2, Width: 4})),
		must(bijector.NewActNorm[T](bijector.ActNormSpec{Dim: 16, Pixels: 2})))
}

func TestSqueezeFolds(t *testing.T) {
	bijectortest.Run(t, squeezePermutation[float32], squeezePermutation[float64])
	chain := must(squeezePermutation[float64]())
	rng := rand.New(rand.NewPCG(5, 6))
	for _, p := range chain.Params() {
		for i := range p.Data {
			p.Data[i] = rng.NormFloat64()
		}
	}
	chain.Invalidate()
	const n = 3
	x := randomBatch[float64](16, n, 3)
	z, logDet := bijector.NewMat[float64](16, n), make([]float64, n)
	chain.NewPass(bijector.PassOptions{MaxBatch: n}).Forward(z, x, bijector.Mat[float64]{}, logDet)
	want := make([]float64, n)
	for _, l := range chain.Members() {
		y := bijector.NewMat[float64](16, n)
		l.NewPass(bijector.PassOptions{MaxBatch: n}).Forward(y, x, bijector.Mat[float64]{}, want)
		x = y
	}
	for j := range x.D {
		for i, v := range x.Feature(j) {
			approxEqual(t, "z", z.Feature(j)[i], v, 1e-12*math.Max(1, math.Abs(v)))
		}
	}
	approxEqual(t, "log-det", logDet[0], want[0], 1e-12)
}

// TestShapes: chains, parts and inverted layers are over images where what
// they are made of is.
func TestShapes(t *testing.T) {
	squeeze := func(c, h, w int) bijector.Layer[float64] {
		return must(bijector.NewSqueeze[float64](bijector.SqueezeSpec{Channels: c, Height: h, Width: w}))
	}
	conv := func(c, h, w int) bijector.Layer[float64] {
		return must(bijector.NewConv1x1[float64](bijector.Conv1x1Spec{Channels: c, Height: h, Width: w}))
	}
	chain := func(l ...bijector.Layer[float64]) bijector.Layer[float64] { return must(bijector.NewChain(l...)) }
	part := func(lo, hi int, l bijector.Layer[float64]) bijector.Layer[float64] {
		return must(bijector.NewPart(16, lo, hi, l))
	}
	norm := func(d int) bijector.Layer[float64] {
		return must(bijector.NewActNorm[float64](bijector.ActNormSpec{Dim: d}))
	}
	for name, c := range map[string]struct {
		layers []bijector.Layer[float64]
		fits   bool
	}{
		"fits":                 {[]bijector.Layer[float64]{squeeze(1, 4, 4), norm(16), conv(4, 2, 2), squeeze(4, 2, 2)}, true},
		"nested":               {[]bijector.Layer[float64]{squeeze(1, 4, 4), chain(norm(16), conv(4, 2, 2)), squeeze(4, 2, 2)}, true},
		"nested, other":        {[]bijector.Layer[float64]{squeeze(1, 4, 4), chain(norm(16), conv(1, 4, 4))}, false},
		"out of nested":        {[]bijector.Layer[float64]{chain(squeeze(1, 4, 4), norm(16)), conv(1, 4, 4)}, false},
		"inverted":             {[]bijector.Layer[float64]{squeeze(1, 4, 4), bijector.Invert(squeeze(1, 4, 4)), conv(1, 4, 4)}, true},
		"inverted, other":      {[]bijector.Layer[float64]{bijector.Invert(squeeze(1, 4, 4)), squeeze(4, 2, 2)}, false},
		"part":                 {[]bijector.Layer[float64]{squeeze(1, 4, 4), part(4, 12, conv(2, 2, 2)), conv(4, 2, 2)}, true},
		"part, other":          {[]bijector.Layer[float64]{squeeze(1, 4, 4), part(0, 8, conv(4, 2, 1))}, false},
		"part, other behind":   {[]bijector.Layer[float64]{part(4, 12, conv(2, 2, 2)), conv(1, 4, 4)}, false},
		"part of a squeeze":    {[]bijector.Layer[float64]{squeeze(1, 4, 4), part(8, 16, squeeze(2, 2, 2)), conv(1, 4, 4)}, true},
		"part without a shape": {[]bijector.Layer[float64]{squeeze(1, 4, 4), part(8, 16, norm(8)), conv(1, 4, 4)}, true},
		"part between pixels":  {[]bijector.Layer[float64]{conv(1, 4, 4), part(1, 9, conv(2, 2, 2))}, true},
		"part of its pixels":   {[]bijector.Layer[float64]{conv(1, 4, 4), part(4, 12, conv(2, 2, 2))}, false},
	} {
		_, err := bijector.NewChain(c.layers...)
		if (err == nil) != c.fits || err != nil && !errors.Is(err, bijector.ErrShape) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestImageSpecsRefused(t *testing.T) {
	refused := func(what string, err error) {
		t.Helper()
		if !errors.Is(err, bijector.ErrSpec) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for _, s := range []bijector.SqueezeSpec{{}, {1, 3, 4}, {1, 4, 3}, {-1, 2, 2}, {1 << 20, 1 << 20, 2}, {1, math.MaxInt/2 + 1, 4}} {
		_, err := bijector.NewSqueeze[float32](s)
		refused(fmt.Sprint(s), err)
	}
	for _, s := range []bijector.Conv1x1Spec{{}, {Channels: 2049, Height: 1, Width: 1}, {Channels: 2, Height: 1}, {Channels: 2, Height: 1, Width: 1, Start: "x"}} {
		_, err := bijector.NewConv1x1[float32](s)
		refused(fmt.Sprint(s), err)
	}
	for _, pixels := range []int{-1, 4, 7} {
		_, err := bijector.NewActNorm[float32](bijector.ActNormSpec{Dim: 6, Pixels: pixels})
		refused("actnorm", err)
		_, err = bijector.NewBatchNorm[float32](bijector.BatchNormSpec{Dim: 6, Pixels: pixels})
		refused("batch norm", err)
	}
}
