// Dequantised data: its noise, and when it changes.

package train_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"math"
	"reflect"
	"slices"
	"testing"

	"gorgonia.org/tensor"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/testkit"
	"github.com/bijou-flow/bijou/train"
)

// levelsOf is a source of n rows of d values, all levels in turn.
func levelsOf[T bijector.Float](n, d, levels int) *train.TensorSource {
	return train.Tensor(dense[T](n, d, func(i, j int) float64 { return float64((i*d+j)%levels) / float64(levels-1) }))
}

func read[T bijector.Float](t *testing.T, s train.Source, rows ...int) []T {
	t.Helper()
	out := make([]T, len(rows)*s.Dim())
	if err := s.Read(rows, testkit.Rows(out, len(rows), s.Dim()).Dense(), nil); err != nil {
		t.Fatal(err)
	}
	return out
}

// The noise is uniform and stays within its level, in both types, however many
// levels there are.
func TestDequantizeNoise(t *testing.T) {
	t.Run("float32", dequantizeNoise[float32])
	t.Run("float64", dequantizeNoise[float64])
}

func dequantizeNoise[T bijector.Float](t *testing.T) {
	for _, levels := range []int{2, 3, 10, 255, 256, 65536} {
		const n, d = 100, 200
		var rows []int
		for i := range n {
			rows = append(rows, i)
		}
		var us []float64
		for i, x := range read[T](t, train.Dequantize(levelsOf[T](n, d, levels), levels, 7), rows...) {
			v := float64(i % levels)
			u := float64(x)*float64(levels) - v
			if x < 0 || x >= 1 || u < -1e-2 || u > 1+1e-2 || levels == 256 && (u < 0 || u >= 1) {
				t.Fatalf("%d levels: value %v for level %v", levels, x, v)
			}
			us = append(us, u)
		}
		slices.Sort(us)
		worst := 0.0
		for i, u := range us {
			worst = max(worst, math.Abs(u-(float64(i)+0.5)/float64(len(us))))
		}
		if worst > 1.95/math.Sqrt(n*d) { // one in a thousand, for one seed
			t.Errorf("%d levels: the noise is %.4f from uniform", levels, worst)
		}
	}
}

// The noise depends on seed, epoch and row, and on nothing else.
func TestDequantizeSeed(t *testing.T) {
	s := train.Dequantize(levelsOf[float64](9, 4, 256), 256, 1)
	all := read[float64](t, s, 0, 1, 2, 3, 4, 5, 6, 7, 8)
	if again := read[float64](t, s, 7, 2); !slices.Equal(again, append(slices.Clone(all[28:32]), all[8:12]...)) {
		t.Error("the noise of a row depends on what is read with it, or before")
	}
	differ := func(what string, other []float64) {
		t.Helper()
		for i := range all {
			if all[i] == other[i] {
				t.Errorf("%s: value %d has the same noise", what, i)
			}
		}
	}
	s.SetEpoch(1)
	first := read[float64](t, s, 0, 1, 2, 3, 4, 5, 6, 7, 8)
	differ("another epoch", first)
	differ("another seed", read[float64](t, train.Dequantize(levelsOf[float64](9, 4, 256), 256, 2), 0, 1, 2, 3, 4, 5, 6, 7, 8))
	s.SetEpoch(0)
	if !slices.Equal(all, read[float64](t, s, 0, 1, 2, 3, 4, 5, 6, 7, 8)) {
		t.Error("an epoch's noise does not come back")
	}
	flat := read[float64](t, train.Dequantize(levelsOf[float64](2, 4, 4), 4, 1), 0, 1)
	for j := range 4 {
		if flat[j] == flat[4+j] {
			t.Error("two rows have the same noise")
		}
	}
	// float32 cuts the same noise short.
	all = read[float64](t, train.Dequantize(levelsOf[float64](9, 4, 4), 4, 1), 0, 1, 2, 3, 4, 5, 6, 7, 8)
	for i, x := range read[float32](t, train.Dequantize(levelsOf[float32](9, 4, 4), 4, 1), 0, 1, 2, 3, 4, 5, 6, 7, 8) {
		if d := all[i] - float64(x); d < 0 || d >= 0x1p-24 {
			t.Errorf("float32 has %v for %v", x, all[i])
		}
	}
}

// readRecorder notes what it hands to training, read by read.
type readRecorder struct {
	*train.Dequantized
	seen [][]float64
}

func (r *readRecorder) Read(rows []int, x, context *tensor.Dense) error {
	err := r.Dequantized.Read(rows, x, context)
	r.seen = append(r.seen, slices.Clone(x.Float64s()))
	return err
}

// Fit renews the noise of training data in every epoch, through its own split
// too, and leaves that of a Source of validation data alone.
func TestFitRenews(t *testing.T) {
	for _, fraction := range []float64{0, 0.5} {
		data := &readRecorder{Dequantized: train.Dequantize(levelsOf[float64](8, 2, 4), 4, 1)}
		held := &readRecorder{Dequantized: train.Dequantize(levelsOf[float64](8, 2, 4), 4, 2)}
		o := train.Options{Epochs: 3, Batch: 8, InOrder: true, ValidationFraction: fraction}
		if fraction == 0 {
			o.Validation = held
		}
		m := newToy[float64](2, 0)
		if _, err := train.Fit(context.Background(), m, data, o); err != nil {
			t.Fatal(err)
		}
		var epochs [][]float64
		for _, x := range data.seen {
			if !slices.ContainsFunc(epochs, func(e []float64) bool { return reflect.DeepEqual(e, x) }) {
				epochs = append(epochs, x)
			}
		}
		if want := map[float64]int{0: 3, 0.5: 6}[fraction]; len(epochs) != want {
			t.Errorf("fraction %v: %d different reads in 3 epochs, want %d", fraction, len(epochs), want)
		}
		for _, x := range held.seen {
			if !slices.Equal(x, held.seen[0]) {
				t.Error("the noise of validation data changes")
			}
		}
	}
}

func TestDequantizeRefuses(t *testing.T) {
	x := testkit.Rows(make([]float64, 2), 1, 2)
	for _, levels := range []int{-1, 0, 1, 65537} {
		if err := train.Dequantize(levelsOf[float64](1, 2, 2), levels, 1).Read([]int{0}, x.Dense(), nil); !errors.Is(err, train.ErrOptions) {
			t.Errorf("%d levels: %v, want ErrOptions", levels, err)
		}
	}
	for _, v := range []float64{-1. / 255, 256. / 255, 0.5 / 255, math.Inf(1)} {
		src := train.Tensor(testkit.Rows([]float64{0, v}, 1, 2))
		if err := train.Dequantize(src, 256, 1).Read([]int{0}, x.Dense(), nil); !errors.Is(err, bijector.ErrShape) {
			t.Errorf("value %v: %v, want ErrShape", v, err)
		}
	}
	src := train.Tensor(testkit.Rows([]float64{0, math.NaN()}, 1, 2))
	if err := train.Dequantize(src, 256, 1).Read([]int{0}, x.Dense(), nil); err != nil || !math.IsNaN(x.Float64s()[1]) {
		t.Errorf("a NaN became %v, %v", x.Float64s()[1], err)
	}
	if err := train.Dequantize(src, 256, 1).Read([]int{5}, x.Dense(), nil); !errors.Is(err, bijector.ErrShape) {
		t.Errorf("a row that is not there: %v", err)
	}
}

// Grey values of four levels become continuous ones.
func ExampleDequantize() {
	grey := tensor.New(tensor.WithShape(1, 4), tensor.WithBacking([]float64{0, 1. / 3, 2. / 3, 1}))
	data := train.Dequantize(train.Tensor(grey), 4, 1)
	x := tensor.New(tensor.WithShape(1, 4), tensor.Of(tensor.Float64))
	for epoch := range 2 {
		data.SetEpoch(epoch) // as Fit does
		if err := data.Read([]int{0}, x, nil); err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%.2f\n", x.Float64s())
	}
	// Output:
	// [0.16 0.36 0.55 0.78]
	// [0.03 0.31 0.60 0.81]
}
