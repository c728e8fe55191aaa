package page

import (
	"math"
	"slices"
	"testing"
)

// mass of an image, and its centre in pixels.
func massOf(image []float32, w int) (sum, x, y float64) {
	for i, v := range image {
		sum += float64(v)
		x += float64(v) * (float64(i%w) + 0.5)
		y += float64(v) * (float64(i/w) + 0.5)
	}
	return sum, x / sum, y / sum
}

// extent is the range of rows, or columns, that have ink of a half or more.
func extent(image []float32, of func(i int) int) (lo, hi int) {
	lo, hi = math.MaxInt, -1
	for i, v := range image {
		if v >= 0.5 {
			lo, hi = min(lo, of(i)), max(hi, of(i))
		}
	}
	return lo, hi
}

// A drawing is fitted into the box of 20, with its proportions, about the centre
// of its mass, wherever and however large it was drawn.
func TestRasterise(t *testing.T) {
	seven := [][][2]float64{{{0, 0}, {10, 0}, {4, 18}}}
	const h, w = 28, 28
	image := rasterise(seven, h, w)
	if _, x, y := massOf(image, w); math.Abs(x-14) > 0.05 || math.Abs(y-14) > 0.05 {
		t.Errorf("the centre of mass is at %.2f, %.2f, want 14, 14", x, y)
	}
	top, bottom := extent(image, func(i int) int { return i / w })
	left, right := extent(image, func(i int) int { return i % w })
	if high, wide := bottom-top+1, right-left+1; high < 19 || high > 21 || wide < 11 || wide > 13 {
		t.Errorf("%d high and %d wide, want 20 and about 12", high, wide)
	}
	partly := slices.ContainsFunc(image, func(v float32) bool { return v > 0.1 && v < 0.9 })
	if !partly || slices.Max(image) != 1 || slices.Min(image) != 0 {
		t.Error("want paper of 0, ink of 1, and edges between")
	}
	var moved [][][2]float64
	for _, s := range seven {
		var to [][2]float64
		for _, p := range s {
			to = append(to, [2]float64{0.3 + p[0]/300, 0.2 + p[1]/300})
		}
		moved = append(moved, to)
	}
	for i, v := range rasterise(moved, h, w) {
		if math.Abs(float64(v-image[i])) > 1e-4 {
			t.Fatalf("pixel %d is %v where the same digit, smaller and elsewhere, has %v", i, v, image[i])
		}
	}
	dot := rasterise([][][2]float64{{{5, 5}}}, h, w)
	if sum, x, y := massOf(dot, w); math.Abs(sum-math.Pi*pen*pen/4) > 1 || math.Abs(x-14) > 0.01 || math.Abs(y-14) > 0.01 {
		t.Errorf("a dot has mass %.2f at %.2f, %.2f", sum, x, y)
	}
	// Of twice the size, four times the mass.
	small, _, _ := massOf(image, w)
	if large, _, _ := massOf(rasterise(seven, 2*h, 2*w), 2*w); large/small < 3.8 || large/small > 4.2 {
		t.Errorf("mass %.1f at 56 x 56, %.1f at 28 x 28", large, small)
	}
}
