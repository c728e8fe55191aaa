// Checkpoints: a training run on disk, to be taken up where it stopped.

package train

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/bijou-flow/bijou/internal/atomicfile"
	"github.com/bijou-flow/bijou/internal/input"
)

var (
	// ErrCheckpoint: a file is no checkpoint, or a damaged one.
	ErrCheckpoint = errors.New("not a usable checkpoint")
	// ErrResume: a checkpoint belongs to another run: to other data, another
	// model or other options, or to a run that was not asked to be resumed.
	ErrResume = errors.New("checkpoint of another run")
)

// Checkpoint says where and how often Fit saves the state of a run, and
// whether it takes one up. The zero value saves nothing.
//
// A checkpoint is one safetensors file with everything that the rest of the
// run depends on: parameters and buffers, the optimiser's moments, the average,
// the best state so far, the place in the epoch and in the schedule, and the
// report so far. A run that is taken up makes the same parameters, buffers and
// losses as one that was never interrupted, to the bit, on any number of cores.
//
// The file is replaced as a whole and forced to the disk: a process killed
// while it saves leaves the checkpoints before as they were.
type Checkpoint struct {
	// Dir is the directory, made if need be; "": no checkpoints. It is for one
	// run: a run that is not resumed refuses a directory with checkpoints.
	Dir string
	// Epochs saves after every so many epochs; 0 means 1, or never where
	// Steps is set. The end of training and its cancellation save in any case.
	Epochs int
	// Steps saves after every so many steps as well; 0: never.
	Steps int
	// Keep is the number of newest checkpoints to keep; 0 means 2.
	Keep int
	// Resume takes the run up from the newest checkpoint in Dir. A run
	// without one starts from the beginning. The run's options, model and data are to be
	// those that it started with, and the model's values do not matter.
	// Epochs may be higher, if the schedule does not depend on it.
	Resume bool
}

func (c Checkpoint) withDefaults() (Checkpoint, error) {
	if c.Epochs < 0 || c.Steps < 0 || c.Keep < 0 {
		return c, fmt.Errorf("train: checkpoints every %d epochs and %d steps, of which to keep %d: none may be negative: %w", c.Epochs, c.Steps, c.Keep, ErrOptions)
	}
	if c.Dir == "" && c != (Checkpoint{}) {
		return c, fmt.Errorf("train: checkpoints %+v without a Dir to put them in: %w", c, ErrOptions)
	}
	if c.Epochs == 0 && c.Steps == 0 {
		c.Epochs = 1
	}
	if c.Keep == 0 {
		c.Keep = 2
	}
	return c, nil
}

const (
	namePrefix = "checkpoint-"
	nameSuffix = ".safetensors"
)

// checkpointName is that of the checkpoint after so many steps, bad ones
// counted.
func checkpointName(steps int) string { return fmt.Sprintf("%s%09d%s", namePrefix, steps, nameSuffix) }

// parseCheckpointName is the number of steps in a checkpoint's name.
func parseCheckpointName(name string) (steps int, ok bool) {
	s, ok := strings.CutPrefix(name, namePrefix)
	if !ok {
		return 0, false
	}
	if s, ok = strings.CutSuffix(s, nameSuffix); !ok {
		return 0, false
	}
	steps, err := strconv.Atoi(s)
	return steps, err == nil && checkpointName(steps) == name
}

// list returns the checkpoints in Dir by their steps, oldest first. A
// directory that is not there holds none.
func (c Checkpoint) list() ([]int, error) {
	entries, err := os.ReadDir(c.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("train: checkpoints: %w", err)
	}
	var all []int
	for _, e := range entries {
		if n, ok := parseCheckpointName(e.Name()); ok {
			all = append(all, n)
		}
	}
	slices.Sort(all)
	return all, nil
}

// open makes Dir ready and returns the path of the checkpoint to take up, ""
// for none.
func (c Checkpoint) open() (path string, err error) {
	all, err := c.list()
	if err != nil {
		return "", err
	}
	if len(all) > 0 {
		if !c.Resume {
			return "", fmt.Errorf("train: %s holds checkpoints already, the newest of step %d; set Resume to go on from there, or use another directory: %w", c.Dir, all[len(all)-1], ErrResume)
		}
		return filepath.Join(c.Dir, checkpointName(all[len(all)-1])), nil
	}
	if err := os.MkdirAll(c.Dir, 0o777); err != nil {
		return "", fmt.Errorf("train: checkpoints: %w", err)
	}
	return "", nil
}

// save writes the checkpoint after so many steps, and removes what is older
// than the newest few once it is safely there.
func (c Checkpoint) save(steps int, write func(io.Writer) error) error {
	if err := atomicfile.Write(filepath.Join(c.Dir, checkpointName(steps)), write); err != nil {
		return fmt.Errorf("train: checkpoint: %w", err)
	}
	atomicfile.Sweep(c.Dir, func(target string) bool { _, ok := parseCheckpointName(target); return ok })
	all, err := c.list()
	if err != nil {
		return err
	}
	for _, old := range all[:max(0, len(all)-c.Keep)] {
		if err := os.Remove(filepath.Join(c.Dir, checkpointName(old))); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("train: old checkpoint: %w", err)
		}
	}
	return nil
}

// checkpointState is a run's dealings with its checkpoints.
type checkpointState struct {
	identity   []setting // what the run is
	resumeFrom string    // the file to take up; "": none
	lastSaved  position  // of the latest save
}

// position is a position in a run: so many batches of an epoch, counted from 1,
// are done, and validation too when the next epoch begins.
type position struct{ epoch, batch int }

// stepsDone is the number of steps before a place, bad ones counted.
func (f *fitter[T]) stepsDone() int { return (f.progress.epoch-1)*f.data.batches + f.progress.batch }

// save writes a checkpoint, unless the latest is of the same place. Before the
// first step there is nothing to lose.
func (f *fitter[T]) save() error {
	c := f.o.Checkpoint
	if c.Dir == "" || f.checkpoints.lastSaved == f.progress.position || f.stepsDone() == 0 {
		return nil
	}
	if err := c.save(f.stepsDone(), f.writeCheckpoint); err != nil {
		return saveError{err}
	}
	f.checkpoints.lastSaved = f.progress.position
	return nil
}

// saveError tells a Report that a checkpoint could not be saved.
type saveError struct{ error }

func (e saveError) Unwrap() error { return e.error }

// saveAfterStep saves where the steps are a multiple of the user's. The end of
// an epoch is left to saveAfterEpoch.
func (f *fitter[T]) saveAfterStep() error {
	if n := f.o.Checkpoint.Steps; n == 0 || f.progress.batch == f.data.batches || f.stepsDone()%n != 0 {
		return nil
	}
	return f.save()
}

// saveAfterEpoch saves where the epochs or steps are a multiple of the user's,
// and at the end.
func (f *fitter[T]) saveAfterEpoch() error {
	c, epochs := f.o.Checkpoint, f.progress.epoch-1
	if c.Epochs > 0 && epochs%c.Epochs == 0 || c.Steps > 0 && f.stepsDone()%c.Steps == 0 || epochs == f.o.Epochs || f.patienceExhausted() {
		return f.save()
	}
	return nil
}

// resume takes up the run of a checkpoint, unless ctx ends before it is read.
func (f *fitter[T]) resume(ctx context.Context, path string) error {
	file, err := input.Open(path)
	if err == nil {
		defer file.Close()
		err = f.readCheckpoint(input.Within(ctx, file), file.Size)
	}
	switch {
	case err != nil && errors.Is(err, ctx.Err()):
		return fmt.Errorf("train: resuming from %s: %w", path, err)
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("train: %w", err)
	case err == nil:
		f.checkpoints.lastSaved = f.progress.position
		return nil
	case errors.Is(err, ErrResume):
		return fmt.Errorf("train: cannot resume from %s: %w", path, err)
	}
	return fmt.Errorf("train: cannot resume from %s: %w: %w; remove the file to go on from the one before it", path, ErrCheckpoint, err)
}
