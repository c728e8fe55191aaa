package autoregressive_test

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"

	"gorgonia.org/tensor"

	"github.com/bijou-flow/bijou/autoregressive"
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/train"
)

// table draws n rows of d features.
func table(n, d int, seed uint64, row func(rng *rand.Rand, x []float64)) *tensor.Dense {
	rng := rand.New(rand.NewPCG(seed, 1))
	data, x := make([]float32, 0, n*d), make([]float64, d)
	for range n {
		row(rng, x)
		for _, v := range x {
			data = append(data, float32(v))
		}
	}
	return tensor.New(tensor.WithShape(n, d), tensor.WithBacking(data))
}

// spiral is a ribbon around a curve in space: x, y and z depend on one
// another, and none is normal. The third column is in other units.
func spiral(rng *rand.Rand, x []float64) {
	a := 4 * rng.Float64()
	sin, cos := math.Sincos(a)
	x[0], x[1], x[2] = cos+0.1*rng.NormFloat64(), sin+0.1*rng.NormFloat64(), 1000+100*(a+0.2*rng.NormFloat64())
}

// gaussianNLL is the mean negative log-density, in nats, of the rows of test
// under the normal density with moments of the rows of data.
func gaussianNLL(data, test *tensor.Dense) float64 {
	d := data.Shape()[1]
	mean, cov := make([]float64, d), make([][]float64, d)
	values := data.Float32s()
	n := float64(len(values) / d)
	for i, v := range values {
		mean[i%d] += float64(v) / n
	}
	for j := range cov {
		cov[j] = make([]float64, d)
		for i := 0; i < len(values); i += d {
			for k := range d {
				cov[j][k] += (float64(values[i+j]) - mean[j]) * (float64(values[i+k]) - mean[k]) / n
			}
		}
	}
	// Cholesky, then forward substitution.
	logDet := 0.0
	for j := range d {
		for k := range j + 1 {
			for l := range k {
				cov[j][k] -= cov[j][l] * cov[k][l]
			}
			if k < j {
				cov[j][k] /= cov[k][k]
			}
		}
		cov[j][j] = math.Sqrt(cov[j][j])
		logDet += math.Log(cov[j][j])
	}
	values = test.Float32s()
	sum := 0.0
	for i := 0; i < len(values); i += d {
		u := make([]float64, d)
		for j := range d {
			u[j] = float64(values[i+j]) - mean[j]
			for l := range j {
				u[j] -= cov[j][l] * u[l]
			}
			u[j] /= cov[j][j]
			sum += u[j] * u[j] / 2
		}
	}
	return sum/float64(len(values)/d) + logDet + float64(d)/2*math.Log(2*math.Pi)
}

// fit trains a flow and returns its mean negative log-density of test.
func fit(t *testing.T, chain *bijector.Chain[float32], data, test *tensor.Dense, o train.Options) (*flow.Flow[float32], float64) {
	t.Helper()
	flow := must(flow.New[float32](chain, distribution.StandardNormal[float32](chain.Dim())))
	o.Validation, o.Workers = train.Tensor(test), 1
	report, err := train.Fit(context.Background(), flow, train.Tensor(data), o)
	if err != nil {
		t.Fatal(err)
	}
	return flow, report.Epochs[len(report.Epochs)-1].Validation
}

// TestTraining: the recipes learn a density in space much better than a normal
// one does, from data that nobody scaled.
func TestTraining(t *testing.T) {
	data, test := table(3000, 3, 1, spiral), table(2000, 3, 2, spiral)
	normal := gaussianNLL(data, test)
	for name, recipe := range map[string]func(autoregressive.Recipe) (*bijector.Chain[float32], error){
		"MAF": autoregressive.MAF[float32], "NSF": autoregressive.NSF[float32],
	} {
		chain := must(recipe(autoregressive.Recipe{Dim: 3, Layers: 3, Hidden: []int{32, 32}, Seed: 1}))
		_, loss := fit(t, chain, data, test, train.Options{ValidationFraction: train.NoValidation, Epochs: 8, Rate: 5e-3, Schedule: train.Cosine{}})
		t.Logf("%s: %.3f nats a row, a normal density %.3f", name, loss, normal)
		if !(loss < normal-0.8) {
			t.Errorf("%s ends at %.3f nats a row, a normal density has %.3f", name, loss, normal)
		}
	}
}

// TestMaskedWeightsInTraining: neither weight decay nor momentum moves what is
// masked.
func TestMaskedWeightsInTraining(t *testing.T) {
	data := table(200, 3, 1, spiral)
	for name, o := range map[string]train.Optimizer{
		"adam": train.Adam{WeightDecay: 0.1},
		"sgd":  train.SGD{Momentum: 0.9, WeightDecay: 0.1},
	} {
		chain := must(autoregressive.MAF[float32](autoregressive.Recipe{Dim: 3, Layers: 2, Hidden: []int{5, 4}}))
		start := map[string][]float32{}
		for _, p := range chain.Params() {
			start[p.Name] = append([]float32(nil), p.Data...)
		}
		fit(t, chain, data, data, train.Options{ValidationFraction: train.NoValidation, Epochs: 3, Optimizer: o})
		masked, moved := 0, 0
		for _, p := range chain.Params() {
			for i, v := range p.Data {
				switch before := start[p.Name][i]; {
				case len(p.Shape) == 2 && p.Shape[1] > 1 && before == 0:
					masked++
					if v != 0 {
						t.Fatalf("%s: masked weight %d of %s is %v after training", name, i, p.Name, v)
					}
				case v != before:
					moved++
				}
			}
		}
		if masked < 40 || moved < 40 {
			t.Errorf("%s: %d weights are masked, %d were moved", name, masked, moved)
		}
	}
}

// bimodal is one feature with two peaks, in units of its own.
func bimodal(rng *rand.Rand, x []float64) {
	x[0] = 40 + 3*rng.NormFloat64()
	if rng.Float64() < 0.3 {
		x[0] = 60 + rng.NormFloat64()
	}
}

// TestOneFeature: both recipes take one feature, learn it, and are densities:
// they integrate to 1. MAF finds the moments, NSF the peaks.
func TestOneFeature(t *testing.T) {
	data, test := table(2000, 1, 1, bimodal), table(2000, 1, 2, bimodal)
	normal := gaussianNLL(data, test)
	for name, c := range map[string]struct {
		recipe func(autoregressive.Recipe) (*bijector.Chain[float32], error)
		better float64 // nats a row than a normal density
	}{
		"MAF": {autoregressive.MAF[float32], -0.02}, "NSF": {autoregressive.NSF[float32], 0.3},
	} {
		flow, loss := fit(t, must(c.recipe(autoregressive.Recipe{Dim: 1, Layers: 2, Hidden: []int{8}, Seed: 1})), data, test,
			train.Options{ValidationFraction: train.NoValidation, Epochs: 20, Rate: 1e-2, Schedule: train.Cosine{}})
		t.Logf("%s: %.3f nats a row, a normal density %.3f", name, loss, normal)
		if !(loss < normal-c.better) {
			t.Errorf("%s ends at %.3f nats a row, a normal density has %.3f", name, loss, normal)
		}
		const n, from, to = 40000, -150.0, 250.0
		grid := make([]float32, n)
		for i := range grid {
			grid[i] = float32(from + (to-from)*(float64(i)+0.5)/n)
		}
		logp := must(flow.LogProb(tensor.New(tensor.WithShape(n, 1), tensor.WithBacking(grid))))
		sum := 0.0
		for _, v := range logp {
			sum += math.Exp(float64(v)) * (to - from) / n
		}
		if math.Abs(sum-1) > 1e-4 {
			t.Errorf("%s integrates to %v", name, sum)
		}
	}
}

// TestConditionalFeature: one feature whose mean and spread follow a context.
func TestConditionalFeature(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	const n = 2000
	x, c := make([]float32, n), make([]float32, n)
	best := 0.0 // the entropy
	for i := range x {
		v := rng.Float64()*4 - 2
		spread := 0.1 + 0.2*v*v
		x[i], c[i] = float32(math.Sin(2*v)+spread*rng.NormFloat64()), float32(v)
		best += (math.Log(spread) + 0.5*math.Log(2*math.Pi*math.E)) / n
	}
	xs, cs := tensor.New(tensor.WithShape(n, 1), tensor.WithBacking(x)), tensor.New(tensor.WithShape(n, 1), tensor.WithBacking(c))
	chain := must(autoregressive.MAF[float32](autoregressive.Recipe{Dim: 1, ContextDim: 1, Layers: 3, Hidden: []int{32, 32}, Norm: "none", Seed: 1}))
	flow := must(flow.New[float32](chain, distribution.StandardNormal[float32](1)))
	report, err := train.Fit(context.Background(), flow, train.Tensor(xs).Given(cs), train.Options{ValidationFraction: train.NoValidation, Epochs: 20, Rate: 5e-3, Schedule: train.Cosine{}, Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%.3f nats a row, the density has %.3f", report.Loss(), best)
	if !(report.Loss() < best+0.1) {
		t.Errorf("the loss ends at %.3f nats a row, the density has %.3f", report.Loss(), best)
	}
}
