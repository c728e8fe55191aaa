// Command toy2d trains every kind of flow on four distributions of points in
// the plane, and draws data, samples and log-density side by side.
//
//	go run ./benchmarks/toy2d -out docs/pictures/toy2d.png -force
package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"time"

	"gonum.org/v1/plot"

	"github.com/bijou-flow/bijou/autoregressive"
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/coupling"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/internal/command"
	"github.com/bijou-flow/bijou/train"
)

// model is a recipe in the form that suits points in the plane.
type model struct {
	name  string
	chain func() (bijector.Layer[float32], error)
}

var models = []model{
	{"NICE", func() (bijector.Layer[float32], error) { return coupling.NICE[float32](recipe(12)) }},
	{"Real NVP", func() (bijector.Layer[float32], error) { return coupling.RealNVP[float32](recipe(12)) }},
	{"NSF", func() (bijector.Layer[float32], error) { return coupling.NSF[float32](recipe(6)) }},
	{"MAF", func() (bijector.Layer[float32], error) {
		return autoregressive.MAF[float32](autoregressive.Recipe{Dim: 2, Layers: 12, Hidden: []int{64, 64}, Seed: 1})
	}},
}

func recipe(layers int) coupling.Recipe {
	return coupling.Recipe{Dim: 2, Layers: layers, Hidden: []int{64, 64}, Seed: 1}
}

const about = `Trains every kind of flow on four distributions of points in the plane.

It prints a table of their negative log-likelihoods on other points, as
Markdown, and writes a picture: data, draws and log-density side by side.

Example: go run ./benchmarks/toy2d -out toy2d.png -epochs 5
`

func main() { command.Main(run) }

// run is main with its surroundings as arguments; it returns the exit code.
func run(ctx context.Context, args []string, s command.Streams) int {
	return command.Exit("toy2d", toy2d(ctx, args, s), s)
}

// options of a run.
type options struct{ points, epochs int }

func toy2d(ctx context.Context, args []string, s command.Streams) error {
	var o options
	f := command.NewFlags("./benchmarks/toy2d", about)
	out := f.File("out", "toy2d.png", "`file` of the picture", ".png")
	f.Int(&o.points, "points", 20000, 2, 10_000_000, "`number` of points to train on")
	f.Int(&o.epochs, "epochs", 60, 1, command.Most, "`epochs` of each flow")
	if err := f.Parse(args, s); err != nil {
		return err
	}
	start := time.Now()
	fmt.Fprint(s.Out, "negative log-likelihood of other points, nats\n\n| data |")
	for _, m := range models {
		fmt.Fprintf(s.Out, " %s |", m.name)
	}
	fmt.Fprintln(s.Out, "\n|---|--:|--:|--:|--:|")
	var rows [][]*plot.Plot
	for _, d := range densities {
		row, losses, err := fitAll(ctx, d, o, s.Log)
		if err != nil {
			return command.Early(err, "what was measured is printed, and no picture is written")
		}
		fmt.Fprintf(s.Out, "| %s |", d.name)
		for _, nll := range losses {
			fmt.Fprintf(s.Out, " %.3f |", nll)
		}
		fmt.Fprintln(s.Out)
		rows = append(rows, row)
	}
	fmt.Fprintf(s.Out, "\n%.0f s\n", time.Since(start).Seconds())
	return out.WritePNG(s, picture(rows))
}

// fitAll trains every model on points of a density, and returns a row of panels
// and the models' losses on other points.
func fitAll(ctx context.Context, d density, o options, log io.Writer) (row []*plot.Plot, losses []float64, err error) {
	data := points(d, o.points, 1)
	first, err := scatter(d.name, data)
	if err != nil {
		return nil, nil, err
	}
	row = append(row, first)
	for _, m := range models {
		f, err := fit(ctx, m, data, o.epochs)
		if err != nil {
			return nil, nil, fmt.Errorf("%s on %s: %w", m.name, d.name, err)
		}
		nll, err := train.Evaluate(ctx, f, train.Tensor(points(d, o.points, 2)))
		if err != nil {
			return nil, nil, err
		}
		fmt.Fprintf(log, "%s on %s: %.3f nats\n", m.name, d.name, nll)
		draws, err := f.Sample(rand.New(rand.NewPCG(3, 4)), min(o.points, scatterPoints))
		if err != nil {
			return nil, nil, err
		}
		samples, err := scatter(m.name, draws)
		if err != nil {
			return nil, nil, err
		}
		heat, err := heatMap(fmt.Sprintf("%.2f nats", nll), f)
		if err != nil {
			return nil, nil, err
		}
		row, losses = append(row, samples, heat), append(losses, nll)
	}
	return row, losses, nil
}

func fit(ctx context.Context, m model, data *bijector.Rows[float32], epochs int) (*flow.Flow[float32], error) {
	chain, err := m.chain()
	if err != nil {
		return nil, err
	}
	f, err := flow.New(chain, distribution.StandardNormal[float32](2))
	if err != nil {
		return nil, err
	}
	_, err = train.Fit(ctx, f, train.Tensor(data), train.Options{
		Epochs: epochs, Batch: 250, Rate: 2e-3, Schedule: train.Cosine{}, Seed: 1, ValidationFraction: train.NoValidation,
	})
	return f, err
}
