// Columns with heavy tails, skew and outliers: a recipe's defaults come close to
// the density they were drawn from, and draw nothing that is not finite.

package flow_test

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/bijou-flow/bijou/autoregressive"
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/coupling"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/internal/testkit"
	"github.com/bijou-flow/bijou/train"
)

// dependentPair draws two columns with the margins of quantile and a normal
// copula of correlation 0.5, and their mean log-density.
func dependentPair(n int, seed uint64, quantile func(z float64) float64, logDensity func(x float64) float64) (*bijector.Rows[float32], float64) {
	const rho = 0.5
	rng := testkit.NewRand(seed)
	rows, mean := bijector.NewRows[float32](n, 2), 0.0
	for i := range n {
		a := rng.NormFloat64()
		b := rho*a + math.Sqrt(1-rho*rho)*rng.NormFloat64()
		copula := -math.Log(1-rho*rho)/2 - (a*a-2*rho*a*b+b*b)/(2*(1-rho*rho)) + (a*a+b*b)/2
		x, y := quantile(a), quantile(b)
		rows.Row(i)[0], rows.Row(i)[1] = float32(x), float32(y)
		mean += (copula + logDensity(x) + logDensity(y)) / float64(n)
	}
	return rows, mean
}

func TestRecipesOnHeavyTails(t *testing.T) {
	cauchy, lognormal := distuv.StudentsT{Sigma: 1, Nu: 1}, distuv.LogNormal{Sigma: 2}
	margins := map[string]struct{ quantile, logDensity func(float64) float64 }{
		"Cauchy": {func(z float64) float64 {
			return math.Copysign(1/math.Tan(math.Pi*math.Erfc(math.Abs(z)/math.Sqrt2)/2), z)
		}, cauchy.LogProb},
		"log-normal": {func(z float64) float64 { return math.Exp(2 * z) }, lognormal.LogProb},
	}
	recipes := map[string]func() (*bijector.Chain[float32], error){
		"RealNVP": func() (*bijector.Chain[float32], error) {
			return coupling.RealNVP[float32](coupling.Recipe{Dim: 2, Layers: 4, Hidden: []int{16}})
		},
		"NSF": func() (*bijector.Chain[float32], error) {
			return coupling.NSF[float32](coupling.Recipe{Dim: 2, Layers: 2, Hidden: []int{16}})
		},
		"MAF": func() (*bijector.Chain[float32], error) {
			return autoregressive.MAF[float32](autoregressive.Recipe{Dim: 2, Layers: 3, Hidden: []int{16}})
		},
	}
	for law, m := range margins {
		x, _ := dependentPair(6000, 1, m.quantile, m.logDensity)
		test, want := dependentPair(6000, 2, m.quantile, m.logDensity)
		for name, recipe := range recipes {
			t.Run(law+", "+name, func(t *testing.T) {
				f := testkit.Must(flow.New[float32](testkit.Must(recipe()), distribution.StandardNormal[float32](2)))
				_, err := train.Fit(context.Background(), f, train.Tensor(x), train.Options{ValidationFraction: train.NoValidation, Epochs: 8, Batch: 100, Rate: 3e-3, Schedule: train.Cosine{}})
				if err != nil {
					t.Fatal(err)
				}
				logp := testkit.Must(f.LogProb(test))
				mean := 0.0
				for _, v := range logp {
					mean += v / float64(len(logp))
				}
				if gap := (want - mean) / 2; gap > 0.05 {
					t.Errorf("%.3f nats a feature from the truth, want 0.05 at most", gap)
				}
				// Every draw is finite, an error says otherwise.
				if _, err := f.Sample(rand.New(rand.NewPCG(1, 2)), 100_000); err != nil {
					t.Error(err)
				}
			})
		}
	}
}
