package mnist

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"gorgonia.org/tensor"

	"github.com/bijou-flow/bijou/bijector"
)

// tiny is a set of four images of 2 x 3 with labels 2 0 1 2, in which every
// pixel is different.
func tiny(t testing.TB) *Set {
	t.Helper()
	s, err := NewSet(Images{Height: 2, Width: 3, Pixels: ramp(24)}, []uint8{2, 0, 1, 2})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSet(t *testing.T) {
	s := tiny(t)
	if s.Len() != 4 || s.Height() != 2 || s.Width() != 3 || s.Dim() != 6 || s.Classes() != 3 {
		t.Fatalf("wrong set %+v", s)
	}
	if !slices.Equal(s.Image(2), ramp(24)[12:18]) || cap(s.Image(2)) != 6 || s.Label(2) != 1 {
		t.Errorf("image 2 is %v with label %d", s.Image(2), s.Label(2))
	}
	for n, want := range map[int]int{-1: 0, 0: 0, 2: 2, 4: 4, 9: 4} {
		h := s.Head(n)
		if h.Len() != want || h.Dim() != 6 || h.Classes() != 3 || len(h.Labels()) != want || len(h.pixels) != 6*want {
			t.Errorf("Head(%d): %+v", n, h)
		}
		l := s.Tail(n)
		if l.Len() != want || l.Dim() != 6 || l.Classes() != 3 || !slices.Equal(l.Labels(), s.Labels()[4-want:]) || !slices.Equal(l.pixels, ramp(24)[24-6*want:]) {
			t.Errorf("Tail(%d): %+v", n, l)
		}
	}
	var zero Set
	if zero.Len() != 0 || zero.Dim() != 0 || zero.Head(3).Len() != 0 || zero.Tail(3).Len() != 0 || len(zero.Labels()) != 0 {
		t.Errorf("the zero Set is not empty")
	}
}

func TestNewSetErrors(t *testing.T) {
	for name, c := range map[string]struct {
		im     Images
		labels int
	}{
		"fewer labels":  {Images{2, 3, ramp(24)}, 3},
		"more labels":   {Images{2, 3, ramp(24)}, 5},
		"half an image": {Images{2, 3, ramp(21)}, 3},
		"empty":         {Images{2, 3, nil}, 0},
		"no size":       {Images{0, 0, ramp(4)}, 0},
		"negative size": {Images{-2, -3, ramp(24)}, 4},
	} {
		if s, err := NewSet(c.im, ramp(c.labels)); !errors.Is(err, bijector.ErrShape) || s != nil {
			t.Errorf("%s: %v, %v", name, s, err)
		}
	}
}

func TestPixels(t *testing.T) {
	every := make([]uint8, 256)
	for i := range every {
		every[i] = uint8(i)
	}
	s, err := NewSet(Images{Height: 16, Width: 8, Pixels: every}, []uint8{0, 0})
	if err != nil {
		t.Fatal(err)
	}
	x32, x64 := Pixels[float32](s), Pixels[float64](s)
	for _, x := range []tensor.Tensor{x32, x64} {
		if !x.Shape().Eq(tensor.Shape{2, 128}) {
			t.Errorf("shape %v, want (2, 128)", x.Shape())
		}
	}
	for v := range 256 {
		if got, want := x32.Float32s()[v], float32(v)/255; got != want {
			t.Errorf("float32 of %d is %v, want %v", v, got, want)
		}
		if got, want := x64.Float64s()[v], float64(v)/255; got != want {
			t.Errorf("float64 of %d is %v, want %v", v, got, want)
		}
	}
	if x := Pixels[float32](s.Head(0)); !x.Shape().Eq(tensor.Shape{0, 128}) {
		t.Errorf("no images make shape %v", x.Shape())
	}
	if x := Pixels[float64](new(Set)); !x.Shape().Eq(tensor.Shape{0, 0}) {
		t.Errorf("the zero Set makes shape %v", x.Shape())
	}
}

func TestOneHot(t *testing.T) {
	x, err := OneHot[float32]([]uint8{2, 0, 1}, 4)
	if err != nil || !x.Shape().Eq(tensor.Shape{3, 4}) || !slices.Equal(x.Float32s(), []float32{0, 0, 1, 0, 1, 0, 0, 0, 0, 1, 0, 0}) {
		t.Errorf("one-hot %v, %v", x, err)
	}
	for classes, labels := range map[int][]uint8{0: {0}, -1: {0}, 257: {0}, 2: {0, 2}} {
		if _, err := OneHot[float64](labels, classes); !errors.Is(err, bijector.ErrShape) {
			t.Errorf("labels %v in %d classes: %v", labels, classes, err)
		}
	}
}

func TestDequantize(t *testing.T) {
	// 40,000 pixels of each of three values, the extremes among them.
	const n = 40000
	pixels := make([]uint8, 3*n)
	for i := range pixels {
		pixels[i] = []uint8{0, 100, 255}[i%3]
	}
	s, err := NewSet(Images{Height: 1, Width: 3, Pixels: pixels}, make([]uint8, n))
	if err != nil {
		t.Fatal(err)
	}
	x32 := Dequantize[float32](rand.New(rand.NewPCG(1, 2)), s).Float32s()
	x64 := Dequantize[float64](rand.New(rand.NewPCG(1, 2)), s).Float64s()
	if len(x32) != 3*n || len(x64) != 3*n {
		t.Fatalf("%d and %d values, want %d", len(x32), len(x64), 3*n)
	}
	u := make([]float64, len(x64))
	for i, x := range x64 {
		v := float64(pixels[i])
		u[i] = x*256 - v
		if u[i] < 0 || u[i] >= 1 || x >= 1 {
			t.Fatalf("pixel %v became %v", v, x)
		}
		if d := x - float64(x32[i]); d < 0 || d >= 0x1p-24 {
			t.Fatalf("value %v in float64 is %v in float32", x, x32[i])
		}
	}
	// Kolmogorov-Smirnov distance from U[0, 1): one sample in a thousand exceeds
	// 1.95/sqrt(n), and the seed is fixed.
	slices.Sort(u)
	d := 0.0
	for i, v := range u {
		d = max(d, math.Abs(v-float64(i)/float64(len(u))), math.Abs(v-float64(i+1)/float64(len(u))))
	}
	if limit := 1.95 / math.Sqrt(float64(len(u))); d > limit {
		t.Errorf("noise is %v from uniform, limit %v", d, limit)
	}
	other := Dequantize[float64](rand.New(rand.NewPCG(1, 3)), s).Float64s()
	if slices.Equal(other, x64) {
		t.Errorf("two seeds gave the same noise")
	}
}
