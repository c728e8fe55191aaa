package train_test

import (
	"context"
	"fmt"
	"log"
	"math"
	"math/rand/v2"
	"os"

	"gorgonia.org/tensor"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/coupling"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/train"
)

// crescent draws n rows of (u, v + u^2), u and v standard normal.
func crescent(n int) *tensor.Dense {
	rng := rand.New(rand.NewPCG(1, 2))
	x := make([]float32, 0, 2*n)
	for range n {
		u := rng.NormFloat64()
		x = append(x, float32(u), float32(rng.NormFloat64()+u*u))
	}
	return tensor.New(tensor.WithShape(n, 2), tensor.WithBacking(x))
}

// smallFlow is a Real NVP over two features.
func smallFlow() *distribution.Flow[float32] {
	chain, err := coupling.RealNVP[float32](coupling.Recipe{Dim: 2, Layers: 4, Hidden: []int{24}, Seed: 1})
	if err != nil {
		log.Fatal(err)
	}
	return distribution.NewFlow(chain, distribution.StandardNormal[float32](2))
}

// A flow learns a density: it ends near the entropy of what it was shown, and
// the best of its epochs is kept.
func ExampleFit() {
	flow := smallFlow()
	report, err := train.Fit(context.Background(), flow, train.Tensor(crescent(4000)), train.Options{
		Epochs:             15,
		Rate:               5e-3,
		Schedule:           train.Cosine{},
		ValidationFraction: 0.1,
		KeepBest:           true,
	})
	if err != nil {
		log.Fatal(err)
	}
	entropy := math.Log(2 * math.Pi * math.E)
	best := report.Epochs[report.BestEpoch-1]
	fmt.Println("steps:", report.Steps)
	fmt.Println("within 0.1 nats of the entropy:", math.Abs(best.Validation-entropy) < 0.1)
	// Output:
	// steps: 540
	// within 0.1 nats of the entropy: true
}

// A flow learns a density that is known up to a constant: a curved ridge with
// a normal across it. The constant comes out of the flow's draws.
func ExampleFitReverse() {
	ridge := train.TargetFunc(2, func(gradient, x []float64) float64 {
		across := x[1] - x[0]*x[0]
		gradient[0], gradient[1] = -x[0]+2*x[0]*across, -across
		return -x[0]*x[0]/2 - across*across/2
	})
	chain, err := coupling.RealNVP[float64](coupling.Recipe{Dim: 2, Layers: 4, Hidden: []int{16}, Norm: "none", Seed: 1})
	if err != nil {
		log.Fatal(err)
	}
	flow := distribution.NewFlow[float64](bijector.Invert[float64](chain), distribution.StandardNormal[float64](2))
	_, err = train.FitReverse(context.Background(), flow, ridge, 5000, train.Options{
		Rate: 1e-2, Schedule: train.Cosine{}, ClipNorm: 10,
	})
	if err != nil {
		log.Fatal(err)
	}
	s, err := train.ImportanceWeights(flow, ridge, rand.New(rand.NewPCG(1, 2)), 10_000)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("9 draws of 10 are effective:", s.EffectiveSize > 9000)
	fmt.Println("log Z within 4 errors:", math.Abs(s.LogZ-math.Log(2*math.Pi)) < 4*s.LogZError)
	fmt.Println("an error below 0.01:", s.LogZError < 0.01)
	// Output:
	// 9 draws of 10 are effective: true
	// log Z within 4 errors: true
	// an error below 0.01: true
}

// A flow whose weights have grown fivefold explodes when it draws; the
// figures tell before it is put to use.
func ExampleDiagnose() {
	flow, data := smallFlow(), train.Tensor(crescent(500))
	for _, factor := range []float32{1, 5} {
		for _, p := range flow.Params() {
			for i := range p.Data {
				p.Data[i] *= factor
			}
		}
		flow.Changed()
		d, err := train.Diagnose(context.Background(), flow, data)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("healthy: %t, gain above 100: %t, saturated rows: %t\n", d.Healthy(), d.Gain > 100, d.Saturated > 0.5)
	}
	// Output:
	// healthy: true, gain above 100: false, saturated rows: false
	// healthy: false, gain above 100: true, saturated rows: true
}

// The loss of a flow is its negative log-likelihood in nats a row: the
// identity over a standard normal, before training.
func ExampleEvaluate() {
	chain, err := coupling.NICE[float64](coupling.Recipe{Dim: 2, OutScale: 1e-9})
	if err != nil {
		log.Fatal(err)
	}
	flow := distribution.NewFlow(chain, distribution.StandardNormal[float64](2))
	x := tensor.New(tensor.WithShape(2, 2), tensor.WithBacking([]float64{0, 0, 1, -1}))
	loss, err := train.Evaluate(context.Background(), flow, train.Tensor(x))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%.4f nats a row\n", loss)
	// Output: 2.3379 nats a row
}

// A run that is interrupted, or killed, goes on from its newest checkpoint
// when it is started again, and ends with the same bits.
func ExampleCheckpoint() {
	dir, err := os.MkdirTemp("", "run-")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	run := func(ctx context.Context, o train.Observer) {
		report, err := train.Fit(ctx, smallFlow(), train.Tensor(crescent(1000)), train.Options{
			Epochs: 3, Observer: o, Checkpoint: train.Checkpoint{Dir: dir, Resume: true},
		})
		fmt.Println(report.Steps, "steps:", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	run(ctx, interrupt{progress: &progress{}, after: 14, cancel: cancel})
	run(context.Background(), &progress{})
	// Output:
	// epoch 1 of 3: 10 steps so far, 1000 rows
	// 14 steps: context canceled
	// epoch 2 of 3: 6 steps so far, 1000 rows
	// epoch 3 of 3: 16 steps so far, 1000 rows
	// 30 steps: <nil>
}

// interrupt is a progress that interrupts the run.
type interrupt struct {
	*progress
	after  int
	cancel func()
}

func (i interrupt) Step(e train.StepEvent) {
	i.progress.Step(e)
	if i.steps == i.after {
		i.cancel()
	}
}

// progress prints epochs and counts steps.
type progress struct{ steps int }

func (p *progress) Step(train.StepEvent) { p.steps++ }

func (p *progress) Epoch(e train.EpochEvent) {
	fmt.Printf("epoch %d of %d: %d steps so far, %d rows\n", e.Epoch, e.Epochs, p.steps, e.Rows)
}

// An Observer hears of every step and epoch.
func ExampleObserver() {
	_, err := train.Fit(context.Background(), smallFlow(), train.Tensor(crescent(1000)), train.Options{
		Epochs: 3, Batch: 250, Observer: &progress{},
	})
	if err != nil {
		log.Fatal(err)
	}
	// Output:
	// epoch 1 of 3: 4 steps so far, 1000 rows
	// epoch 2 of 3: 8 steps so far, 1000 rows
	// epoch 3 of 3: 12 steps so far, 1000 rows
}

// squares is a Source that makes its rows when they are asked for, so that
// there may be more of them than memory holds.
type squares struct{}

func (squares) Len() int        { return 10_000 }
func (squares) Dim() int        { return 2 }
func (squares) ContextDim() int { return 0 }

func (squares) Read(rows []int, x, _ *tensor.Dense) error {
	out := x.Float32s()
	for i, row := range rows {
		rng := rand.New(rand.NewPCG(1, uint64(row)))
		u := rng.NormFloat64()
		out[2*i], out[2*i+1] = float32(u), float32(u*u+rng.NormFloat64())
	}
	return nil
}

func ExampleSource() {
	report, err := train.Fit(context.Background(), smallFlow(), squares{}, train.Options{Epochs: 1, Batch: 500})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(report.Steps, "steps")
	// Output: 20 steps
}
