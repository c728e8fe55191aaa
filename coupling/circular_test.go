package coupling_test

// Circular couplings: the conformance suite, densities around the seam, and a
// mixture on a torus.

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/bijector/bijectortest"
	"github.com/bijou-flow/bijou/coupling"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/train"
)

// mixedCircles are an hour, a bearing and an angle among five features.
var mixedCircles = []coupling.Circle{{Feature: 0, Hi: 24}, {Feature: 2, Lo: -180, Hi: 180}, {Feature: 3}}

// onCircles draws rows for circles among others.
func onCircles(circles []coupling.Circle) bijectortest.Options {
	return bijectortest.Options{Sample: func(rng *rand.Rand, x []float64) {
		for j := range x {
			x[j] = rng.NormFloat64()
		}
		for _, c := range circles {
			lo, hi := c.Interval()
			x[c.Feature] = lo + (hi-lo)*rng.Float64()
		}
	}}
}

func circularSpecs() map[string]coupling.CircularSpec {
	return map[string]coupling.CircularSpec{
		"torus":    {Dim: 4, Circles: coupling.AllCircles(4), Bins: 5, Hidden: hidden},
		"mixed":    {Dim: 5, Circles: mixedCircles, ContextDim: 2, Bins: 4, Bound: 3, Hidden: hidden, Activation: "tanh"},
		"other":    {Dim: 5, Circles: mixedCircles, Mask: coupling.MaskSpec{Kind: "even"}, Hidden: hidden},
		"two bins": {Dim: 2, Circles: coupling.AllCircles(2), Bins: 2, Hidden: hidden},
	}
}

func TestCircular(t *testing.T) {
	for name, s := range circularSpecs() {
		t.Run(name, func(t *testing.T) {
			bijectortest.RunSpec(t, s, coupling.NewCircular[float32], coupling.NewCircular[float64], onCircles(s.Circles))
		})
	}
}

// moved adds noise to the parameters of a layer.
func moved[T bijector.Float, L bijector.Stateful[T]](l L, seed uint64) L {
	rng := rand.New(rand.NewPCG(seed, 1))
	for _, p := range l.Params() {
		for i := range p.Data {
			p.Data[i] += T(rng.NormFloat64() / 3)
		}
	}
	return l
}

// torus is a flow of two couplings on the torus, with parameters that were moved.
func torus(t *testing.T) *flow.Flow[float64] {
	t.Helper()
	circles := coupling.AllCircles(2)
	s := coupling.CircularSpec{Dim: 2, Circles: circles, Bins: 4, Hidden: []int{8}}
	first := moved[float64](must(coupling.NewCircular[float64](s)), 1)
	s.Mask.Kind = "even"
	second := moved[float64](must(coupling.NewCircular[float64](s)), 2)
	chain := must(bijector.NewChain[float64](first, second))
	return must(flow.New[float64](chain, must(coupling.CircularBase[float64](2, circles))))
}

func TestCircularDensityIsOne(t *testing.T) {
	f := torus(t)
	const n = 400
	x := bijector.NewRows[float64](n*n, 2)
	for i := range n * n {
		for j, k := range []int{i / n, i % n} {
			x.Row(i)[j] = 2 * math.Pi * ((float64(k)+0.5)/n - 0.5)
		}
	}
	sum, least, most := 0.0, math.Inf(1), math.Inf(-1)
	for _, v := range must(f.LogProb(x)) {
		p := math.Exp(v)
		sum, least, most = sum+p*math.Pow(2*math.Pi/n, 2), min(least, p), max(most, p)
	}
	if math.Abs(sum-1) > 1e-3 || most < 3*least {
		t.Errorf("the density of the torus is %v in sum, from %v to %v, want 1 and one that varies", sum, least, most)
	}
}

// At the seam, log-density and slope go on on the other side, in features that are
// moved and in features that are read.
func TestCircularSeam(t *testing.T) {
	f := torus(t)
	const h = 1e-7
	for feature := range 2 {
		for _, other := range []float64{-2, 0.3, 1.7} {
			logp := func(v float64) float64 {
				row := []float64{other, other}
				row[feature] = v
				return must(f.LogProb(rows(2, row...)))[0]
			}
			before, after := logp(math.Pi-h), logp(-math.Pi+h)
			if d := math.Abs(before - after); d > 1e-4 {
				t.Errorf("feature %d: log-densities %v and %v on both sides of the seam", feature, before, after)
			}
			if at, same := logp(math.Pi), logp(-math.Pi); math.Abs(at-same) > 1e-12 || math.Abs(at-after) > 1e-4 {
				t.Errorf("feature %d: log-densities %v and %v at both ends", feature, at, same)
			}
		}
	}
}

// Whatever comes in, what comes out is on the circle, and the way back leads to the
// same point.
func TestCircularStaysOnTheCircle(t *testing.T) {
	t.Run("float32", func(t *testing.T) { testOnTheCircle[float32](t, 1e-3) })
	t.Run("float64", func(t *testing.T) { testOnTheCircle[float64](t, 1e-9) })
}

func testOnTheCircle[T bijector.Float](t *testing.T, tol float64) {
	for _, c := range []coupling.Circle{{}, {Lo: -180, Hi: 180}, {Hi: 24}, {Lo: 0.1, Hi: 0.7}} {
		lo, hi := c.Interval()
		circles := []coupling.Circle{c, {Feature: 1, Lo: lo, Hi: hi}}
		l := moved[T](must(coupling.NewCircular[T](coupling.CircularSpec{Dim: 2, Circles: circles, Hidden: hidden})), 3)
		other := must(coupling.NewCircular[T](coupling.CircularSpec{Dim: 2, Circles: circles, Mask: coupling.MaskSpec{Kind: "even"}, Hidden: hidden}))
		f := must(flow.New[T](must(bijector.NewChain[T](l, other)), must(coupling.CircularBase[T](2, circles))))
		var points []T
		for i := range 101 {
			v := lo + (hi-lo)*float64(i)/100
			points = append(points, T(v), T(lo+(hi-lo)*0.3))
		}
		points = append(points, T(hi)+T(hi-lo), T(lo), T(lo)-T(hi-lo)/3, T(hi-(hi-lo)*0.1))
		x := must(bijector.RowsOf(points, len(points)/2, 2))
		z := must(l.Forward(x))
		back := must(l.Inverse(z))
		logp := must(f.LogProb(x))
		for i := range x.Len() {
			if v := float64(z.Row(i)[0]); !(v >= lo && v <= hi) {
				t.Errorf("circle from %v to %v: %v becomes %v", lo, hi, x.Row(i)[0], v)
			}
			turns := (float64(back.Row(i)[0]) - float64(x.Row(i)[0])) / (hi - lo)
			if d := math.Abs(turns - math.Round(turns)); !(d < tol) {
				t.Errorf("circle from %v to %v: %v comes back as %v", lo, hi, x.Row(i)[0], back.Row(i)[0])
			}
			if math.IsInf(logp[i], 0) || math.IsNaN(logp[i]) {
				t.Errorf("circle from %v to %v: log-density of %v is %v", lo, hi, x.Row(i), logp[i])
			}
		}
	}
}

// Values that lie on no circle are refused before training.
func TestCircularDomain(t *testing.T) {
	l := must(coupling.NewCircular[float32](coupling.CircularSpec{Dim: 2, Circles: coupling.AllCircles(2), Hidden: hidden}))
	f := must(flow.New[float32](l, must(coupling.CircularBase[float32](2, coupling.AllCircles(2)))))
	pi := float32(math.Pi)
	degrees := must(bijector.RowsOf([]float32{0, pi, -pi, 1, 90, 2, 1, 3}, 4, 2))
	var e *bijector.DomainError
	if _, err := train.Fit(context.Background(), f, train.Tensor(degrees), train.Options{ValidationFraction: train.NoValidation, Epochs: 1}); !errors.As(err, &e) || len(e.Rows) != 1 || e.Rows[0] != 2 {
		t.Errorf("degrees among radians: error %v, want one about row 2 alone", err)
	}
}

// Every other layer moves what the one before keeps, and each pair has a mask of its own.
func TestCircularRecipeTakesTurns(t *testing.T) {
	chain := must(coupling.CircularNSF[float32](coupling.CircularRecipe{Dim: 6, Layers: 4, Circles: coupling.AllCircles(6), Hidden: hidden, Seed: 2}))
	var masks []coupling.MaskSpec
	for _, l := range chain.Members() {
		if c, ok := l.(*coupling.Circular[float32]); ok {
			masks = append(masks, c.Spec().(coupling.CircularSpec).Mask)
		}
	}
	if len(masks) != 4 {
		t.Fatalf("%d couplings", len(masks))
	}
	for i, m := range masks {
		if m.Kind != "random" || m.Invert != (i%2 == 1) || m.Seed != masks[i&^1].Seed {
			t.Errorf("mask %d is %+v", i, m)
		}
	}
	if masks[0].Seed == masks[2].Seed {
		t.Error("both pairs have one mask")
	}
}

func TestCircularSpecsThatDescribeNothing(t *testing.T) {
	two := coupling.AllCircles(2)
	for name, s := range map[string]coupling.CircularSpec{
		"no circles":          {Dim: 2},
		"a circle too many":   {Dim: 2, Circles: coupling.AllCircles(3)},
		"a circle twice":      {Dim: 2, Circles: []coupling.Circle{{}, {}}},
		"an end before":       {Dim: 2, Circles: []coupling.Circle{{Lo: 1, Hi: 0}}},
		"an end that is NaN":  {Dim: 2, Circles: []coupling.Circle{{Hi: math.NaN()}}},
		"an infinite one":     {Dim: 2, Circles: []coupling.Circle{{Hi: math.Inf(1)}}},
		"no digits":           {Dim: 2, Circles: []coupling.Circle{{Lo: 1e6, Hi: 1e6 + 1}}},
		"bins":                {Dim: 2, Circles: two, Bins: 1},
		"a bound":             {Dim: 2, Circles: two, Bound: -1},
		"features":            {Dim: 1, Circles: coupling.AllCircles(1)},
		"a negative context":  {Dim: 2, Circles: two, ContextDim: -1},
		"an activation":       {Dim: 2, Circles: two, Activation: "sine"},
		"a mask of no length": {Dim: 2, Circles: two, Mask: coupling.MaskSpec{Keep: []int{1}}},
	} {
		if _, err := coupling.NewCircular[float32](s); !errors.Is(err, bijector.ErrSpec) && !errors.Is(err, bijector.ErrShape) {
			t.Errorf("%s: error is %v, want ErrSpec", name, err)
		}
	}
	l := must(coupling.NewCircular[float32](coupling.CircularSpec{Dim: 4, Circles: two, Hidden: hidden}))
	copy(l.Buffers()[0].Data.([]int64), []int64{1, 1, 0, 0})
	l.Invalidate()
	if err := l.Validate(); !errors.Is(err, bijector.ErrSpec) {
		t.Errorf("another mask: Validate says %v, want ErrSpec", err)
	}
}

// vonMises draws from an equal mixture of two products of von Mises densities, and
// returns the log-density of each row.
func vonMises(rng *rand.Rand, n int) (x *bijector.Rows[float32], logp []float64) {
	const kappa, bessel = 4.0, 11.30192195213633 // I_0(4)
	centres := [2][2]float64{{math.Pi - 0.2, 0.5}, {0.4, -math.Pi + 0.1}}
	x, logp = bijector.NewRows[float32](n, 2), make([]float64, n)
	for i := range n {
		var a [2]float64
		for j := range a {
			for { // rejection from the uniform
				a[j] = (2*rng.Float64() - 1) * math.Pi
				if rng.Float64() < math.Exp(kappa*(math.Cos(a[j])-1)) {
					break
				}
			}
			a[j] = math.Remainder(a[j]+centres[i%2][j], 2*math.Pi)
			x.Row(i)[j] = float32(a[j])
		}
		p := 0.0
		for _, c := range centres {
			p += math.Exp(kappa*(math.Cos(a[0]-c[0])+math.Cos(a[1]-c[1]))) / 2
		}
		logp[i] = math.Log(p / math.Pow(2*math.Pi*bessel, 2))
	}
	return x, logp
}

func TestCircularLearnsATorus(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	x, _ := vonMises(rng, 4000)
	unseen, truth := vonMises(rng, 4000)
	circles := coupling.AllCircles(2)
	chain := must(coupling.CircularNSF[float32](coupling.CircularRecipe{Dim: 2, Circles: circles, Layers: 4, Hidden: []int{24}, Seed: 1}))
	f := must(flow.New[float32](chain, must(coupling.CircularBase[float32](2, circles))))
	must(train.Fit(context.Background(), f, train.Tensor(x), train.Options{ValidationFraction: train.NoValidation, Epochs: 15, Rate: 5e-3, Seed: 1}))
	gap, uniform := 0.0, 0.0
	for i, v := range must(f.LogProb(unseen)) {
		gap += (truth[i] - v) / float64(len(truth))
		uniform += (truth[i] + 2*math.Log(2*math.Pi)) / float64(len(truth))
	}
	t.Logf("gap %.3f nats; the uniform density's is %.3f", gap, uniform)
	if !(gap < 0.05) || uniform < 1 {
		t.Errorf("a gap of %.3f nats to the truth, want 0.05 at most; the uniform density's is %.3f", gap, uniform)
	}
}

func ExampleCircularNSF() {
	circles := []coupling.Circle{{Feature: 0, Hi: 24}} // an hour; column 1 is a line
	chain, err := coupling.CircularNSF[float32](coupling.CircularRecipe{Dim: 2, Circles: circles, Layers: 4, Seed: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	base, err := coupling.CircularBase[float32](2, circles)
	if err != nil {
		fmt.Println(err)
		return
	}
	f, err := flow.New(chain, base)
	if err != nil {
		fmt.Println(err)
		return
	}
	draws, _ := f.Sample(rand.New(rand.NewPCG(1, 2)), 1000)
	hours := 0
	for i := range draws.Len() {
		if h := draws.Row(i)[0]; h >= 0 && h <= 24 {
			hours++
		}
	}
	fmt.Println(hours)
	// Output: 1000
}

// Hours and a column that lies on no circle.
func ExampleNewCircular() {
	circles := []coupling.Circle{{Feature: 0, Hi: 24}}
	c, err := coupling.NewCircular[float64](coupling.CircularSpec{Dim: 2, Circles: circles, Hidden: []int{8}, Seed: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	logDet, _ := c.LogDetJacobian(rows(2, 0, 1.5, 24, 1.5)) // midnight, twice
	z, _ := c.Forward(rows(2, 23.5, 1.5))
	x, _ := c.Inverse(z)
	fmt.Printf("%v %.2f\n", math.Abs(logDet[0]-logDet[1]) < 1e-9, x.Row(0))
	// Output: true [23.50 1.50]
}
