//go:build unix

package registry

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/bijou-flow/bijou/internal/sigkill"
)

// TestKilledSaves kills a process that saves two models to one path in turn,
// at random moments: the file is always one of the two, and the next save
// leaves nothing beside it.
func TestKilledSaves(t *testing.T) {
	older, newer := testFlow(t, 1), testFlow(t, 2)
	if path, ok := sigkill.Victim(); ok {
		sigkill.Ready()
		for {
			if err := Save(path, older); err != nil {
				t.Fatal(err)
			}
			if err := Save(path, newer); err != nil {
				t.Fatal(err)
			}
		}
	}
	var a, b bytes.Buffer
	if err := Write(&a, older); err != nil {
		t.Fatal(err)
	}
	if err := Write(&b, newer); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "model.safetensors")
	if err := Save(path, older); err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, uint64(time.Now().UnixNano())))
	kills, news, cut := sigkill.Kills(6), 0, 0
	for range kills {
		if !sigkill.Start(t, "TestKilledSaves", path).Kill(rng, 10*time.Millisecond) {
			t.Fatal("the process ended by itself")
		}
		if _, err := LoadFlow[float32](path); err != nil {
			t.Fatal(err)
		}
		file, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Equal(file, b.Bytes()) {
			news++
		} else if !bytes.Equal(file, a.Bytes()) {
			t.Fatal("the file is neither the old model nor the new")
		}
		if left, _ := os.ReadDir(dir); len(left) > 1 {
			cut++
		}
		if err := Save(path, older); err != nil {
			t.Fatal(err)
		}
		if left, _ := os.ReadDir(dir); len(left) != 1 {
			t.Fatalf("%d files after the next save", len(left))
		}
	}
	t.Logf("%d kills, %d of them within a save; %d times the file was the newer model", kills, cut, news)
}
