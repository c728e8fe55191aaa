// A picture in few colours is the picture.

package main

import (
	"image"
	"image/color"
	"testing"
)

// Frequent colours stay what they are, and rare ones become the nearest of those.
func TestIndexed(t *testing.T) {
	const frequent, rare = 250, 40
	img := image.NewRGBA(image.Rect(3, 5, 103, 105))
	for y := range 100 {
		for x := range 100 {
			img.Set(3+x, 5+y, color.RGBA{uint8(5 * (x / 2)), uint8(50 * (y / 20)), 7, 255}) // 40 pixels each
		}
	}
	for i := range rare {
		c := img.RGBAAt(3+2*i, 5+i)
		c.B += 2
		img.Set(3+2*i, 5+i, c)
	}
	got := indexed(img)
	if got.Bounds() != img.Bounds() || len(got.Palette) != paletteSize {
		t.Fatalf("bounds %v, %d colours, want %v and %d", got.Bounds(), len(got.Palette), img.Bounds(), paletteSize)
	}
	changed := 0
	for y := 5; y < 105; y++ {
		for x := 3; x < 103; x++ {
			a, b := img.RGBAAt(x, y), color.RGBAModel.Convert(got.At(x, y)).(color.RGBA)
			if a == b {
				continue
			}
			if changed++; a.B != 9 || b != (color.RGBA{a.R, a.G, 7, 255}) {
				t.Fatalf("(%d, %d): %v became %v", x, y, a, b)
			}
		}
	}
	if want := frequent + rare - paletteSize; changed != want {
		t.Errorf("%d pixels have another colour, want %d", changed, want)
	}
}
