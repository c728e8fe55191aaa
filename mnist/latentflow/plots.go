package main

import (
	"fmt"
	"math"
	"os"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/plotutil"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
)

// drawCurves plots the losses of both stages over their epochs, side by side.
func drawCurves(path string, ae, flow stage) error {
	var panels []*plot.Plot
	for _, p := range []struct {
		title, unit string
		stage       stage
	}{
		{"autoencoder", "binary cross-entropy, nats a pixel", ae},
		{"flow", "negative log-likelihood, nats an embedding", flow},
	} {
		if len(p.stage.Epochs) == 0 {
			continue
		}
		var training, test plotter.XYs
		for _, e := range p.stage.Epochs {
			training = append(training, plotter.XY{X: float64(e.Epoch), Y: float64(e.Loss)})
			if v := float64(e.Test); !math.IsNaN(v) && !math.IsInf(v, 0) {
				test = append(test, plotter.XY{X: float64(e.Epoch), Y: v})
			}
		}
		panel := newPanel(p.title, "epoch", p.unit)
		if err := plotutil.AddLinePoints(panel, "training", training, "test", test); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		panels = append(panels, panel)
	}
	return savePanels(path, panels)
}

// newPanel is an empty plot.
func newPanel(title, x, y string) *plot.Plot {
	p := plot.New()
	p.Title.Text = title
	p.X.Label.Text, p.Y.Label.Text = x, y
	p.Legend.Top = true
	p.Add(plotter.NewGrid())
	return p
}

// savePanels draws plots side by side into one PNG.
func savePanels(path string, panels []*plot.Plot) error {
	if len(panels) == 0 {
		return nil
	}
	const width, height = 6 * vg.Inch, 4.5 * vg.Inch
	img := vgimg.New(width*vg.Length(len(panels)), height)
	tiles := draw.Tiles{Rows: 1, Cols: len(panels), PadX: vg.Points(16), PadTop: vg.Points(8), PadBottom: vg.Points(8), PadLeft: vg.Points(8), PadRight: vg.Points(12)}
	canvases := plot.Align([][]*plot.Plot{panels}, tiles, draw.New(img))
	for i, p := range panels {
		p.Draw(canvases[0][i])
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	if _, err := (vgimg.PngCanvas{Canvas: img}).WriteTo(f); err != nil {
		f.Close()
		return fmt.Errorf("%s: %w", path, err)
	}
	return f.Close()
}
