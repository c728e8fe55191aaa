// Held-out data: the split, early stopping, and the best state.

package train_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/bijou-flow/bijou/coupling"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/train"
)

// constant is n rows of one value.
func constant(n int, v float64) *train.TensorSource {
	return train.Tensor(dense[float64](n, 1, func(int, int) float64 { return v }))
}

// With rate 0.1 from 0 towards 4, center is 0.4, 0.76, 1.084, 1.3756, ... and
// a validation set at 1 is best served by the third.
func targetFourOptions(extra func(*train.Options)) train.Options {
	o := train.Options{Epochs: 12, Batch: 100, Rate: 0.1, Optimizer: train.SGD{}, Validation: constant(7, 1)}
	extra(&o)
	return o
}

func TestPatience(t *testing.T) {
	for _, patience := range []int{1, 2, 5} {
		m := newCalibratedToy(1)
		var params, buffers []float64 // after each epoch
		report, err := train.Fit(context.Background(), m, constant(50, 4), targetFourOptions(func(o *train.Options) {
			o.Patience = patience
			o.Observer = observer{epoch: func(e train.EpochEvent) {
				params, buffers = append(params, m.center[0]), append(buffers, m.mean[0])
				r := m.center[0] - 1
				approxEqual(t, "validation loss", e.Validation, r*r/2, 1e-12)
				if e.Best != (e.Epoch <= 3) {
					t.Errorf("epoch %d: best is %t", e.Epoch, e.Best)
				}
			}}
		}))
		if err != nil {
			t.Fatal(err)
		}
		if n := len(report.Epochs); n != 3+patience || report.Steps != n || report.BestEpoch != 3 || !report.Restored || report.Stopped != "patience" {
			t.Errorf("patience %d: %d epochs, report %+v", patience, n, report)
		}
		approxEqual(t, "restored center", m.center[0], 1.084, 1e-12)
		approxEqual(t, "restored buffer", m.mean[0], 4-1.084, 1e-12)
		if m.center[0] != params[2] || m.mean[0] != buffers[2] || m.count[0] != 50 {
			t.Errorf("parameters and buffers %g, %g, %d are not the third epoch's %g, %g", m.center[0], m.mean[0], m.count[0], params[2], buffers[2])
		}
		if m.calls[len(m.calls)-1] != "changed" {
			t.Error("the model was not told of the restored state")
		}
	}
}

// Invalidate lets measured note that its state was written to.
func (m *calibratedToy) Invalidate() { m.logCall("changed") }

func TestKeepBest(t *testing.T) {
	m := newCalibratedToy(1)
	report, err := train.Fit(context.Background(), m, constant(50, 4), targetFourOptions(func(o *train.Options) { o.KeepBest = true }))
	if err != nil || len(report.Epochs) != 12 || report.BestEpoch != 3 || !report.Restored || report.Stopped != "" {
		t.Errorf("report %+v, error %v", report, err)
	}
	approxEqual(t, "restored center", m.center[0], 1.084, 1e-12)
	approxEqual(t, "restored buffer", m.mean[0], 4-1.084, 1e-12)

	// The last epoch is the best: nothing to restore.
	m = newCalibratedToy(1)
	report, err = train.Fit(context.Background(), m, constant(50, 4), targetFourOptions(func(o *train.Options) { o.KeepBest, o.Epochs = true, 2 }))
	if err != nil || report.BestEpoch != 2 || report.Restored || report.Stopped != "" {
		t.Errorf("report %+v, error %v", report, err)
	}
	approxEqual(t, "last center", m.center[0], 0.76, 1e-12)

	// Nobody asked for the best.
	m = newCalibratedToy(1)
	report, err = train.Fit(context.Background(), m, constant(50, 4), targetFourOptions(func(*train.Options) {}))
	if err != nil || report.BestEpoch != 3 || report.Restored || len(report.Epochs) != 12 {
		t.Errorf("report %+v, error %v", report, err)
	}
	approxEqual(t, "last center", m.center[0], 4*(1-math.Pow(0.9, 12)), 1e-12)
	approxEqual(t, "last buffer", m.mean[0], 4*math.Pow(0.9, 12), 1e-12)
}

// Cancelled far behind the best epoch: the best comes back.
func TestKeepBestWhenCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	m := newCalibratedToy(1)
	report, err := train.Fit(ctx, m, constant(50, 4), targetFourOptions(func(o *train.Options) {
		o.KeepBest = true
		o.Observer = observer{epoch: func(e train.EpochEvent) {
			if e.Epoch == 8 {
				cancel()
			}
		}}
	}))
	if err != context.Canceled || len(report.Epochs) != 8 || report.BestEpoch != 3 || !report.Restored || report.Stopped != "cancelled" {
		t.Errorf("report %+v, error %v", report, err)
	}
	approxEqual(t, "restored center", m.center[0], 1.084, 1e-12)
}

// A validation loss that is never a number is never best, and an error in the
// end.
func TestValidationWithoutANumber(t *testing.T) {
	m := newCalibratedToy(1)
	report, err := train.Fit(context.Background(), m, constant(50, 1e-3), train.Options{
		Epochs: 9, Patience: 4, Rate: 0.1, Optimizer: train.SGD{}, Validation: constant(3, 1e200),
	})
	if !errors.Is(err, train.ErrDiverged) || !strings.Contains(err.Error(), "3 of 3 rows, the first of which is row 0") ||
		report.BestEpoch != 0 || report.Restored || report.Stopped != "patience" || len(report.Epochs) != 4 || report.BadValidations != 4 {
		t.Errorf("report %+v, error %v", report, err)
	}
	approxEqual(t, "center", m.center[0], 1e-3*(1-math.Pow(0.9, 4)), 1e-12)
}

// One held-out row without a finite loss does not end a run, and the others choose
// the epoch; the error names the row.
func TestValidationWithOneBadRow(t *testing.T) {
	m := newCalibratedToy(1)
	held := train.Tensor(dense[float64](8, 1, func(i, _ int) float64 {
		if i == 5 {
			return 1e200
		}
		return 1
	}))
	bad := 0
	report, err := train.Fit(context.Background(), m, constant(50, 4), targetFourOptions(func(o *train.Options) {
		o.Patience, o.Validation = 3, held
		o.Observer = observer{epoch: func(e train.EpochEvent) {
			if e.BadValidation && math.IsInf(e.Validation, 1) && e.Best == (e.Epoch <= 3) {
				bad++
			}
		}}
	}))
	if !errors.Is(err, train.ErrDiverged) || !strings.Contains(err.Error(), "1 of 8 rows, the first of which is row 5") || !strings.Contains(err.Error(), "epoch 3 is the best") {
		t.Errorf("error is %v", err)
	}
	if n := len(report.Epochs); n != 6 || bad != n || report.BadValidations != n || report.BestEpoch != 3 || !report.Restored || report.Stopped != "patience" {
		t.Errorf("%d epochs, %d as expected, report %+v", n, bad, report)
	}
	approxEqual(t, "restored center", m.center[0], 1.084, 1e-12)
}

// The split trains on what it does not validate on, all of it, and as many
// rows as it should.
func TestValidationFraction(t *testing.T) {
	const n = 200
	run := func(seed uint64) (trained, held []int, report *train.Report) {
		s := &recordingSource{Source: train.Tensor(normalRows[float64](n, 1, 3))}
		reads := func() []int {
			rows := flatten(s.reads)
			s.reads = nil
			return rows
		}
		report, err := train.Fit(context.Background(), newToy[float64](1, 0), s, train.Options{
			Epochs: 2, Batch: 30, Seed: seed, ValidationFraction: 0.15,
			Observer: observer{step: func(e train.StepEvent) {
				if e.Step == e.Steps {
					rows := reads()
					if trained != nil && !slices.Equal(slices.Sorted(slices.Values(rows)), slices.Sorted(slices.Values(trained))) {
						t.Error("two epochs train on different rows")
					}
					trained = rows
				}
			}, epoch: func(train.EpochEvent) { held = reads() }},
		})
		if err != nil {
			t.Fatal(err)
		}
		return trained, held, report
	}
	trained, held, report := run(1)
	if len(held) != 30 || len(trained) != 170 || !isPermutation(slices.Concat(trained, held), n) {
		t.Errorf("trained on %d rows, held out %d, want 170 and 30 that are all", len(trained), len(held))
	}
	if report.BestEpoch == 0 || report.Epochs[0].Rows != 170 || math.IsNaN(report.Epochs[0].Validation) {
		t.Errorf("report %+v", report)
	}
	_, again, _ := run(1)
	_, other, _ := run(2)
	if !slices.Equal(held, again) || slices.Equal(slices.Sorted(slices.Values(held)), slices.Sorted(slices.Values(other))) {
		t.Error("the rows held out do not follow the seed")
	}
}

// The zero Options hold a tenth out, keep the best epoch on it, and stop after a
// fifth of the epochs without a better one.
func TestZeroOptionsValidate(t *testing.T) {
	data := &recordingSource{Source: train.Tensor(normalRows[float64](2_000, 2, 1))}
	report, err := train.Fit(context.Background(), newToy[float64](2, 0), data, train.Options{})
	if err != nil {
		t.Fatal(err)
	}
	// 1,800 rows in 18 batches: 112 epochs make 2,000 steps, and 22 are a fifth.
	last := report.Epochs[len(report.Epochs)-1]
	if last.Rows != 1_800 || last.Epochs != 112 || report.BestEpoch == 0 || math.IsNaN(last.Validation) {
		t.Errorf("the last epoch is %+v of a report with the best epoch %d", last, report.BestEpoch)
	}
	if n := len(report.Epochs); n < 112 && (report.Stopped != "patience" || n != report.BestEpoch+22) {
		t.Errorf("%d epochs, the best was %d, stopped %q", n, report.BestEpoch, report.Stopped)
	}
	if _, err := train.Fit(context.Background(), newToy[float64](1, 0), constant(1, 0), train.Options{}); err != nil {
		t.Errorf("one row: %v", err)
	}
}

// A flow with many ways to be wrong about 40 rows stays near a Gaussian on new
// ones without a word in Options. Trained to the end it is far off.
func TestZeroOptionsOnFewRows(t *testing.T) {
	const d = 6
	x, test := normalRows[float64](40, d, 1), normalRows[float64](2_000, d, 2)
	loss := func(o train.Options) float64 {
		f := must(flow.New(must(coupling.RealNVP[float64](coupling.Recipe{Dim: d, Seed: 1})), distribution.StandardNormal[float64](d)))
		if _, err := train.Fit(context.Background(), f, train.Tensor(x), o); err != nil {
			t.Fatal(err)
		}
		return must(train.Evaluate(context.Background(), f, train.Tensor(test)))
	}
	truth := d * 0.5 * (1 + math.Log(2*math.Pi))
	if got := loss(train.Options{}); got > truth+2 {
		t.Errorf("held out %.2f nats with the zero Options, truth %.2f", got, truth)
	}
	if got := loss(train.Options{ValidationFraction: train.NoValidation, Epochs: 600}); got < truth+5 {
		t.Errorf("trained to the end: %.2f nats, truth %.2f: the rows are too easy to show anything", got, truth)
	}
}
