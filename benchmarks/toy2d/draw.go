// Scatter plots, heat maps, and all of them in one picture.

package main

import (
	"image"
	"image/color"
	"math"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/flow"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/palette/moreland"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
)

const (
	plotRange     = 4.5  // the pictures show -reach to reach
	scatterPoints = 5000 // points of a scatter plot
	heatMapPixels = 180  // side of a heat map
	// floor is the log-density, in nats below that of the highest point, that
	// is drawn darkest.
	minLogDensity = 8
)

// panel is an empty square.
func panel(title string) *plot.Plot {
	p := plot.New()
	p.Title.Text = title
	p.Title.TextStyle.Font.Size = 9
	p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = -plotRange, plotRange, -plotRange, plotRange
	p.HideAxes()
	return p
}

// scatter draws points.
func scatter(title string, x *bijector.Rows[float32]) (*plot.Plot, error) {
	values := x.Values()
	var xys plotter.XYs
	for i := 0; i+1 < len(values) && len(xys) < scatterPoints; i += 2 {
		if a, b := float64(values[i]), float64(values[i+1]); math.Abs(a) < plotRange && math.Abs(b) < plotRange {
			xys = append(xys, plotter.XY{X: a, Y: b})
		}
	}
	s, err := plotter.NewScatter(xys)
	if err != nil {
		return nil, err
	}
	s.Shape, s.Radius = draw.CircleGlyph{}, vg.Points(0.45)
	s.Color = color.NRGBA{R: 20, G: 40, B: 110, A: 150}
	p := panel(title)
	p.Add(s)
	return p, nil
}

// heatMap draws a flow's log-density.
func heatMap(title string, f *flow.Flow[float32]) (*plot.Plot, error) {
	grid := bijector.NewRows[float32](heatMapPixels*heatMapPixels, 2)
	at := func(i int) float32 { return float32(plotRange * (2*(float64(i)+0.5)/heatMapPixels - 1)) }
	for row := range heatMapPixels {
		for col := range heatMapPixels {
			x := grid.Row(row*heatMapPixels + col)
			x[0], x[1] = at(col), -at(row)
		}
	}
	logp := make([]float64, heatMapPixels*heatMapPixels)
	if err := f.LogProbInto(logp, grid); err != nil {
		return nil, err
	}
	top := math.Inf(-1)
	for _, v := range logp {
		top = max(top, v)
	}
	colors := moreland.ExtendedBlackBody()
	colors.SetMin(-minLogDensity)
	colors.SetMax(0)
	img := image.NewRGBA(image.Rect(0, 0, heatMapPixels, heatMapPixels))
	for i, v := range logp {
		c, err := colors.At(max(v-top, -minLogDensity))
		if err != nil {
			return nil, err
		}
		img.Set(i%heatMapPixels, i/heatMapPixels, c)
	}
	p := panel(title)
	p.Add(plotter.NewImage(img, -plotRange, -plotRange, plotRange, plotRange))
	return p, nil
}

// picture draws rows of panels.
func picture(rows [][]*plot.Plot) image.Image {
	const side = 1.5 * vg.Inch
	cols := len(rows[0])
	img := vgimg.NewWith(
		vgimg.UseWH(side*vg.Length(cols), side*1.1*vg.Length(len(rows))),
		vgimg.UseDPI(110), vgimg.UseBackgroundColor(color.White))
	tiles := draw.Tiles{Rows: len(rows), Cols: cols, PadX: 3, PadY: 3, PadTop: 4, PadBottom: 4, PadLeft: 4, PadRight: 4}
	canvases := plot.Align(rows, tiles, draw.New(img))
	for i, row := range rows {
		for j, p := range row {
			p.Draw(canvases[i][j])
		}
	}
	return img.Image()
}
