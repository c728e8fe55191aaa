// A training step allocates nothing, whatever it is cut and read from.

package train

import (
	"context"
	"runtime"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/coupling"
	"github.com/bijou-flow/bijou/distribution"
)

func someFlow[T bijector.Float](context int) *distribution.Flow[T] {
	chain, err := coupling.RealNVP[T](coupling.Recipe{Dim: 6, ContextDim: context, Layers: 3, Hidden: []int{32, 32}, Seed: 1})
	if err != nil {
		panic(err)
	}
	return distribution.NewFlow(chain, distribution.StandardNormal[T](6))
}

func someRows[T bijector.Float](n, d int) *TensorSource {
	x := make([]T, n*d)
	for i := range x {
		x[i] = T(i*i%17) - 8
	}
	return Tensor(bijector.TensorOf(x, n, d))
}

func TestStepsDoNotAllocate(t *testing.T) {
	stepsDoNotAllocate[float32](t)
	stepsDoNotAllocate[float64](t)
}

func stepsDoNotAllocate[T bijector.Float](t *testing.T) {
	part, _ := split(someRows[T](400, 6), 0.3, 1)
	for _, c := range []struct {
		name    string
		data    Source
		context int
		o       Options
	}{
		{"adam", someRows[T](250, 6), 0, Options{}},
		{"one worker", someRows[T](250, 6), 0, Options{Workers: 1}},
		{"sgd, clipped", someRows[T](250, 6), 0, Options{Optimizer: SGD{Momentum: 0.9}, ClipNorm: 1e-3}},
		{"averaged", someRows[T](250, 6), 0, Options{Average: 0.99}},
		{"reverse", newBaseDraws[T](distribution.StandardNormal[T](6), 250, 1), 0, Options{}},
		{"split", part, 0, Options{Schedule: Warmup{Steps: 3, Then: Cosine{}}}},
		{"context", someRows[T](250, 6).Given(someRows[T](250, 2).x), 2, Options{Optimizer: Adam{WeightDecay: 0.1, Decoupled: true}}},
	} {
		o := c.o
		o.Rate, o.Batch = 1e-5, 60
		if o.Workers == 0 {
			o.Workers = 2
		}
		o, err := o.withDefaults()
		if err != nil {
			t.Fatal(err)
		}
		var m bijector.Objective[T] = someFlow[T](c.context)
		if draws, ok := c.data.(*baseDraws[T]); ok {
			flow := distribution.NewFlow[T](bijector.Invert(someFlow[T](0).Layer()), distribution.StandardNormal[T](draws.dim))
			m = &reverse[T]{Flow: flow, target: TargetFunc(draws.dim, func(g, x []float64) (logp float64) {
				for j, v := range x {
					g[j] = -v
					logp -= v * v / 2
				}
				return logp
			})}
		}
		f := &fitter[T]{model: m, o: o, report: &Report{}, workers: bijector.NewWorkers(o.Workers)}
		if err := f.prepare(c.data); err != nil {
			t.Fatal(err)
		}
		b := 0
		step := func() { // both sizes of batch, in turn
			if s, err := f.one(1, b%f.data.batches); err != nil || s.Bad {
				t.Fatal(s, err)
			}
			b++
		}
		for range 2 * f.data.batches {
			step()
		}
		if n := testing.AllocsPerRun(4*f.data.batches, step); n != 0 {
			t.Errorf("%T, %s: %g allocations a step", *new(T), c.name, n)
		}
		f.workers.Close()
	}
}

// counter is an Observer that watches the heap between the steps of a run.
type counter struct{ steps, dirty int }

var before, after runtime.MemStats

func (c *counter) Step(e StepEvent) {
	runtime.ReadMemStats(&after)
	if e.Step > 2 && after.Mallocs != before.Mallocs {
		c.dirty++
	}
	c.steps++
	runtime.ReadMemStats(&before)
}

func (c *counter) Epoch(EpochEvent) {}

// The same in a whole run, from outside. The runtime allocates now and then
// on its own account, so a step in ten may be dirty.
func TestAnEpochDoesNotAllocate(t *testing.T) {
	c := &counter{}
	if _, err := Fit(context.Background(), someFlow[float32](0), someRows[float32](2000, 6), Options{Epochs: 3, Batch: 50, Rate: 1e-5, Observer: c}); err != nil {
		t.Fatal(err)
	}
	if c.steps != 120 || c.dirty > 12 {
		t.Errorf("%d of %d steps allocate", c.dirty, c.steps)
	}
}
