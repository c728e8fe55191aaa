package autoregressive_test

// Circular autoregressive layers: the conformance suite, and densities around the
// seam.

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/bijou-flow/bijou/autoregressive"
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/bijector/bijectortest"
	"github.com/bijou-flow/bijou/coupling"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/internal/testkit"
)

var mixedCircles = []coupling.Circle{{Feature: 0, Hi: 24}, {Feature: 2, Lo: -180, Hi: 180}, {Feature: 3}}

func TestCircular(t *testing.T) {
	for name, s := range map[string]autoregressive.CircularSpec{
		"torus":      {Dim: 4, Circles: coupling.AllCircles(4), Bins: 5, Hidden: []int{7, 6}},
		"mixed":      {Dim: 5, Circles: mixedCircles, ContextDim: 2, Bins: 4, Bound: 3, Hidden: []int{9}, Activation: "tanh"},
		"random":     {Dim: 5, Circles: mixedCircles, Order: autoregressive.OrderSpec{Kind: "random", Seed: 3}, Hidden: []int{16, 8, 11}},
		"one":        {Dim: 1, Circles: coupling.AllCircles(1), Hidden: []int{4}},
		"one, given": {Dim: 1, ContextDim: 3, Circles: coupling.AllCircles(1), Hidden: []int{4, 5}},
	} {
		t.Run(name, func(t *testing.T) {
			o := bijectortest.Options{Seed: 5, Sample: func(rng *rand.Rand, x []float64) {
				for j := range x {
					x[j] = rng.NormFloat64()
				}
				for _, c := range s.Circles {
					lo, hi := c.Interval()
					x[c.Feature] = lo + (hi-lo)*rng.Float64()
				}
			}}
			bijectortest.RunSpec(t, s, autoregressive.NewCircular[float32], autoregressive.NewCircular[float64], o)
		})
	}
}

// torus is a flow of one layer on the torus, with parameters that were moved.
func torus() *flow.Flow[float64] {
	circles := coupling.AllCircles(2)
	l := testkit.Must(autoregressive.NewCircular[float64](autoregressive.CircularSpec{Dim: 2, Circles: circles, Bins: 4, Hidden: []int{8}}))
	rng := testkit.NewRand(3)
	for _, p := range l.Params() {
		for i := range p.Data {
			p.Data[i] += rng.NormFloat64() / 3
		}
	}
	l.Invalidate()
	return testkit.Must(flow.New[float64](l, testkit.Must(coupling.CircularBase[float64](2, circles))))
}

func TestCircularDensityIsOne(t *testing.T) {
	const n = 400
	x := testkit.RowsBy[float64](n*n, 2, func(i, j int) float64 {
		return 2 * math.Pi * ((float64([]int{i / n, i % n}[j])+0.5)/n - 0.5)
	})
	sum, least, most := 0.0, math.Inf(1), math.Inf(-1)
	for _, v := range testkit.Must(torus().LogProb(x)) {
		p := math.Exp(v)
		sum, least, most = sum+p*math.Pow(2*math.Pi/n, 2), min(least, p), max(most, p)
	}
	if math.Abs(sum-1) > 1e-3 || most < 3*least {
		t.Errorf("the density of the torus is %v in sum, from %v to %v, want 1 and one that varies", sum, least, most)
	}
}

func TestCircularSeam(t *testing.T) {
	f := torus()
	const h = 1e-7
	for feature := range 2 {
		for _, other := range []float64{-2, 0.3, 1.7} {
			logp := func(v float64) float64 {
				row := []float64{other, other}
				row[feature] = v
				return testkit.Must(f.LogProb(testkit.Must(bijector.RowsOf(row, 1, 2))))[0]
			}
			if before, after := logp(math.Pi-h), logp(-math.Pi+h); math.Abs(before-after) > 1e-4 {
				t.Errorf("feature %d: log-densities %v and %v on both sides of the seam", feature, before, after)
			}
		}
	}
}

func TestCircularRefusesAnotherOrder(t *testing.T) {
	l := testkit.Must(autoregressive.NewCircular[float64](autoregressive.CircularSpec{Dim: 3, Circles: []coupling.Circle{{Feature: 1}}, Hidden: []int{4}}))
	copy(l.Buffers()[0].Data.([]int64), []int64{1, 0, 2})
	l.Invalidate()
	if err := l.Validate(); !errors.Is(err, bijector.ErrSpec) {
		t.Errorf("another order: Validate says %v, want ErrSpec", err)
	}
	for name, s := range map[string]autoregressive.CircularSpec{
		"no circles": {Dim: 2},
		"no feature": {Circles: coupling.AllCircles(1)},
		"a context":  {Dim: 2, ContextDim: -1, Circles: coupling.AllCircles(1)},
		"a bound":    {Dim: 2, Circles: coupling.AllCircles(1), Bound: math.NaN()},
	} {
		if _, err := autoregressive.NewCircular[float32](s); !errors.Is(err, bijector.ErrSpec) {
			t.Errorf("%s: error is %v, want ErrSpec", name, err)
		}
	}
}

// A bearing in degrees, and a speed whose distribution depends on it: north is the
// same from both sides.
func ExampleNewCircular() {
	circles := []coupling.Circle{{Feature: 0, Hi: 360}}
	c, err := autoregressive.NewCircular[float64](autoregressive.CircularSpec{Dim: 2, Circles: circles, Hidden: []int{8}, Seed: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	x, err := bijector.RowsOf([]float64{0, 1.5, 360, 1.5, 359, 0.5}, 3, 2)
	if err != nil {
		fmt.Println(err)
		return
	}
	logDet, _ := c.LogDetJacobian(x)
	z, _ := c.Forward(x)
	back, _ := c.Inverse(z)
	fmt.Printf("%v %.2f\n", math.Abs(logDet[0]-logDet[1]) < 1e-9, back.Row(2))
	// Output: true [359.00 0.50]
}
