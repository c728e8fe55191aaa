// Fit on flows: the entropy it should reach, the same bits on any number of
// cores, and the statistics that are left in the layers.

package train_test

import (
	"context"
	"errors"
	"math"
	"runtime"
	"slices"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/coupling"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/train"
)

func realNVP[T bijector.Float](r coupling.Recipe) *flow.Flow[T] {
	return must(flow.New(must(coupling.RealNVP[T](r)), distribution.StandardNormal[T](r.Dim)))
}

// The negative log-likelihood of new rows comes down to that of the density
// they were drawn from.
func TestFlowLearnsADensity(t *testing.T) {
	learnsBanana[float32](t, realNVP[float32](coupling.Recipe{Dim: 2, Layers: 4, Hidden: []int{24}, Seed: 1}))
	learnsBanana[float64](t, realNVP[float64](coupling.Recipe{Dim: 2, Layers: 4, Hidden: []int{24}, Activation: "tanh", Norm: "act", Seed: 1}))
}

func learnsBanana[T bijector.Float](t *testing.T, flow *flow.Flow[T]) {
	t.Helper()
	report, err := train.Fit(context.Background(), flow, train.Tensor(banana[T](6000, 1)), train.Options{
		Epochs: 12, Batch: 100, Rate: 5e-3, Schedule: train.Cosine{}, ValidationFraction: 0.1, KeepBest: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	x := banana[T](6000, 2)
	want := 0.0 // the mean of -log p over the same rows
	for i := range 6000 {
		u, w := float64(x.Get(2*i).(T)), float64(x.Get(2*i+1).(T))
		v := w - u*u + 1
		want += (math.Log(2*math.Pi) + (u*u+v*v)/2) / 6000
	}
	approxEqual(t, "entropy of the rows", want, bananaEntropy, 0.02)
	got, err := train.Evaluate(context.Background(), flow, train.Tensor(x))
	if err != nil {
		t.Fatal(err)
	}
	if got < want-0.01 || got > want+0.04 {
		t.Errorf("%T: loss %.4f on new rows, %.4f in the last epoch, %.4f at first; the density's own is %.4f", *new(T), got, report.Loss(), report.Epochs[0].Loss, want)
	}
	// Evaluate is LogProb, with the opposite sign.
	logp := must(flow.LogProb(x))
	sum := 0.0
	for i := range 6000 {
		sum -= logp[i] / 6000
	}
	approxEqual(t, "Evaluate", got, sum, 1e-6)
}

// A conditional flow takes its context from the data: x = 2 c + noise/2.
func TestConditionalFlow(t *testing.T) {
	c := normalRows[float32](2000, 1, 5)
	noise := normalRows[float32](2000, 2, 6)
	x := dense[float32](2000, 2, func(i, j int) float64 {
		return 2*float64(c.Float32s()[i]) + float64(noise.Float32s()[2*i+j])/2
	})
	flow := realNVP[float32](coupling.Recipe{Dim: 2, ContextDim: 1, Layers: 4, Hidden: []int{16}, Norm: "act", Seed: 2})
	if _, err := train.Fit(context.Background(), flow, train.Tensor(x).Given(c), train.Options{ValidationFraction: train.NoValidation, Epochs: 20, Rate: 5e-3, Schedule: train.Cosine{}}); err != nil {
		t.Fatal(err)
	}
	got, err := train.Evaluate(context.Background(), flow, train.Tensor(x).Given(c))
	if err != nil {
		t.Fatal(err)
	}
	if want := bananaEntropy + 2*math.Log(0.5); got < want-0.05 || got > want+0.05 {
		t.Errorf("loss %.4f, the entropy given the context is %.4f", got, want)
	}
}

// Seed and data decide every bit; cores do not.
func TestSameBitsOnAnyNumberOfCores(t *testing.T) {
	x := normalRows[float32](600, 8, 1)
	run := func(o train.Options) (state []uint64, losses []float64) {
		flow := realNVP[float32](coupling.Recipe{Dim: 8, Layers: 3, Hidden: []int{64, 64}, Seed: 1})
		o.Epochs, o.Batch, o.ValidationFraction, o.ClipNorm = 2, 250, 0.2, 1
		report, err := train.Fit(context.Background(), flow, train.Tensor(x), o)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range report.Epochs {
			losses = append(losses, e.Loss, e.Validation)
		}
		return bits(flow), losses
	}
	want, losses := run(train.Options{ValidationFraction: train.NoValidation, Workers: 1, Seed: 9})
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	for _, procs := range []int{1, 2} {
		runtime.GOMAXPROCS(procs)
		for workers := range 4 {
			got, l := run(train.Options{ValidationFraction: train.NoValidation, Workers: workers, Seed: 9})
			if !slices.Equal(got, want) || !slices.Equal(l, losses) {
				t.Errorf("GOMAXPROCS %d, %d workers: other bits than with one worker; losses %v and %v", procs, workers, l, losses)
			}
		}
	}
	if got, _ := run(train.Options{ValidationFraction: train.NoValidation, Workers: 1, Seed: 10}); slices.Equal(got, want) {
		t.Error("another seed gives the same bits")
	}
}

// What is computed again instead of being kept has the same bits; what is
// computed back from the output is close.
func TestMemory(t *testing.T) {
	x := normalRows[float64](300, 4, 1)
	run := func(m bijector.Memory) []float64 {
		flow := realNVP[float64](coupling.Recipe{Dim: 4, Layers: 6, Hidden: []int{16}, Seed: 1})
		if _, err := train.Fit(context.Background(), flow, train.Tensor(x), train.Options{
			ValidationFraction: train.NoValidation,
			Epochs:             2, Optimizer: train.SGD{Momentum: 0.9}, Memory: m,
		}); err != nil {
			t.Fatal(err)
		}
		var all []float64
		for _, p := range flow.Params() {
			all = append(all, p.Data...)
		}
		return all
	}
	want := run(bijector.Memory{})
	if !slices.Equal(run(bijector.Memory{Mode: bijector.MemoryKeepInputs}), want) {
		t.Error("MemoryKeepInputs: other bits than MemoryKeepAll")
	}
	back := run(bijector.Memory{Mode: bijector.MemoryReverse})
	for i, v := range want {
		approxEqual(t, "parameter under Reverse", back[i], v, 1e-9)
	}
	if slices.Equal(back, want) {
		t.Error("Reverse: the bits of MemoryKeepAll, so nothing was computed back")
	}
}

// After Fit, batch norm holds the moments of what reaches it from the whole
// training set, not of a batch and not of a running mean.
func TestBatchNormHoldsThePopulationsMoments(t *testing.T) {
	const n, d = 700, 3
	x := dense[float64](n, d, func(i, j int) float64 { return 5 + float64(j)*math.Sin(float64(3*i+j)) + math.Cos(float64(i*i)) })
	var cancel context.CancelFunc
	for name, o := range map[string]train.Options{
		"to the end": {ValidationFraction: train.NoValidation},
		"validation": {Validation: train.Tensor(normalRows[float64](50, d, 1)), KeepBest: true},
		"cancelled": {ValidationFraction: train.NoValidation, Observer: observer{step: func(e train.StepEvent) {
			if e.Epoch == 2 && e.Step == 3 {
				cancel()
			}
		}}},
	} {
		chain := must(coupling.RealNVP[float64](coupling.Recipe{Dim: d, Layers: 3, Hidden: []int{8}, Seed: 1}))
		flow := must(flow.New(chain, distribution.StandardNormal[float64](d)))
		o.Epochs, o.Batch, o.Rate = 3, 64, 1e-2
		var ctx context.Context
		ctx, cancel = context.WithCancel(context.Background())
		if _, err := train.Fit(ctx, flow, train.Tensor(x), o); errors.Is(err, context.Canceled) != (name == "cancelled") {
			t.Fatal(err)
		}
		cancel()
		norms := 0
		h := x
		for _, l := range chain.Members() {
			if b, ok := l.(*bijector.BatchNorm[float64]); ok {
				norms++
				for j := range d {
					mean, variance := 0.0, 0.0
					for i := range n {
						mean += h.Float64s()[i*d+j] / n
					}
					for i := range n {
						e := h.Float64s()[i*d+j] - mean
						variance += e * e / n
					}
					approxEqual(t, name+": mean", b.Buffers()[0].Data.([]float64)[j], mean, 1e-9)
					approxEqual(t, name+": variance", b.Buffers()[1].Data.([]float64)[j], variance, 1e-9)
				}
			}
			h = must(l.(bijector.Bijector[float64]).Forward(h)).Dense()
		}
		if norms != 3 {
			t.Fatalf("%d batch norms in the chain", norms)
		}
	}
}

// ActNorm starts from the data, before the first step and never again.
func TestActNormStartsOnce(t *testing.T) {
	x := dense[float64](100, 2, func(i, j int) float64 { return 10 + float64((i+j*(i/10))%10)*float64(j+1) })
	norm := must(bijector.NewActNorm[float64](bijector.ActNormSpec{Dim: 2}))
	flow := must(flow.New(must(bijector.NewChain[float64](norm)), distribution.StandardNormal[float64](2)))
	first := math.NaN()
	fit := func() {
		_, err := train.Fit(context.Background(), flow, train.Tensor(x), train.Options{
			ValidationFraction: train.NoValidation,
			Epochs:             1, Batch: 100, Rate: 1e-3,
			Observer: observer{step: func(e train.StepEvent) { first = e.Loss }},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	fit()
	variance := 0.0
	for k := range 10 {
		variance += (float64(k) - 4.5) * (float64(k) - 4.5) / 10
	}
	approxEqual(t, "first loss", first, bananaEntropy+math.Log(variance)+math.Log(2), 1e-12)
	norm.Params()[0].Data[0] += 0.5
	fit()
	if math.Abs(first-(bananaEntropy+math.Log(variance)+math.Log(2))) < 1e-3 {
		t.Error("a second Fit starts ActNorm again")
	}
}

func TestFlowsThatCannotBeTrained(t *testing.T) {
	chain := must(coupling.RealNVP[float64](coupling.Recipe{Dim: 3, Layers: 1}))
	x := normalRows[float64](5, 3, 1)
	inverted := must(flow.New(bijector.Invert[float64](chain), distribution.StandardNormal[float64](3)))
	if report, err := train.Fit(context.Background(), inverted, train.Tensor(x), train.Options{ValidationFraction: train.NoValidation}); err == nil || report != nil {
		t.Error("Fit takes a layer without a gradient")
	}
	// What cannot be trained can be evaluated.
	got, err := train.Evaluate(context.Background(), inverted, train.Tensor(x))
	if err != nil {
		t.Fatal(err)
	}
	want := 0.0
	for _, v := range must(inverted.LogProb(x)) {
		want -= v / 5
	}
	approxEqual(t, "loss", got, want, 1e-12)
}
