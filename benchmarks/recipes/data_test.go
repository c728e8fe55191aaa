package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sbinet/npyio"
	"github.com/sbinet/npyio/npz"
	"gonum.org/v1/gonum/mat"
)

// Rows come from either format, and what is no matrix of float32 is refused by
// what it is.
func TestReadRows(t *testing.T) {
	dir := t.TempDir()
	rows := [][2]float32{{1, 2}, {3, 4}, {5, 6}}
	archive := filepath.Join(dir, "a.npz")
	if err := npz.Write(archive, map[string]any{"train.npy": rows, "wide": mat.NewDense(3, 2, nil)}); err != nil {
		t.Fatal(err)
	}
	plain := filepath.Join(dir, "a.npy")
	f, err := os.Create(plain)
	if err != nil {
		t.Fatal(err)
	}
	if err := npyio.Write(f, rows); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{plain, archive + ":train"} {
		x, err := readRows(path, 2)
		if err != nil {
			t.Errorf("%s: %v", filepath.Base(path), err)
			continue
		}
		if got := x.Float32s(); !slices.Equal(got, []float32{1, 2, 3, 4}) || x.Shape()[1] != 2 {
			t.Errorf("%s: %v of shape %v", filepath.Base(path), got, x.Shape())
		}
	}
	for path, says := range map[string]string{
		archive + ":test":             "no such array",
		archive + ":wide":             "<f8",
		filepath.Join(dir, "b.npy"):   "no such file",
		filepath.Join(dir, "b.npz:a"): "no such file",
	} {
		if _, err := readRows(path, 2); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want %q", filepath.Base(path), err, says)
		}
	}
	if _, err := readRows(plain, 4); err == nil || !strings.Contains(err.Error(), "want <f4 of shape (4, d)") {
		t.Errorf("too few rows: %v", err)
	}
}
