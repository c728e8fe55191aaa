// Checkpoints against arbitrary bytes.

package train_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/bijou-flow/bijou/internal/fuzzing"
	"github.com/bijou-flow/bijou/train"
)

// FuzzCheckpoint holds resuming to an error that names the checkpoint or to a run that
// goes to its end with a finite model.
func FuzzCheckpoint(f *testing.F) {
	const name = "checkpoint-000000004.safetensors"
	options := func(dir string) train.Options {
		return train.Options{
			Epochs: 2, Batch: 2, ValidationFraction: train.NoValidation,
			Checkpoint: train.Checkpoint{Dir: dir, Resume: true, Keep: 1},
		}
	}
	dir := f.TempDir()
	must(train.Fit(context.Background(), newToy[float64](1, 0), constant(4, 1), options(dir)))
	raw := must(os.ReadFile(filepath.Join(dir, name)))
	f.Add(raw)
	f.Add(raw[:len(raw)/2])
	f.Add([]byte{})
	hold := func(t testing.TB, raw []byte) (read bool) {
		if err := os.WriteFile(filepath.Join(dir, name), raw, 0o644); err != nil {
			t.Fatal(err)
		}
		m := newToy[float64](1, 0)
		_, err := train.Fit(context.Background(), m, constant(4, 1), options(dir))
		switch {
		case err != nil && !errors.Is(err, train.ErrCheckpoint) && !errors.Is(err, train.ErrResume):
			t.Errorf("error %v", err)
		case err == nil && m.center[0]-m.center[0] != 0:
			t.Errorf("the model resumed is %v", m.center)
		}
		return err == nil
	}
	fuzzing.Executions(f, [][]byte{raw}, func(raw []byte, _ uint64) bool { return hold(f, raw) })
	f.Fuzz(func(t *testing.T, raw []byte) { hold(t, raw) })
}
