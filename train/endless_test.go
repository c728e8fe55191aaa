// Checkpoints that never end.

package train_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bijou-flow/bijou/internal/testkit"
	"github.com/bijou-flow/bijou/train"
)

// endlessCheckpoint trains a little, and returns its options and its checkpoint.
func endlessCheckpoint(t *testing.T) (o train.Options, file string, raw []byte) {
	t.Helper()
	o = train.Options{ValidationFraction: train.NoValidation, Epochs: 2, Batch: 2, Checkpoint: train.Checkpoint{Dir: t.TempDir(), Resume: true, Keep: 1}}
	must(train.Fit(context.Background(), newToy[float64](1, 0), constant(4, 1), o))
	file = filepath.Join(o.Checkpoint.Dir, "checkpoint-000000004.safetensors")
	return o, file, must(os.ReadFile(file))
}

func TestPipeIsNoCheckpoint(t *testing.T) {
	o, file, _ := endlessCheckpoint(t)
	pipe := testkit.Pipe(t, "pipe")
	if err := errors.Join(os.Remove(file), os.Rename(pipe, file)); err != nil {
		t.Fatal(err)
	}
	testkit.Within(t, "a pipe", 10*time.Second, 1<<20, func() {
		_, err := train.Fit(context.Background(), newToy[float64](1, 0), constant(4, 1), o)
		if !errors.Is(err, train.ErrCheckpoint) || !strings.Contains(err.Error(), "no regular file") {
			t.Error(err)
		}
	})
}

func TestSparseCheckpoint(t *testing.T) {
	o, file, raw := endlessCheckpoint(t)
	for _, c := range []struct{ what, from, entry, says string }{
		{"a tensor more", "", `"more":{"dtype":"F64","shape":[137438953472]}`, `"more"`},
		{"epochs without an end", `"run/epochs":`, `"run/epochs":{"dtype":"F64","shape":[22906492245,6]}`, "epochs"},
	} {
		hostile := raw
		size := int64(1 << 40)
		if c.from != "" { // the tensor goes under another name, which nobody looks for
			hostile = []byte(strings.Replace(string(raw), c.from, `"run/epochz":`, 1))
			size = 22906492245 * 6 * 8
		}
		testkit.Vast(t, file, hostile, c.entry, size)
		testkit.Within(t, c.what, 10*time.Second, 8<<20, func() {
			_, err := train.Fit(context.Background(), newToy[float64](1, 0), constant(4, 1), o)
			if !errors.Is(err, train.ErrResume) || !strings.Contains(fmt.Sprint(err), c.says) {
				t.Errorf("%s: %v", c.what, err)
			}
		})
	}
}

// TestResumeEndsWithContext ends a run that has not yet read its checkpoint.
func TestResumeEndsWithContext(t *testing.T) {
	o, _, _ := endlessCheckpoint(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := train.Fit(ctx, newToy[float64](1, 0), constant(4, 1), o); !errors.Is(err, context.Canceled) || errors.Is(err, train.ErrCheckpoint) {
		t.Error(err)
	}
}
