// The section on contexts: in units of their own against standardised by hand.

package main

import (
	"context"
	"fmt"
	"math"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/command"
	"github.com/bijou-flow/bijou/train"
)

// contextEpochs is how long the section trains.
const contextEpochs = 10

// contextRows are rows x = (3u + 0.1e, v^2 + 0.1e) with the contexts u and v, in
// units that scale gives them, and the mean of -log p(x | c).
func contextRows(n int, seed uint64, scale func(u, v float64) (a, b float64)) (x, c *bijector.Rows[float32], truth float64) {
	rng := newRand(seed)
	x, c = bijector.NewRows[float32](n, 2), bijector.NewRows[float32](n, 2)
	for i := range n {
		u, v, e0, e1 := rng.Float64(), rng.NormFloat64(), rng.NormFloat64(), rng.NormFloat64()
		a, b := scale(u, v)
		copy(x.Row(i), []float32{float32(3*u + 0.1*e0), float32(v*v + 0.1*e1)})
		copy(c.Row(i), []float32{float32(a), float32(b)})
		truth += (math.Log(2*math.Pi) + 2*math.Log(0.1) + (e0*e0+e1*e1)/2) / float64(n)
	}
	return x, c, truth
}

// standardised are contexts with mean 0 and deviation 1, by the moments of those
// trained on.
func standardised(c, of *bijector.Rows[float32]) *bijector.Rows[float32] {
	out := bijector.NewRows[float32](c.Len(), c.Dim())
	for j := range c.Dim() {
		sum, squares, n := 0.0, 0.0, float64(of.Len())
		for i := range of.Len() {
			sum += float64(of.Row(i)[j]) / n
		}
		for i := range of.Len() {
			d := float64(of.Row(i)[j]) - sum
			squares += d * d / n
		}
		for i := range c.Len() {
			out.Row(i)[j] = float32((float64(c.Row(i)[j]) - sum) / math.Sqrt(squares))
		}
	}
	return out
}

func contexts(ctx context.Context, a arguments, s command.Streams) error {
	sets := []struct {
		name  string
		scale func(u, v float64) (float64, float64)
	}{
		{"contexts 2000 + 24 u, exp(10 + v)", func(u, v float64) (float64, float64) { return 2000 + 24*u, math.Exp(10 + v) }},
		{"contexts 1e-9 u, 1e12 v", func(u, v float64) (float64, float64) { return 1e-9 * u, 1e12 * v }},
	}
	for _, set := range sets {
		if !a.selects(set.name) {
			continue
		}
		fmt.Fprintf(s.Out, "\n%s; x = (3 u + 0.1 e, v^2 + 0.1 e)\n\n| recipe | seed | truth | as they are | by hand | as they are, Raw |\n|---|--:|--:|--:|--:|--:|\n", set.name)
		for _, r := range recipes[float32]() {
			for _, seed := range a.seeds {
				x, c, _ := contextRows(a.rows, seed, set.scale)
				tx, tc, truth := contextRows(10_000, seed+1000, set.scale)
				measure := func(c, tc *bijector.Rows[float32], raw bool) string {
					layer, err := r.build(2, 2, "", raw, seed)
					if err != nil {
						return cell(0, err)
					}
					_, loss, err := fit(ctx, layer, train.Tensor(x).Given(c), train.Tensor(tx).Given(tc), contextEpochs, seed)
					return cell(loss, err)
				}
				given, byHand, raw := measure(c, tc, false), measure(standardised(c, c), standardised(tc, c), false), measure(c, tc, true)
				if err := ctx.Err(); err != nil {
					return err
				}
				fmt.Fprintf(s.Out, "| %s | %d | %.3f | %s | %s | %s |\n", r.name, seed, truth, given, byHand, raw)
			}
		}
	}
	return nil
}
