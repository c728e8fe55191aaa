package bijector_test

// Every layer of the package, alone and inside each other, through the
// conformance suite.

import (
	"math"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/bijector/bijectortest"
	"github.com/bijou-flow/bijou/bijector/bijectortest/shear"
)

// must unwraps a constructor's result.
func must[L any](l L, err error) L {
	if err != nil {
		panic(err)
	}
	return l
}

func TestPermute(t *testing.T) {
	for name, s := range map[string]bijector.PermuteSpec{
		"random":  {Dim: 7, Seed: 3},
		"reverse": {Dim: 6, Kind: "reverse"},
		"given":   {Dim: 8, Kind: "given", Indices: []int{2, 0, 1, 3, 5, 4, 7, 6}},
		"one":     {Dim: 1},
	} {
		t.Run(name, func(t *testing.T) {
			bijectortest.RunSpec(t, s, bijector.NewPermute[float32], bijector.NewPermute[float64])
		})
	}
}

func TestBatchNorm(t *testing.T) {
	for name, s := range map[string]bijector.BatchNormSpec{
		"default":  {Dim: 6},
		"unbiased": {Dim: 3, Unbiased: true, Eps: 1e-3},
	} {
		t.Run(name, func(t *testing.T) {
			bijectortest.RunSpec(t, s, bijector.NewBatchNorm[float32], bijector.NewBatchNorm[float64])
		})
	}
}

func TestActNorm(t *testing.T) {
	s := bijector.ActNormSpec{Dim: 6}
	bijectortest.RunSpec(t, s, bijector.NewActNorm[float32], bijector.NewActNorm[float64])
}

func TestScale(t *testing.T) {
	for name, s := range map[string]bijector.ScaleSpec{
		"default":   {Dim: 6},
		"from data": {Dim: 6, FromData: true, Rate: 10},
	} {
		t.Run(name, func(t *testing.T) {
			bijectortest.RunSpec(t, s, bijector.NewScale[float32], bijector.NewScale[float64])
		})
	}
}

// nestedChain is a conditional chain with batch norm behind what it must see the
// whole batch through, and a chain within a part of it.
func nestedChain[T bijector.Float]() (*bijector.Chain[T], error) {
	inner, err := bijector.NewChain[T](
		must(bijector.NewActNorm[T](bijector.ActNormSpec{Dim: 3})),
		must(shear.New[T](shear.Spec{Dim: 3, Context: 2})),
		must(bijector.NewBatchNorm[T](bijector.BatchNormSpec{Dim: 3})))
	if err != nil {
		return nil, err
	}
	return bijector.NewChain[T](
		must(bijector.NewBatchNorm[T](bijector.BatchNormSpec{Dim: 5, Unbiased: true})),
		must(shear.New[T](shear.Spec{Dim: 5, Context: 2})),
		must(bijector.NewPermute[T](bijector.PermuteSpec{Dim: 5, Seed: 1})),
		must(bijector.NewPart[T](5, 1, 4, inner)),
		must(bijector.NewScale[T](bijector.ScaleSpec{Dim: 5, FromData: true})))
}

func TestChain(t *testing.T) {
	bijectortest.Run(t, nestedChain[float32], nestedChain[float64])
}

func TestChainOfOne(t *testing.T) {
	bijectortest.Run(t, singleMember[float32], singleMember[float64])
}

func singleMember[T bijector.Float]() (*bijector.Chain[T], error) {
	return bijector.NewChain[T](must(shear.New[T](shear.Spec{Dim: 3})))
}

func TestPart(t *testing.T) {
	for name, r := range map[string][2]int{"first": {0, 2}, "middle": {1, 4}, "last": {3, 5}, "all": {0, 5}} {
		t.Run(name, func(t *testing.T) {
			bijectortest.Run(t,
				func() (*bijector.Part[float32], error) { return part[float32](r[0], r[1]) },
				func() (*bijector.Part[float64], error) { return part[float64](r[0], r[1]) })
		})
	}
}

func part[T bijector.Float](lo, hi int) (*bijector.Part[T], error) {
	return bijector.NewPart[T](5, lo, hi, must(shear.New[T](shear.Spec{Dim: hi - lo, Context: 1})))
}

func TestPartOfBatchNorm(t *testing.T) {
	bijectortest.Run(t, normPart[float32], normPart[float64])
}

func normPart[T bijector.Float]() (*bijector.Part[T], error) {
	return bijector.NewPart[T](4, 1, 3, must(bijector.NewBatchNorm[T](bijector.BatchNormSpec{Dim: 2})))
}

func TestInvert(t *testing.T) {
	t.Run("shear", func(t *testing.T) {
		bijectortest.Run(t,
			func() (*bijector.Inverted[float32], error) { return bijector.Invert(must(part[float32](1, 4))), nil },
			func() (*bijector.Inverted[float64], error) { return bijector.Invert(must(part[float64](1, 4))), nil })
	})
	t.Run("twice", func(t *testing.T) {
		bijectortest.Run(t,
			func() (*bijector.Inverted[float32], error) {
				return bijector.Invert(bijector.Invert(must(nestedChain[float32]()))), nil
			},
			func() (*bijector.Inverted[float64], error) {
				return bijector.Invert(bijector.Invert(must(nestedChain[float64]()))), nil
			})
	})
}

// What is inverted has the whole line for domain and image unless the layer inside says
// otherwise.
func TestInvertedRange(t *testing.T) {
	v := bijector.Invert[float64](halfLayer[float64]{2})
	for what, f := range map[string]func(int) (lo, hi float64){"domain": v.Domain, "image": v.Image} {
		if lo, hi := f(1); !math.IsInf(lo, -1) || !math.IsInf(hi, 1) {
			t.Errorf("%s from %v to %v", what, lo, hi)
		}
	}
}

// halfLayer is a layer by value, without state, tensor methods or gradient: what
// the suite must also be able to test.
type halfLayer[T bijector.Float] struct{ dim int }

func (h halfLayer[T]) Dim() int                                      { return h.dim }
func (h halfLayer[T]) ContextDim() int                               { return 0 }
func (h halfLayer[T]) NewPass(bijector.PassOptions) bijector.Pass[T] { return h }

func (h halfLayer[T]) Forward(z, x, _ bijector.Mat[T], logDet []float64) {
	h.multiply(z, x, 0.5, logDet)
}

func (h halfLayer[T]) Inverse(x, z, _ bijector.Mat[T], logDet []float64) { h.multiply(x, z, 2, logDet) }

func (h halfLayer[T]) multiply(dst, src bijector.Mat[T], by T, logDet []float64) {
	const log2 = 0.69314718055994530942
	for j := range src.D {
		for i, v := range src.Feature(j) {
			dst.Feature(j)[i] = by * v
		}
	}
	for i := range logDet {
		if by < 1 {
			logDet[i] -= float64(h.dim) * log2
		} else {
			logDet[i] += float64(h.dim) * log2
		}
	}
}

func TestPlainLayer(t *testing.T) {
	bijectortest.Run(t,
		func() (halfLayer[float32], error) { return halfLayer[float32]{3}, nil },
		func() (halfLayer[float64], error) { return halfLayer[float64]{3}, nil })
}

// TestPlainChain has members without state or gradient, one of them twice.
func TestPlainChain(t *testing.T) {
	bijectortest.Run(t, plainChain[float32], plainChain[float64])
}

func plainChain[T bijector.Float]() (*bijector.Chain[T], error) {
	return bijector.NewChain[T](halfLayer[T]{3}, bijector.Invert(must(singleMember[T]())), halfLayer[T]{3})
}
