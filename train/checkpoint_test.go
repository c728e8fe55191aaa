// Checkpoints: a run that is taken up ends as one that was never interrupted.

package train_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gorgonia.org/tensor"

	"github.com/bijou-flow/bijou/autoencoder"
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/coupling"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/train"
)

// nanOnLarge is an Objective whose loss is NaN for batches that begin with a large
// value: bad steps that depend on the data alone.
type nanOnLarge struct{ bijector.Objective[float64] }

func (m nanOnLarge) NewStepPass(o bijector.PassOptions) bijector.StepPass[float64] {
	return nanOnLargePass{m.Objective.NewStepPass(o)}
}

type nanOnLargePass struct{ bijector.StepPass[float64] }

func (p nanOnLargePass) Step(x, cond bijector.Mat[float64], loss []float64) {
	p.StepPass.Step(x, cond, loss)
	if x.Feature(0)[0] > 0.8 {
		loss[0] = math.NaN()
	}
}

// someFlow is a Real NVP in three features.
func someFlow[T bijector.Float](norm string, context int, seed uint64) *flow.Flow[T] {
	chain := must(coupling.RealNVP[T](coupling.Recipe{Dim: 3, ContextDim: context, Layers: 3, Hidden: []int{8}, Norm: norm, Seed: seed}))
	return must(flow.New(chain, distribution.StandardNormal[T](3)))
}

// resumableRuns are runs of every kind of state.
var resumableRuns = []struct {
	name  string
	model func() bijector.Objective[float64]
	o     train.Options
	given bool
}{
	{"batch norm, the best kept", func() bijector.Objective[float64] { return someFlow[float64]("batch", 0, 1) }, train.Options{
		Epochs: 5, Batch: 20, Rate: 2e-2, Schedule: train.Warmup{Steps: 5, Then: train.Cosine{}}, ValidationFraction: 0.2, KeepBest: true,
	}, false},
	{"actnorm, clipped, averaged", func() bijector.Objective[float64] { return someFlow[float64]("act", 0, 1) }, train.Options{
		Epochs: 4, Batch: 20, ClipNorm: 0.5, Average: 0.9, Noise: 0.1, Optimizer: train.SGD{Momentum: 0.9}, ValidationFraction: 0.2, KeepBest: true,
	}, false},
	{"patience, context", func() bijector.Objective[float64] { return someFlow[float64]("batch", 1, 1) }, train.Options{
		Epochs: 40, Batch: 30, Rate: 0.1, Patience: 2, ValidationFraction: 0.3, Schedule: train.StepDecay{Every: 3},
		Optimizer: train.Adam{WeightDecay: 0.1, Decoupled: true},
	}, true},
	{"weights", func() bijector.Objective[float64] { return someFlow[float64]("batch", 0, 1) }, train.Options{
		Epochs: 4, Batch: 20, Rate: 2e-2, ValidationFraction: 0.2, KeepBest: true,
	}, false},
	{"bad steps", func() bijector.Objective[float64] { return nanOnLarge{newToy[float64](3, 0)} }, train.Options{ValidationFraction: train.NoValidation, Epochs: 5, Batch: 10, Average: 0.5}, false},
	{"embeddings drawn", func() bijector.Objective[float64] {
		return must(autoencoder.NewDense[float64](autoencoder.DenseSpec{In: 3, Embedding: 2, Loss: "gaussian", Variational: true}))
	}, train.Options{Epochs: 4, Batch: 20, ValidationFraction: 0.2, KeepBest: true}, false},
	{"in order, no validation", func() bijector.Objective[float64] { return someFlow[float64]("none", 0, 1) }, train.Options{
		ValidationFraction: train.NoValidation,
		Epochs:             3, Batch: 20, InOrder: true, Memory: bijector.Memory{Mode: bijector.MemoryKeepInputs},
	}, false},
}

// reportFigures are those of a report that do not depend on the clock.
func reportFigures(r *train.Report) string {
	var b strings.Builder
	fmt.Fprintln(&b, r.Steps, r.BadSteps, r.BestEpoch, r.Restored, r.Stopped)
	for _, e := range r.Epochs {
		fmt.Fprintf(&b, "%d/%d %x %x %v %d %d\n", e.Epoch, e.Epochs, math.Float64bits(e.Loss), math.Float64bits(e.Validation), e.Best, e.BadSteps, e.Rows)
	}
	return b.String()
}

// stopAt is an observer that cancels after a step of the run.
func stopAt(steps int, cancel func()) observer {
	return observer{step: func(e train.StepEvent) {
		if (e.Epoch-1)*e.Steps+e.Step == steps {
			cancel()
		}
	}}
}

func TestResumedEqualsUninterrupted(t *testing.T) {
	x, c := normalRows[float64](100, 3, 1), normalRows[float64](100, 1, 2)
	for _, r := range resumableRuns {
		t.Run(r.name, func(t *testing.T) {
			data := train.Tensor(x)
			if r.given {
				data = data.Given(c)
			}
			if r.name == "weights" {
				data = data.Weighted(counts(100))
			}
			whole := r.model()
			want, err := train.Fit(context.Background(), whole, data, r.o)
			if err != nil {
				t.Fatal(err)
			}
			steps := want.Steps + want.BadSteps
			if r.name == "bad steps" && want.BadSteps == 0 || r.o.Patience > 0 && want.Stopped != "patience" {
				t.Fatalf("the run is not of its kind: %+v", want)
			}
			// Every run is interrupted three times, in the middle of an epoch
			// and at its end, and goes on in models of other values.
			rng := rand.New(rand.NewPCG(3, 4))
			perEpoch := steps / len(want.Epochs)
			for k, stops := range [][]int{
				{1, 2, 3},
				{perEpoch - 1, perEpoch, perEpoch + 1},
				{2 * perEpoch, steps - 1, steps},
				{1 + rng.IntN(steps), 1 + rng.IntN(steps), 1 + rng.IntN(steps)},
			} {
				slices.Sort(stops)
				o := r.o
				o.Checkpoint = train.Checkpoint{Dir: t.TempDir(), Resume: true, Steps: 1 + k%3, Keep: 1 + k%2}
				for i, stop := range stops {
					ctx, cancel := context.WithCancel(context.Background())
					o.Workers, o.Observer = 1+i, stopAt(stop, cancel)
					m := r.model()
					m.Params()[0].Data[0] += float64(i)
					report, err := train.Fit(ctx, m, data, o)
					if err != nil && err != context.Canceled {
						t.Fatal(err)
					}
					if err != nil && report.Steps+report.BadSteps != stop {
						t.Errorf("stopped at %d, the report says %+v", stop, report)
					}
					cancel()
				}
				m := r.model()
				m.Params()[0].Data[0]++
				o.Observer, o.Workers = nil, 2
				for range 2 { // once more when all is done
					got, err := train.Fit(context.Background(), m, data, o)
					if err != nil {
						t.Fatal(err)
					}
					if !slices.Equal(bits(m), bits(whole)) {
						t.Errorf("interrupted after %v steps, the model is another", stops)
					}
					if reportFigures(got) != reportFigures(want) {
						t.Errorf("interrupted after %v steps, the report is\n%swant\n%s", stops, reportFigures(got), reportFigures(want))
					}
					if got.Time <= 0 {
						t.Error("no time was spent")
					}
				}
				if files := must(os.ReadDir(o.Checkpoint.Dir)); len(files) > o.Checkpoint.Keep {
					t.Errorf("%d files are kept, want %d", len(files), o.Checkpoint.Keep)
				}
			}
		})
	}
}

// A run that is killed leaves the checkpoint of some step: each of them leads
// to the same end, in float32 too.
func TestResumeFromEveryStep(t *testing.T) {
	data := train.Tensor(normalRows[float32](60, 3, 1))
	options := func(dir string, resume bool) train.Options {
		return train.Options{
			Epochs: 3, Batch: 15, Average: 0.8, ValidationFraction: 0.25, KeepBest: true,
			Checkpoint: train.Checkpoint{Dir: dir, Steps: 1, Keep: 100, Resume: resume},
		}
	}
	dir := t.TempDir()
	whole := someFlow[float32]("batch", 0, 1)
	want := must(train.Fit(context.Background(), whole, data, options(dir, false)))
	files := must(os.ReadDir(dir))
	if len(files) != want.Steps {
		t.Fatalf("%d checkpoints of %d steps", len(files), want.Steps)
	}
	for _, f := range files {
		at := t.TempDir()
		copyFile(t, filepath.Join(dir, f.Name()), filepath.Join(at, f.Name()))
		m := someFlow[float32]("batch", 0, 1)
		m.Params()[0].Data[0]++
		got, err := train.Fit(context.Background(), m, data, options(at, true))
		if err != nil || !slices.Equal(bits(m), bits(whole)) || reportFigures(got) != reportFigures(want) {
			t.Errorf("from %s: another model or report, %v", f.Name(), err)
		}
	}
}

// nanBeyond is a measured whose loss is NaN once its center is beyond a
// bound.
type nanBeyond struct {
	*calibratedToy
	bound float64
}

func (m *nanBeyond) NewStepPass(o bijector.PassOptions) bijector.StepPass[float64] {
	m.toy.corrupt = func(_ int, loss []float64, _ [][]float64) {
		if m.center[0] > m.bound {
			loss[0] = math.NaN()
		}
	}
	return m.toy.NewStepPass(o)
}

// What divergence falls back to is the state before the latest good step, of
// the parameters and of the average, even where that step was before the
// checkpoint.
func TestResumeIntoDivergence(t *testing.T) {
	for _, average := range []float64{0, 0.7} {
		run := func(dir string, stop int) (*calibratedToy, *train.Report, error) {
			m := newCalibratedToy(1)
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			report, err := train.Fit(ctx, &nanBeyond{m, 2.1}, constant(60, 4), train.Options{
				ValidationFraction: train.NoValidation,
				Epochs:             10, Batch: 10, MaxBadSteps: 4, Average: average, Rate: 0.1,
				Checkpoint: train.Checkpoint{Dir: dir, Resume: true}, Observer: stopAt(stop, cancel),
			})
			return m, report, err
		}
		want, report, err := run(t.TempDir(), 0)
		if !errors.Is(err, train.ErrDiverged) || report.Steps < 10 {
			t.Fatalf("report %+v, %v", report, err)
		}
		dir := t.TempDir()
		if _, _, err := run(dir, report.Steps+2); err != context.Canceled {
			t.Fatal(err)
		}
		got, again, err := run(dir, 0)
		if !errors.Is(err, train.ErrDiverged) || reportFigures(again) != reportFigures(report) {
			t.Errorf("report %+v, %v, want %+v", again, err, report)
		}
		if got.center[0] != want.center[0] || got.mean[0] != want.mean[0] {
			t.Errorf("average %g: center %v, want %v", average, got.center[0], want.center[0])
		}
	}
}

// A validation that is interrupted is done again, and the epoch's steps not.
func TestResumeWithinValidation(t *testing.T) {
	run := func(dir string, stop bool) (*calibratedToy, *train.Report, error) {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		v := &recordingSource{Source: constant(20_000, 1)}
		v.fail = func([]int) error {
			if stop && len(v.reads) > 12 { // behind the digest of its rows
				cancel()
			}
			return nil
		}
		m := newCalibratedToy(1)
		report, err := train.Fit(ctx, m, constant(30, 4), train.Options{
			Epochs: 3, Batch: 10, Rate: 0.1, Validation: v, KeepBest: true, Checkpoint: train.Checkpoint{Dir: dir, Resume: true},
		})
		return m, report, err
	}
	want, report, err := run(t.TempDir(), false)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	_, part, err := run(dir, true)
	if err != context.Canceled || part.Steps != 3*(len(part.Epochs)+1) {
		t.Fatalf("not interrupted in validation: %+v, %v", part, err)
	}
	got, again, err := run(dir, false)
	if err != nil || !slices.Equal(bits(got), bits(want)) || reportFigures(again) != reportFigures(report) {
		t.Errorf("%v, report\n%swant\n%s", err, reportFigures(again), reportFigures(report))
	}
}

// More epochs than at first are fine where the learning rate does not know
// their number.
func TestResumeForMoreEpochs(t *testing.T) {
	data := train.Tensor(normalRows[float64](60, 3, 1))
	o := func(dir string, epochs int, s train.Schedule) train.Options {
		return train.Options{ValidationFraction: train.NoValidation, Epochs: epochs, Batch: 20, Schedule: s, Checkpoint: train.Checkpoint{Dir: dir, Resume: true}}
	}
	whole := someFlow[float64]("batch", 0, 1)
	want := must(train.Fit(context.Background(), whole, data, o(t.TempDir(), 5, nil)))
	dir := t.TempDir()
	m := someFlow[float64]("batch", 0, 1)
	must(train.Fit(context.Background(), m, data, o(dir, 2, nil)))
	got, err := train.Fit(context.Background(), m, data, o(dir, 5, nil))
	if err != nil || !slices.Equal(bits(m), bits(whole)) || len(got.Epochs) != 5 || got.Epochs[4].Loss != want.Epochs[4].Loss {
		t.Errorf("%v, report %+v", err, got)
	}
	if _, err := train.Fit(context.Background(), m, data, o(dir, 4, nil)); !errors.Is(err, train.ErrResume) || !strings.Contains(err.Error(), "5 epochs") {
		t.Errorf("fewer epochs: %v", err)
	}
	if _, err := train.Fit(context.Background(), m, data, o(dir, 6, train.Cosine{})); !errors.Is(err, train.ErrResume) || !strings.Contains(err.Error(), "Schedule") {
		t.Errorf("another schedule: %v", err)
	}
}

// randomWalkSource is a Source that draws, with a generator of its own.
type randomWalkSource struct{ rand.PCG }

func (*randomWalkSource) Len() int        { return 40 }
func (*randomWalkSource) Dim() int        { return 1 }
func (*randomWalkSource) ContextDim() int { return 0 }

func (w *randomWalkSource) Read(rows []int, x, _ *tensor.Dense) error {
	for i := range rows {
		x.Float64s()[i] = float64(w.Uint64()>>40) / (1 << 24)
	}
	return nil
}

func TestResumeASourceThatDraws(t *testing.T) {
	run := func(dir string, seed uint64, stop int) (*toy[float64], *train.Report) {
		m, w := newToy[float64](1, 0), &randomWalkSource{}
		w.Seed(1, seed)
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		report, err := train.Fit(ctx, m, w, train.Options{
			ValidationFraction: train.NoValidation,
			Epochs:             3, Batch: 10, Observer: stopAt(stop, cancel), Checkpoint: train.Checkpoint{Dir: dir, Resume: true},
		})
		if err != nil && err != context.Canceled {
			t.Fatal(err)
		}
		return m, report
	}
	want, report := run(t.TempDir(), 1, 0)
	dir := t.TempDir()
	run(dir, 1, 7)
	got, again := run(dir, 2, 0) // the generator goes on, not the new one
	if got.center[0] != want.center[0] || reportFigures(again) != reportFigures(report) {
		t.Errorf("center %v, want %v", got.center[0], want.center[0])
	}
}

// How many there are, and when.
func TestWhenCheckpointsAreSaved(t *testing.T) {
	for _, c := range []struct {
		c    train.Checkpoint
		want []int
	}{
		{train.Checkpoint{Keep: 100}, []int{4, 8, 12, 16, 20}},
		{train.Checkpoint{}, []int{16, 20}},
		{train.Checkpoint{Epochs: 2, Keep: 3}, []int{8, 16, 20}},
		{train.Checkpoint{Steps: 3, Keep: 4}, []int{12, 15, 18, 20}},
		{train.Checkpoint{Steps: 3, Epochs: 3, Keep: 100}, []int{3, 6, 9, 12, 15, 18, 20}},
		{train.Checkpoint{Epochs: 100, Keep: 1}, []int{20}},
	} {
		c.c.Dir = t.TempDir()
		other := "checkpoint-1.safetensors" // no name of a checkpoint
		// What a process left that died days ago while it saved one of another step.
		dead := ".checkpoint-000000099.safetensors.0000000000000000-0000000000000001.tmp"
		for _, name := range []string{other, dead} {
			path, old := filepath.Join(c.c.Dir, name), time.Now().Add(-48*time.Hour)
			if err := errors.Join(os.WriteFile(path, nil, 0o644), os.Chtimes(path, old, old)); err != nil {
				t.Fatal(err)
			}
		}
		must(train.Fit(context.Background(), newToy[float64](1, 0), constant(40, 4), train.Options{ValidationFraction: train.NoValidation, Epochs: 5, Batch: 10, Checkpoint: c.c}))
		var want, got []string
		for _, n := range c.want {
			want = append(want, fmt.Sprintf("checkpoint-%09d.safetensors", n))
		}
		for _, e := range must(os.ReadDir(c.c.Dir)) {
			got = append(got, e.Name())
		}
		if want = append(want, other); !slices.Equal(got, want) {
			t.Errorf("%+v: %q, want %q", c.c, got, want)
		}
	}
}

// Cancellation saves where it stops.
func TestCancellationSaves(t *testing.T) {
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(context.Background())
	_, err := train.Fit(ctx, newToy[float64](1, 0), constant(40, 4), train.Options{
		ValidationFraction: train.NoValidation,
		Batch:              10, Observer: stopAt(7, cancel), Checkpoint: train.Checkpoint{Dir: dir, Epochs: 5},
	})
	if files := must(os.ReadDir(dir)); err != context.Canceled || len(files) != 1 || files[0].Name() != "checkpoint-000000007.safetensors" {
		t.Errorf("%v, files %v", err, files)
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, data, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}
