// Curves of losses, and other lines, as pictures.

package command

import (
	"image/color"
	"image/png"
	"io"
	"math"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"

	"github.com/bijou-flow/bijou/internal/atomicfile"
)

// Curve is a stage's losses for DrawCurves.
type Curve struct {
	Title, Unit string
	Epochs      []Epoch
}

// DrawCurves plots losses over epochs, the stages side by side.
func DrawCurves(path string, curves []Curve) error {
	var panels []*plot.Plot
	for _, c := range curves {
		var training, test plotter.XYs
		for _, e := range c.Epochs {
			if e.Loss.Finite() {
				training = append(training, plotter.XY{X: float64(e.Epoch), Y: float64(e.Loss)})
			}
			if e.Test.Finite() {
				test = append(test, plotter.XY{X: float64(e.Epoch), Y: float64(e.Test)})
			}
		}
		title := c.Title
		if len(c.Epochs) == 0 {
			title += " (no epoch was finished)"
		}
		panel, err := NewPanel(title, "epoch", c.Unit, Line{"training", training}, Line{"test", test})
		if err != nil {
			return err
		}
		panels = append(panels, panel)
	}
	return SavePanels(path, panels)
}

// Line is points to join, with their name in the legend.
type Line struct {
	Name string
	XYs  plotter.XYs
}

// lineColors can be told apart by the colour-blind (Okabe and Ito 2008).
var lineColors = []color.RGBA{
	{0x00, 0x72, 0xb2, 0xff},
	{0xd5, 0x5e, 0x00, 0xff},
	{0x00, 0x9e, 0x73, 0xff},
	{0xcc, 0x79, 0xa7, 0xff},
	{0xe6, 0x9f, 0x00, 0xff},
	{0x56, 0xb4, 0xe9, 0xff},
}

// NewPanel is a plot of lines over whole numbers. Lines without points are left
// out.
func NewPanel(title, x, y string, lines ...Line) (*plot.Plot, error) {
	p := plot.New()
	p.Title.Text = title
	p.X.Label.Text, p.Y.Label.Text = x, y
	p.X.Tick.Marker = plot.TickerFunc(wholeTicks)
	p.Legend.Top = true
	p.Legend.Padding = vg.Points(3)
	p.Add(plotter.NewGrid())
	for i, l := range lines {
		if len(l.XYs) == 0 {
			continue
		}
		joined, points, err := plotter.NewLinePoints(l.XYs)
		if err != nil {
			return nil, err
		}
		c := lineColors[i%len(lineColors)]
		joined.Color, joined.Width = c, vg.Points(1.5)
		points.Color, points.Shape, points.Radius = c, draw.CircleGlyph{}, vg.Points(2.5)
		p.Add(joined, points)
		p.Legend.Add(l.Name, joined, points)
	}
	return p, nil
}

// wholeTicks labels whole numbers, ten at most.
func wholeTicks(lo, hi float64) []plot.Tick {
	step := 1.0
	for i := 0; (hi-lo)/step > 10; i++ {
		step *= [...]float64{2, 2.5, 2}[i%3] // 1, 2, 5, 10, 20, ...
	}
	var ticks []plot.Tick
	for v := math.Ceil(lo/step) * step; v <= hi; v += step {
		ticks = append(ticks, plot.Tick{Value: v, Label: strconv.FormatFloat(v, 'f', 0, 64)})
	}
	return ticks
}

// SavePanels draws plots side by side into one PNG.
func SavePanels(path string, panels []*plot.Plot) error {
	const width, height = 6 * vg.Inch, 4.5 * vg.Inch
	img := vgimg.New(width*vg.Length(len(panels)), height)
	tiles := draw.Tiles{Rows: 1, Cols: len(panels), PadX: vg.Points(16), PadTop: vg.Points(8), PadBottom: vg.Points(8), PadLeft: vg.Points(8), PadRight: vg.Points(12)}
	canvases := plot.Align([][]*plot.Plot{panels}, tiles, draw.New(img))
	for i, p := range panels {
		p.Draw(canvases[0][i])
	}
	return atomicfile.Write(path, func(w io.Writer) error { return png.Encode(w, img.Image()) })
}
