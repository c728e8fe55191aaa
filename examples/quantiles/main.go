// Command quantiles learns the distribution of one value given another, with a
// conditional flow, and reads quantiles off it.
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"math"
	"math/rand/v2"
	"os"

	"github.com/bijou-flow/bijou/autoregressive"
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/train"
)

func main() {
	log.SetFlags(0)
	if err := run(os.Stdout); err != nil {
		log.Fatal(err)
	}
}

// run fits p(y | c) and prints quantiles of y for some c.
func run(w io.Writer) error {
	f, err := fit(6000)
	if err != nil {
		return err
	}
	levels := []float64{0.05, 0.5, 0.95}
	fmt.Fprintln(w, "  c     5 %    50 %    95 %")
	for _, c := range []float64{-1, 0, 1} {
		q, err := quantiles(f, c, levels)
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "%3.0f  %6.2f  %6.2f  %6.2f\n", c, q[0], q[1], q[2])
	}
	return nil
}

// fit trains a flow of one feature under a context of one on n pairs.
func fit(n int) (*flow.Flow[float64], error) {
	rng := rand.New(rand.NewPCG(1, 2))
	y, c := bijector.NewRows[float64](n, 1), bijector.NewRows[float64](n, 1)
	for i := range n {
		at := 3*rng.Float64() - 1.5
		c.Row(i)[0], y.Row(i)[0] = at, center(at)+spread(at)*rng.NormFloat64()
	}
	layers, err := autoregressive.NSF[float64](autoregressive.Recipe{
		Dim: 1, ContextDim: 1, Layers: 2, Hidden: []int{32}, Seed: 1,
	})
	if err != nil {
		return nil, err
	}
	f, err := flow.New(layers, distribution.StandardNormal[float64](1))
	if err != nil {
		return nil, err
	}
	_, err = train.Fit(context.Background(), f, train.Tensor(y).Given(c), train.Options{
		Epochs: 20, Rate: 5e-3, Schedule: train.Cosine{}, Seed: 1,
	})
	return f, err
}

// quantiles of y given c. The flow is a rising map of one feature between y and
// a standard normal, so that its inverse takes quantiles of the normal to those
// of y. With more features, take them of draws.
func quantiles(f *flow.Flow[float64], c float64, levels []float64) ([]float64, error) {
	at, err := bijector.RowsOf([]float64{c}, 1, 1)
	if err != nil {
		return nil, err
	}
	z := bijector.NewRows[float64](len(levels), 1)
	for i, p := range levels {
		z.Row(i)[0] = math.Sqrt2 * math.Erfinv(2*p-1)
	}
	y, err := f.Given(at).Inverse(z) // one context for all rows
	if err != nil {
		return nil, err
	}
	return y.Values(), nil
}

// center and spread are the truth: a bent line, and noise that grows with c.
func center(c float64) float64 { return math.Sin(2 * c) }
func spread(c float64) float64 { return 0.1 * math.Exp(c) }
