package main

import (
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"gorgonia.org/tensor"

	"github.com/bijou-flow/bijou/internal/command/commandtest"
	"github.com/bijou-flow/bijou/mnist"
)

// drawn runs sample with a .npy file.
func drawn(t *testing.T, model string, args ...string) (shape []int, x []float32) {
	t.Helper()
	out := filepath.Join(t.TempDir(), "draws.npy")
	mustRun(t, append([]string{"sample", "-model", filepath.Join(model, modelFile), "-out", out}, args...)...)
	return readNPY(t, out)
}

// TestSampleFiles: shapes, ranges, and pictures.
func TestSampleFiles(t *testing.T) {
	for model, size := range map[string]string{
		convModel():          "604x81",  // 10 x 1 places: a column a class, with its number
		unconditionalModel(): "244x184", // 4 x 3
	} {
		shape, x := drawn(t, model, "-n", "3", "-temperature", "3")
		if !slices.Equal(shape, []int{3, 28, 28}) || slices.Min(x) < 0 || slices.Max(x) > 1 || slices.Max(x) == slices.Min(x) {
			t.Errorf("%s: shape %v, values %v to %v", model, shape, slices.Min(x), slices.Max(x))
		}
		out := filepath.Join(t.TempDir(), "draws.PNG")
		mustRun(t, "sample", "-model", filepath.Join(model, modelFile), "-n", "10", "-out", out)
		if got := commandtest.PNGSize(t, out); got != size {
			t.Errorf("%s: a picture of %s, want %s", model, got, size)
		}
	}
}

// TestSampleSeedAndTemperature: the same seed draws the same, another one and
// another temperature do not; without noise all draws of a class are one.
func TestSampleSeedAndTemperature(t *testing.T) {
	model := convModel()
	_, one := drawn(t, model, "-n", "20")
	for args, same := range map[string]bool{"-seed=1": true, "-seed=2": false, "-temperature=1": true, "-temperature=0.5": false, "-digit=3": false} {
		if _, x := drawn(t, model, "-n", "20", args); slices.Equal(x, one) != same {
			t.Errorf("%s: the same draws: %v, want %v", args, !same, same)
		}
	}
	if shape, _ := drawn(t, model, "-n", strconv.Itoa(encodeBlock+1)); shape[0] != encodeBlock+1 {
		t.Errorf("%d draws, want %d", shape[0], encodeBlock+1)
	}
	_, cold := drawn(t, model, "-n", "2", "-digit", "3", "-temperature", "0", "-seed", "9")
	if !slices.Equal(cold[:784], cold[784:]) {
		t.Error("draws of temperature 0 differ")
	}
}

// TestSampleDigits compares draws without noise with the decoded mode of each
// class, under a context that is made here.
func TestSampleDigits(t *testing.T) {
	model := convModel()
	m := modelIn(t, model)
	_, all := drawn(t, model, "-n", "12", "-temperature", "0")
	for k := range 10 {
		context := make([]float32, 10)
		context[k] = 1
		z, err := m.Flow().Given(tensor.New(tensor.WithShape(1, 10), tensor.WithBacking(context))).
			Inverse(tensor.New(tensor.WithShape(1, 4), tensor.WithBacking(make([]float32, 4))))
		if err != nil {
			t.Fatal(err)
		}
		x, err := m.Decode(z)
		if err != nil {
			t.Fatal(err)
		}
		_, one := drawn(t, model, "-n", "1", "-temperature", "0", "-digit", strconv.Itoa(k))
		if d := distance(one, x.Float32s()); d > 1e-4 {
			t.Errorf("-digit %d is %v away from its mode", k, d)
		}
		for i := k; i < 12; i += 10 {
			if d := distance(all[i*784:(i+1)*784], one); d > 1e-4 {
				t.Errorf("draw %d is %v away from digit %d", i, d, k)
			}
		}
	}
}

// distance is the largest difference.
func distance(a, b []float32) float64 {
	d := 0.0
	for i := range a {
		d = max(d, math.Abs(float64(a[i]-b[i])))
	}
	return d
}

// TestLearnsClasses trains on images whose class one can see, and asks for
// each.
func TestLearnsClasses(t *testing.T) {
	const side = 8
	data, dir := bars(t, side, side), t.TempDir()
	mustRun(t, tiny(data, "-encoder", "pca", "-flow-epochs", "60", "-out", dir)...)
	for k := range 4 {
		shape, x := drawn(t, dir, "-n", "20", "-digit", strconv.Itoa(k), "-temperature", "0.5")
		if !slices.Equal(shape, []int{20, side, side}) {
			t.Fatalf("shape %v", shape)
		}
		var ink [4]float64
		for i, v := range x {
			ink[i%(side*side)/(side*side/4)] += float64(v)
		}
		best := slices.Index(ink[:], slices.Max(ink[:]))
		if best != k {
			t.Errorf("class %d has its ink in quarter %d: %.0f", k, best, ink)
		}
	}
}

// TestPictureSize: what a model's file says of its images.
func TestPictureSize(t *testing.T) {
	for encoder, want := range map[string][]int{"conv": {2, 8, 6}, "dense": {2, 1, 48}} {
		dir := t.TempDir()
		mustRun(t, tiny(bars(t, 8, 6), "-encoder", encoder, "-out", dir)...)
		if shape, _ := drawn(t, dir, "-n", "2"); !slices.Equal(shape, want) {
			t.Errorf("%s: shape %v, want %v", encoder, shape, want)
		}
	}
}

// TestByDensity: from high to low within each group, equal ones as they stood.
func TestByDensity(t *testing.T) {
	nan := math.NaN()
	for _, c := range []struct {
		logp   []float64
		groups int
		want   []int
	}{
		{[]float64{1, 3, 2, 3}, 1, []int{1, 3, 2, 0}},
		{[]float64{1, 3, 2, 5, 4, 6}, 2, []int{1, 2, 0, 5, 3, 4}},
		{[]float64{nan, -7, math.Inf(-1)}, 1, []int{1, 2, 0}},
	} {
		if got := byDensity(c.logp, c.groups); !slices.Equal(got, c.want) {
			t.Errorf("byDensity(%v, %d) = %v, want %v", c.logp, c.groups, got, c.want)
		}
	}
}

// TestOneHots agrees with the data package's.
func TestOneHots(t *testing.T) {
	labels := []uint8{2, 0, 1, 2}
	want, err := mnist.OneHot[float32](labels, 3)
	if err != nil {
		t.Fatal(err)
	}
	got := oneHots(3, 4, func(i int) int { return int(labels[i]) })
	if !slices.Equal(got.Float32s(), want.Float32s()) || !slices.Equal(got.Shape(), want.Shape()) {
		t.Errorf("%v, want %v", got, want)
	}
}
