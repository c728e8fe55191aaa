package mnist

import (
	"errors"
	"image"
	"image/png"
	"math"
	"math/bits"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gorgonia.org/tensor"

	"github.com/bijou-flow/bijou/bijector"
)

// Four images of 1 x 2 pixels with every kind of value. AsFortran rearranges its
// argument in place, so it gets a copy.
var edgeValues = []float32{0, 1, 0.5, float32(math.NaN()), -3, 7, float32(math.Inf(1)), float32(math.Inf(-1))}

func TestGridPixels(t *testing.T) {
	const o = gapGrey
	want := [][]uint8{
		{o, o, o, o, o, o, o, o, o, o, o},
		{o, 0, 0, 255, 255, o, 128, 128, 0, 0, o},
		{o, 0, 0, 255, 255, o, 128, 128, 0, 0, o},
		{o, o, o, o, o, o, o, o, o, o, o},
		{o, 0, 0, 255, 255, o, 255, 255, 0, 0, o},
		{o, 0, 0, 255, 255, o, 255, 255, 0, 0, o},
		{o, o, o, o, o, o, o, o, o, o, o},
	}
	odd64 := make([]float64, len(edgeValues))
	for i, v := range edgeValues {
		odd64[i] = float64(v)
	}
	dense := func(backing any, shape ...int) *tensor.Dense {
		return tensor.New(tensor.WithShape(shape...), tensor.WithBacking(backing))
	}
	g := Grid{Height: 1, Width: 2, Gap: 1}
	inverted := g
	inverted.Invert = true
	for name, draw := range map[string]func(g Grid) (*image.Gray, error){
		"float32":  func(g Grid) (*image.Gray, error) { return g.Draw(dense(edgeValues, 4, 2)) },
		"float64":  func(g Grid) (*image.Gray, error) { return g.Draw(dense(odd64, 4, 2)) },
		"images":   func(g Grid) (*image.Gray, error) { return g.Draw(dense(edgeValues, 4, 1, 2)) },
		"channels": func(g Grid) (*image.Gray, error) { return g.Draw(dense(edgeValues, 4, 1, 1, 2)) },
		"column-major": func(g Grid) (*image.Gray, error) {
			return g.Draw(tensor.New(tensor.WithShape(4, 2), tensor.AsFortran(slices.Clone(edgeValues))))
		},
		"values":   func(g Grid) (*image.Gray, error) { return DrawValues(g, edgeValues) },
		"values64": func(g Grid) (*image.Gray, error) { return DrawValues(g, odd64) },
	} {
		img, err := draw(g)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if img.Rect != image.Rect(0, 0, 11, 7) {
			t.Errorf("%s: picture %v, want 11 x 7", name, img.Rect)
			continue
		}
		for y, line := range want {
			if got := img.Pix[y*img.Stride:][:11]; !slices.Equal(got, line) {
				t.Errorf("%s: line %d is %v, want %v", name, y, got, line)
			}
		}
		negative, err := draw(inverted)
		if err != nil {
			t.Fatal(err)
		}
		for i, v := range img.Pix {
			if negative.Pix[i] != 255-v {
				t.Fatalf("%s: inverted pixel %d is %d for %d", name, i, negative.Pix[i], v)
			}
		}
	}
}

// An image's rows and columns must not be mixed up.
func TestGridOrientation(t *testing.T) {
	img, err := DrawValues(Grid{Height: 2, Width: 3, Scale: 1, Gap: -1}, []float32{0, .2, .4, .6, .8, 1})
	if err != nil || img.Rect != image.Rect(0, 0, 3, 2) || !slices.Equal(img.Pix, []uint8{0, 51, 102, 153, 204, 255}) {
		t.Errorf("%v %v, %v", img.Rect, img.Pix, err)
	}
}

func TestGridLayout(t *testing.T) {
	for _, c := range []struct {
		g          Grid
		n          int
		rows, cols int
		w, h       int
	}{
		{Grid{}, 1, 1, 1, 64, 64},
		{Grid{}, 10, 3, 4, 4 + 4*60, 4 + 3*60},
		{Grid{Cols: 10}, 25, 3, 10, 4 + 10*60, 4 + 3*60},
		{Grid{Rows: 2}, 25, 2, 13, 4 + 13*60, 4 + 2*60},
		{Grid{Rows: 4, Cols: 4}, 3, 4, 4, 4 + 4*60, 4 + 4*60},
		{Grid{Scale: 1, Gap: -1}, 4, 2, 2, 56, 56},
		{Grid{Scale: 3, Gap: 1}, 4, 2, 2, 1 + 2*85, 1 + 2*85},
		{Grid{RowCaptions: []string{"abc"}}, 1, 1, 1, 3*7 + 8 + 60, 64},
		{Grid{ColCaptions: []string{"abc"}}, 1, 1, 1, 64, 13 + 8 + 60},
		{Grid{ColCaptions: []string{"0123456789"}}, 2, 1, 2, 4 + 74 + 60, 13 + 8 + 60},
	} {
		l, err := c.g.layout(c.n)
		if err != nil {
			t.Errorf("%+v: %v", c.g, err)
			continue
		}
		if l.rows != c.rows || l.cols != c.cols || l.picture != image.Pt(c.w, c.h) {
			t.Errorf("%+v of %d: %d x %d places in %v, want %d x %d in %d x %d", c.g, c.n, l.rows, l.cols, l.picture, c.rows, c.cols, c.w, c.h)
		}
	}
}

// Captions must be drawn where their row or column is, and nowhere else.
func TestGridCaptions(t *testing.T) {
	g := Grid{Cols: 2, RowCaptions: []string{"", "row"}, ColCaptions: []string{"wider than one", "c"}}
	img, err := DrawValues(g, make([]float32, 4*784))
	if err != nil {
		t.Fatal(err)
	}
	l, err := g.layout(4)
	if err != nil {
		t.Fatal(err)
	}
	left, above := image.Rectangle{}, image.Rectangle{}
	for i, v := range img.Pix {
		if v != captionGrey {
			continue
		}
		p := image.Pt(i%img.Stride, i/img.Stride)
		box := image.Rectangle{p, p.Add(image.Pt(1, 1))}
		if p.X < l.xs[0] && p.Y >= l.ys[0] {
			left = left.Union(box)
		} else {
			above = above.Union(box)
		}
	}
	middle := l.ys[1] + 28
	if left.Empty() || left.Min.Y < middle-13 || left.Max.Y > middle+13 || left.Max.X > 3*7+captionGap || left.Min.X < captionGap {
		t.Errorf("row caption at %v, its row is around %d", left, middle)
	}
	if above.Empty() || above.Max.Y > l.ys[0] || above.Max.X < l.xs[1] || above.Min.X < 3*7+2*captionGap || above.Max.X > img.Rect.Max.X {
		t.Errorf("column captions at %v, the columns are at %v", above, l.xs)
	}
}

func TestGridErrors(t *testing.T) {
	x := func(shape ...int) *tensor.Dense {
		return tensor.New(tensor.Of(tensor.Float32), tensor.WithShape(shape...))
	}
	for name, c := range map[string]struct {
		g    Grid
		x    *tensor.Dense
		is   error
		says string
	}{
		"nil":               {Grid{}, nil, bijector.ErrShape, "nil"},
		"integers":          {Grid{}, tensor.New(tensor.Of(tensor.Int), tensor.WithShape(1, 784)), bijector.ErrDType, "want float32 or float64"},
		"one axis":          {Grid{}, x(784), bijector.ErrShape, "(784)"},
		"no images":         {Grid{}, x(0, 784), bijector.ErrShape, "no values"},
		"other size":        {Grid{}, x(2, 100), bijector.ErrShape, "images with 100 pixels, want 28 x 28; set Height and Width"},
		"too few places":    {Grid{Rows: 1, Cols: 2}, x(3, 784), bijector.ErrShape, "1 x 2 for 3 images"},
		"row captions":      {Grid{Rows: 1, RowCaptions: []string{"", ""}}, x(3, 784), bijector.ErrShape, "2 row and 0 column captions"},
		"column captions":   {Grid{Cols: 1, ColCaptions: []string{"", ""}}, x(3, 784), bijector.ErrShape, "0 row and 2 column captions"},
		"negative rows":     {Grid{Rows: -1}, x(3, 784), bijector.ErrShape, "Rows -1"},
		"negative scale":    {Grid{Scale: -1}, x(3, 784), bijector.ErrShape, "Scale -1"},
		"absurd gap":        {Grid{Gap: math.MaxInt}, x(3, 784), bijector.ErrShape, "Gap"},
		"absurd scale":      {Grid{Scale: math.MaxInt}, x(3, 784), bijector.ErrShape, "Scale"},
		"absurd picture":    {Grid{Rows: 1 << 14, Cols: 1 << 14}, x(3, 784), bijector.ErrShape, "picture of more than"},
		"absurd caption":    {Grid{RowCaptions: []string{strings.Repeat("x", 1<<21)}}, x(600, 784), bijector.ErrShape, "with its captions"},
		"absurd image size": {Grid{Height: 1 << (bits.UintSize / 2), Width: 1 << (bits.UintSize / 2)}, x(3, 784), bijector.ErrShape, "Height"},
	} {
		if img, err := c.g.Draw(c.x); !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) || img != nil {
			t.Errorf("%s: error %v, want %v that says %q", name, err, c.is, c.says)
		}
	}
	for _, n := range []int{0, 783, 785} {
		if _, err := DrawValues(Grid{}, make([]float64, n)); !errors.Is(err, bijector.ErrShape) {
			t.Errorf("%d values: %v", n, err)
		}
	}
	if _, err := DrawValues(Grid{Height: -1, Width: -1}, make([]float64, 1)); !errors.Is(err, bijector.ErrShape) {
		t.Errorf("negative size: %v", err)
	}
}

func TestWritePNG(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "grid.png")
	if err := os.WriteFile(path, []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	g := Grid{Height: 1, Width: 2, Gap: 1}
	x := tensor.New(tensor.WithShape(4, 2), tensor.WithBacking(edgeValues))
	if err := g.WritePNG(path, x); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	got, err := png.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	want, err := g.Draw(x)
	if err != nil {
		t.Fatal(err)
	}
	if img, ok := got.(*image.Gray); !ok || !slices.Equal(img.Pix, want.Pix) {
		t.Errorf("the file holds another picture")
	}

	// PNG has no pictures without pixels, so the encoder fails.
	if err := WritePNG(path, image.NewGray(image.Rectangle{})); err == nil {
		t.Errorf("an empty picture was written")
	}
	if b, err := os.ReadFile(path); err != nil || !strings.HasPrefix(string(b), "\x89PNG") {
		t.Errorf("a failed write changed the file: %v", err)
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) != 1 {
		t.Errorf("files left behind: %v, %v", files, err)
	}
	if err := g.WritePNG(filepath.Join(dir, "none", "grid.png"), x); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "none") {
		t.Errorf("missing directory: %v", err)
	}
	if err := g.WritePNG(filepath.Join(dir, "b.png"), nil); !errors.Is(err, bijector.ErrShape) {
		t.Errorf("nil tensor: %v", err)
	}
}
