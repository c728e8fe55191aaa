// A training step allocates nothing, whatever it is cut and read from.

package train_test

import (
	"context"
	"runtime"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/coupling"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/internal/testkit"
	"github.com/bijou-flow/bijou/train"
)

func couplings[T bijector.Float](context int) *flow.Flow[T] {
	chain, err := coupling.RealNVP[T](coupling.Recipe{Dim: 6, ContextDim: context, Layers: 3, Hidden: []int{32, 32}, Seed: 1})
	if err != nil {
		panic(err)
	}
	return testkit.Must(flow.New(chain, distribution.StandardNormal[T](6)))
}

func someRows[T bijector.Float](n, d int) *bijector.Rows[T] {
	x := bijector.NewRows[T](n, d)
	for i := range x.Values() {
		x.Values()[i] = T(i*i%17) - 8
	}
	return x
}

func TestStepsDoNotAllocate(t *testing.T) {
	stepsDoNotAllocate[float32](t)
	stepsDoNotAllocate[float64](t)
}

func stepsDoNotAllocate[T bijector.Float](t *testing.T) {
	part, _ := train.Split(train.Tensor(someRows[T](400, 6)), 0.3, 1)
	for _, c := range []struct {
		name    string
		data    train.Source
		context int
		o       train.Options
	}{
		{"adam", train.Tensor(someRows[T](250, 6)), 0, train.Options{ValidationFraction: train.NoValidation}},
		{"one worker", train.Tensor(someRows[T](250, 6)), 0, train.Options{ValidationFraction: train.NoValidation, Workers: 1}},
		{"sgd, clipped", train.Tensor(someRows[T](250, 6)), 0, train.Options{ValidationFraction: train.NoValidation, Optimizer: train.SGD{Momentum: 0.9}, ClipNorm: 1e-3}},
		{"averaged", train.Tensor(someRows[T](250, 6)), 0, train.Options{ValidationFraction: train.NoValidation, Average: 0.99}},
		{"split", part, 0, train.Options{ValidationFraction: train.NoValidation, Schedule: train.Warmup{Steps: 3, Then: train.Cosine{}}}},
		{"weights", train.Tensor(someRows[T](250, 6)).Weighted(counts(250)), 0, train.Options{ValidationFraction: train.NoValidation}},
		{"context", train.Tensor(someRows[T](250, 6)).Given(someRows[T](250, 2)), 2, train.Options{ValidationFraction: train.NoValidation, Optimizer: train.Adam{WeightDecay: 0.1, Decoupled: true}}},
	} {
		o := c.o
		o.Rate, o.Batch = 1e-5, 60
		if o.Workers == 0 {
			o.Workers = 2
		}
		step, batches, done, err := train.Steps[T](couplings[T](c.context), c.data, o)
		if err != nil {
			t.Fatal(err)
		}
		b := 0
		next := func() { // both sizes of batch, in turn
			if s, err := step(b % batches); err != nil || s.Bad {
				t.Fatal(s, err)
			}
			b++
		}
		for range 2 * batches {
			next()
		}
		if n := testing.AllocsPerRun(4*batches, next); n != 0 {
			t.Errorf("%T, %s: %g allocations a step", *new(T), c.name, n)
		}
		done()
	}
}

// allocObserver is an Observer that watches the heap between the steps of a run.
type allocObserver struct{ steps, allocatingSteps int }

var before, after runtime.MemStats

func (c *allocObserver) Step(e train.StepEvent) {
	runtime.ReadMemStats(&after)
	if e.Step > 2 && after.Mallocs != before.Mallocs {
		c.allocatingSteps++
	}
	c.steps++
	runtime.ReadMemStats(&before)
}

func (c *allocObserver) Epoch(train.EpochEvent) {}

// The same in a whole run, from outside. The runtime allocates now and then
// on its own account, so a step in ten may be dirty.
func TestAnEpochDoesNotAllocate(t *testing.T) {
	c := &allocObserver{}
	if _, err := train.Fit(context.Background(), couplings[float32](0), train.Tensor(someRows[float32](2000, 6)), train.Options{ValidationFraction: train.NoValidation, Epochs: 3, Batch: 50, Rate: 1e-5, Observer: c}); err != nil {
		t.Fatal(err)
	}
	if c.steps != 120 || c.allocatingSteps > 12 {
		t.Errorf("%d of %d steps allocate", c.allocatingSteps, c.steps)
	}
}
