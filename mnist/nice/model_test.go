package main

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/coupling"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/internal/command"
	"github.com/bijou-flow/bijou/internal/testkit"
	"github.com/bijou-flow/bijou/train"
)

// tinyModel is an untrained model of so many couplings.
func tinyModel(t *testing.T, layers int, p marginals) *model {
	t.Helper()
	m, err := newModel(&config{Layers: layers, Hidden: command.Sizes{16, 16}, Seed: 1, ScaleRate: 10}, p)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func nats(t *testing.T, m bijector.Objective[float32], src train.Source) float64 {
	t.Helper()
	nll, err := train.Evaluate(context.Background(), m, src)
	if err != nil {
		t.Fatal(err)
	}
	return -nll
}

// TestStart: the flow starts as independent logistic distributions, but for
// the little that its networks add: none of the features, with few couplings
// or many, is without its location or has it twice.
func TestStart(t *testing.T) {
	sets, _ := digits()
	src := train.Dequantize(sets[0], levels, 1)
	p, err := fitMarginals(src)
	if err != nil {
		t.Fatal(err)
	}
	n, d := src.Len(), src.Dim()
	rows := make([]int, n)
	for i := range rows {
		rows[i] = i
	}
	x := testkit.Rows(make([]float32, n*d), n, d)
	if err := src.Read(rows, x.Dense(), nil); err != nil {
		t.Fatal(err)
	}
	want := 0.0
	for i, v := range x.Float32s() {
		u := (float64(v) - p.loc[i%d]) / p.scale[i%d]
		want -= u + 2*math.Log1p(math.Exp(-u)) + math.Log(p.scale[i%d])
	}
	want /= float64(n)
	for _, layers := range []int{2, 3, 5} {
		if got := nats(t, tinyModel(t, layers, p).scaledFlow, src); !near(got, want, 5) {
			t.Errorf("%d couplings: %v nats, the marginals have %v", layers, got, want)
		}
	}
}

// someMarginals are far from standard, and none like another.
func someMarginals(d int) marginals {
	var m marginals
	for j := range d {
		m.loc = append(m.loc, float64(j)/3-1)
		m.scale = append(m.scale, math.Exp(float64(j%5)-3))
	}
	return m
}

// TestFold: the NICE flow is its twin, whatever the parameters, with an even
// and an odd number of features.
func TestFold(t *testing.T) {
	for _, d := range []int{6, 7} {
		m := tinyModel(t, 3, someMarginals(d))
		rng := rand.New(rand.NewPCG(1, 2))
		one := testkit.Rows(make([]float32, d), 1, d)
		before := logProbs(t, m.scaledFlow, one)[0] // makes copies of the weights, which must not outlive them
		for _, p := range m.scaledFlow.Params() {
			for i := range p.Data {
				p.Data[i] += float32(rng.NormFloat64()) / 4
			}
		}
		m.scaledFlow.Invalidate()
		x := testkit.Rows(make([]float32, 20*d), 20, d)
		for i := range x.Float32s() {
			x.Float32s()[i] = float32(rng.NormFloat64())
		}
		m.foldScales()
		m.foldScales() // once more changes nothing
		for _, x := range []*bijector.Rows[float32]{one, x} {
			twin, folded := logProbs(t, m.scaledFlow, x), logProbs(t, m.nice, x)
			for i, v := range twin {
				if !near(v, folded[i], 1e-4*math.Abs(v)) || near(v, before, 1e-3) {
					t.Errorf("%d features, row %d of %d: twin %v, folded %v, before the change %v", d, i, len(twin), v, folded[i], before)
				}
			}
		}
	}
}

func logProbs(t *testing.T, f *flow.Flow[float32], x *bijector.Rows[float32]) []float64 {
	t.Helper()
	logp := make([]float64, x.Shape()[0])
	if err := f.LogProbInto(logp, x); err != nil {
		t.Fatal(err)
	}
	return logp
}

// TestScaledGradient: a scaled perceptron has the outputs, the input gradients
// and the parameter gradients of one whose last layer is scaled; the last
// layer's own are theirs times the factor. The batch is worked in two parts.
func TestScaledGradient(t *testing.T) {
	const in, out, n = 3, 4, 10
	make2 := func() bijector.Network[float32] {
		m, err := coupling.NewMLP[float32](coupling.MLPSpec{In: in, Out: out, Hidden: []int{5}, Seed: 1})
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	by := []float32{2, -0.5, 3, 0.25}
	plain := make2()
	last := plain.Params()[2:]
	for k, c := range by {
		last[1].Data[k] *= c
		for i := range 5 {
			last[0].Data[k*5+i] *= c
		}
	}
	rng := rand.New(rand.NewPCG(3, 4))
	fill := func(d int) bijector.Mat[float32] {
		m := bijector.NewMat[float32](d, n)
		for j := range d {
			for i := range n {
				m.Feature(j)[i] = float32(rng.NormFloat64())
			}
		}
		return m
	}
	x, dy := fill(in), fill(out)
	var ys, dxs [2]bijector.Mat[float32]
	var grads [2][][]float32
	for i, m := range []bijector.Network[float32]{scaled{make2(), by}, plain} {
		o := bijector.PassOptions{MaxBatch: n}
		p := m.NewNetworkGradPass(o)
		y, dx := bijector.NewMat[float32](out, n), bijector.NewMat[float32](in, n)
		for _, part := range [][2]int{{0, 4}, {4, n}} {
			p.Forward(y, x, part[0], part[1])
		}
		for _, part := range [][2]int{{0, 4}, {4, n}} {
			p.Backward(dx, dy, x, y, part[0], part[1])
		}
		p.Accumulate(dy, x, y)
		ys[i], dxs[i], grads[i] = y, dx, p.Grads()
		again := bijector.NewMat[float32](out, n)
		m.NewNetworkPass(o).Forward(again, x, 0, n)
		same(t, "evaluation", again, y)
	}
	same(t, "output", ys[0], ys[1])
	same(t, "input gradient", dxs[0], dxs[1])
	for k, c := range by {
		grads[1][3][k] *= c
		for i := range 5 {
			grads[1][2][k*5+i] *= c
		}
	}
	for i, g := range grads[0] {
		for k, v := range g {
			if w := grads[1][i][k]; !near(float64(v), float64(w), 1e-5) {
				t.Errorf("gradient %d, value %d: %v, want %v", i, k, v, w)
			}
		}
	}
}

func same(t *testing.T, what string, a, b bijector.Mat[float32]) {
	t.Helper()
	for j := range a.D {
		for i, v := range a.Feature(j) {
			if w := b.Feature(j)[i]; !near(float64(v), float64(w), 1e-5) {
				t.Fatalf("%s: feature %d of sample %d is %v, want %v", what, j, i, v, w)
			}
		}
	}
}

// TestFitLogistic: the location and scale that a sample was drawn with, and
// for samples that are not logistic a point where the likelihood is highest.
func TestFitLogistic(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	draw := func(n int, of func(u float64) float64) []float64 {
		x := make([]float64, n)
		for i := range x {
			x[i] = of(rng.Float64())
		}
		return x
	}
	x := draw(20000, func(u float64) float64 { return 3 + 0.2*math.Log(u/(1-u)) })
	if loc, scale := fitLogistic(x); !near(loc, 3, 0.02) || !near(scale, 0.2, 0.01) {
		t.Errorf("location %v and scale %v, want 3 and 0.2", loc, scale)
	}
	for name, x := range map[string][]float64{
		"seldom ink": draw(10000, func(u float64) float64 {
			if u > 0.999 {
				return u
			}
			return u / 256
		}),
		"often ink": draw(10000, func(u float64) float64 {
			if u > 0.3 {
				return 0.9 + u/10
			}
			return u / 256
		}),
	} {
		loc, scale := fitLogistic(x)
		at := meanLog(x, loc, scale)
		for _, by := range []float64{0.9, 1.1} {
			if other := meanLog(x, loc, scale*by); other >= at {
				t.Errorf("%s: scale %v has %v, %v times as much %v", name, scale, at, by, other)
			}
			if other := meanLog(x, loc+(by-1)*scale, scale); other >= at {
				t.Errorf("%s: location %v has %v, %v scales on %v", name, loc, at, by-1, other)
			}
		}
	}
	if loc, scale := fitLogistic(make([]float64, 10)); loc != 0 || !(scale > 0) {
		t.Errorf("a constant: location %v, scale %v", loc, scale)
	}
}

func meanLog(x []float64, loc, scale float64) float64 {
	sum := 0.0
	for _, v := range x {
		u := math.Abs(v-loc) / scale
		sum -= u + 2*math.Log1p(math.Exp(-u)) + math.Log(scale)
	}
	return sum / float64(len(x))
}
