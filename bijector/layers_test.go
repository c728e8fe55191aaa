package bijector_test

import (
	"testing"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/bijector/bijectortest"
)

func TestPermute(t *testing.T) {
	for _, s := range []bijector.PermuteSpec{
		{Dim: 7, Seed: 3},
		{Dim: 6, Kind: "reverse"},
		{Dim: 5, Kind: "given", Indices: []int{2, 0, 1, 3, 4}},
		{Dim: 1},
	} {
		t.Run(s.Kind, func(t *testing.T) {
			bijectortest.Run(t,
				func() (*bijector.Permute[float32], error) { return bijector.NewPermute[float32](s) },
				func() (*bijector.Permute[float64], error) { return bijector.NewPermute[float64](s) })
		})
	}
}

func TestBatchNorm(t *testing.T) {
	for name, s := range map[string]bijector.BatchNormSpec{
		"default":  {Dim: 6},
		"unbiased": {Dim: 3, Unbiased: true, Eps: 1e-3},
	} {
		t.Run(name, func(t *testing.T) {
			bijectortest.Run(t,
				func() (*bijector.BatchNorm[float32], error) { return bijector.NewBatchNorm[float32](s) },
				func() (*bijector.BatchNorm[float64], error) { return bijector.NewBatchNorm[float64](s) })
		})
	}
}

func TestActNorm(t *testing.T) {
	s := bijector.ActNormSpec{Dim: 6}
	bijectortest.Run(t,
		func() (*bijector.ActNorm[float32], error) { return bijector.NewActNorm[float32](s) },
		func() (*bijector.ActNorm[float64], error) { return bijector.NewActNorm[float64](s) })
}

func TestScale(t *testing.T) {
	for name, s := range map[string]bijector.ScaleSpec{
		"default":   {Dim: 6},
		"from data": {Dim: 6, FromData: true, Rate: 10},
	} {
		t.Run(name, func(t *testing.T) {
			bijectortest.Run(t,
				func() (*bijector.Scale[float32], error) { return bijector.NewScale[float32](s) },
				func() (*bijector.Scale[float64], error) { return bijector.NewScale[float64](s) })
		})
	}
}
