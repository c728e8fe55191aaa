package autoregressive_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/bijou-flow/bijou/autoregressive"
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/bijector/bijectortest"
)

// layers are the sizes, orders and nets that every kind of layer is run with:
// widths that are no multiple of anything, fewer units than features, one
// feature.
var layers = map[string]autoregressive.AffineSpec{
	"sequential":  {Dim: 5, Hidden: []int{7, 6}},
	"reverse":     {Dim: 5, ContextDim: 3, Order: autoregressive.OrderSpec{Kind: "reverse"}, Hidden: []int{9}, Activation: "tanh"},
	"random":      {Dim: 6, Order: autoregressive.OrderSpec{Kind: "random", Seed: 3}, Hidden: []int{16, 8, 11}},
	"given":       {Dim: 4, ContextDim: 1, Order: autoregressive.OrderSpec{Indices: []int{2, 0, 3, 1}}, Hidden: []int{7, 6}},
	"narrow":      {Dim: 6, ContextDim: 2, Hidden: []int{3, 2}, Activation: "tanh"},
	"default":     {Dim: 3},
	"one":         {Dim: 1, Hidden: []int{4}},
	"conditional": {Dim: 1, ContextDim: 3, Hidden: []int{4, 5}},
}

func TestAffine(t *testing.T) {
	for name, s := range layers {
		for _, scale := range []string{"learned-tanh", "tanh", "softclamp", "softsign", "sigmoid", "softplus", "exp"} {
			if s.Scale = scale; scale != "learned-tanh" && name != "given" {
				continue // which net computes the scale makes no difference to it
			}
			o := bijectortest.Options{Seed: 5}
			if scale == "exp" {
				o.Extent = 20 // exponentials that are numbers
			}
			t.Run(name+"/"+scale, func(t *testing.T) {
				bijectortest.RunSpec(t, s, autoregressive.NewAffine[float32], autoregressive.NewAffine[float64], o)
			})
		}
	}
}

func TestSpline(t *testing.T) {
	for name, a := range layers {
		s := autoregressive.SplineSpec{
			Dim: a.Dim, ContextDim: a.ContextDim, Order: a.Order, Bins: 4, Bound: 3,
			Hidden: a.Hidden, Activation: a.Activation,
		}
		t.Run(name, func(t *testing.T) {
			bijectortest.RunSpec(t, s, autoregressive.NewSpline[float32], autoregressive.NewSpline[float64], bijectortest.Options{Seed: 5})
		})
	}
}

// TestBlocks: nets of residual and of plain blocks.
func TestBlocks(t *testing.T) {
	for name, s := range map[string]autoregressive.AffineSpec{
		"residual":    {Dim: 5, Scale: "softplus", Blocks: &autoregressive.BlocksOf{Hidden: 7, Number: 1}},
		"conditional": {Dim: 4, ContextDim: 2, Order: autoregressive.OrderSpec{Kind: "reverse"}, Blocks: &autoregressive.BlocksOf{Hidden: 9}, Activation: "tanh"},
		"plain":       {Dim: 3, ContextDim: 1, Blocks: &autoregressive.BlocksOf{Hidden: 8, Plain: true}},
		"one":         {Dim: 1, ContextDim: 2, Blocks: &autoregressive.BlocksOf{Hidden: 4}},
		"default":     {Dim: 2, Blocks: &autoregressive.BlocksOf{}},
	} {
		t.Run(name, func(t *testing.T) {
			bijectortest.RunSpec(t, s, autoregressive.NewAffine[float32], autoregressive.NewAffine[float64], bijectortest.Options{Seed: 5})
		})
	}
	s := autoregressive.SplineSpec{Dim: 3, ContextDim: 2, Bins: 3, Blocks: &autoregressive.BlocksOf{Hidden: 6}}
	bijectortest.RunSpec(t, s, autoregressive.NewSpline[float32], autoregressive.NewSpline[float64], bijectortest.Options{Seed: 5})
}

// TestSplineKnots: exponential knots, on the line and on a circle.
func TestSplineKnots(t *testing.T) {
	for name, s := range map[string]autoregressive.SplineSpec{
		"line":   {Dim: 4, ContextDim: 2, Bins: 4, Bound: 3, Knots: "exponential", Hidden: []int{7, 6}},
		"steep":  {Dim: 2, Bins: 3, Bound: 3, MinSlope: 0.2, Knots: "exponential", Hidden: []int{7}},
		"circle": {Dim: 3, Bins: 5, Bound: math.Pi, Knots: "exponential", HalfTurn: true, Hidden: []int{7}},
		"free":   {Dim: 3, ContextDim: 2, Bins: 4, Bound: 2, FreeEnds: true, Hidden: []int{7}},
		"both":   {Dim: 2, Bins: 3, Bound: 3, FreeEnds: true, Knots: "exponential", Hidden: []int{7}},
		"turned": {Dim: 3, Bins: 5, Bound: 2, HalfTurn: true, Hidden: []int{7}},
	} {
		o := bijectortest.Options{Seed: 5}
		if s.HalfTurn {
			o.Sample = func(rng *rand.Rand, x []float64) {
				for j := range x {
					x[j] = (2*rng.Float64() - 1) * s.Bound
				}
			}
		}
		t.Run(name, func(t *testing.T) {
			bijectortest.RunSpec(t, s, autoregressive.NewSpline[float32], autoregressive.NewSpline[float64], o)
		})
	}
}

// TestInverse: inverse autoregressive flows.
func TestInverse(t *testing.T) {
	for name, s := range layers {
		t.Run(name, func(t *testing.T) {
			bijectortest.RunSpec(t, s, inverted[float32], inverted[float64], bijectortest.Options{Seed: 5})
		})
	}
}

func inverted[T bijector.Float](s autoregressive.AffineSpec) (*bijector.Inverted[T], error) {
	a, err := autoregressive.NewAffine[T](s)
	if err != nil {
		return nil, err
	}
	return bijector.Invert[T](a), nil
}

func TestOrders(t *testing.T) {
	for name, c := range map[string]struct {
		order autoregressive.OrderSpec
		want  string
	}{
		"sequential": {autoregressive.OrderSpec{}, "[0 1 2 3]"},
		"named":      {autoregressive.OrderSpec{Kind: "sequential"}, "[0 1 2 3]"},
		"reverse":    {autoregressive.OrderSpec{Kind: "reverse"}, "[3 2 1 0]"},
		"given":      {autoregressive.OrderSpec{Kind: "given", Indices: []int{2, 0, 1, 3}}, "[2 0 1 3]"},
	} {
		a := must(autoregressive.NewAffine[float32](autoregressive.AffineSpec{Dim: 4, Order: c.order}))
		if got := fmt.Sprint(a.Buffers()[0].Data); got != c.want {
			t.Errorf("%s: the order is %s, want %s", name, got, c.want)
		}
	}
	seen := map[string]bool{}
	for seed := range uint64(10) {
		a := must(autoregressive.NewAffine[float32](autoregressive.AffineSpec{Dim: 8, Order: autoregressive.OrderSpec{Kind: "random", Seed: seed}}))
		seen[fmt.Sprint(a.Buffers()[0].Data)] = true
	}
	if len(seen) != 10 {
		t.Errorf("10 seeds gave %d orders", len(seen))
	}
}
