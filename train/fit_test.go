// Fit on an objective whose every step is known.

package train_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"testing"

	"gorgonia.org/tensor"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/train"
)

// Full batches and SGD: center_k = mean (1 - (1-rate)^k).
func TestFitFollowsTheGradient(t *testing.T) {
	const n, rate = 50, 0.1
	x := dense[float64](n, 2, func(i, j int) float64 { return float64(3*j) + 1 + math.Sin(float64(i*7+j)) })
	mean := make([]float64, 2)
	for i := range n {
		for j := range mean {
			mean[j] += x.Float64s()[i*2+j] / n
		}
	}
	m := newToy[float64](2, 0)
	k := 0
	report, err := train.Fit(context.Background(), m, train.Tensor(x), train.Options{
		Epochs: 7, Batch: n, Rate: rate, Optimizer: train.SGD{}, ValidationFraction: train.NoValidation,
		Observer: observer{
			step: func(e train.StepEvent) {
				before := make([]float64, 2)
				loss, norm := 0.0, 0.0
				for j := range before {
					before[j] = mean[j] * (1 - math.Pow(1-rate, float64(k)))
					norm = math.Hypot(norm, before[j]-mean[j])
					for i := range n {
						r := x.Float64s()[i*2+j] - before[j]
						loss += r * r / 2 / n
					}
				}
				approxEqual(t, "loss of a step", e.Loss, loss, 1e-12)
				approxEqual(t, "gradient norm", e.GradNorm, norm, 1e-12)
				k++
				for j := range mean {
					approxEqual(t, "center", m.center[j], mean[j]*(1-math.Pow(1-rate, float64(k))), 1e-12)
				}
				want := train.StepEvent{Epoch: k, Epochs: 7, Step: 1, Steps: 1, Rows: n, Loss: e.Loss, GradNorm: e.GradNorm, Rate: rate}
				if e != want {
					t.Errorf("event %+v, want %+v", e, want)
				}
			},
			epoch: func(e train.EpochEvent) {
				if e.Epoch != k || e.Epochs != 7 || e.Rows != n || e.BadSteps != 0 || e.Best || !math.IsNaN(e.Validation) || e.Time <= 0 {
					t.Errorf("epoch event %+v after %d epochs", e, k)
				}
			},
		},
	})
	if err != nil || k != 7 {
		t.Fatalf("%d steps, error %v", k, err)
	}
	if r := *report; len(r.Epochs) != 7 || r.Steps != 7 || r.BadSteps != 0 || r.BestEpoch != 0 || r.Restored || r.Stopped != "" || r.Time <= 0 {
		t.Errorf("report %+v", r)
	}
	if report.Loss() != report.Epochs[6].Loss {
		t.Errorf("Loss() is %g, the last epoch's %g", report.Loss(), report.Epochs[6].Loss)
	}
	if r := (&train.Report{}); !math.IsNaN(r.Loss()) {
		t.Errorf("loss of no epoch is %g", r.Loss())
	}
}

func TestFitReachesTheOptimum(t *testing.T) {
	for _, opt := range []train.Optimizer{nil, train.Adam{}, &train.Adam{Beta1: 0.8}, train.SGD{Momentum: 0.5}, &train.SGD{}} {
		c := normalRows[float32](400, 2, 1)
		x := dense[float32](400, 3, func(i, j int) float64 {
			return float64(j) + 0.5*float64(c.Float32s()[2*i]) - float64(j)*float64(c.Float32s()[2*i+1])
		})
		m := newToy[float32](3, 2)
		report, err := train.Fit(context.Background(), m, train.Tensor(x).Given(c), train.Options{
			ValidationFraction: train.NoValidation,
			Epochs:             60, Batch: 40, Rate: 0.05, Optimizer: opt, Schedule: train.Cosine{},
		})
		if err != nil {
			t.Fatal(err)
		}
		approxEqual(t, "loss", report.Loss(), 0, 1e-4)
		for j := range 3 {
			approxEqual(t, "center", float64(m.center[j]), float64(j), 1e-3)
			approxEqual(t, "weight", float64(m.weight[2*j]), 0.5, 1e-3)
			approxEqual(t, "weight", float64(m.weight[2*j+1]), -float64(j), 1e-3)
		}
		if report.Steps != 600 {
			t.Errorf("%d steps, want 600", report.Steps)
		}
	}
}

// A gradient longer than ClipNorm is cut to it, a shorter one left alone.
func TestClipNorm(t *testing.T) {
	x := dense[float64](4, 2, func(_, j int) float64 { return []float64{30, 40}[j] })
	for _, c := range []struct{ clip, moved float64 }{{0, 50}, {5, 5}, {49.9, 49.9}, {50.1, 50}, {math.Inf(1), 50}} {
		m := newToy[float64](2, 0)
		_, err := train.Fit(context.Background(), m, train.Tensor(x), train.Options{
			ValidationFraction: train.NoValidation,
			Epochs:             1, Rate: 0.01, ClipNorm: c.clip, Optimizer: train.SGD{},
			Observer: observer{step: func(e train.StepEvent) { approxEqual(t, "norm before clipping", e.GradNorm, 50, 1e-12) }},
		})
		if err != nil {
			t.Fatal(err)
		}
		approxEqual(t, "step", math.Hypot(m.center[0], m.center[1]), 0.01*c.moved, 1e-12)
		approxEqual(t, "direction", m.center[1]/m.center[0], 4.0/3, 1e-12)
	}
}

// The loss of an epoch is a mean over rows, though batches differ in size.
func TestLossOfAnEpoch(t *testing.T) {
	sum, rows := 0.0, 0
	var sizes []int
	_, err := train.Fit(context.Background(), newToy[float64](1, 0), train.Tensor(normalRows[float64](10, 1, 1)), train.Options{
		ValidationFraction: train.NoValidation,
		Epochs:             3, Batch: 4, Rate: 0.1,
		Observer: observer{step: func(e train.StepEvent) {
			sum, rows, sizes = sum+e.Loss*float64(e.Rows), rows+e.Rows, append(sizes, e.Rows)
		}, epoch: func(e train.EpochEvent) {
			approxEqual(t, "loss", e.Loss, sum/10, 1e-14)
			if slices.Sort(sizes); e.Rows != 10 || rows != 10 || !slices.Equal(sizes, []int{3, 3, 4}) {
				t.Errorf("%d rows in steps of %v, the epoch has %d", rows, sizes, e.Rows)
			}
			sum, rows, sizes = 0, 0, nil
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
}

// The schedule sees steps counted over the run, and the length of epoch and
// run.
func TestScheduleOverARun(t *testing.T) {
	var got []float64
	_, err := train.Fit(context.Background(), newToy[float64](1, 0), train.Tensor(normalRows[float64](6, 1, 1)), train.Options{
		ValidationFraction: train.NoValidation,
		Epochs:             3, Batch: 3, Rate: 2, Optimizer: train.SGD{},
		Schedule: train.Warmup{Steps: 2, Then: train.StepDecay{Every: 1, By: 0.5}},
		Observer: observer{step: func(e train.StepEvent) { got = append(got, e.Rate) }},
	})
	if want := []float64{1, 2, 2, 2, 1, 1}; err != nil || !slices.Equal(got, want) {
		t.Errorf("rates %v, want %v; error %v", got, want, err)
	}
}

type invalidRateSchedule struct{ factor float64 }

func (l invalidRateSchedule) Factor(step, _, _ int) float64 {
	if step == 2 {
		return l.factor
	}
	return 1
}

// A schedule of the user's that yields no rate must not reach the parameters.
func TestScheduleWithoutARate(t *testing.T) {
	for _, f := range []float64{math.NaN(), math.Inf(1), -1} {
		m := newToy[float64](1, 0)
		report, err := train.Fit(context.Background(), m, train.Tensor(normalRows[float64](6, 1, 1)), train.Options{
			ValidationFraction: train.NoValidation,
			Batch:              1, Schedule: invalidRateSchedule{f},
		})
		if !errors.Is(err, train.ErrOptions) || report == nil || report.Stopped != "options" || report.Steps != 2 || m.center[0] != m.center[0] {
			t.Errorf("factor %g: error %v, report %+v, center %g", f, err, report, m.center[0])
		}
	}
}

// Every epoch reads each row once: as they stand, or in an order of its own
// that comes from Seed.
func TestOrderOfRows(t *testing.T) {
	const n = 101
	run := func(o train.Options) [][]int {
		o.Epochs, o.Batch = 3, 10
		s := &recordingSource{Source: train.Tensor(normalRows[float64](n, 1, 1))}
		if _, err := train.Fit(context.Background(), newToy[float64](1, 0), s, o); err != nil {
			t.Fatal(err)
		}
		if len(s.reads) != 33 {
			t.Fatalf("%d reads, want 11 an epoch", len(s.reads))
		}
		for _, r := range s.reads {
			if len(r) != 9 && len(r) != 10 {
				t.Errorf("a batch of %d rows", len(r))
			}
		}
		epochs := make([][]int, 3)
		for e := range epochs {
			epochs[e] = flatten(s.reads[11*e : 11*e+11])
			if !isPermutation(epochs[e], n) {
				t.Errorf("epoch %d reads %v", e+1, epochs[e])
			}
		}
		return epochs
	}
	for e, order := range run(train.Options{ValidationFraction: train.NoValidation, InOrder: true}) {
		if !slices.IsSorted(order) {
			t.Errorf("epoch %d in order reads %v", e+1, order)
		}
	}
	a, again, other := run(train.Options{ValidationFraction: train.NoValidation, Seed: 4}), run(train.Options{ValidationFraction: train.NoValidation, Seed: 4}), run(train.Options{ValidationFraction: train.NoValidation, Seed: 5})
	if slices.IsSorted(a[0]) || slices.Equal(a[0], a[1]) || slices.Equal(a[1], a[2]) {
		t.Error("epochs are not shuffled anew")
	}
	for e := range a {
		if !slices.Equal(a[e], again[e]) || slices.Equal(a[e], other[e]) {
			t.Errorf("epoch %d does not follow the seed", e+1)
		}
	}
}

func TestFitRefusesModelsThatCannotBeTrained(t *testing.T) {
	m := newToy[float64](1, 0)
	m.err = bijector.ErrNotTrainable
	report, err := train.Fit(context.Background(), m, train.Tensor(normalRows[float64](6, 1, 1)), train.Options{ValidationFraction: train.NoValidation})
	if !errors.Is(err, bijector.ErrNotTrainable) || report != nil || m.steps > 0 {
		t.Errorf("error %v, report %v", err, report)
	}
}

// embeddedOptimizer has the methods of an optimiser and none of its arithmetic.
type embeddedOptimizer struct{ train.Adam }

func TestOptions(t *testing.T) {
	x := train.Tensor(normalRows[float64](6, 1, 1))
	nan, inf := math.NaN(), math.Inf(1)
	for name, o := range map[string]train.Options{
		"epochs":                    {Epochs: -1},
		"batch":                     {Batch: -1},
		"rate":                      {Rate: -1},
		"rate NaN":                  {Rate: nan},
		"rate infinite":             {Rate: inf},
		"clip":                      {ClipNorm: -1},
		"clip NaN":                  {ClipNorm: nan},
		"fraction":                  {ValidationFraction: -0.1},
		"fraction 1":                {ValidationFraction: 1},
		"fraction NaN":              {ValidationFraction: nan},
		"two validations":           {ValidationFraction: 0.5, Validation: x},
		"patience":                  {Patience: -1, Validation: x},
		"patience, no validation":   {Patience: 1, ValidationFraction: train.NoValidation},
		"keep best, no validation":  {KeepBest: true, ValidationFraction: train.NoValidation},
		"bad steps":                 {MaxBadSteps: -1},
		"workers":                   {Workers: -1},
		"memory":                    {Memory: bijector.Memory{Mode: bijector.MemoryReverse + 1}},
		"memory negative":           {Memory: bijector.Memory{Mode: -1}},
		"memory distance":           {Memory: bijector.Memory{Mode: bijector.MemoryReverse, Every: -1}},
		"beta1":                     {Optimizer: train.Adam{Beta1: 1}},
		"beta1 negative":            {Optimizer: train.Adam{Beta1: -0.5}},
		"beta2":                     {Optimizer: train.Adam{Beta2: nan}},
		"beta2 large":               {Optimizer: train.Adam{Beta2: 1.5}},
		"eps":                       {Optimizer: train.Adam{Eps: -1}},
		"eps infinite":              {Optimizer: train.Adam{Eps: inf}},
		"decay":                     {Optimizer: train.Adam{WeightDecay: -1}},
		"decay infinite":            {Optimizer: train.Adam{WeightDecay: inf}},
		"pointer":                   {Optimizer: &train.Adam{WeightDecay: -1}},
		"momentum":                  {Optimizer: train.SGD{Momentum: 1}},
		"momentum negative":         {Optimizer: train.SGD{Momentum: -0.1}},
		"SGD decay":                 {Optimizer: train.SGD{WeightDecay: nan}},
		"SGD decay infinite":        {Optimizer: &train.SGD{WeightDecay: inf}},
		"nil Adam":                  {Optimizer: (*train.Adam)(nil)},
		"nil SGD":                   {Optimizer: (*train.SGD)(nil)},
		"an optimiser of no effect": {Optimizer: embeddedOptimizer{}},
	} {
		m := newToy[float64](1, 0)
		report, err := train.Fit(context.Background(), m, x, o)
		if !errors.Is(err, train.ErrOptions) || report != nil || m.steps != 0 {
			t.Errorf("%s: error %v, report %v, %d steps", name, err, report, m.steps)
		}
	}
	m := newToy[float64](1, 0)
	report, err := train.Fit(context.Background(), m, x, train.Options{ValidationFraction: train.NoValidation})
	if err != nil || len(report.Epochs) != 2000 || report.Steps != 2000 {
		t.Errorf("few rows: %d epochs, %d steps, error %v, want 2,000 of one batch", len(report.Epochs), report.Steps, err)
	}
	report, err = train.Fit(context.Background(), m, x, train.Options{ValidationFraction: train.NoValidation, Batch: 1})
	if err != nil || len(report.Epochs) != 334 || report.Steps != 2004 {
		t.Errorf("few rows: %d epochs, %d steps, error %v, want 334 of six batches", len(report.Epochs), report.Steps, err)
	}
	if _, err := train.Fit(context.Background(), m, train.Tensor(normalRows[float64](1, 1, 1)), train.Options{ValidationFraction: 0.5}); !errors.Is(err, train.ErrOptions) {
		t.Errorf("a split of one row: error %v", err)
	}
}

func TestEvaluate(t *testing.T) {
	// More rows than a block of the evaluator, and a ragged end.
	const n = 10_007
	x := normalRows[float64](n, 3, 2)
	m := newToy[float64](3, 0)
	m.center = []float64{1, 2, 3}
	want := 0.0
	for i, v := range x.Float64s() {
		r := v - m.center[i%3]
		want += r * r / 2 / n
	}
	got, err := train.Evaluate(context.Background(), m, train.Tensor(x))
	if err != nil {
		t.Fatal(err)
	}
	approxEqual(t, "mean loss", got, want, 1e-12)
	if m.steps != 0 {
		t.Error("Evaluate computed gradients")
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if v, err := train.Evaluate(ctx, m, train.Tensor(x)); !errors.Is(err, context.Canceled) || !math.IsNaN(v) {
		t.Errorf("cancelled: %g, %v", v, err)
	}
	if _, err := train.Evaluate[float64](context.Background(), m, nil); !errors.Is(err, train.ErrOptions) {
		t.Errorf("no data: %v", err)
	}
	if _, err := train.Evaluate(context.Background(), m, train.Tensor(normalRows[float64](5, 2, 1))); !errors.Is(err, bijector.ErrShape) {
		t.Errorf("rows of 2 for a model of 3: %v", err)
	}
	bad := tensor.New(tensor.WithShape(2, 3), tensor.WithBacking([]float64{1, 2, 3, 4, math.NaN(), 6}))
	var row *bijector.RowError
	if _, err := train.Evaluate(context.Background(), m, train.Tensor(bad)); !errors.As(err, &row) || row.Row != 1 {
		t.Errorf("NaN in row 1: %v", err)
	}
}
