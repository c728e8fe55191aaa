// Mixed through the conformance suite of bases, with columns of every kind.

package autoregressive_test

import (
	"math/rand/v2"
	"testing"

	"github.com/bijou-flow/bijou/autoregressive"
	"github.com/bijou-flow/bijou/distribution/distributiontest"
)

func ptr(v float64) *float64 { return &v }

// someMargin bends, and has a heavy tail above.
func someMargin() *autoregressive.MixedMargin {
	return &autoregressive.MixedMargin{
		X: []float64{-1, 0.5, 2}, Z: []float64{-1.2, 0.3, 1.1}, Slope: []float64{1, 1.3, 0.4},
		Lower: autoregressive.MixedTail{Shape: -1, Scale: 1}, Upper: autoregressive.MixedTail{Shape: 0.2, Scale: 1.5},
	}
}

// continuous are columns without atoms.
var continuous = map[string]autoregressive.MixedColumn{
	"line":     {Continuous: true},
	"margin":   {Continuous: true, Margin: someMargin()},
	"above":    {Continuous: true, Lower: ptr(-0.5)},
	"interval": {Continuous: true, Lower: ptr(-0.5), Upper: ptr(1.5), Margin: someMargin()},
}

func runMixed(t *testing.T, s autoregressive.MixedSpec, o distributiontest.Options) {
	t.Helper()
	distributiontest.Run(t,
		func() (*autoregressive.Mixed[float32], error) { return autoregressive.NewMixed[float32](s) },
		func() (*autoregressive.Mixed[float64], error) { return autoregressive.NewMixed[float64](s) }, o)
}

func TestMixedConforms(t *testing.T) {
	small := autoregressive.MixedSpec{Hidden: 8, Blocks: 1, Bins: 4, Seed: 1}
	inside := func(rng *rand.Rand, z []float64) {
		for j := range z {
			z[j] = -0.4 + 1.8*rng.Float64()
		}
	}
	o := distributiontest.Options{Draws: 20_000, Sample: inside, Perturb: 0.2}
	for name, c := range continuous {
		t.Run(name, func(t *testing.T) {
			s := small
			s.Columns = []autoregressive.MixedColumn{c}
			runMixed(t, s, o)
		})
	}
	t.Run("context", func(t *testing.T) {
		s := small
		s.Columns, s.ContextDim = []autoregressive.MixedColumn{continuous["interval"]}, 2
		runMixed(t, s, o)
	})
	t.Run("no direct connections", func(t *testing.T) {
		s := small
		s.Columns, s.NoDirect = []autoregressive.MixedColumn{continuous["interval"], continuous["line"]}, true
		s.Activation = "gelu" // whose gradients need more than its values
		runMixed(t, s, distributiontest.Options{Draws: 5000, Sample: inside, Perturb: 0.2})
	})
	t.Run("columns", func(t *testing.T) {
		s := small
		s.Hidden, s.Order = 11, autoregressive.OrderSpec{Kind: "random", Seed: 2}
		s.Activation, s.Blocks = "tanh", 2
		s.Columns = []autoregressive.MixedColumn{
			continuous["interval"],
			{Continuous: true, Atoms: []float64{0, -7}, Ordered: true, Missing: true},
			continuous["above"], continuous["margin"],
			{Continuous: true, Atoms: []float64{9}, Shares: []float64{1, 3}},
		}
		runMixed(t, s, o)
	})
}
