// Digits that are turned, and squares of other pictures.

package main

import (
	"fmt"
	"image"
	"image/color"
	_ "image/jpeg" // both are read
	_ "image/png"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"

	"github.com/bijou-flow/bijou/bijector"
)

const side = 28

// each maps every picture.
func each(x *bijector.Rows[float32], f func(dst, src []float32)) *bijector.Rows[float32] {
	y := bijector.NewRows[float32](x.Len(), x.Dim())
	for i := range x.Len() {
		f(y.Row(i), x.Row(i))
	}
	return y
}

// turn rotates about the middle, with values between pixels from the four
// around.
func turn(degrees float64) func(dst, src []float32) {
	sin, cos := math.Sincos(degrees * math.Pi / 180)
	const middle = (side - 1) / 2.0
	return func(dst, src []float32) {
		for i := range side {
			for j := range side {
				y, x := float64(i)-middle, float64(j)-middle
				dst[i*side+j] = between(src, middle+cos*y+sin*x, middle-sin*y+cos*x)
			}
		}
	}
}

// between is the value at a place between pixels; 0 outside.
func between(src []float32, y, x float64) float32 {
	at := func(i, j int) float64 {
		if i < 0 || i >= side || j < 0 || j >= side {
			return 0
		}
		return float64(src[i*side+j])
	}
	i, j := int(math.Floor(y)), int(math.Floor(x))
	a, b := y-float64(i), x-float64(j)
	return float32((1-a)*((1-b)*at(i, j)+b*at(i, j+1)) + a*((1-b)*at(i+1, j)+b*at(i+1, j+1)))
}

func mirror(dst, src []float32) {
	for i := range side {
		for j := range side {
			dst[i*side+j] = src[i*side+side-1-j]
		}
	}
}

// squaresOf cuts n squares at random places out of the pictures of a directory,
// in grey. Files that are no pictures are passed over.
func squaresOf(dir string, n int, rng *rand.Rand) (*bijector.Rows[float32], error) {
	var pictures []image.Image
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.Contains(".png.jpeg.jpg", filepath.Ext(path)) || filepath.Ext(path) == "" {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		if p, _, err := image.Decode(f); err == nil && p.Bounds().Dx() >= side && p.Bounds().Dy() >= side {
			pictures = append(pictures, p)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if len(pictures) == 0 {
		return nil, fmt.Errorf("no pictures of %d by %d pixels or more in %s", side, side, dir)
	}
	x := bijector.NewRows[float32](n, side*side)
	for k := range n {
		p := pictures[rng.IntN(len(pictures))]
		b := p.Bounds()
		left, top := b.Min.X+rng.IntN(b.Dx()-side+1), b.Min.Y+rng.IntN(b.Dy()-side+1)
		for i := range side * side {
			grey := color.Gray16Model.Convert(p.At(left+i%side, top+i/side)).(color.Gray16)
			x.Row(k)[i] = float32(grey.Y) / math.MaxUint16
		}
	}
	return x, nil
}
