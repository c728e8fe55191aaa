// Cancellation, steps that are not finite, and divergence.

package train_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/train"
)

func TestCancelledWithinAnEpoch(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	m := newCalibratedToy(2)
	x := normalRows[float64](100, 2, 1)
	report, err := train.Fit(ctx, m, train.Tensor(x), train.Options{ValidationFraction: train.NoValidation, Epochs: 5, Batch: 10, Observer: observer{
		step: func(e train.StepEvent) {
			if e.Epoch == 3 && e.Step == 4 {
				cancel()
			}
		},
	}})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("error %v, want context.Canceled", err)
	}
	if m.steps != 24 || report.Steps != 24 || len(report.Epochs) != 2 || report.Stopped != "cancelled" || report.Time <= 0 {
		t.Errorf("%d steps, report %+v, want 24 steps and two epochs", m.steps, report)
	}
	mean := 0.0
	for i := range 100 {
		mean += (x.Float64s()[2*i] - m.center[0]) / 100
	}
	approxEqual(t, "statistics of the state that was left", m.mean[0], mean, 1e-12)
	// It can be trained on from there.
	if _, err := train.Fit(context.Background(), m, train.Tensor(x), train.Options{ValidationFraction: train.NoValidation, Epochs: 1}); err != nil {
		t.Error(err)
	}
}

func TestDeadline(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	report, err := train.Fit(ctx, newToy[float64](1, 0), constant(10, 4), train.Options{
		ValidationFraction: train.NoValidation,
		Epochs:             3000, Observer: observer{step: func(train.StepEvent) { time.Sleep(time.Millisecond) }},
	})
	if !errors.Is(err, context.DeadlineExceeded) || report.Stopped != "cancelled" {
		t.Errorf("error %v, report %+v", err, report)
	}
}

// The validation set is long, and left in the middle.
func TestCancelledWhileValidating(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	v := &recordingSource{Source: constant(20_000, 1)}
	v.fail = func([]int) error { cancel(); return nil }
	m := newCalibratedToy(1)
	report, err := train.Fit(ctx, m, constant(10, 4), train.Options{Validation: v})
	if !errors.Is(err, context.Canceled) || len(v.reads) != 1 || m.steps != 1 || len(report.Epochs) != 0 || report.Steps != 1 {
		t.Errorf("error %v after %d reads and %d steps, report %+v", err, len(v.reads), m.steps, report)
	}
	approxEqual(t, "mean", m.mean[0], 4-m.center[0], 1e-12)
}

// nonFiniteSteps are ways for a step not to be finite.
var nonFiniteSteps = map[string]func(loss []float64, grads [][]float64){
	"loss NaN":          func(loss []float64, _ [][]float64) { loss[1] = math.NaN() },
	"loss infinite":     func(loss []float64, _ [][]float64) { loss[0] = math.Inf(1) },
	"loss -Inf":         func(loss []float64, _ [][]float64) { loss[0] = math.Inf(-1) },
	"gradient NaN":      func(_ []float64, g [][]float64) { g[0][1] = math.NaN() },
	"gradient infinite": func(_ []float64, g [][]float64) { g[1][0] = math.Inf(-1) },
	"all NaN": func(loss []float64, grads [][]float64) {
		for _, s := range append(grads, loss) {
			for i := range s {
				s[i] = math.NaN()
			}
		}
	},
}

// A run with bad steps among good ones goes the way of a run without them:
// the same batches in the same order, the bad ones left out.
func TestBadStepsChangeNothing(t *testing.T) {
	x, c := normalRows[float64](60, 2, 1), normalRows[float64](60, 1, 2)
	bad := []int{2, 3, 7, 11}
	for _, opt := range []train.Optimizer{train.Adam{WeightDecay: 0.1}, train.SGD{Momentum: 0.9}} {
		for name, spoil := range nonFiniteSteps {
			s := &recordingSource{Source: train.Tensor(x).Given(c)}
			m := newToy[float64](2, 1)
			m.corrupt = func(step int, loss []float64, grads [][]float64) {
				if slices.Contains(bad, step) {
					spoil(loss, grads)
				}
			}
			var events []int
			var before []uint64
			report, err := train.Fit(context.Background(), m, s, train.Options{
				ValidationFraction: train.NoValidation,
				Epochs:             2, Batch: 10, Rate: 0.1, Optimizer: opt, MaxBadSteps: 3,
				Observer: observer{step: func(e train.StepEvent) {
					step := (e.Epoch-1)*6 + e.Step
					if after := bits(m); e.Bad {
						events = append(events, step)
						if before != nil && !slices.Equal(before, after) {
							t.Errorf("%s: bad step %d moved parameters", name, step)
						}
					} else {
						before = after
					}
				}, epoch: func(e train.EpochEvent) {
					if want := []int{2, 2}[e.Epoch-1]; e.BadSteps != want || e.Rows != 10*(6-want) || math.IsNaN(e.Loss) {
						t.Errorf("%s: epoch event %+v", name, e)
					}
				}},
			})
			if err != nil || report.BadSteps != 4 || report.Steps != 8 || report.Stopped != "" || !slices.Equal(events, bad) {
				t.Errorf("%s: error %v, report %+v, bad steps %v", name, err, report, events)
			}
			// The same without the bad batches, in one epoch.
			var order []int
			for k, rows := range s.reads {
				if !slices.Contains(bad, k+1) {
					order = append(order, rows...)
				}
			}
			good := newToy[float64](2, 1)
			_, err = train.Fit(context.Background(), good, &reordered{train.Tensor(x).Given(c), order}, train.Options{
				ValidationFraction: train.NoValidation,
				Epochs:             1, Batch: 10, Rate: 0.1, Optimizer: opt, InOrder: true,
			})
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(bits(m), bits(good)) {
				t.Errorf("%T, %s: parameters %v, without the bad batches %v", opt, name, m.center, good.center)
			}
		}
	}
}

// A run of bad steps ends training, and leaves the parameters of the latest
// finite loss and gradient.
func TestDivergence(t *testing.T) {
	for _, most := range []int{0, 1, 4} {
		limit := most
		if limit == 0 {
			limit = 10
		}
		m := newCalibratedToy(1)
		var centers []float64 // before each good step
		last := 0.0
		wrapped := &badFromStep{calibratedToy: m, from: 6}
		bad := 0
		report, err := train.Fit(context.Background(), wrapped, constant(30, 4), train.Options{
			ValidationFraction: train.NoValidation,
			Epochs:             10, Batch: 10, MaxBadSteps: most,
			Observer: observer{step: func(e train.StepEvent) {
				if e.Bad {
					bad++
				} else {
					centers = append(centers, last)
				}
				last = m.center[0]
			}},
		})
		if !errors.Is(err, train.ErrDiverged) || report.Stopped != "diverged" || report.BadSteps != limit || bad != limit || report.Steps != 5 || len(report.Epochs) != (4+limit)/3 {
			t.Errorf("limit %d: error %v, report %+v", most, err, report)
		}
		if m.center[0] != centers[4] || m.center[0] == 0 {
			t.Errorf("center %g, want %g, where the gradient was last finite", m.center[0], centers[4])
		}
		approxEqual(t, "mean", m.mean[0], 4-m.center[0], 1e-12)
	}
}

// badFromStep is a measured whose steps are bad from one on.
type badFromStep struct {
	*calibratedToy
	from int
}

func (m *badFromStep) NewStepPass(o bijector.PassOptions) bijector.StepPass[float64] {
	m.toy.corrupt = func(step int, loss []float64, _ [][]float64) {
		if step >= m.from {
			loss[0] = math.NaN()
		}
	}
	return m.toy.NewStepPass(o)
}

// A step too long for the element type: every parameter is infinite behind
// it, and none when Fit returns.
func TestDivergenceLeavesAUsableModel(t *testing.T) {
	m := newToy[float32](2, 0)
	report, err := train.Fit(context.Background(), m, train.Tensor(normalRows[float32](20, 2, 1)), train.Options{
		ValidationFraction: train.NoValidation,
		Epochs:             50, Rate: 1e15, Optimizer: train.SGD{},
	})
	if !errors.Is(err, train.ErrDiverged) || report.Steps == 0 {
		t.Fatalf("error %v, report %+v", err, report)
	}
	loss, err := train.Evaluate(context.Background(), m, train.Tensor(normalRows[float32](20, 2, 1)))
	if err != nil || math.IsNaN(loss) || math.IsInf(loss, 0) {
		t.Errorf("the loss of what is left is %g (%v), parameters %v", loss, err, m.center)
	}
}

// Under KeepBest divergence brings back the best state.
func TestDivergenceKeepsTheBest(t *testing.T) {
	m := newCalibratedToy(1)
	report, err := train.Fit(context.Background(), &badFromStep{calibratedToy: m, from: 8}, constant(50, 4), targetFourOptions(func(o *train.Options) {
		o.KeepBest, o.MaxBadSteps = true, 2
	}))
	if !errors.Is(err, train.ErrDiverged) || report.BestEpoch != 3 || !report.Restored || report.Stopped != "diverged" {
		t.Errorf("error %v, report %+v", err, report)
	}
	approxEqual(t, "restored center", m.center[0], 1.084, 1e-12)
	approxEqual(t, "restored buffer", m.mean[0], 4-1.084, 1e-12)
}

// An epoch of bad steps alone has no loss.
func TestEpochWithoutAGoodStep(t *testing.T) {
	m := newToy[float64](1, 0)
	m.corrupt = func(step int, loss []float64, _ [][]float64) {
		if step <= 2 {
			loss[0] = math.NaN()
		}
	}
	report, err := train.Fit(context.Background(), m, constant(10, 4), train.Options{ValidationFraction: train.NoValidation, Epochs: 2, Batch: 5})
	if err != nil || !math.IsNaN(report.Epochs[0].Loss) || report.Epochs[0].Rows != 0 || report.Epochs[0].BadSteps != 2 || !(report.Loss() > 7) {
		t.Errorf("error %v, report %+v", err, report)
	}
}
