package bijector_test

// Shift and Standardize.

import (
	"errors"
	"fmt"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/bijector/bijectortest"
)

func TestShift(t *testing.T) {
	for name, s := range map[string]bijector.ShiftSpec{"default": {Dim: 6}, "from data": {Dim: 6, FromData: true}} {
		t.Run(name, func(t *testing.T) {
			bijectortest.RunSpec(t, s, bijector.NewShift[float32], bijector.NewShift[float64])
		})
	}
}

func TestStandardize(t *testing.T) {
	s := bijector.StandardizeSpec{Dim: 6}
	bijectortest.RunSpec(t, s, bijector.NewStandardize[float32], bijector.NewStandardize[float64])
}

func TestShiftStartsFromData(t *testing.T) {
	s := must(bijector.NewShift[float64](bijector.ShiftSpec{Dim: 3, FromData: true}))
	x := randomBatch[float64](3, 400, 1)
	s.Calibrate(x, bijector.Mat[float64]{}, false, nil)
	approxEqual(t, "bias before the start", s.Params()[0].Data[2], 0, 0)
	s.Calibrate(x, bijector.Mat[float64]{}, true, nil)
	for j := range 3 {
		mean, _ := meanVar(x.Feature(j), 400)
		approxEqual(t, "bias", s.Params()[0].Data[j], -mean, 1e-12)
	}
	before := append([]float64(nil), s.Params()[0].Data...)
	s.Calibrate(randomBatch[float64](3, 400, 2), bijector.Mat[float64]{}, true, nil)
	if d := cmp.Diff(before, s.Params()[0].Data); d != "" {
		t.Errorf("a second start moved the bias (-before +after):\n%s", d)
	}
	plain := must(bijector.NewShift[float64](bijector.ShiftSpec{Dim: 3}))
	plain.Calibrate(x, bijector.Mat[float64]{}, true, nil)
	approxEqual(t, "bias without FromData", plain.Params()[0].Data[2], 0, 0)
}

func TestStandardizeMoments(t *testing.T) {
	t.Run("float32", func(t *testing.T) { testStandardizeMoments[float32](t, 2e-6, 1e30) })
	t.Run("float64", func(t *testing.T) { testStandardizeMoments[float64](t, 1e-12, 1e200) })
}

func testStandardizeMoments[T bijector.Float](t *testing.T, tol, huge float64) {
	const n = 500
	s := must(bijector.NewStandardize[T](bijector.StandardizeSpec{Dim: 5}))
	x := randomBatch[T](5, n, 1)
	for i := range n {
		x.Feature(3)[i] = 0.1                          // constant: nothing to scale, and no Inf
		x.Feature(4)[i] = T(huge * float64(1-2*(i%2))) // too large to square in float64, not in float32
	}
	s.Calibrate(x, bijector.Mat[T]{}, false, nil)
	if flag := buffer[int64](t, s, "initialised")[0]; flag != 0 {
		t.Errorf("an evaluation started the layer: initialised is %d", flag)
	}
	s.Calibrate(x, bijector.Mat[T]{}, true, nil)
	std := append([]float64(nil), buffer[float64](t, s, "std")...)
	want := 0.0
	for j := range 3 {
		_, variance := meanVar(x.Feature(j), n)
		approxEqual(t, "std", std[j], math.Sqrt(variance), 1e-12*std[j])
	}
	for _, v := range std {
		want -= math.Log(v)
	}
	approxEqual(t, "std of the constant feature", std[3], 1, 0)
	if err := s.Validate(); err != nil {
		t.Error(err)
	}
	z, logDet := bijector.NewMat[T](5, n), make([]float64, n)
	s.NewPass(bijector.PassOptions{MaxBatch: n}).Forward(z, x, bijector.Mat[T]{}, logDet)
	for j := range 4 {
		mean, variance := meanVar(z.Feature(j), n)
		approxEqual(t, "mean", mean, 0, tol)
		if j < 3 {
			approxEqual(t, "variance", variance, 1, tol)
		}
	}
	approxEqual(t, "log-det", logDet[3], want, 1e-12*math.Abs(want))
	if v := float64(z.Feature(4)[0]); v-v != 0 {
		t.Errorf("the huge feature becomes %v", v)
	}
	s.Calibrate(randomBatch[T](5, n, 2), bijector.Mat[T]{}, true, nil)
	if d := cmp.Diff(std, buffer[float64](t, s, "std")); d != "" {
		t.Errorf("a second start moved the deviations (-before +after):\n%s", d)
	}
	none := must(bijector.NewStandardize[T](bijector.StandardizeSpec{Dim: 5}))
	none.Calibrate(x.Samples(0, 0), bijector.Mat[T]{}, true, nil)
	if flag := buffer[int64](t, none, "initialised")[0]; flag != 0 {
		t.Errorf("no rows started the layer: initialised is %d", flag)
	}
}

func TestStandardizeRefusesHostileBuffers(t *testing.T) {
	for _, c := range []struct {
		name string
		v    float64
	}{
		{"std", 0},
		{"std", -1},
		{"std", 1e-310},
		{"std", math.NaN()},
		{"std", math.Inf(1)},
		{"mean", math.NaN()},
		{"mean", math.Inf(-1)},
	} {
		s := must(bijector.NewStandardize[float64](bijector.StandardizeSpec{Dim: 2}))
		buffer[float64](t, s, c.name)[1] = c.v
		if err := s.Validate(); !errors.Is(err, bijector.ErrSpec) {
			t.Errorf("%s = %v: Validate says %v, want ErrSpec", c.name, c.v, err)
		}
	}
	s := must(bijector.NewStandardize[float64](bijector.StandardizeSpec{Dim: 2}))
	buffer[int64](t, s, "initialised")[0] = 3
	h := must(bijector.NewShift[float64](bijector.ShiftSpec{Dim: 2, FromData: true}))
	buffer[int64](t, h, "initialised")[0] = 3
	for _, v := range []bijector.Validator{s, h} {
		if err := v.Validate(); !errors.Is(err, bijector.ErrSpec) {
			t.Errorf("%T with flag 3: Validate says %v, want ErrSpec", v, err)
		}
	}
}

// TestFixedLayersFold compares a chain of layers that it folds with the layers
// one after the other.
func TestFixedLayersFold(t *testing.T) {
	const d, n = 3, 50
	shift := must(bijector.NewShift[float64](bijector.ShiftSpec{Dim: d}))
	copy(shift.Params()[0].Data, []float64{1, -2, 0.5})
	std := must(bijector.NewStandardize[float64](bijector.StandardizeSpec{Dim: d}))
	x := randomBatch[float64](d, n, 1)
	std.Calibrate(x, bijector.Mat[float64]{}, true, nil)
	permute := must(bijector.NewPermute[float64](bijector.PermuteSpec{Dim: d, Seed: 1}))
	layers := []bijector.Layer[float64]{std, permute, shift}
	chain := must(bijector.NewChain(layers...))
	want, wantLD := bijector.NewMat[float64](d, n), make([]float64, n)
	want.CopyFrom(x)
	for _, l := range layers {
		l.NewPass(bijector.PassOptions{MaxBatch: n}).Forward(want, want, bijector.Mat[float64]{}, wantLD)
	}
	z, ld := bijector.NewMat[float64](d, n), make([]float64, n)
	chain.NewPass(bijector.PassOptions{MaxBatch: n}).Forward(z, x, bijector.Mat[float64]{}, ld)
	for j := range d {
		for i := range n {
			approxEqual(t, "z of the chain", z.Feature(j)[i], want.Feature(j)[i], 1e-12)
		}
	}
	approxEqual(t, "log-det of the chain", ld[0], wantLD[0], 1e-12)
}

func TestFixedSpecsThatDescribeNothing(t *testing.T) {
	for name, err := range map[string]error{
		"shift":       errOf(bijector.NewShift[float32](bijector.ShiftSpec{})),
		"standardize": errOf(bijector.NewStandardize[float32](bijector.StandardizeSpec{Dim: huge})),
	} {
		if !errors.Is(err, bijector.ErrSpec) {
			t.Errorf("%s: error is %v, want ErrSpec", name, err)
		}
	}
}

func ExampleNewShift() {
	s, err := bijector.NewShift[float64](bijector.ShiftSpec{Dim: 2})
	if err != nil {
		fmt.Println(err)
		return
	}
	copy(s.Params()[0].Data, []float64{-1, 3}) // as training would
	z, _ := s.Forward(rows([]float64{1, 1}))
	x, _ := s.Inverse(z)
	fmt.Println(z.Values(), x.Values())
	// Output: [0 4] [1 1]
}

func ExampleNewStandardize() {
	s, err := bijector.NewStandardize[float64](bijector.StandardizeSpec{Dim: 2})
	if err != nil {
		fmt.Println(err)
		return
	}
	data := rows([]float64{1, 180}, []float64{3, 140})
	batch, _ := bijector.MatOf[float64](data, 2)
	// Training does this before its first step.
	s.Calibrate(batch, bijector.Mat[float64]{}, true, nil)
	z, _ := s.Forward(data)
	logDet, _ := s.LogDetJacobian(data)
	fmt.Printf("%.1f %.3f\n", z.Values(), logDet)
	// Output: [-1.0 1.0 1.0 -1.0] [-2.996 -2.996]
}
