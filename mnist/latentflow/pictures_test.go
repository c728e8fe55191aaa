package main

import (
	"fmt"
	"image"
	"slices"
	"strings"
	"testing"

	"golang.org/x/image/font"
	"golang.org/x/image/font/basicfont"
	"golang.org/x/image/math/fixed"

	"github.com/bijou-flow/bijou/mnist"
)

// newGallery is that of a conditional flow on principal components, which
// decode without loss.
func newGallery(t *testing.T) gallery {
	t.Helper()
	data, dir := sliceOfMNIST(), t.TempDir()
	mustRun(t, tiny(data, "-encoder", "pca", "-flow-epochs", "10", "-out", dir)...)
	_, test, err := mnist.LoadDir(data)
	if err != nil {
		t.Fatal(err)
	}
	m := modelIn(t, dir)
	return gallery{coder: m.Encoder().(coder), flow: m.Flow(), test: test, classes: 10, seed: 1}
}

// TestSamplesInOrder: each row falls in log-density, as the model itself has it.
func TestSamplesInOrder(t *testing.T) {
	g := newGallery(t)
	grid, x, err := g.samples()
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(grid.RowCaptions, ""); got != "0123456789" {
		t.Errorf("captions %s", got)
	}
	z, err := g.coder.Encode(x)
	if err != nil {
		t.Fatal(err)
	}
	logp, err := g.flow.Given(oneHots(10, 100, func(i int) int { return i / 10 })).LogProb(z)
	if err != nil {
		t.Fatal(err)
	}
	for k := range 10 {
		row := slices.Clone(logp[10*k : 10*k+10])
		for i, v := range row[1:] {
			if v > row[i]+1e-3 {
				t.Errorf("digit %d: the log-densities are %v", k, row)
				break
			}
		}
	}
}

// TestReconstructions: images above what is made of them.
func TestReconstructions(t *testing.T) {
	g := newGallery(t)
	_, x, err := g.reconstructions()
	if err != nil {
		t.Fatal(err)
	}
	rows := rowsOf(x)
	z, err := g.coder.Encode(stack(rows[20:30]))
	if err != nil {
		t.Fatal(err)
	}
	y, err := g.coder.Decode(z)
	if err != nil {
		t.Fatal(err)
	}
	want := rowsOf(mnist.Pixels[float32](g.test))
	for i := range 10 {
		if distance(rows[20+i], want[10+i]) != 0 || distance(rows[30+i], rowsOf(y)[i]) > 1e-5 {
			t.Errorf("column %d is not image %d and its reconstruction", i, 10+i)
		}
	}
}

// TestInterpolationEnds: a row begins and ends at what the autoencoder makes of
// the likeliest image of its class and of the next.
func TestInterpolationEnds(t *testing.T) {
	g := newGallery(t)
	grid, x, err := g.interpolation()
	if err != nil {
		t.Fatal(err)
	}
	if len(grid.RowCaptions) != 10 || grid.RowCaptions[3] != "3 to 4" || grid.RowCaptions[9] != "9 to 0" {
		t.Errorf("captions %q", grid.RowCaptions)
	}
	rows := rowsOf(x)
	all, err := g.coder.Encode(mnist.Pixels[float32](g.test))
	if err != nil {
		t.Fatal(err)
	}
	logp, err := g.flow.Given(oneHots(10, g.test.Len(), g.test.Label)).LogProb(all)
	if err != nil {
		t.Fatal(err)
	}
	for k := range 10 {
		best := slices.Index(g.test.Labels(), uint8(k))
		for i, v := range logp {
			if g.test.Label(i) == k && v > logp[best] {
				best = i
			}
		}
		image, err := selectImages(g.test, []int{best})
		if err != nil {
			t.Fatal(err)
		}
		z, err := g.coder.Encode(image)
		if err != nil {
			t.Fatal(err)
		}
		y, err := g.coder.Decode(z)
		if err != nil {
			t.Fatal(err)
		}
		for _, at := range []int{10 * k, (10*k + 99) % 100} {
			if d := distance(rows[at], y.Float32s()); d > 1e-3 {
				t.Errorf("place %d is %v away from digit %d", at, d, k)
			}
		}
	}
}

// TestExtremes finds the images in the picture.
func TestExtremes(t *testing.T) {
	_, test, err := mnist.LoadDir(sliceOfMNIST())
	if err != nil {
		t.Fatal(err)
	}
	logp := make([]float64, test.Len())
	for i := range logp {
		logp[i] = float64(i * 37 % 100) // 27 has 99, 54 has 98; 0 has 0, 73 has 1
	}
	img, err := drawExtremes(test, logp)
	if err != nil {
		t.Fatal(err)
	}
	const left, top, scale = 92, 21, 3
	wide, high := 84+4, 84+15+4 // an image, its caption and a gap
	for place, i := range map[[2]int]int{{0, 0}: 27, {0, 1}: 54, {1, 0}: 0, {1, 1}: 73} {
		for p, v := range test.Image(i) {
			r, _, _, _ := img.At(left+place[1]*wide+p%28*scale, top+place[0]*high+p/28*scale).RGBA()
			if uint8(r>>8) != v {
				t.Errorf("row %d, column %d is not image %d", place[0], place[1], i)
				break
			}
		}
		below := image.Rect(0, 0, 84, 15).Add(image.Pt(left+place[1]*wide, top+place[0]*high+84))
		captionIs(t, img, below, fmt.Sprintf("label %d", test.Label(i)))
	}
}

// captionIs compares a part of a picture with a centred line of text.
func captionIs(t *testing.T, img image.Image, at image.Rectangle, text string) {
	t.Helper()
	want := image.NewGray(at)
	pen := font.Drawer{Dst: want, Src: image.White, Face: basicfont.Face7x13}
	pen.Dot = fixed.P(at.Min.X+(at.Dx()-7*len(text))/2, at.Min.Y+11)
	pen.DrawString(text)
	for y := at.Min.Y; y < at.Max.Y; y++ {
		for x := at.Min.X; x < at.Max.X; x++ {
			r, _, _, _ := img.At(x, y).RGBA()
			if ink := r>>8 == 255; ink != (want.GrayAt(x, y).Y == 255) {
				t.Errorf("the caption at %v is not %q", at.Min, text)
				return
			}
		}
	}
}
