//go:build unix

package train_test

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bijou-flow/bijou/internal/sigkill"
	"github.com/bijou-flow/bijou/train"
)

// killable is a run with all that a checkpoint holds, and its SHA-256: of the
// model, and of the losses of its epochs.
func killable(ctx context.Context, dir string, epochs int, seen train.Observer) (sum string, err error) {
	m := someFlow[float32]("batch", 0, 1)
	report, err := train.Fit(ctx, m, train.Tensor(normalRows[float32](60, 3, 1)), train.Options{
		Epochs: epochs, Batch: 10, Average: 0.9, ClipNorm: 1, ValidationFraction: 0.2, KeepBest: true,
		Observer: seen, Checkpoint: train.Checkpoint{Dir: dir, Resume: true, Steps: 1},
	})
	if err != nil {
		return "", err
	}
	h := sha256.New()
	for _, v := range bits(m) {
		h.Write(binary.LittleEndian.AppendUint64(nil, v))
	}
	h.Write([]byte(reportFigures(report)))
	return hex.EncodeToString(h.Sum(nil)), nil
}

// readyOnce calls Ready at the first step, and takes its time for each.
func readyOnce(pause time.Duration) observer {
	first := true
	return observer{step: func(train.StepEvent) {
		if first {
			sigkill.Ready()
			first = false
		}
		time.Sleep(pause)
	}}
}

// TestKilledCheckpoints kills a process that saves checkpoints in a loop, at
// random moments: there is always one to go on from, and the next save leaves
// nothing of the dead one.
func TestKilledCheckpoints(t *testing.T) {
	const forever = 1 << 20
	if dir, ok := sigkill.Victim(); ok {
		_, err := killable(context.Background(), dir, forever, readyOnce(0))
		t.Fatal(err)
	}
	dir := t.TempDir()
	rng := rand.New(rand.NewPCG(2, uint64(time.Now().UnixNano())))
	kills, cut := sigkill.Kills(6), 0
	for range kills {
		if !sigkill.Start(t, "TestKilledCheckpoints", dir).Kill(rng, 10*time.Millisecond) {
			t.Fatal("the process ended by itself")
		}
		if temporary(t, dir) > 0 {
			cut++
		}
		ctx, cancel := context.WithCancel(context.Background())
		if _, err := killable(ctx, dir, forever, observer{step: func(train.StepEvent) { cancel() }}); err != context.Canceled {
			t.Fatal(err)
		}
		if left := must(os.ReadDir(dir)); len(left) > 2 || temporary(t, dir) > 0 {
			t.Fatalf("%d files after the next save: %v", len(left), left)
		}
	}
	t.Logf("%d kills, %d of them within a save", kills, cut)
}

// temporary counts the files that are no checkpoints.
func temporary(t *testing.T, dir string) (n int) {
	for _, f := range must(os.ReadDir(dir)) {
		if strings.HasSuffix(f.Name(), ".tmp") {
			n++
		}
	}
	return n
}

// TestKilledTraining kills a training run at random moments, and again and
// again after it was resumed, on one core and on several. In the end it is the
// run that nobody killed.
func TestKilledTraining(t *testing.T) {
	kills := max(sigkill.Kills(75)/25, 1)
	epochs := 3 * kills // a kill within 20 ms costs some 10 steps, of 5 an epoch
	if dir, ok := sigkill.Victim(); ok {
		sum, err := killable(context.Background(), dir, epochs, readyOnce(2*time.Millisecond))
		sigkill.Ready() // where no step was left
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, "sum"), []byte(sum), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := killable(context.Background(), t.TempDir(), epochs, nil)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	rng := rand.New(rand.NewPCG(3, uint64(time.Now().UnixNano())))
	killed := 0
	for ; killed < kills; killed++ {
		if !sigkill.Start(t, "TestKilledTraining", dir, fmt.Sprintf("GOMAXPROCS=%d", 1+killed%2)).Kill(rng, 20*time.Millisecond) {
			break
		}
	}
	if killed == 0 {
		t.Fatal("the run ended before it could be killed")
	}
	if killed == kills {
		sigkill.Start(t, "TestKilledTraining", dir).Wait()
	}
	got, err := os.ReadFile(filepath.Join(dir, "sum"))
	if err != nil || string(got) != want {
		t.Errorf("SHA-256 %s after %d kills, %s without (%v)", got, killed, want, err)
	}
	t.Logf("%d kills, SHA-256 %s", killed, want)
}
