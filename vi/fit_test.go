// Fits to densities whose normalising constant is known.

package vi_test

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/bijou-flow/bijou/autoregressive"
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/coupling"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/internal/testkit"
	"github.com/bijou-flow/bijou/train"
	"github.com/bijou-flow/bijou/vi"
)

// knownTarget is a target with its logarithmic normalising constant.
type knownTarget struct {
	name string
	vi.Target
	logZ         float64
	minEffective float64 // of the draws that are effective, at least
	epochs       int
}

// targets are a correlated normal, a banana, a mixture of two normals and
// Neal's funnel, none of them normalised.
func targets() []knownTarget {
	const rho, bend = 0.9, 0.5
	log2pi := math.Log(2 * math.Pi)
	mixture := func(gradient, x []float64) float64 {
		var a, b float64
		for _, v := range x {
			a, b = a-(v-1.2)*(v-1.2)/2, b-(v+1.2)*(v+1.2)/2
		}
		top := max(a, b)
		sum := math.Exp(a-top) + math.Exp(b-top)
		wa := math.Exp(a-top) / sum
		for j, v := range x {
			gradient[j] = -wa*(v-1.2) - (1-wa)*(v+1.2)
		}
		return top + math.Log(sum) + 5
	}
	return []knownTarget{
		{"correlated normal", vi.TargetFunc(2, func(g, x []float64) float64 {
			u, v, s := x[0]-3, x[1]/4, 1-rho*rho
			g[0], g[1] = -(u-rho*v)/s, -(v-rho*u)/s/4
			return -(u*u - 2*rho*u*v + v*v) / 2 / s
		}), log2pi + math.Log(1-rho*rho)/2 + math.Log(4), 0.95, 12},
		{"banana", vi.TargetFunc(2, func(g, x []float64) float64 {
			u, v := x[0], x[1]-bend*x[0]*x[0]
			g[0], g[1] = -u+v*2*bend*u, -v
			return -(u*u+v*v)/2 - 2
		}), log2pi - 2, 0.8, 12},
		{"mixture", vi.TargetFunc(2, mixture), log2pi + math.Log(2) + 5, 0.7, 12},
		// v normal with deviation 1, and x normal with variance e^v.
		{"funnel", vi.TargetFunc(3, func(g, x []float64) float64 {
			v, e := x[0], math.Exp(-x[0])
			r := x[1]*x[1] + x[2]*x[2]
			g[0], g[1], g[2] = -v+r*e/2-1, -x[1]*e, -x[2]*e
			return -v*v/2 - r*e/2 - v + 1
		}), 1.5*log2pi + 1, 0.6, 12},
	}
}

// drawingFlow is a flow that draws by the forward direction of a Real NVP.
func drawingFlow[T bijector.Float](dim int, norm string) *flow.Flow[T] {
	chain := testkit.Must(coupling.RealNVP[T](coupling.Recipe{Dim: dim, Layers: 4, Hidden: []int{16}, Norm: norm, Seed: 1}))
	return testkit.Must(flow.New[T](bijector.Invert[T](chain), distribution.StandardNormal[T](dim)))
}

func TestTargetsAreTheirGradients(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, k := range targets() {
		x, g, logp := make([]float64, k.Dim()), make([]float64, k.Dim()), make([]float64, 1)
		for j := range x {
			x[j] = rng.NormFloat64()
		}
		k.LogProb(logp, g, x)
		for j := range x {
			v := x[j]
			var ends [2]float64
			for i, h := range []float64{1e-5, -1e-5} {
				x[j] = v + h
				k.LogProb(logp, nil, x)
				ends[i] = logp[0]
			}
			x[j] = v
			testkit.Near(t, k.name, g[j], (ends[0]-ends[1])/2e-5, 1e-6)
		}
	}
}

func TestFit(t *testing.T) {
	for _, k := range targets() {
		t.Run(k.name, func(t *testing.T) {
			norm := "none"
			if k.name == "banana" {
				norm = "batch"
			}
			f := drawingFlow[float64](k.Dim(), norm)
			if k.name == "correlated normal" { // an inverse autoregressive flow
				maf := testkit.Must(autoregressive.MAF[float64](autoregressive.Recipe{Dim: 2, Layers: 2, Hidden: []int{16}, Seed: 1}))
				f = testkit.Must(flow.New[float64](bijector.Invert[float64](maf), distribution.StandardNormal[float64](2)))
			}
			report, err := vi.Fit(context.Background(), f, k, 6000, train.Options{
				Epochs: k.epochs, Rate: 1e-2, Schedule: train.Cosine{}, Average: 0.95, ValidationFraction: 0.1, ClipNorm: 10,
			})
			if err != nil {
				t.Fatal(err)
			}
			const n = 20_000
			s, err := vi.ImportanceWeights(f, k, rand.New(rand.NewPCG(5, 6)), n)
			if err != nil {
				t.Fatal(err)
			}
			bound := -report.Epochs[len(report.Epochs)-1].Validation
			t.Logf("log Z %.4f, estimated %.4f with error %.4f, bound %.4f, effective share %.3f", k.logZ, s.LogZ, s.LogZError, bound, s.EffectiveSize/n)
			if math.Abs(s.LogZ-k.logZ) > 4*s.LogZError {
				t.Errorf("log Z is %.5f with error %.5f, want %.5f", s.LogZ, s.LogZError, k.logZ)
			}
			if !(s.EffectiveSize/n >= k.minEffective) {
				t.Errorf("%.3f of the draws are effective, want %.2f", s.EffectiveSize/n, k.minEffective)
			}
			// The average is better than the steps that it is of.
			if loss := report.Loss(); !(loss > -bound-0.05 && loss < -bound+0.5) {
				t.Errorf("the loss was %.4f and is %.4f", loss, -bound)
			}
			if bound > k.logZ+0.1 || bound < k.logZ-0.5 {
				t.Errorf("the evidence lower bound is %.4f, log Z %.4f", bound, k.logZ)
			}
			// A mean under the target: of the first value.
			want := map[string]float64{"correlated normal": 3}[k.name]
			mean := 0.0
			for i, w := range s.Weights {
				mean += w * s.Draws.Row(i)[0]
			}
			testkit.Near(t, "mean", mean, want, 0.15)
		})
	}
}

// The gradient of the mean loss, against differences of the loss over the same
// draws, by way of one step of plain descent.
// TestLossWithBatchNorm: the flow and the target are one normal, of
// log Z = 0. In evaluation the loss is that. In training it is below by
// (log(n/2) - psi((n-1)/2))/2 a feature, 0.0524 for n = 20: the moments are
// those of the n draws themselves.
func TestLossWithBatchNorm(t *testing.T) {
	const dim, n = 4, 20
	target := vi.TargetFunc(dim, func(gradient, x []float64) (logp float64) {
		for j, v := range x {
			gradient[j] = -v
			logp -= (v*v + math.Log(2*math.Pi)) / 2
		}
		return logp
	})
	norm := testkit.Must(bijector.NewBatchNorm[float64](bijector.BatchNormSpec{Dim: dim}))
	f := testkit.Must(flow.New(bijector.Invert[float64](norm), distribution.StandardNormal[float64](dim)))
	report, err := vi.Fit(context.Background(), f, target, 50_000, train.Options{
		Epochs: 1, Batch: n, Rate: 1e-12, ValidationFraction: 0.2,
	})
	if err != nil {
		t.Fatal(err)
	}
	testkit.Near(t, "training loss", report.Loss(), -dim*0.0524, 0.004)
	testkit.Near(t, "validation loss", report.Epochs[0].Validation, 0, 1e-3)
}

func TestGradient(t *testing.T) {
	k := targets()[1]
	const rate, h = 1e-3, 1e-5
	run := func(f *flow.Flow[float64], rate float64) float64 {
		report, err := vi.Fit(context.Background(), f, k, 40, train.Options{Epochs: 1, Batch: 40, Rate: rate, Optimizer: train.SGD{}})
		if err != nil {
			t.Fatal(err)
		}
		return report.Epochs[0].Loss
	}
	// OutScale is 0 in a recipe: no test of a coupling.
	stir := func(f *flow.Flow[float64]) *flow.Flow[float64] {
		rng := rand.New(rand.NewPCG(7, 8))
		for _, p := range f.Params() {
			for i := range p.Data {
				p.Data[i] += 0.1 * rng.NormFloat64()
			}
		}
		return f
	}
	for _, norm := range []string{"none", "batch"} {
		after, before := stir(drawingFlow[float64](2, norm)), stir(drawingFlow[float64](2, norm))
		run(after, rate)
		checked := 0
		for k, p := range before.Params() {
			for i := 0; i < len(p.Data); i += 1 + len(p.Data)/3 {
				var ends [2]float64
				for e, step := range []float64{h, -h} {
					moved := stir(drawingFlow[float64](2, norm))
					moved.Params()[k].Data[i] += step
					ends[e] = run(moved, 1e-300) // which moves nothing
				}
				got, want := (p.Data[i]-after.Params()[k].Data[i])/rate, (ends[0]-ends[1])/(2*h)
				testkit.Near(t, norm+" "+p.Name, got, want, 1e-6)
				checked++
			}
		}
		if checked < 20 {
			t.Errorf("%d parameters were looked at", checked)
		}
	}
}

// observer is a function of the steps.
type observer func(train.StepEvent)

func (o observer) Step(e train.StepEvent) { o(e) }
func (observer) Epoch(train.EpochEvent)   {}

// Draws are new in every epoch, and those of the seed; steps allocate nothing
// that grows.
func TestFitRepeats(t *testing.T) {
	run := func(seed uint64, workers int) ([]uint64, []float64) {
		var losses []float64
		f := drawingFlow[float32](2, "batch")
		_, err := vi.Fit(context.Background(), f, targets()[0], 200, train.Options{
			Epochs: 2, Rate: 1e-300, Seed: seed, Workers: workers, Observer: observer(func(e train.StepEvent) { losses = append(losses, e.Loss) }),
		})
		if err != nil {
			t.Fatal(err)
		}
		return testkit.Bits[float32](f), losses
	}
	a, la := run(1, 1)
	b, lb := run(1, 3)
	_, lc := run(2, 1)
	if !slices.Equal(a, b) || !slices.Equal(la, lb) {
		t.Error("the same seed makes other bits")
	}
	if slices.Equal(la, lc) || la[0] == la[2] || la[0] == la[1] {
		t.Errorf("losses %v and %v: draws are repeated", la, lc)
	}
}

func TestFitRefuses(t *testing.T) {
	chain := testkit.Must(coupling.RealNVP[float64](coupling.Recipe{Dim: 2, Layers: 2}))
	given := testkit.Must(coupling.RealNVP[float64](coupling.Recipe{Dim: 2, ContextDim: 1, Layers: 2}))
	normal := distribution.StandardNormal[float64](2)
	learned := testkit.Must(distribution.NewNormal[float64](distribution.NormalSpec{Dim: 2, Learned: true}))
	over := func(layer bijector.Layer[float64], base distribution.Base[float64]) *flow.Flow[float64] {
		return testkit.Must(flow.New(layer, base))
	}
	good := over(bijector.Invert[float64](chain), normal)
	target := targets()[0]
	for what, c := range map[string]struct {
		flow   *flow.Flow[float64]
		target vi.Target
		draws  int
		o      train.Options
		want   error
		says   string
	}{
		"not inverted": {over(chain, normal), target, 10, train.Options{}, bijector.ErrNotTrainable, "bijector.Invert"},
		"twice":        {over(bijector.Invert[float64](bijector.Invert[float64](chain)), normal), target, 10, train.Options{}, bijector.ErrNotTrainable, "inverted"},
		"base":         {over(bijector.Invert[float64](chain), learned), target, 10, train.Options{}, bijector.ErrNotTrainable, "bijector.Shift"},
		"context":      {over(bijector.Invert[float64](given), normal), target, 10, train.Options{}, bijector.ErrContext, "1 context"},
		"dim":          {good, targets()[3], 10, train.Options{}, bijector.ErrShape, "3 values"},
		"no target":    {good, nil, 10, train.Options{}, train.ErrOptions, "no target"},
		"no flow":      {nil, target, 10, train.Options{}, bijector.ErrSpec, "no flow"},
		"draws":        {good, target, 0, train.Options{}, train.ErrOptions, "0 draws"},
		"validation":   {good, target, 10, train.Options{Validation: train.Tensor(testkit.Rows([]float64{1, 1}, 1, 2))}, train.ErrOptions, "ValidationFraction"},
	} {
		_, err := vi.Fit(context.Background(), c.flow, c.target, c.draws, c.o)
		if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// The weights of a flow that is the target, and of draws that are not.
func TestImportanceWeights(t *testing.T) {
	f := testkit.Must(flow.New[float64](testkit.Must(bijector.NewShift[float64](bijector.ShiftSpec{Dim: 2})), distribution.StandardNormal[float64](2)))
	normal := vi.TargetFunc(2, func(_, x []float64) float64 { return -(x[0]*x[0]+x[1]*x[1])/2 + 7 })
	rng := func() *rand.Rand { return rand.New(rand.NewPCG(1, 2)) }
	s, err := vi.ImportanceWeights(f, normal, rng(), 500)
	if err != nil {
		t.Fatal(err)
	}
	testkit.Near(t, "log Z", s.LogZ, math.Log(2*math.Pi)+7, 1e-12)
	testkit.Near(t, "effective size", s.EffectiveSize, 500, 1e-9)
	if s.LogZError > 1e-9 || len(s.Weights) != 500 || s.Draws.Shape()[0] != 500 {
		t.Errorf("error %g of %d draws", s.LogZError, len(s.Weights))
	}
	// A half plane: half of the draws count, and the mean is a proportion.
	half := vi.TargetFunc(2, func(_, x []float64) float64 {
		if x[0] < 0 {
			return math.Inf(-1)
		}
		return -(x[0]*x[0] + x[1]*x[1]) / 2
	})
	const n = 20000
	s, err = vi.ImportanceWeights(f, half, rng(), n)
	if err != nil {
		t.Fatal(err)
	}
	share := s.EffectiveSize / n
	testkit.Near(t, "share of the half plane", share, 0.5, 4*0.5/math.Sqrt(n))
	testkit.Near(t, "log Z", s.LogZ, math.Log(2*math.Pi*share), 1e-9)
	testkit.Near(t, "standard error", s.LogZError, math.Sqrt((1-share)/share/n), 1e-3)
	for what, density := range map[string]func(_, x []float64) float64{
		"0":    func(_, _ []float64) float64 { return math.Inf(-1) },
		"NaN":  func(_, _ []float64) float64 { return math.NaN() },
		"+Inf": func(_, _ []float64) float64 { return math.Inf(1) },
	} {
		if _, err := vi.ImportanceWeights(f, vi.TargetFunc(2, density), rng(), 10); !errors.Is(err, bijector.ErrNonFinite) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := vi.ImportanceWeights(f, normal, rng(), 1); !errors.Is(err, train.ErrOptions) {
		t.Error(err)
	}
}
