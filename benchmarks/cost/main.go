// Command cost measures how the time of a sample grows with depth, width,
// dimension, batch and rows, prints a table and plots it.
//
//	go run ./benchmarks/cost -out docs/pictures/cost.png -force
package main

import (
	"context"
	"fmt"
	"image"
	"io"
	"time"

	"github.com/bijou-flow/bijou/flow"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/plotutil"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"

	"github.com/bijou-flow/bijou/benchmarks"
	"github.com/bijou-flow/bijou/coupling"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/internal/command"
	"github.com/bijou-flow/bijou/train"
)

// size is a flow and how it is used; the base is the demonstration's.
type size struct{ layers, width, dim, batch int }

var base = size{layers: 9, width: 100, dim: 20, batch: 100}

// axis is one of them, varied.
type axis struct {
	name   string
	values []int
	at     func(v int) size
}

var axes = []axis{
	{"couplings", []int{3, 6, 9, 18, 36, 72}, func(v int) size { s := base; s.layers = v; return s }},
	{"hidden width", []int{32, 64, 128, 256, 512}, func(v int) size { s := base; s.width = v; return s }},
	{"dimensions", []int{8, 16, 32, 64, 128, 256}, func(v int) size { s := base; s.dim = v; return s }},
	{"batch", []int{16, 32, 64, 128, 256, 512, 1024}, func(v int) size { s := base; s.batch = v; return s }},
}

const about = `Measures how the time of a sample grows with depth, width, dimension, batch and
rows.

It prints two tables as Markdown, and writes a plot of both.

Example: go run ./benchmarks/cost -out cost.png -seconds 0.2
`

func main() { command.Main(run) }

// run is main with its surroundings as arguments; it returns the exit code.
func run(ctx context.Context, args []string, s command.Streams) int {
	return command.Exit("cost", cost(ctx, args, s), s)
}

func cost(ctx context.Context, args []string, s command.Streams) error {
	var seconds float64
	f := command.NewFlags("./benchmarks/cost", about)
	out := f.File("out", "cost.png", "`file` of the plot", ".png")
	f.Positive(&seconds, "seconds", 1, 3600, "`seconds` of each measurement")
	if err := f.Parse(args, s); err != nil {
		return err
	}
	panels, err := measure(ctx, time.Duration(seconds*float64(time.Second)), s.Out)
	if err != nil {
		return command.Early(err, "what was measured is printed, and no picture is written")
	}
	return out.WritePNG(s, picture(panels))
}

// measure prints all measurements, of d each, and plots them.
func measure(ctx context.Context, d time.Duration, w io.Writer) ([]*plot.Plot, error) {
	var panels []*plot.Plot
	fmt.Fprintln(w, "| | | training, us a sample |\n|---|--:|--:|")
	for _, a := range axes {
		var xys plotter.XYs
		for _, v := range a.values {
			at := a.at(v)
			step, err := trainStep(ctx, at, d)
			if err != nil {
				return nil, err
			}
			us := step * 1e6 / float64(at.batch)
			fmt.Fprintf(w, "| %s | %d | %.2f |\n", a.name, v, us)
			xys = append(xys, plotter.XY{X: float64(v), Y: us})
		}
		p, err := panel(a.name, "training, us a sample", xys)
		if err != nil {
			return nil, err
		}
		panels = append(panels, p)
	}
	fmt.Fprintln(w, "\n| rows | log-density, us a row |\n|--:|--:|")
	var xys plotter.XYs
	for _, n := range []int{1, 10, 100, 1000, 10000, 100000} {
		t, err := logProb(ctx, n, d)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(w, "| %d | %.2f |\n", n, t*1e6/float64(n))
		xys = append(xys, plotter.XY{X: float64(n), Y: t * 1e6 / float64(n)})
	}
	p, err := panel("rows", "log-density, us a row", xys)
	return append(panels, p), err
}

func newFlow(s size) (*flow.Flow[float32], error) {
	chain, err := coupling.RealNVP[float32](coupling.Recipe{
		Dim: s.dim, ContextDim: 10, Layers: s.layers, Hidden: []int{s.width, s.width}, OutScale: 0.1, Seed: 1,
	})
	if err != nil {
		return nil, err
	}
	return flow.New(chain, distribution.StandardNormal[float32](s.dim))
}

// trainStep is the median time of a training step.
func trainStep(ctx context.Context, s size, d time.Duration) (float64, error) {
	flow, err := newFlow(s)
	if err != nil {
		return 0, err
	}
	const rows = 10240
	data := train.Tensor(benchmarks.Normal[float32](rows, s.dim)).Given(benchmarks.Labels[float32](rows))
	return benchmarks.StepTime(ctx, flow, data, s.batch, 0, d, benchmarks.Median)
}

// logProb is the median time of scoring n rows.
func logProb(ctx context.Context, n int, d time.Duration) (float64, error) {
	flow, err := newFlow(base)
	if err != nil {
		return 0, err
	}
	x, dst, given := benchmarks.Normal[float32](n, base.dim), make([]float64, n), flow.Given(benchmarks.Labels[float32](n))
	return benchmarks.OpTime(ctx, func() error { return given.LogProbInto(dst, x) }, d, benchmarks.Median)
}

// panel is one curve on logarithmic axes.
func panel(x, y string, xys plotter.XYs) (*plot.Plot, error) {
	p := plot.New()
	p.X.Label.Text, p.Y.Label.Text = x, y
	p.X.Scale, p.Y.Scale = plot.LogScale{}, plot.LogScale{}
	p.X.Tick.Marker, p.Y.Tick.Marker = plot.LogTicks{Prec: -1}, plot.LogTicks{Prec: -1}
	lo, hi := xys[0].Y, xys[0].Y
	for _, v := range xys {
		lo, hi = min(lo, v.Y), max(hi, v.Y)
	}
	p.Y.Min, p.Y.Max = lo/2, hi*2
	p.Add(plotter.NewGrid())
	return p, plotutil.AddLinePoints(p, xys)
}

// picture draws panels side by side.
func picture(panels []*plot.Plot) image.Image {
	const side = 3.2 * vg.Inch
	img := vgimg.New(side*vg.Length(len(panels)), side)
	tiles := draw.Tiles{Rows: 1, Cols: len(panels), PadX: vg.Points(14), PadTop: 8, PadBottom: 8, PadLeft: 8, PadRight: 12}
	for i, c := range plot.Align([][]*plot.Plot{panels}, tiles, draw.New(img))[0] {
		panels[i].Draw(c)
	}
	return img.Image()
}
