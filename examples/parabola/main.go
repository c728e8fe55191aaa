// Command parabola is the program of the README: it learns points around a
// parabola, scores one, draws others and saves the model.
package main

import (
	"context"
	"fmt"
	"log"
	"math/rand/v2"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/coupling"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/registry"
	"github.com/bijou-flow/bijou/train"
)

func must[V any](v V, err error) V {
	if err != nil {
		log.Fatal(err)
	}
	return v
}

func main() {
	rng := rand.New(rand.NewPCG(1, 2))
	x := bijector.NewRows[float32](5000, 2) // points around a parabola; RowsOfSlices takes a [][]float32
	for i := range x.Len() {
		a := rng.NormFloat64()
		x.Row(i)[0], x.Row(i)[1] = float32(a), float32(a*a/2+rng.NormFloat64()/10)
	}
	chain := must(coupling.RealNVP[float32](coupling.Recipe{Dim: 2, Layers: 8, Seed: 1}))
	f := must(flow.New(chain, distribution.StandardNormal[float32](2)))
	report := must(train.Fit(context.Background(), f, train.Tensor(x), train.Options{Epochs: 20}))
	logp := must(f.LogProb(x))         // []float64, nats, one a row
	draws := must(f.Sample(rng, 1000)) // 1000 rows of 2
	fmt.Printf("%.2f nats on average, %.2f for the first row; a draw: %.2f\n", report.Loss(), logp[0], draws.Row(0))
	if err := registry.Save("parabola.safetensors", f); err != nil {
		log.Fatal(err)
	}
}
