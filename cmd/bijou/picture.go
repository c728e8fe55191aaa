// Pictures of a table: the corner plot, and a histogram a column.

package main

import (
	"image/color"
	"image/png"
	"io"
	"math"
	"math/rand/v2"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"

	"github.com/bijou-flow/bijou/table"
)

// picture is data and draws, and the columns of them to show.
type picture struct {
	schema      *table.Schema
	columns     []int
	data, draws cloud
}

// Colours that the colour-blind can tell apart (Okabe and Ito 2008).
var (
	dataColor = color.RGBA{0x00, 0x72, 0xb2, 0xff}
	dataFill  = color.RGBA{0x9c, 0xc8, 0xe3, 0xff}
	drawColor = color.RGBA{0xd5, 0x5e, 0x00, 0xff}
)

const (
	panelSize = 2.1 * vg.Inch
	points    = 700 // of a panel in PNG
	pointsSVG = 150 // which has an element for each
)

// render draws panels, some of them nil, into a picture of a format.
func render(w io.Writer, extension string, panels [][]*plot.Plot, width, height vg.Length) error {
	rows, cols := len(panels), len(panels[0])
	tiles := draw.Tiles{
		Rows: rows, Cols: cols, PadX: vg.Points(8), PadY: vg.Points(8),
		PadTop: vg.Points(8), PadBottom: vg.Points(8), PadLeft: vg.Points(8), PadRight: vg.Points(14),
	}
	width, height = width*vg.Length(cols), height*vg.Length(rows)
	if extension == ".svg" {
		c := vgsvg.New(width, height)
		drawPanels(panels, tiles, draw.New(c))
		_, err := c.WriteTo(w)
		return err
	}
	img := vgimg.New(width, height)
	drawPanels(panels, tiles, draw.New(img))
	return (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(w, indexed(img.Image()))
}

func drawPanels(panels [][]*plot.Plot, tiles draw.Tiles, c draw.Canvas) {
	canvases := plot.Align(panels, tiles, c)
	for i, row := range panels {
		for j, p := range row {
			if p != nil {
				p.Draw(canvases[i][j])
			}
		}
	}
}

// corner draws pairs of columns, and histograms on the diagonal.
func (p *picture) corner(w io.Writer, extension string) error {
	n := len(p.columns)
	axes := make([]*axis, n)
	for k, j := range p.columns {
		axes[k] = newAxis(&p.schema.Columns[j], p.data.columns[j], p.draws.columns[j])
	}
	most := points
	if extension == ".svg" {
		most = pointsSVG
	}
	panels := make([][]*plot.Plot, n)
	for i := range n {
		panels[i] = make([]*plot.Plot, n)
		for j := range n {
			var err error
			if i == j {
				panels[i][j], err = p.histogram(p.columns[i], axes[i])
			} else {
				panels[i][j], err = p.pair(i, j, axes, most)
			}
			if err != nil {
				return err
			}
			// Names and ticks stand at the lower and the left edge.
			if i < n-1 {
				panels[i][j].X.Tick.Marker, panels[i][j].X.Label.Text = plot.ConstantTicks(nil), ""
			}
			if j > 0 || i == j {
				panels[i][j].Y.Tick.Marker, panels[i][j].Y.Label.Text = plot.ConstantTicks(nil), ""
			}
			if i == 0 && j == 0 {
				panels[i][j].Y.Label.Text = p.schema.Columns[p.columns[0]].Name
			}
			if i == 0 && j == n-1 && n > 1 {
				panels[i][j].Title.Text = "draws above, data below"
			}
		}
	}
	return render(w, extension, panels, panelSize, panelSize)
}

// pair is a scatter plot: of data below the diagonal, of draws above it.
func (p *picture) pair(i, j int, axes []*axis, most int) (*plot.Plot, error) {
	from, c := p.data, dataColor
	if j > i {
		from, c = p.draws, drawColor
	}
	x, y := axes[j], axes[i]
	xs, ys := from.columns[p.columns[j]], from.columns[p.columns[i]]
	rng := rand.New(rand.NewPCG(uint64(i), uint64(j))) // for places within a bar
	var xys plotter.XYs
	for k := 0; k < len(xs) && len(xys) < most; k++ {
		a, b := x.place(xs[k], rng), y.place(ys[k], rng)
		if a >= x.lo && a <= x.hi && b >= y.lo && b <= y.hi {
			xys = append(xys, plotter.XY{X: a, Y: b})
		}
	}
	panel := newPanel(p.schema.Columns[p.columns[j]].Name, p.schema.Columns[p.columns[i]].Name, x)
	panel.Y.Min, panel.Y.Max, panel.Y.Tick.Marker = y.lo, y.hi, y.ticks()
	if len(xys) == 0 {
		return panel, nil
	}
	scatter, err := plotter.NewScatter(xys)
	if err != nil {
		return nil, err
	}
	c.A = 0xff
	scatter.GlyphStyle = draw.GlyphStyle{Color: faint(c), Radius: vg.Points(1.1), Shape: draw.CircleGlyph{}}
	panel.Add(scatter)
	return panel, nil
}

// faint is a colour that shows where points lie over each other.
func faint(c color.RGBA) color.Color {
	return color.NRGBA{c.R, c.G, c.B, 0x80}
}

// newPanel is an empty plot over an axis.
func newPanel(x, y string, a *axis) *plot.Plot {
	p := plot.New()
	p.X.Label.Text, p.Y.Label.Text = x, y
	p.X.Tick.Label.Font.Size, p.Y.Tick.Label.Font.Size = vg.Points(7), vg.Points(7)
	p.X.Label.TextStyle.Font.Size, p.Y.Label.TextStyle.Font.Size = vg.Points(10), vg.Points(10)
	p.X.Padding, p.Y.Padding = 0, 0
	p.X.Min, p.X.Max, p.X.Tick.Marker = a.lo, a.hi, a.ticks()
	if a.slanted() {
		p.X.Tick.Label.Rotation, p.X.Tick.Label.XAlign, p.X.Tick.Label.YAlign = math.Pi/4, draw.XRight, draw.YCenter
	}
	return p
}

// histogram is that of a column of data and of draws.
func (p *picture) histogram(j int, a *axis) (*plot.Plot, error) {
	panel := newPanel(p.schema.Columns[j].Name, "", a)
	data, draws := a.bins(p.data.columns[j]), a.bins(p.draws.columns[j])
	panel.Add(
		&plotter.Histogram{Bins: data, Width: 1, FillColor: dataFill, LineStyle: draw.LineStyle{Color: dataFill}},
		&plotter.Histogram{Bins: draws, Width: 1, LineStyle: draw.LineStyle{Color: drawColor, Width: vg.Points(1)}},
	)
	top := 0.0
	for i := range data {
		top = max(top, data[i].Weight, draws[i].Weight)
	}
	panel.Y.Min, panel.Y.Max = 0, 1.05*top
	panel.X.Min, panel.X.Max = a.lo, a.hi
	return panel, nil
}

// histograms draws one of each column.
func (p *picture) histograms(w io.Writer, extension string) error {
	n := len(p.columns)
	cols := min(max(int(math.Ceil(math.Sqrt(float64(n)))), 1), 5)
	rows := (n + cols - 1) / cols
	panels := make([][]*plot.Plot, rows)
	for i := range panels {
		panels[i] = make([]*plot.Plot, cols)
	}
	for k, j := range p.columns {
		panel, err := p.histogram(j, newAxis(&p.schema.Columns[j], p.data.columns[j], p.draws.columns[j]))
		if err != nil {
			return err
		}
		panel.Y.Tick.Marker = plot.DefaultTicks{}
		if k == 0 {
			panel.Title.Text = "data (filled), draws (line): share a bar"
			panel.Title.TextStyle.Font.Size = vg.Points(9)
		}
		panels[k/cols][k%cols] = panel
	}
	return render(w, extension, panels, 3*vg.Inch, 2.4*vg.Inch)
}
