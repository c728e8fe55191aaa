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
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/train"
)

// crescent draws n rows of (u, v + u^2), u and v standard normal.
func crescent(n int) *bijector.Rows[float32] {
	rng := rand.New(rand.NewPCG(1, 2))
	x := bijector.NewRows[float32](n, 2)
	for i := range n {
		u := rng.NormFloat64()
		x.Row(i)[0], x.Row(i)[1] = float32(u), float32(rng.NormFloat64()+u*u)
	}
	return x
}

// smallFlow is a Real NVP over two features.
func smallFlow() *flow.Flow[float32] {
	chain, err := coupling.RealNVP[float32](coupling.Recipe{Dim: 2, Layers: 4, Hidden: []int{24}, Seed: 1})
	if err != nil {
		log.Fatal(err)
	}
	f, err := flow.New(chain, distribution.StandardNormal[float32](2))
	if err != nil {
		log.Fatal(err)
	}
	return f
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

// The loss of a flow is its negative log-likelihood in nats a row: the
// identity over a standard normal, before training.
func ExampleEvaluate() {
	chain, err := coupling.NICE[float64](coupling.Recipe{Dim: 2, OutScale: 1e-9})
	if err != nil {
		log.Fatal(err)
	}
	f, err := flow.New(chain, distribution.StandardNormal[float64](2))
	if err != nil {
		log.Fatal(err)
	}
	x := tensor.New(tensor.WithShape(2, 2), tensor.WithBacking([]float64{0, 0, 1, -1}))
	loss, err := train.Evaluate(context.Background(), f, train.Tensor(x))
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
			ValidationFraction: train.NoValidation,
			Epochs:             3, Observer: o, Checkpoint: train.Checkpoint{Dir: dir, Resume: true},
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
		ValidationFraction: train.NoValidation,
		Epochs:             3, Batch: 250, Observer: &progress{},
	})
	if err != nil {
		log.Fatal(err)
	}
	// Output:
	// epoch 1 of 3: 4 steps so far, 1000 rows
	// epoch 2 of 3: 8 steps so far, 1000 rows
	// epoch 3 of 3: 12 steps so far, 1000 rows
}

// squaresSource is a Source that makes its rows when they are asked for, so that
// there may be more of them than memory holds.
type squaresSource struct{}

func (squaresSource) Len() int        { return 10_000 }
func (squaresSource) Dim() int        { return 2 }
func (squaresSource) ContextDim() int { return 0 }

func (squaresSource) Read(rows []int, x, _ *tensor.Dense) error {
	out := x.Float32s()
	for i, row := range rows {
		rng := rand.New(rand.NewPCG(1, uint64(row)))
		u := rng.NormFloat64()
		out[2*i], out[2*i+1] = float32(u), float32(u*u+rng.NormFloat64())
	}
	return nil
}

func ExampleSource() {
	report, err := train.Fit(context.Background(), smallFlow(), squaresSource{}, train.Options{ValidationFraction: train.NoValidation, Epochs: 1, Batch: 500})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(report.Steps, "steps")
	// Output: 20 steps
}

// Columns in which values repeat have no density: a flow would pile up on them.
func ExampleTiesOf() {
	x := bijector.NewMat[float32](2, 200) // features by samples
	for i := range x.N {
		x.Feature(0)[i] = float32(i) * 1.37
		x.Feature(1)[i] = float32(i % 4)
	}
	for _, c := range train.TiesOf(x) {
		fmt.Println("column", c.Column, "has few values")
	}
	// Output: column 1 has few values
}
