// Files that never end, and small ones that expand without measure.

package mnist

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/testkit"
)

// set writes the four files of a small set into a directory.
func set(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, f := range small() {
		if err := os.WriteFile(filepath.Join(dir, name), f.Data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := LoadDir(dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

// linked is a file system that tells nothing of a file before it opens it.
type linked struct{ fs.FS }

func TestPipeIsNoSet(t *testing.T) {
	dir := set(t)
	const name = "train-images-idx3-ubyte"
	path := filepath.Join(dir, name)
	pipe := testkit.Pipe(t, "pipe")
	if err := errors.Join(os.Remove(path), os.Rename(pipe, path)); err != nil {
		t.Fatal(err)
	}
	load := map[string]func() error{
		"LoadDir": func() error { _, _, err := LoadDir(dir); return err },
		"LoadFS":  func() error { _, _, err := LoadFS(os.DirFS(dir)); return err },
	}
	for what, f := range load {
		testkit.Within(t, what, 10*time.Second, 1<<20, func() {
			if err := f(); !errors.Is(err, ErrFormat) || !strings.Contains(err.Error(), name) {
				t.Errorf("%s: %v", what, err)
			}
		})
	}
	if err := errors.Join(os.Remove(path), os.Mkdir(path, 0o755)); err != nil {
		t.Fatal(err)
	}
	load["LoadFS without Stat"] = func() error { _, _, err := LoadFS(linked{os.DirFS(dir)}); return err }
	for what, f := range load {
		if err := f(); !errors.Is(err, ErrFormat) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s of a directory: %v", what, err)
		}
	}
}

func TestSparseImages(t *testing.T) {
	dir := set(t)
	head := []byte{0, 0, 8, 3, 0, 0x0f, 0, 0, 0, 0, 4, 0, 0, 0, 4, 0} // 983,040 of 1024 x 1024
	testkit.Sparse(t, filepath.Join(dir, "t10k-images-idx3-ubyte"), head, 1<<40)
	testkit.Within(t, "a terabyte", 10*time.Second, 2<<20, func() {
		if _, _, err := LoadDir(dir); !errors.Is(err, ErrFormat) {
			t.Error(err)
		}
	})
}

// TestProportion reads 64 MiB of nothing in 64 KiB.
func TestProportion(t *testing.T) {
	const n = 64 << 20
	in := compress(idx(make([]byte, n), n/1024, 32, 32))
	if len(in) > n/500 {
		t.Fatalf("compressed to %d bytes", len(in))
	}
	testkit.Within(t, "64 MiB", 20*time.Second, 2*(expandFree+MaxRatio*uint64(len(in)))+1<<20, func() {
		if _, err := ReadImages(bytes.NewReader(in)); !errors.Is(err, ErrFormat) || !strings.Contains(err.Error(), "ReadOptions.MaxRatio") {
			t.Error(err)
		}
	})
	if im, err := ReadImages(bytes.NewReader(in), ReadOptions{MaxRatio: 1000}); err != nil || len(im.Pixels) != n {
		t.Errorf("%d pixels, %v", len(im.Pixels), err)
	}
	labels := compress(idx(make([]byte, expandFree), expandFree))
	if got, err := ReadLabels(bytes.NewReader(labels), ReadOptions{MaxRatio: 1}); err != nil || len(got) != expandFree {
		t.Errorf("what every file may expand to: %d labels, %v", len(got), err)
	}
}

func TestReadOptions(t *testing.T) {
	in := idx(ramp(24), 2, 3, 4)
	if _, err := ReadImages(bytes.NewReader(in), ReadOptions{MaxBytes: 23}); !errors.Is(err, ErrFormat) {
		t.Errorf("24 bytes with a limit of 23: %v", err)
	}
	if _, err := ReadImages(bytes.NewReader(in), ReadOptions{MaxBytes: 24}); err != nil {
		t.Errorf("24 bytes with a limit of 24: %v", err)
	}
	for _, o := range [][]ReadOptions{{{}, {}}, {{MaxBytes: -1}}, {{MaxRatio: -1}}} {
		_, images := ReadImages(bytes.NewReader(in), o...)
		_, labels := ReadLabels(bytes.NewReader(in), o...)
		_, _, dir := LoadDir(t.TempDir(), o...)
		for _, err := range []error{images, labels, dir} {
			if !errors.Is(err, bijector.ErrSpec) {
				t.Errorf("options %v: %v", o, err)
			}
		}
	}
}
