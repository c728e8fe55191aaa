// Command toy2d trains every kind of flow on four distributions of points in
// the plane, and draws data, samples and log-density side by side.
//
//	go run ./benchmarks/toy2d -out docs/pictures/toy2d.png
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"math/rand/v2"
	"time"

	"gonum.org/v1/plot"
	"gorgonia.org/tensor"

	"github.com/bijou-flow/bijou/autoregressive"
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/coupling"
	"github.com/bijou-flow/bijou/distribution"
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

// options of a run.
type options struct {
	points, epochs int
	out            string
}

func main() {
	log.SetFlags(0)
	var o options
	flag.StringVar(&o.out, "out", "toy2d.png", "`file` of the picture")
	flag.IntVar(&o.points, "points", 20000, "`number` of points to train on")
	flag.IntVar(&o.epochs, "epochs", 60, "`epochs` of each flow")
	flag.Parse()
	if err := run(o); err != nil {
		log.Fatal("toy2d: ", err)
	}
}

// run trains, prints a table of test losses and draws.
func run(o options) error {
	fmt.Print("negative log-likelihood of other points, nats\n\n| data |")
	for _, m := range models {
		fmt.Printf(" %s |", m.name)
	}
	fmt.Println("\n|---|--:|--:|--:|--:|")
	start := time.Now()
	var rows [][]*plot.Plot
	for _, d := range densities {
		data := points(d, o.points, 1)
		first, err := scatter(d.name, data)
		if err != nil {
			return err
		}
		row := []*plot.Plot{first}
		fmt.Printf("| %s |", d.name)
		for _, m := range models {
			flow, err := fit(m, data, o.epochs)
			if err != nil {
				return fmt.Errorf("%s on %s: %w", m.name, d.name, err)
			}
			nll, err := train.Evaluate(context.Background(), flow, train.Tensor(points(d, o.points, 2)))
			if err != nil {
				return err
			}
			fmt.Printf(" %.3f |", nll)
			draws, err := flow.Sample(rand.New(rand.NewPCG(3, 4)), min(o.points, drawn))
			if err != nil {
				return err
			}
			samples, err := scatter(m.name, draws)
			if err != nil {
				return err
			}
			heat, err := heatMap(fmt.Sprintf("%.2f nats", nll), flow)
			if err != nil {
				return err
			}
			row = append(row, samples, heat)
		}
		fmt.Println()
		rows = append(rows, row)
	}
	fmt.Printf("\n%.0f s\n", time.Since(start).Seconds())
	return save(o.out, rows)
}

func fit(m model, data *tensor.Dense, epochs int) (*distribution.Flow[float32], error) {
	chain, err := m.chain()
	if err != nil {
		return nil, err
	}
	flow := distribution.NewFlow(chain, distribution.StandardNormal[float32](2))
	_, err = train.Fit(context.Background(), flow, train.Tensor(data), train.Options{
		Epochs: epochs, Batch: 250, Rate: 2e-3, Schedule: train.Cosine{}, Seed: 1,
	})
	return flow, err
}
