// When models are calibrated, on what, and that they are told of changes.

package train_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/train"
)

func TestWhenAModelIsCalibrated(t *testing.T) {
	told := func(words ...string) []string { return append(append([]string{"changed"}, words...), "changed") }
	fit := func(ctx context.Context, m *calibratedToy, o train.Options) error {
		o.Epochs, o.Batch = 2, 5
		_, err := train.Fit(ctx, m, constant(20, 4), o)
		return err
	}
	expect := func(name string, m *calibratedToy, parts ...[]string) {
		t.Helper()
		// "changed" twice in a row is noted once.
		want := slices.Compact(slices.Concat(parts...))
		if !slices.Equal(m.calls, want) {
			t.Errorf("%s:\n%v, want\n%v", name, m.calls, want)
		}
		for j, v := range m.mean {
			approxEqual(t, name+": mean in the end", v, 4-m.center[j], 1e-12)
		}
		if m.count[0] != 20 {
			t.Errorf("%s: calibrated on %d rows, want 20", name, m.count[0])
		}
	}
	steps, loss := []string{"step"}, []string{"loss"}

	m := newCalibratedToy(1)
	if err := fit(context.Background(), m, train.Options{ValidationFraction: train.NoValidation}); err != nil {
		t.Fatal(err)
	}
	expect("no validation", m, told("start"), steps, told("calibrate"), loss)

	m = newCalibratedToy(1)
	validation := slices.Concat(steps, told("calibrate"), []string{"loss"})
	if err := fit(context.Background(), m, train.Options{Validation: constant(3, 1)}); err != nil {
		t.Fatal(err)
	}
	expect("validation", m, told("start"), validation, validation, told("calibrate"), loss)

	m = newCalibratedToy(1)
	ctx, cancel := context.WithCancel(context.Background())
	if err := fit(ctx, m, train.Options{ValidationFraction: train.NoValidation, Observer: observer{step: func(e train.StepEvent) {
		if e.Step == 2 {
			cancel()
		}
	}}}); err != context.Canceled {
		t.Fatal(err)
	}
	expect("cancelled", m, told("start"), steps, told("calibrate"), loss)
	if m.steps != 2 {
		t.Errorf("%d steps, cancelled in the second", m.steps)
	}

	m = newCalibratedToy(1)
	if err := fit(ctx, m, train.Options{ValidationFraction: train.NoValidation}); err != context.Canceled {
		t.Fatal(err)
	}
	expect("cancelled before the start", m, told("start"), told("calibrate"))
}

// With a split, statistics are the training part's.
func TestCalibrationLeavesOutTheValidationSet(t *testing.T) {
	m := newCalibratedToy(1)
	seen := map[float64]int{}
	s := &recordingSource{Source: train.Tensor(dense[float64](20, 1, func(i, _ int) float64 { return float64(i) }))}
	s.fail = func(rows []int) error {
		if m.steps == 0 { // calibration reads all, at the start
			for _, r := range rows {
				seen[float64(r)]++
			}
		}
		return nil
	}
	if _, err := train.Fit(context.Background(), m, s, train.Options{Epochs: 1, Batch: 16, ValidationFraction: 0.2}); err != nil {
		t.Fatal(err)
	}
	mean := 0.0
	for v := range seen {
		mean += v / 16
	}
	if m.count[0] != 16 || len(seen) != 16 {
		t.Fatalf("calibrated on %d rows, read %v", m.count[0], seen)
	}
	approxEqual(t, "mean", m.mean[0], mean-m.center[0], 1e-12)
}

// cachingModel evaluates with a copy of its parameters, made when it is first
// needed and kept until Invalidate.
type cachingModel struct {
	*toy[float64]
	mu     sync.Mutex
	cached []float64
}

func (m *cachingModel) cachedToy() *toy[float64] {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.cached == nil {
		m.cached = slices.Clone(m.center)
	}
	return &toy[float64]{d: m.d, center: m.cached}
}

func (m *cachingModel) Invalidate() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.cached = nil
}

func (m *cachingModel) NewLossPass(o bijector.PassOptions) bijector.LossPass[float64] {
	return cachingLoss{m}
}

type cachingLoss struct{ m *cachingModel }

func (p cachingLoss) Loss(x, cond bijector.Mat[float64], loss []float64) {
	p.m.cachedToy().NewLossPass(bijector.PassOptions{}).Loss(x, cond, loss)
}

// cachingCalibrated calibrates by evaluation, as a chain does.
type cachingCalibrated struct {
	*cachingModel
	start []bool
	loss  float64
}

func (m *cachingCalibrated) Calibrate(x, cond bijector.Mat[float64], start bool, _ *bijector.Workers) {
	loss := make([]float64, x.N)
	m.NewLossPass(bijector.PassOptions{}).Loss(x, cond, loss)
	m.start, m.loss = append(m.start, start), loss[0]
}

func TestModelsAreToldOfChangesBeforeTheyEvaluate(t *testing.T) {
	run := func(m bijector.Objective[float64], f *cachingModel, done func(center float64)) {
		t.Helper()
		f.cachedToy() // someone evaluated the model before
		f.center[0] = 0.5
		_, err := train.Fit(context.Background(), m, constant(20, 4), train.Options{
			Epochs: 3, Rate: 0.1, Optimizer: train.SGD{}, Validation: constant(5, 1),
			Observer: observer{epoch: func(e train.EpochEvent) {
				r := f.center[0] - 1
				approxEqual(t, "validation loss", e.Validation, r*r/2, 1e-12)
				done(f.center[0])
			}},
		})
		if err != nil {
			t.Fatal(err)
		}
		approxEqual(t, "the model's own evaluation in the end", f.cachedToy().center[0], f.center[0], 0)
	}
	f := &cachingModel{toy: newToy[float64](1, 0)}
	run(f, f, func(float64) {})
	c := &cachingCalibrated{cachingModel: &cachingModel{toy: newToy[float64](1, 0)}}
	run(c, c.cachingModel, func(center float64) { approxEqual(t, "loss in calibration", c.loss, (4-center)*(4-center)/2, 1e-12) })
	if want := []bool{true, false, false, false, false}; !slices.Equal(c.start, want) {
		t.Errorf("calibrations with start %v, want %v", c.start, want)
	}
}

// What is said of rows outside of a domain counts the user's rows, those that were held
// out too.
func TestDomainErrorCountsAllRows(t *testing.T) {
	x := bijector.NewRows[float64](100, 2)
	for i := range x.Values() {
		x.Values()[i] = 0.1 + 0.008*float64(i/2)
	}
	for i := range 50 { // whichever are held out, most of these are trained on
		x.Row(2 * i)[1] = 3
	}
	chain := must(bijector.NewLogit[float64](bijector.LogitSpec{Dim: 2}))
	f := must(flow.New[float64](chain, distribution.StandardNormal[float64](2)))
	_, err := train.Fit(context.Background(), f, train.Tensor(x), train.Options{Epochs: 1})
	var e *bijector.DomainError
	if !errors.As(err, &e) || e.N != 100 || len(e.Rows) < 40 || e.Feature != 1 {
		t.Errorf("%v: %+v", err, e)
	}
}
