// Grid: many small images in one picture, with captions, for looking at data
// and at what a model draws.

package mnist

import (
	"fmt"
	"image"
	"image/color"
	"math"

	"golang.org/x/image/font"
	"golang.org/x/image/font/basicfont"
	"golang.org/x/image/math/fixed"
	"gorgonia.org/tensor"

	"github.com/bijou-flow/bijou/bijector"
)

// Grid lays images out in rows and columns, the first row first, white ink on
// black as MNIST has it. The zero Grid takes images of 28 x 28 and makes about
// as many rows as columns.
type Grid struct {
	// Rows and Cols are the numbers of rows and columns. A zero is filled in
	// from the number of images; both zero make the grid as square as can be.
	// Places that are left over stay empty.
	Rows, Cols int
	// Height and Width are an image's size in pixels; zero means 28.
	Height, Width int
	// Scale enlarges each pixel to a square of that side; zero means 2.
	Scale int
	// Gap is the space between images and around them, in pixels of the
	// picture; zero means 4, negative none.
	Gap int
	// Invert draws black on white, for print.
	Invert bool
	// RowCaptions stand to the left of the rows, ColCaptions above the
	// columns; either may be short or missing. The font has ASCII only. A
	// column grows when its caption is wider than its images.
	RowCaptions, ColCaptions []string
}

// Greys of the picture. Space between images is not quite black, so that one
// sees where an image ends.
const (
	gapGrey     = 0x26
	captionGrey = 0xc8
)

// captionGap separates a caption from the images, in pixels.
const captionGap = 4

// maxPicture is the largest picture drawn, in pixels.
const maxPicture = 1 << 28

// Draw draws x, a tensor of float32 or float64 with an image a row: shape
// (n, Height*Width), (n, Height, Width) or (n, 1, Height, Width), in any memory
// order. Values of 0 and less are background and 1 and more full ink; NaN is
// background.
//
// The error wraps bijector.ErrDType for other element types, and
// bijector.ErrShape for images of another size, more images or captions than
// places, and negative or absurd settings.
func (g Grid) Draw(x tensor.Tensor) (*image.Gray, error) {
	t, err := bijector.DenseOf(x)
	switch {
	case err != nil:
		return nil, fmt.Errorf("mnist: grid: %w", err)
	case t.Dtype() == tensor.Float64:
		in, err := bijector.InputOf[float64](t, 0)
		return drawRows(g, in, err)
	case t.Dtype() == tensor.Float32:
		in, err := bijector.InputOf[float32](t, 0)
		return drawRows(g, in, err)
	}
	return nil, fmt.Errorf("mnist: grid of %v, want float32 or float64: %w", t.Dtype(), bijector.ErrDType)
}

// DrawValues is Grid.Draw for a slice of images, one after the other, row-major.
func DrawValues[T bijector.Float](g Grid, values []T) (*image.Gray, error) {
	if err := g.check(); err != nil {
		return nil, err
	}
	h, w := orDefault(g.Height, 28), orDefault(g.Width, 28)
	d := h * w
	if len(values) == 0 || len(values)%d != 0 {
		return nil, fmt.Errorf("mnist: grid of %d values, want a multiple of %d, the size of an image of %d x %d: %w",
			len(values), d, h, w, bijector.ErrShape)
	}
	in, err := bijector.InputOfSlice(values, len(values)/d, d, d)
	return drawRows(g, in, err)
}

func drawRows[T bijector.Float](g Grid, in bijector.Input[T], err error) (*image.Gray, error) {
	if err != nil {
		return nil, fmt.Errorf("mnist: grid: %w", err)
	}
	l, err := g.layout(in.Len())
	if err != nil {
		return nil, err
	}
	if in.Dim() != l.height*l.width {
		return nil, fmt.Errorf("mnist: grid of images with %d pixels, want %d x %d; set Height and Width: %w",
			in.Dim(), l.height, l.width, bijector.ErrShape)
	}
	values := bijector.NewMat[T](in.Dim(), in.Len())
	in.Load(values, 0) // grey clamps what is not finite
	img := image.NewGray(image.Rect(0, 0, l.picture.X, l.picture.Y))
	for i := range img.Pix {
		img.Pix[i] = gapGrey
	}
	for j := range in.Dim() {
		y, x := j/l.width*l.scale, j%l.width*l.scale
		for i, v := range values.Feature(j) {
			at := l.imageOrigin(i)
			paint(img, at.X+x, at.Y+y, l.scale, grey(v))
		}
	}
	l.captions(img, g)
	if g.Invert {
		for i, v := range img.Pix {
			img.Pix[i] = 0xff - v
		}
	}
	return img, nil
}

// grey is round(255 v), clamped; NaN is 0.
func grey[T bijector.Float](v T) uint8 {
	switch f := float64(v); {
	case f >= 1:
		return 255
	case f > 0:
		return uint8(math.Round(255 * f))
	}
	return 0
}

// paint fills the square of side scale at (x, y).
func paint(img *image.Gray, x, y, scale int, v uint8) {
	for dy := range scale {
		line := img.Pix[(y+dy)*img.Stride+x:][:scale]
		for dx := range line {
			line[dx] = v
		}
	}
}

// layout is a grid with every default filled in and every place known.
type layout struct {
	rows, cols           int
	height, width, scale int
	xs, ys               []int       // left edge of each column's images, upper edge of each row's
	picture              image.Point // size
}

// imageOrigin is the upper left corner of image i.
func (l *layout) imageOrigin(i int) image.Point {
	return image.Pt(l.xs[i%l.cols], l.ys[i/l.cols])
}

// check bounds every number, so that products of them stay within an int.
func (g Grid) check() error {
	for _, s := range []struct {
		name     string
		v, limit int
	}{
		{"Rows", g.Rows, 1 << 14},
		{"Cols", g.Cols, 1 << 14},
		{"Scale", g.Scale, 1 << 8},
		{"Height", g.Height, 1 << 12},
		{"Width", g.Width, 1 << 12},
		{"Gap", max(g.Gap, 0), 1 << 12},
	} {
		if s.v < 0 || s.v > s.limit {
			return fmt.Errorf("mnist: grid with %s %d, want 0 to %d: %w", s.name, s.v, s.limit, bijector.ErrShape)
		}
	}
	return nil
}

// layout places n images.
func (g Grid) layout(n int) (*layout, error) {
	if err := g.check(); err != nil {
		return nil, err
	}
	l := &layout{rows: g.Rows, cols: g.Cols, height: orDefault(g.Height, 28), width: orDefault(g.Width, 28), scale: orDefault(g.Scale, 2)}
	switch {
	case l.cols == 0 && l.rows == 0:
		l.cols = int(math.Ceil(math.Sqrt(float64(n))))
	case l.cols == 0:
		l.cols = (n + l.rows - 1) / l.rows
	}
	if l.rows == 0 {
		l.rows = (n + l.cols - 1) / l.cols
	}
	if n > l.rows*l.cols {
		return nil, fmt.Errorf("mnist: grid of %d x %d for %d images, want at least as many places: %w", l.rows, l.cols, n, bijector.ErrShape)
	}
	if len(g.RowCaptions) > l.rows || len(g.ColCaptions) > l.cols {
		return nil, fmt.Errorf("mnist: grid of %d x %d with %d row and %d column captions, want no more captions than rows and columns: %w",
			l.rows, l.cols, len(g.RowCaptions), len(g.ColCaptions), bijector.ErrShape)
	}
	gap := max(0, orDefault(g.Gap, 4))
	cellW, cellH := l.width*l.scale, l.height*l.scale
	tooLarge := func(w, h int64) bool { return w > maxPicture || h > maxPicture || w*h > maxPicture }
	if tooLarge(int64(l.cols)*int64(cellW+gap), int64(l.rows)*int64(cellH+gap)) {
		return nil, fmt.Errorf("mnist: grid of %d x %d images of %d x %d pixels makes a picture of more than %d pixels: %w",
			l.rows, l.cols, cellH, cellW, maxPicture, bijector.ErrShape)
	}

	x, y := gap, gap
	if len(g.RowCaptions) > 0 {
		x = maxCaptionWidth(g.RowCaptions) + 2*captionGap
	}
	if len(g.ColCaptions) > 0 {
		y = basicfont.Face7x13.Height + 2*captionGap
	}
	for c := range l.cols {
		w := cellW
		if c < len(g.ColCaptions) {
			w = max(w, maxCaptionWidth(g.ColCaptions[c:c+1]))
		}
		l.xs = append(l.xs, x+(w-cellW)/2)
		x += w + gap
	}
	for range l.rows {
		l.ys = append(l.ys, y)
		y += cellH + gap
	}
	if tooLarge(int64(x), int64(y)) {
		return nil, fmt.Errorf("mnist: grid with its captions makes a picture of %d x %d, want at most %d pixels: %w", y, x, maxPicture, bijector.ErrShape)
	}
	l.picture = image.Pt(x, y)
	return l, nil
}

// captions draws row captions flush right and column captions centred.
func (l *layout) captions(img *image.Gray, g Grid) {
	face := basicfont.Face7x13
	pen := font.Drawer{Dst: img, Src: image.NewUniform(color.Gray{Y: captionGrey}), Face: face}
	left := maxCaptionWidth(g.RowCaptions) + captionGap
	for r, s := range g.RowCaptions {
		base := l.ys[r] + (l.height*l.scale-face.Height)/2 + face.Ascent
		pen.Dot = fixed.P(left-maxCaptionWidth([]string{s}), base)
		pen.DrawString(s)
	}
	for c, s := range g.ColCaptions {
		pen.Dot = fixed.P(l.xs[c]+(l.width*l.scale-maxCaptionWidth([]string{s}))/2, captionGap+face.Ascent)
		pen.DrawString(s)
	}
}

// maxCaptionWidth is the width of the longest caption in pixels.
func maxCaptionWidth(captions []string) int {
	w := 0
	for _, s := range captions {
		w = max(w, font.MeasureString(basicfont.Face7x13, s).Ceil())
	}
	return w
}

func orDefault(v, otherwise int) int {
	if v == 0 {
		return otherwise
	}
	return v
}
