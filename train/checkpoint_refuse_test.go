// What no run is taken up from: other runs, damaged and hostile files.

package train_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/coupling"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/train"
)

func TestResumeRefuses(t *testing.T) {
	x := normalRows[float64](60, 3, 1)
	dir := t.TempDir()
	base := train.Options{Epochs: 2, Batch: 20, ValidationFraction: 0.2, Checkpoint: train.Checkpoint{Dir: dir, Resume: true}}
	run := func(m bijector.Objective[float64], data train.Source, change func(*train.Options)) error {
		o := base
		change(&o)
		_, err := train.Fit(context.Background(), m, data, o)
		return err
	}
	model := someFlow[float64]("batch", 0, 1)
	same := func(*train.Options) {}
	if err := run(model, train.Tensor(x), same); err != nil {
		t.Fatal(err)
	}
	before := bits(model)
	wide := must(flow.New(must(coupling.RealNVP[float64](coupling.Recipe{Dim: 3, Layers: 3, Hidden: []int{9}})), distribution.StandardNormal[float64](3)))
	for _, c := range []struct {
		what   string
		model  bijector.Objective[float64]
		data   train.Source
		change func(*train.Options)
		says   string
	}{
		{"batch", model, train.Tensor(x), func(o *train.Options) { o.Batch = 30 }, "Batch is 30 now, and was 20"},
		{"optimizer", model, train.Tensor(x), func(o *train.Options) { o.Optimizer = train.SGD{} }, "Optimizer is train.SGD"},
		{"beta", model, train.Tensor(x), func(o *train.Options) { o.Optimizer = train.Adam{Beta1: 0.5} }, "Beta1:0.5"},
		{"seed", model, train.Tensor(x), func(o *train.Options) { o.Seed = 5 }, "contents of the rows"}, // of the split
		{"average", model, train.Tensor(x), func(o *train.Options) { o.Average = 0.9 }, "Average"},
		{"rate", model, train.Tensor(x), func(o *train.Options) { o.Rate = 0.5 }, "Rate"},
		{"patience", model, train.Tensor(x), func(o *train.Options) { o.Patience = 3 }, "Patience"},
		{"rows", model, train.Tensor(normalRows[float64](50, 3, 1)), same, "rows is 40 now, and was 48"},
		{"data", model, train.Tensor(normalRows[float64](60, 3, 2)), same, "contents of the rows"},
		{"model", wide, train.Tensor(x), same, "model"},
		{"norm", someFlow[float64]("act", 0, 1), train.Tensor(x), same, "model"},
		{"not asked to", model, train.Tensor(x), func(o *train.Options) { o.Checkpoint.Resume = false }, "set Resume"},
	} {
		err := run(c.model, c.data, c.change)
		if !errors.Is(err, train.ErrResume) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want ErrResume and %q", c.what, err, c.says)
		}
	}
	if !slices.Equal(bits(model), before) {
		t.Error("a refused resumption changed the model")
	}
	// A toy has no spec: its parameters tell.
	base = train.Options{ValidationFraction: train.NoValidation, Epochs: 1, Checkpoint: train.Checkpoint{Dir: t.TempDir(), Resume: true}}
	if err := run(newCalibratedToy(1), constant(3, 1), same); err != nil {
		t.Fatal(err)
	}
	if err := run(newToy[float64](1, 0), constant(3, 1), same); !errors.Is(err, train.ErrResume) || !strings.Contains(err.Error(), `"buffer/`) {
		t.Errorf("other buffers: %v", err)
	}
}

// Every byte of a checkpoint that is not what it was.
func TestDamagedCheckpoint(t *testing.T) {
	dir := t.TempDir()
	m := newCalibratedToy(1)
	o := train.Options{Epochs: 2, Batch: 2, Validation: constant(2, 3), KeepBest: true, Average: 0.5, Checkpoint: train.Checkpoint{Dir: dir, Resume: true, Keep: 1}}
	if _, err := train.Fit(context.Background(), m, constant(4, 1), o); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "checkpoint-000000004.safetensors")
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before := bits(m)
	try := func(what string, data []byte) {
		t.Helper()
		if err := os.WriteFile(file, data, 0o644); err != nil {
			t.Fatal(err)
		}
		report, err := train.Fit(context.Background(), m, constant(4, 1), o)
		if report != nil || !errors.Is(err, train.ErrCheckpoint) || !strings.Contains(err.Error(), file) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for i := range whole {
		data := bytes.Clone(whole)
		data[i] ^= 4
		try(fmt.Sprintf("byte %d", i), data)
	}
	for _, n := range []int{0, 7, 100, len(whole) - 1} {
		try(fmt.Sprintf("%d bytes", n), whole[:n])
	}
	try("more bytes", append(bytes.Clone(whole), 0))
	if !slices.Equal(bits(m), before) {
		t.Error("a damaged checkpoint changed the model")
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(file, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := train.Fit(context.Background(), m, constant(4, 1), o); !errors.Is(err, train.ErrCheckpoint) {
		t.Errorf("a directory: %v", err)
	}
}

// refusingState is a measured that does not like one of its states.
type refusingState struct{ *calibratedToy }

func (m refusingState) Validate() error {
	if m.center[0] > 1 {
		return bijector.ErrSpec
	}
	return nil
}

// What the model does not accept is not taken up.
func TestResumeAsksTheModel(t *testing.T) {
	dir := t.TempDir()
	m := newCalibratedToy(1)
	o := train.Options{ValidationFraction: train.NoValidation, Epochs: 9, Rate: 0.5, Checkpoint: train.Checkpoint{Dir: dir, Resume: true}}
	if _, err := train.Fit(context.Background(), m, constant(4, 4), o); err != nil || m.center[0] < 2 {
		t.Fatal(err, m.center)
	}
	other := newCalibratedToy(1)
	before := bits(other)
	if _, err := train.Fit(context.Background(), refusingState{other}, constant(4, 4), o); !errors.Is(err, train.ErrCheckpoint) || !errors.Is(err, bijector.ErrSpec) {
		t.Errorf("got %v", err)
	}
	if !slices.Equal(bits(other), before) {
		t.Error("the model is left with it")
	}
}

func TestCheckpointOptions(t *testing.T) {
	for _, c := range []train.Checkpoint{{Epochs: 1}, {Dir: "x", Keep: -1}, {Dir: "x", Steps: -1}, {Resume: true}} {
		if _, err := train.Fit(context.Background(), newToy[float64](1, 0), constant(3, 1), train.Options{ValidationFraction: train.NoValidation, Checkpoint: c}); !errors.Is(err, train.ErrOptions) {
			t.Errorf("%+v: %v", c, err)
		}
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := train.Fit(context.Background(), newToy[float64](1, 0), constant(3, 1), train.Options{ValidationFraction: train.NoValidation, Checkpoint: train.Checkpoint{Dir: file}}); err == nil {
		t.Error("a file is no directory")
	}
}

// A checkpoint that cannot be saved ends training, with a usable model.
func TestCheckpointThatCannotBeSaved(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "dir")
	m := newCalibratedToy(1)
	report, err := train.Fit(context.Background(), m, constant(30, 4), train.Options{
		ValidationFraction: train.NoValidation,
		Epochs:             5, Checkpoint: train.Checkpoint{Dir: dir},
		Observer: observer{epoch: func(e train.EpochEvent) {
			if e.Epoch == 2 {
				if err := os.RemoveAll(dir); err != nil {
					t.Fatal(err)
				}
			}
		}},
	})
	if !errors.Is(err, fs.ErrNotExist) || report == nil || report.Stopped != "checkpoint" || len(report.Epochs) != 3 {
		t.Errorf("%v, report %+v", err, report)
	}
	approxEqual(t, "mean", m.mean[0], 4-m.center[0], 1e-12)
}

// The best parameters of a checkpoint are asked about as the present ones are.
func TestResumeAsksAboutTheBest(t *testing.T) {
	dir := t.TempDir()
	o := train.Options{Validation: constant(4, 4), KeepBest: true, Epochs: 9, Rate: 0.5, Checkpoint: train.Checkpoint{Dir: dir, Resume: true}}
	m := newCalibratedToy(1)
	if _, err := train.Fit(context.Background(), m, constant(4, 4), o); err != nil || m.center[0] < 2 {
		t.Fatal(err, m.center)
	}
	asked := 0
	if _, err := train.Fit(context.Background(), countingState{newCalibratedToy(1), &asked}, constant(4, 4), o); err != nil || asked != 2 {
		t.Errorf("the model was asked %d times, want 2: %v", asked, err)
	}
}

// countingState counts how often it is asked about its state.
type countingState struct {
	*calibratedToy
	asked *int
}

func (m countingState) Validate() error { *m.asked++; return nil }

// mute is data whose state cannot be told.
type mute struct{ train.Source }

var errMute = errors.New("no state")

func (mute) MarshalBinary() ([]byte, error) { return nil, errMute }
func (mute) UnmarshalBinary([]byte) error   { return nil }

// A checkpoint without the state of the data would not resume the run: there is none.
func TestCheckpointNeedsTheStateOfTheData(t *testing.T) {
	dir := t.TempDir()
	o := train.Options{ValidationFraction: train.NoValidation, Epochs: 1, Checkpoint: train.Checkpoint{Dir: dir}}
	report, err := train.Fit(context.Background(), newToy[float64](1, 0), mute{constant(4, 1)}, o)
	if files := must(os.ReadDir(dir)); len(files) > 0 {
		t.Errorf("%v was written", files)
	}
	if !errors.Is(err, errMute) {
		t.Errorf("error %v, report %+v", err, report)
	}
}
