// The section on margins: heavy tails, skew and outliers, with a Gaussianize in
// front and without.

package main

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/command"
	"github.com/bijou-flow/bijou/train"
)

const (
	tailEpochs = 12
	tailDraws  = 10 // for each row trained on
	tailTest   = 10_000
)

// density draws rows, and knows their log-density.
type density struct {
	name     string
	dim      int
	draw     func(rng *rand.Rand, x []float64) (logp float64)
	quantile func(p float64) float64 // of each column
}

// copula has dim columns with one margin and a normal copula in which every two
// have the correlation 0.5. quantile takes a latent to the margin.
func copula(name string, dim int, quantile, logDensity func(v float64) float64) density {
	const rho = 0.5
	n := float64(dim)
	logDet := (n-1)*math.Log(1-rho) + math.Log(1-rho+n*rho)
	return density{fmt.Sprintf("%s in %d columns", name, dim), dim, func(rng *rand.Rand, x []float64) (logp float64) {
		shared, sum, squares := rng.NormFloat64(), 0.0, 0.0
		for j := range x {
			g := math.Sqrt(rho)*shared + math.Sqrt(1-rho)*rng.NormFloat64()
			x[j] = quantile(g)
			sum, squares = sum+g, squares+g*g
			logp += logDensity(x[j]) + g*g/2
		}
		return logp - (squares-rho/(1-rho+n*rho)*sum*sum)/(1-rho)/2 - logDet/2
	}, func(p float64) float64 { return quantile(distuv.UnitNormal.Quantile(p)) }}
}

// odd makes the quantile of a symmetric law of a latent, by the upper tail's
// probability, which loses no digits.
func odd(upper func(p float64) float64) func(z float64) float64 {
	return func(z float64) float64 {
		return math.Copysign(upper(math.Erfc(math.Abs(z)/math.Sqrt2)/2), z)
	}
}

func densities() (all []density) {
	t1, t2 := distuv.StudentsT{Sigma: 1, Nu: 1}, distuv.StudentsT{Sigma: 1, Nu: 2}
	lognormal := distuv.LogNormal{Sigma: 2}
	for _, dim := range []int{2, 20} {
		all = append(
			all,
			copula("normal", dim, func(z float64) float64 { return z }, distuv.UnitNormal.LogProb),
			copula("Student t of 2", dim, odd(func(p float64) float64 { return (1 - 2*p) / math.Sqrt(2*p*(1-p)) }), t2.LogProb),
			copula("Cauchy", dim, odd(func(p float64) float64 { return 1 / math.Tan(math.Pi*p) }), t1.LogProb),
			copula("log-normal of sigma 2", dim, func(z float64) float64 { return math.Exp(2 * z) }, lognormal.LogProb),
		)
	}
	narrow, wide := distuv.UnitNormal, distuv.Normal{Sigma: 1e4}
	return append(all, density{"5 % of values 10,000 times wider", 2, func(rng *rand.Rand, x []float64) (logp float64) {
		for j := range x {
			x[j] = rng.NormFloat64()
			if rng.Float64() < 0.05 {
				x[j] *= 1e4
			}
			logp += math.Log(0.95*narrow.Prob(x[j]) + 0.05*wide.Prob(x[j]))
		}
		return logp
	}, nil})
}

// rows draws n rows of the density, and the mean of -log p.
func (d density) rows(n int, seed uint64) (*bijector.Rows[float32], float64) {
	rng, x, loss := newRand(seed), bijector.NewRows[float32](n, d.dim), 0.0
	row := make([]float64, d.dim)
	for i := range n {
		loss -= d.draw(rng, row) / float64(n)
		for j, v := range row {
			x.Row(i)[j] = float32(v)
		}
	}
	return x, loss
}

func tails(ctx context.Context, a arguments, s command.Streams) error {
	headed := false
	for _, d := range densities() {
		if !a.selects("tails", d.name) {
			continue
		}
		if !headed {
			fmt.Fprintf(s.Out, "\nmargins: nats a column from the truth; quantiles of %d draws a row over the truth's, the median of the columns\n\n| rows | recipe | seed | Gaussianize | Standardize alone | 0.1 %% | 99.9 %% | draws not finite |\n|---|---|--:|--:|--:|--:|--:|--:|\n", tailDraws)
			headed = true
		}
		for _, r := range recipes[float32]() {
			for _, seed := range a.seeds {
				x, _ := d.rows(a.rows, seed)
				test, truth := d.rows(tailTest, seed+1000)
				gap := func(margins string) (string, string) {
					layer, err := r.build(d.dim, 0, margins, false, seed)
					if err != nil {
						return cell(0, err), ""
					}
					f, loss, err := fit(ctx, layer, train.Tensor(x), train.Tensor(test), tailEpochs, seed)
					if err != nil || margins != "" {
						return cell((loss-truth)/float64(d.dim), err), ""
					}
					draws, err := f.Sample(newRand(seed+2000), tailDraws*a.rows)
					if draws == nil {
						return cell(0, err), ""
					}
					return cell((loss-truth)/float64(d.dim), nil), d.compare(draws)
				}
				with, quantiles := gap("")
				without, _ := gap("standardize")
				if err := ctx.Err(); err != nil {
					return err
				}
				fmt.Fprintf(s.Out, "| %s | %s | %d | %s | %s | %s |\n", d.name, r.name, seed, with, without, quantiles)
			}
		}
	}
	return nil
}

// compare are cells of the draws' outer quantiles over the truth's, and of the
// draws that are not finite.
func (d density) compare(draws *bijector.Rows[float32]) string {
	bad, low, high := 0, []float64{}, []float64{}
	for j := range d.dim {
		column := []float64{}
		for i := range draws.Len() {
			v := float64(draws.Row(i)[j])
			if math.IsNaN(v) || math.IsInf(v, 0) {
				bad++
				continue
			}
			column = append(column, v)
		}
		slices.Sort(column)
		if d.quantile != nil {
			low = append(low, column[len(column)/1000]/d.quantile(0.001))
			high = append(high, column[len(column)*999/1000]/d.quantile(0.999))
		}
	}
	if d.quantile == nil {
		return fmt.Sprintf(" | | %d", bad)
	}
	slices.Sort(low)
	slices.Sort(high)
	return fmt.Sprintf("%.2f | %.2f | %d", low[len(low)/2], high[len(high)/2], bad)
}
