package onnx_test

import (
	"math"
	"slices"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/internal/testkit"
	"github.com/bijou-flow/bijou/onnx"
)

// operators of a Gaussianize of two features in one direction: the first is a
// normal's cube, if it is changed, with tails of a shape; the second a normal.
func operators(t *testing.T, changed bool, shape float64, d onnx.Direction) []string {
	t.Helper()
	l := testkit.Must(bijector.NewGaussianize[float64](bijector.GaussianizeSpec{Dim: 2}))
	rng := testkit.NewRand(3)
	x := bijector.NewMat[float64](2, 2000)
	for i := range x.N {
		x.Feature(0)[i], x.Feature(1)[i] = rng.NormFloat64(), rng.NormFloat64()
		if changed {
			x.Feature(0)[i] = math.Pow(x.Feature(0)[i], 3)
		}
	}
	l.Calibrate(x, bijector.Mat[float64]{}, true, nil)
	for _, b := range l.Buffers() {
		if tails, ok := b.Data.([]float64); ok && b.Name == "tails" && changed {
			tails[0], tails[2] = shape, shape
		}
	}
	l.Invalidate()
	f := testkit.Must(flow.New[float64](l, distribution.StandardNormal[float64](2)))
	var ops []string
	for _, node := range texts(t, graphOf(t, export(t, f, d)), 1) {
		ops = append(ops, texts(t, []byte(node), 4)...)
	}
	return ops
}

// A feature costs what is computed for it: nothing where it stays as it is, no
// functions of the normal distribution where its tails are linear.
func TestGaussianizeOperators(t *testing.T) {
	if got := operators(t, false, 0, onnx.Inverse); !slices.Equal(got, []string{"Identity"}) {
		t.Errorf("of two normals: %v, want an Identity", got)
	}
	for d, heavy := range map[onnx.Direction]string{onnx.Forward: "Sqrt", onnx.Inverse: "Tanh"} { // no spline has them there
		for _, shape := range []float64{-1, 0, 0.5} {
			got := operators(t, true, shape, d)
			if !slices.Contains(got, "ReduceMean") || !slices.Contains(got, "Concat") {
				t.Errorf("tails of shape %v, direction %d: %v, want a spline of one feature beside another", shape, d, got)
			}
			if slices.Contains(got, heavy) != (shape >= 0) {
				t.Errorf("tails of shape %v, direction %d: %v, want %s for a shape of 0 or more alone", shape, d, got, heavy)
			}
		}
	}
}
