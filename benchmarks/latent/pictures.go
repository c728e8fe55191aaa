// The pictures: digits, what is made of them, letters and strokes.

package main

import (
	"cmp"
	"context"
	"fmt"
	"image"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/mnist"
)

const side = 28

func everything(int) bool { return true }

// imagesOf are the images of the classes that are wanted, values in [0, 1].
func imagesOf(s *mnist.Set, wanted func(class int) bool) (*bijector.Rows[float32], error) {
	var ids []int
	for i := range s.Len() {
		if wanted(s.Label(i)) {
			ids = append(ids, i)
		}
	}
	x := bijector.NewRows[float32](len(ids), s.Dim())
	return x, s.Read(ids, x.Dense(), nil)
}

type oddSet struct {
	name string
	x    *bijector.Rows[float32]
}

// oddSets are pictures that are no digits, some of them made of digits.
func oddSets(digits *bijector.Rows[float32], seed uint64) []oddSet {
	n := min(digits.Len(), 1000)
	rng := rand.New(rand.NewPCG(seed, 0x6f6464))
	moved := func(to func(y, x int) int) *bijector.Rows[float32] {
		p := bijector.NewRows[float32](n, side*side)
		for i := range n {
			for y := range side {
				for x := range side {
					p.Row(i)[to(y, x)] = digits.Row(i)[y*side+x]
				}
			}
		}
		return p
	}
	letters, strokes := bijector.NewRows[float32](n, side*side), bijector.NewRows[float32](n, side*side)
	for i := range n {
		drawLetter(letters.Row(i), rng)
		drawStrokes(strokes.Row(i), rng)
	}
	return []oddSet{
		{"turned by 90 degrees", moved(func(y, x int) int { return x*side + side - 1 - y })},
		{"upside down", moved(func(y, x int) int { return (side-1-y)*side + x })},
		{"letters", letters},
		{"strokes", strokes},
	}
}

// drawLetter draws a letter of the Go font, but those that are digits to the eye.
func drawLetter(p []float32, rng *rand.Rand) {
	const letters = "ABCDEFGHKMNPQRTUVWXYabdefhkmnprtuvwxy"
	parsed, err := opentype.Parse(goregular.TTF)
	if err != nil {
		return
	}
	face, err := opentype.NewFace(parsed, &opentype.FaceOptions{Size: 20 + 6*rng.Float64(), DPI: 72, Hinting: font.HintingNone})
	if err != nil {
		return
	}
	text := letters[rng.IntN(len(letters)):][:1]
	bounds, _ := font.BoundString(face, text)
	middle := func(lo, hi fixed.Int26_6) fixed.Int26_6 { return fixed.I(side)/2 - (lo+hi)/2 }
	img := image.NewGray(image.Rect(0, 0, side, side))
	d := font.Drawer{Dst: img, Src: image.White, Face: face, Dot: fixed.Point26_6{X: middle(bounds.Min.X, bounds.Max.X), Y: middle(bounds.Min.Y, bounds.Max.Y)}}
	d.DrawString(text)
	for i, v := range img.Pix {
		p[i] = float32(v) / 255
	}
}

// drawStrokes draws three curves at random, as thick as a digit's.
func drawStrokes(p []float32, rng *rand.Rand) {
	for range 3 {
		x, y, angle := 6+14*rng.Float64(), 6+14*rng.Float64(), 2*math.Pi*rng.Float64()
		for range 30 {
			angle += 0.3 * rng.NormFloat64()
			x, y = x+0.5*math.Cos(angle), y+0.5*math.Sin(angle)
			if x < 4 || x > 22 || y < 4 || y > 22 {
				break
			}
			for k := range 4 {
				p[(int(y)+k/2)*side+int(x)+k%2] = 1
			}
		}
	}
}

// leastLikely draws the ten least likely test digits of each class, a class a row,
// under a density of all classes.
func leastLikely(ctx context.Context, a arguments, tr, te *mnist.Set) (image.Image, error) {
	const each = 10
	x, err := imagesOf(tr, everything)
	if err != nil {
		return nil, err
	}
	f, err := fit(ctx, a, a.seeds[0], x)
	if err != nil {
		return nil, err
	}
	g := mnist.Grid{Rows: te.Classes(), Cols: each}
	var pixels []float32
	for class := range te.Classes() {
		x, err := imagesOf(te, func(c int) bool { return c == class })
		if err != nil {
			return nil, err
		}
		if x.Len() < each {
			return nil, fmt.Errorf("%d test images of a %d, want %d; raise -test", x.Len(), class, each)
		}
		logp, err := f.model.LogProb(x)
		if err != nil {
			return nil, err
		}
		order := make([]int, len(logp))
		for i := range order {
			order[i] = i
		}
		slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(logp[a], logp[b]) })
		for _, i := range order[:each] {
			pixels = append(pixels, x.Row(i)...)
		}
		g.RowCaptions = append(g.RowCaptions, strconv.Itoa(class))
	}
	return mnist.DrawValues(g, pixels)
}
