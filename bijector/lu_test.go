package bijector_test

import (
	"errors"
	"fmt"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/bijector/bijectortest"
)

func TestLU(t *testing.T) {
	for name, s := range map[string]bijector.LUSpec{
		"one": {Dim: 1}, "rotation": {Dim: 7, Seed: 3}, "identity": {Dim: 4, Start: "identity"}, "blocks": {Dim: 37, Seed: 1},
	} {
		o := bijectortest.Options{}
		if s.Dim > 16 {
			o.Perturb = 0.3 // random triangles of this size are nearly singular
		}
		t.Run(name, func(t *testing.T) {
			bijectortest.RunSpec(t, s, bijector.NewLU[float32], bijector.NewLU[float64], o)
		})
	}
}

// matrix is W, read off the images of unit vectors, a column each.
func matrix(l bijector.Layer[float64]) (w bijector.Mat[float64], logDet float64) {
	d := l.Dim()
	x, ld := bijector.NewMat[float64](d, d), make([]float64, d)
	for j := range d {
		x.Feature(j)[j] = 1
	}
	w = bijector.NewMat[float64](d, d)
	l.NewPass(bijector.PassOptions{MaxBatch: d}).Forward(w, x, bijector.Mat[float64]{}, ld)
	return w, ld[0]
}

func TestLUStartsAtARotation(t *testing.T) {
	for _, d := range []int{1, 2, 3, 20, 100} {
		w, logDet := matrix(must(bijector.NewLU[float64](bijector.LUSpec{Dim: d, Seed: 5})))
		for i := range d {
			for j := range d {
				dot, want := 0.0, 0.0
				if i == j {
					want = 1
				}
				for k := range d {
					dot += w.Feature(i)[k] * w.Feature(j)[k]
				}
				approxEqual(t, fmt.Sprintf("(W W^T)_%d,%d of %d", i, j, d), dot, want, 1e-12)
			}
		}
		approxEqual(t, "log-det", logDet, 0, 1e-11)
	}
	w, _ := matrix(must(bijector.NewLU[float64](bijector.LUSpec{Dim: 3, Start: "identity"})))
	for i := range 3 {
		for j := range 3 {
			if want := map[bool]float64{true: 1}[i == j]; w.Feature(i)[j] != want {
				t.Errorf("entry %d,%d of the identity is %v", i, j, w.Feature(i)[j])
			}
		}
	}
	seed := func(s uint64) []float64 {
		return must(bijector.NewLU[float64](bijector.LUSpec{Dim: 6, Seed: s})).Params()[0].Data
	}
	if !cmp.Equal(seed(1), seed(1)) || cmp.Equal(seed(1), seed(2)) {
		t.Error("a rotation must depend on its seed, and on nothing else")
	}
}

// TestLUFactors multiplies a small case out by hand.
func TestLUFactors(t *testing.T) {
	l := must(bijector.NewLU[float64](bijector.LUSpec{Dim: 2, Start: "identity"}))
	copy(l.Params()[0].Data, []float64{math.Log(2), 3, 5, math.Log(7)})
	copy(l.Params()[1].Data, []float64{100, 200})
	copy(buffer[int64](t, l, "indices"), []int64{1, 0})
	l.Invalidate()
	// L U = [1 0; 5 1] [2 3; 0 7] = [2 3; 10 22], and P swaps its rows.
	z := must(l.Forward(rows([]float64{1, 1})))
	approxEqual(t, "z_0", z.Float64s()[0], 132, 1e-12)
	approxEqual(t, "z_1", z.Float64s()[1], 205, 1e-12)
	x := must(l.Inverse(z))
	approxEqual(t, "x_0", x.Float64s()[0], 1, 1e-12)
	approxEqual(t, "x_1", x.Float64s()[1], 1, 1e-12)
	approxEqual(t, "log-det", must(l.LogDetJacobian(z))[0], math.Log(14), 1e-12)
}

func TestLURefuses(t *testing.T) {
	for name, err := range map[string]error{
		"no features":       errOf(bijector.NewLU[float32](bijector.LUSpec{})),
		"too many features": errOf(bijector.NewLU[float32](bijector.LUSpec{Dim: 2049})),
		"unknown start":     errOf(bijector.NewLU[float32](bijector.LUSpec{Dim: 2, Start: "zero"})),
	} {
		if !errors.Is(err, bijector.ErrSpec) {
			t.Errorf("%s: error is %v, want ErrSpec", name, err)
		}
	}
	l := must(bijector.NewLU[float64](bijector.LUSpec{Dim: 3}))
	copy(buffer[int64](t, l, "indices"), []int64{0, 5, 1})
	l.Invalidate()
	if err := l.Validate(); !errors.Is(err, bijector.ErrSpec) {
		t.Errorf("a hostile buffer: Validate says %v, want ErrSpec", err)
	}
}

func ExampleNewLU() {
	l, err := bijector.NewLU[float64](bijector.LUSpec{Dim: 2, Start: "identity"})
	if err != nil {
		fmt.Println(err)
		return
	}
	copy(l.Params()[0].Data, []float64{0.5, 1, 2, -1}) // as training would
	x := rows([]float64{3, 4})
	z, _ := l.Forward(x)
	back, _ := l.Inverse(z)
	logDet, _ := l.LogDetJacobian(x)
	fmt.Printf("%.3f %.3f %.1f\n", z.Values(), back.Values(), logDet)
	// Output: [8.946 19.364] [3.000 4.000] [-0.5]
}
