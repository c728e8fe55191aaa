package main

import (
	"image/png"
	"math"
	"os"
	"path/filepath"
	"testing"
)

// A short run draws a picture that is neither empty nor one colour.
func TestRun(t *testing.T) {
	path := filepath.Join(t.TempDir(), "toy2d.png")
	if err := run(options{points: 300, epochs: 1, out: path}); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	img, err := png.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	colours := map[[3]uint32]bool{}
	b := img.Bounds()
	for y := b.Min.Y; y < b.Max.Y; y += 3 {
		for x := b.Min.X; x < b.Max.X; x += 3 {
			r, g, b, _ := img.At(x, y).RGBA()
			colours[[3]uint32{r >> 12, g >> 12, b >> 12}] = true
		}
	}
	if len(colours) < 50 {
		t.Errorf("%d colours, want those of heat maps", len(colours))
	}
	if b.Dx() < b.Dy() {
		t.Errorf("a picture of %v, want nine columns by four rows", b)
	}
}

// The points lie where the pictures look.
func TestDensitiesAreInView(t *testing.T) {
	for _, d := range densities {
		x := points(d, 5000, 1).Float32s()
		outside, sum := 0, 0.0
		for _, v := range x {
			if math.Abs(float64(v)) > reach {
				outside++
			}
			sum += float64(v)
		}
		if outside > len(x)/200 {
			t.Errorf("%s: %d of %d coordinates outside of the picture", d.name, outside, len(x))
		}
		if mean := sum / float64(len(x)); math.Abs(mean) > 0.1 {
			t.Errorf("%s: mean coordinate %.2f, want about 0", d.name, mean)
		}
	}
}
