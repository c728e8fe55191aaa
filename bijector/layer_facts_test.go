package bijector_test

// What single layers promise beside the contract that all share: statistics,
// starts from data, hostile buffers, specs that describe nothing.

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gorgonia.org/tensor"

	"github.com/bijou-flow/bijou/bijector"
)

// randomBatch is a batch whose feature j has mean 10j and deviation j+1.
func randomBatch[T bijector.Float](d, n int, seed uint64) bijector.Mat[T] {
	rng := rand.New(rand.NewPCG(seed, 0))
	m := bijector.NewMat[T](d, n)
	for j := range d {
		for i := range n {
			m.Feature(j)[i] = T(float64(10*j) + float64(j+1)*rng.NormFloat64())
		}
	}
	return m
}

// meanVar is the plain two-pass formula.
func meanVar[T bijector.Float](x []T, divisor float64) (mean, variance float64) {
	for _, v := range x {
		mean += float64(v) / float64(len(x))
	}
	for _, v := range x {
		variance += (float64(v) - mean) * (float64(v) - mean) / divisor
	}
	return mean, variance
}

func approxEqual(t *testing.T, what string, got, want, tol float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tol) {
		t.Errorf("%s is %v, want %v within %v", what, got, want, tol)
	}
}

func buffer[E any](t *testing.T, s interface{ Buffers() []bijector.Buffer }, name string) []E {
	t.Helper()
	for _, b := range s.Buffers() {
		if b.Name == name {
			return b.Data.([]E)
		}
	}
	t.Fatalf("no buffer %q", name)
	return nil
}

func TestPermuteOrder(t *testing.T) {
	p := must(bijector.NewPermute[float64](bijector.PermuteSpec{Dim: 4, Kind: "given", Indices: []int{2, 0, 1, 3}}))
	x := tensor.New(tensor.WithShape(1, 4), tensor.WithBacking([]float64{10, 20, 30, 40}))
	z := must(p.Forward(x))
	if d := cmp.Diff([]float64{30, 10, 20, 40}, z.Float64s()); d != "" {
		t.Errorf("z[j] = x[p[j]] (-want +got):\n%s", d)
	}
	r := must(bijector.NewPermute[float64](bijector.PermuteSpec{Dim: 4, Kind: "reverse"}))
	if d := cmp.Diff([]float64{40, 30, 20, 10}, must(r.Forward(x)).Float64s()); d != "" {
		t.Errorf("reverse (-want +got):\n%s", d)
	}
}

func TestPermuteSeed(t *testing.T) {
	order := func(seed uint64) []int64 {
		return buffer[int64](t, must(bijector.NewPermute[float32](bijector.PermuteSpec{Dim: 50, Seed: seed})), "indices")
	}
	if !cmp.Equal(order(1), order(1)) {
		t.Error("one seed gives two permutations")
	}
	if cmp.Equal(order(1), order(2)) {
		t.Error("two seeds give one permutation")
	}
}

func TestPermuteRefusesHostileBuffer(t *testing.T) {
	for name, bad := range map[string][]int64{
		"too large": {0, 1, 3}, "negative": {0, -1, 2}, "twice": {0, 1, 1}, "huge": {0, 1, math.MaxInt64},
	} {
		p := must(bijector.NewPermute[float64](bijector.PermuteSpec{Dim: 3, Kind: "reverse"}))
		copy(buffer[int64](t, p, "indices"), bad)
		p.Invalidate()
		if err := p.Validate(); !errors.Is(err, bijector.ErrSpec) {
			t.Errorf("%s: Validate says %v, want ErrSpec", name, err)
		}
		chain := must(bijector.NewChain[float64](bijector.Invert(must(bijector.NewPart[float64](4, 0, 3, p)))))
		if err := chain.Validate(); !errors.Is(err, bijector.ErrSpec) {
			t.Errorf("%s: Validate of a chain around it says %v, want ErrSpec", name, err)
		}
		x := tensor.New(tensor.WithShape(1, 3), tensor.WithBacking([]float64{1, 2, 3}))
		if got := must(p.Forward(x)).Float64s(); !cmp.Equal(got, []float64{3, 2, 1}) {
			t.Errorf("%s: a refused buffer gives %v, want the permutation from before", name, got)
		}
	}
}

func TestBatchNormCalibrate(t *testing.T) {
	for _, unbiased := range []bool{false, true} {
		b := must(bijector.NewBatchNorm[float64](bijector.BatchNormSpec{Dim: 3, Unbiased: unbiased}))
		for seed := range uint64(2) { // each time, whatever came before
			x := randomBatch[float64](3, 1001, seed)
			b.Calibrate(x, bijector.Mat[float64]{}, seed == 0, nil)
			for j := range 3 {
				divisor := 1001.0
				if unbiased {
					divisor--
				}
				mean, variance := meanVar(x.Feature(j), divisor)
				approxEqual(t, "mean", buffer[float64](t, b, "mean")[j], mean, 1e-12)
				approxEqual(t, "var", buffer[float64](t, b, "var")[j], variance, 1e-12*variance)
			}
		}
	}
}

// A float32 column far from 0: a one-pass variance has no digits left there.
func TestBatchNormFarFromZero(t *testing.T) {
	x := bijector.NewMat[float32](1, 1000)
	for i := range 1000 {
		x.Feature(0)[i] = 1e6 + float32(i%2)
	}
	b := must(bijector.NewBatchNorm[float32](bijector.BatchNormSpec{Dim: 1}))
	b.Calibrate(x, bijector.Mat[float32]{}, false, nil)
	approxEqual(t, "mean", buffer[float64](t, b, "mean")[0], 1e6+0.5, 1e-6)
	approxEqual(t, "var", buffer[float64](t, b, "var")[0], 0.25, 1e-9)
}

func TestBatchNormTrainsOnBatchStatistics(t *testing.T) {
	x := randomBatch[float64](3, 500, 1)
	b := must(bijector.NewBatchNorm[float64](bijector.BatchNormSpec{Dim: 3}))
	p := b.NewGradPass(bijector.PassOptions{MaxBatch: 500})
	z, logDet := bijector.NewMat[float64](3, 500), make([]float64, 500)
	p.Forward(z, x, bijector.Mat[float64]{}, logDet)
	want := 0.0
	for j := range 3 {
		mean, variance := meanVar(z.Feature(j), 500)
		approxEqual(t, "mean of z", mean, 0, 1e-12)
		approxEqual(t, "variance of z", variance, 1, 1e-4)
		_, variance = meanVar(x.Feature(j), 500)
		want -= math.Log(variance+1e-5) / 2
	}
	approxEqual(t, "log-det", logDet[7], want, 1e-12)
	if m := buffer[float64](t, b, "mean")[2]; m != 0 {
		t.Errorf("training moved the population's mean to %v", m)
	}
}

func TestBatchNormOfOneSample(t *testing.T) {
	for _, unbiased := range []bool{false, true} {
		b := must(bijector.NewBatchNorm[float32](bijector.BatchNormSpec{Dim: 2, Unbiased: unbiased}))
		p := b.NewGradPass(bijector.PassOptions{MaxBatch: 1})
		x, z := randomBatch[float32](2, 1, 1), bijector.NewMat[float32](2, 1)
		dx, dz := bijector.NewMat[float32](2, 1), randomBatch[float32](2, 1, 2)
		logDet := []float64{0}
		p.Forward(z, x, bijector.Mat[float32]{}, logDet)
		p.Backward(dx, bijector.Mat[float32]{}, dz, x, z, bijector.Mat[float32]{}, []float64{1})
		approxEqual(t, "log-det", logDet[0], -math.Log(1e-5), 1e-9)
		for j := range 2 {
			approxEqual(t, "z", float64(z.Feature(j)[0]), 0, 1e-3)
			if d := dx.Feature(j)[0]; d-d != 0 {
				t.Errorf("unbiased %v: dx is %v", unbiased, d)
			}
		}
		b.Calibrate(x, bijector.Mat[float32]{}, false, nil)
		if err := b.Validate(); err != nil {
			t.Error(err)
		}
	}
}

func TestBatchNormOfNothing(t *testing.T) {
	b := must(bijector.NewBatchNorm[float64](bijector.BatchNormSpec{Dim: 2}))
	none := bijector.NewMat[float64](2, 5).Resize(0)
	b.Calibrate(none, bijector.Mat[float64]{}, true, nil)
	if v := buffer[float64](t, b, "var"); v[0] != 1 {
		t.Errorf("no rows set the variance to %v", v[0])
	}
	p := b.NewGradPass(bijector.PassOptions{MaxBatch: 5})
	p.Forward(none, none, bijector.Mat[float64]{}, nil)
	p.Backward(none, bijector.Mat[float64]{}, none, none, none, bijector.Mat[float64]{}, nil)
	if g := p.Grads()[0][0]; g != 0 {
		t.Errorf("no rows give the gradient %v", g)
	}
}

func TestBatchNormRefusesHostileBuffers(t *testing.T) {
	for _, c := range []struct {
		name string
		v    float64
	}{{"var", -1}, {"var", math.NaN()}, {"var", math.Inf(1)}, {"mean", math.NaN()}, {"mean", math.Inf(-1)}} {
		b := must(bijector.NewBatchNorm[float64](bijector.BatchNormSpec{Dim: 2}))
		buffer[float64](t, b, c.name)[1] = c.v
		if err := b.Validate(); !errors.Is(err, bijector.ErrSpec) {
			t.Errorf("%s = %v: Validate says %v, want ErrSpec", c.name, c.v, err)
		}
	}
}

func TestActNormStartsFromData(t *testing.T) {
	a := must(bijector.NewActNorm[float64](bijector.ActNormSpec{Dim: 4}))
	x := randomBatch[float64](4, 800, 1)
	for i := range x.N {
		x.Feature(3)[i] = 0.1 // constant: nothing to scale, and no Inf
	}
	a.Calibrate(x, bijector.Mat[float64]{}, false, nil)
	if flag := buffer[int64](t, a, "initialised")[0]; flag != 0 {
		t.Errorf("an evaluation started the layer: initialised is %d", flag)
	}
	a.Calibrate(x, bijector.Mat[float64]{}, true, nil)
	z, logDet := bijector.NewMat[float64](4, 800), make([]float64, 800)
	a.NewPass(bijector.PassOptions{MaxBatch: 800}).Forward(z, x, bijector.Mat[float64]{}, logDet)
	for j := range 4 {
		mean, variance := meanVar(z.Feature(j), 800)
		approxEqual(t, "mean", mean, 0, 1e-12)
		if j < 3 {
			approxEqual(t, "variance", variance, 1, 1e-12)
		}
	}
	approxEqual(t, "log-scale of the constant feature", a.Params()[0].Data[3], 0, 0)
	if flag := buffer[int64](t, a, "initialised")[0]; flag != 1 {
		t.Errorf("initialised is %d after the start", flag)
	}
	before := append([]float64(nil), a.Params()[0].Data...)
	a.Calibrate(randomBatch[float64](4, 100, 9), bijector.Mat[float64]{}, true, nil)
	if d := cmp.Diff(before, a.Params()[0].Data); d != "" {
		t.Errorf("a second start moved the scales (-before +after):\n%s", d)
	}
}

func TestScaleStartsFromData(t *testing.T) {
	s := must(bijector.NewScale[float64](bijector.ScaleSpec{Dim: 3, FromData: true}))
	x := randomBatch[float64](3, 700, 1)
	clear(x.Feature(2))
	s.Calibrate(x, bijector.Mat[float64]{}, true, nil)
	for j := range 2 {
		sum := 0.0
		for _, v := range x.Feature(j) {
			sum += v * v
		}
		approxEqual(t, "log-scale", s.Params()[0].Data[j], -math.Log(sum/700)/2, 1e-12)
	}
	approxEqual(t, "log-scale of zeros", s.Params()[0].Data[2], 0, 0)

	plain := must(bijector.NewScale[float64](bijector.ScaleSpec{Dim: 3, Rate: 7}))
	plain.Calibrate(x, bijector.Mat[float64]{}, true, nil)
	approxEqual(t, "log-scale without FromData", plain.Params()[0].Data[0], 0, 0)
	approxEqual(t, "rate", plain.Params()[0].Rate, 7, 0)
}

func TestFlagsAreChecked(t *testing.T) {
	a := must(bijector.NewActNorm[float64](bijector.ActNormSpec{Dim: 1}))
	s := must(bijector.NewScale[float64](bijector.ScaleSpec{Dim: 1, FromData: true}))
	buffer[int64](t, a, "initialised")[0] = 2
	buffer[int64](t, s, "initialised")[0] = -1
	for _, v := range []bijector.Validator{a, s} {
		if err := v.Validate(); !errors.Is(err, bijector.ErrSpec) {
			t.Errorf("%T: Validate says %v, want ErrSpec", v, err)
		}
	}
}

// huge is more features than any layer takes, on 32 bits too.
const huge = min(1<<40, math.MaxInt)

func TestSpecsThatDescribeNothing(t *testing.T) {
	nan := math.NaN()
	for name, err := range map[string]error{
		"permute: no features":          errOf(bijector.NewPermute[float32](bijector.PermuteSpec{})),
		"permute: too many features":    errOf(bijector.NewPermute[float32](bijector.PermuteSpec{Dim: huge})),
		"permute: unknown kind":         errOf(bijector.NewPermute[float32](bijector.PermuteSpec{Dim: 2, Kind: "swap"})),
		"permute: indices without kind": errOf(bijector.NewPermute[float32](bijector.PermuteSpec{Dim: 2, Indices: []int{1, 0}})),
		"permute: too few indices":      errOf(bijector.NewPermute[float32](bijector.PermuteSpec{Dim: 3, Kind: "given", Indices: []int{1, 0}})),
		"permute: no permutation":       errOf(bijector.NewPermute[float32](bijector.PermuteSpec{Dim: 2, Kind: "given", Indices: []int{1, 1}})),
		"batchnorm: no features":        errOf(bijector.NewBatchNorm[float32](bijector.BatchNormSpec{Dim: -1})),
		"batchnorm: negative eps":       errOf(bijector.NewBatchNorm[float32](bijector.BatchNormSpec{Dim: 1, Eps: -1})),
		"batchnorm: eps NaN":            errOf(bijector.NewBatchNorm[float32](bijector.BatchNormSpec{Dim: 1, Eps: nan})),
		"actnorm: no features":          errOf(bijector.NewActNorm[float32](bijector.ActNormSpec{})),
		"scale: no features":            errOf(bijector.NewScale[float32](bijector.ScaleSpec{})),
		"scale: negative rate":          errOf(bijector.NewScale[float32](bijector.ScaleSpec{Dim: 1, Rate: -1})),
		"scale: infinite rate":          errOf(bijector.NewScale[float32](bijector.ScaleSpec{Dim: 1, Rate: math.Inf(1)})),
		"part: nil layer":               errOf(bijector.NewPart[float32](3, 0, 2, nil)),
		"part: empty range":             errOf(bijector.NewPart[float32](3, 2, 2, halfLayer[float32]{0})),
		"part: range outside":           errOf(bijector.NewPart[float32](3, 2, 4, halfLayer[float32]{2})),
		"part: negative start":          errOf(bijector.NewPart[float32](3, -1, 1, halfLayer[float32]{2})),
		"part: too many features":       errOf(bijector.NewPart[float32](huge, 0, 2, halfLayer[float32]{2})),
	} {
		if !errors.Is(err, bijector.ErrSpec) {
			t.Errorf("%s: error is %v, want ErrSpec", name, err)
		}
	}
	if _, err := bijector.NewPart[float32](4, 0, 3, halfLayer[float32]{2}); !errors.Is(err, bijector.ErrShape) {
		t.Errorf("part of 3 features around a layer of 2: error is %v, want ErrShape", err)
	}
}

// errOf is a constructor's error.
func errOf[L any](_ L, err error) error { return err }
