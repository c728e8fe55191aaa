// The average of the parameters: what it is, who sees it, and what it leaves
// alone.

package train_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/bijou-flow/bijou/train"
)

// referenceEMA is the definition, summed from the end.
func referenceEMA(decay float64, steps []float64) float64 {
	sum, weights, w := 0.0, 0.0, 1.0
	for _, p := range slices.Backward(steps) {
		sum, weights = sum+w*p, weights+w
		w *= decay
	}
	return sum / weights
}

// With batches of all rows, rate 0.1 from 0 towards 4, step s leaves
// 4(1-0.9^s).
func TestAverageIsItsDefinition(t *testing.T) {
	for _, decay := range []float64{1e-3, 0.5, 0.9, 0.999999} {
		m := newCalibratedToy(1)
		var steps, want []float64
		report, err := train.Fit(context.Background(), m, constant(50, 4), targetFourOptions(func(o *train.Options) {
			o.Average = decay
			o.Observer = observer{step: func(train.StepEvent) {
				steps = append(steps, m.center[0])
				approxEqual(t, "parameter behind the step", m.center[0], 4*(1-math.Pow(0.9, float64(len(steps)))), 1e-12)
				want = append(want, referenceEMA(decay, steps))
			}}
		}))
		if err != nil || len(steps) != 12 {
			t.Fatalf("%d steps, error %v", len(steps), err)
		}
		for i, e := range report.Epochs {
			r := want[i] - 1
			approxEqual(t, "validation loss of the average", e.Validation, r*r/2, 1e-12)
		}
		approxEqual(t, "center", m.center[0], want[11], 1e-12)
		approxEqual(t, "statistics of the average", m.mean[0], 4-want[11], 1e-12)
	}
}

// The best epoch is the average's, and comes back.
func TestAverageIsKeptAsTheBest(t *testing.T) {
	m := newCalibratedToy(1)
	report, err := train.Fit(context.Background(), m, constant(50, 4), targetFourOptions(func(o *train.Options) {
		o.Average, o.Patience = 0.5, 3
	}))
	// The averages are 0.4, 0.64, 0.8937, 1.1508, ...; the parameters' best
	// would be the third.
	steps := []float64{0.4, 0.76, 1.084, 1.3756}
	third, fourth := referenceEMA(0.5, steps[:3]), referenceEMA(0.5, steps)
	if err != nil || report.BestEpoch != 3 || !report.Restored || report.Stopped != "patience" || math.Abs(fourth-1) < math.Abs(third-1) {
		t.Fatalf("report %+v, error %v", report, err)
	}
	approxEqual(t, "restored center", m.center[0], third, 1e-12)
	approxEqual(t, "restored buffer", m.mean[0], 4-third, 1e-12)
}

// The steps do not know of the average, whatever the number of cores.
func TestAverageLeavesTheStepsAlone(t *testing.T) {
	run := func(decay float64, workers int) (losses []float64, left []uint64) {
		m := smallFlow()
		report, err := train.Fit(context.Background(), m, train.Tensor(crescent(600)), train.Options{
			Epochs: 2, Batch: 50, Average: decay, Workers: workers, ValidationFraction: 0.2,
			Observer: observer{step: func(e train.StepEvent) { losses = append(losses, e.Loss) }},
		})
		if err != nil || len(report.Epochs) != 2 {
			t.Fatal(report, err)
		}
		return losses, bits(m)
	}
	plain, last := run(0, 1)
	with, mean := run(0.9, 1)
	again, same := run(0.9, 3)
	if !slices.Equal(plain, with) || !slices.Equal(with, again) {
		t.Error("the average changes the steps")
	}
	if slices.Equal(last, mean) || !slices.Equal(mean, same) {
		t.Error("the model is left with its last parameters, or depends on the number of workers")
	}
}

// Bad steps are no part of the average, and a step into nowhere none of what
// divergence leaves.
func TestAverageOfARunThatDiverges(t *testing.T) {
	m := newCalibratedToy(1)
	var steps []float64
	report, err := train.Fit(context.Background(), &badFromStep{calibratedToy: m, from: 6}, constant(30, 4), train.Options{
		ValidationFraction: train.NoValidation,
		Epochs:             10, Batch: 10, MaxBadSteps: 3, Average: 0.7, Optimizer: train.SGD{}, Rate: 0.1,
		Observer: observer{step: func(e train.StepEvent) {
			if !e.Bad {
				steps = append(steps, m.center[0])
			}
		}},
	})
	if !errors.Is(err, train.ErrDiverged) || report.Steps != 5 {
		t.Fatalf("report %+v, error %v", report, err)
	}
	approxEqual(t, "center", m.center[0], referenceEMA(0.7, steps[:4]), 1e-12)
	approxEqual(t, "statistics", m.mean[0], 4-m.center[0], 1e-12)
}

// Without a step there is no average, and the model is as it was.
func TestAverageOfNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	m := newCalibratedToy(1)
	m.center[0] = 3
	if _, err := train.Fit(ctx, m, constant(30, 4), train.Options{ValidationFraction: train.NoValidation, Average: 0.9}); err != context.Canceled || m.center[0] != 3 {
		t.Errorf("center %g, error %v", m.center[0], err)
	}
}

// In float32 a step of (1-d)(p-a) falls below the last digit of a.
func TestAverageKeepsItsDigits(t *testing.T) {
	m := newToy[float32](1, 0)
	var steps []float64
	_, err := train.Fit(context.Background(), m, train.Tensor(dense[float32](4, 1, func(int, int) float64 { return 1 })), train.Options{
		ValidationFraction: train.NoValidation,
		Epochs:             3000, Average: 0.99999, Optimizer: train.SGD{}, Rate: 1e-4,
		Observer: observer{step: func(train.StepEvent) { steps = append(steps, float64(m.center[0])) }},
	})
	if err != nil {
		t.Fatal(err)
	}
	approxEqual(t, "average", float64(m.center[0]), referenceEMA(0.99999, steps), 1e-7)
}

func TestAverageIsChecked(t *testing.T) {
	for _, decay := range []float64{-0.1, 1, 2, math.NaN()} {
		if _, err := train.Fit(context.Background(), newToy[float64](1, 0), constant(3, 1), train.Options{ValidationFraction: train.NoValidation, Average: decay}); !errors.Is(err, train.ErrOptions) {
			t.Errorf("decay %g: %v", decay, err)
		}
	}
}
