package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestRun trains a row of each table for an epoch, on embeddings made here.
func TestRun(t *testing.T) {
	a := arguments{epochs: 1, aeEpochs: 1, limit: 500, seeds: []uint64{1}, only: "Glow 9 couplings of 100x100,scale exp"}
	var out bytes.Buffer
	if err := run(context.Background(), a, &out); err != nil {
		t.Fatal(err)
	}
	text := out.String()
	for _, want := range []string{"| Glow | 9 couplings of 100x100 | ", "| 132210 |\n", "| exp | "} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in\n%s", want, text)
		}
	}
	if n := strings.Count(text, "\n"); n != 7 {
		t.Errorf("%d lines:\n%s", n, text)
	}
}

// TestWrongFiles: one file alone, a file that is missing, one that is none.
func TestWrongFiles(t *testing.T) {
	none, bad := filepath.Join(t.TempDir(), "none.npy"), filepath.Join(t.TempDir(), "bad.npy")
	if err := os.WriteFile(bad, []byte("no array"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, a := range []arguments{{train: none}, {test: none}, {train: none, test: none}, {train: bad, test: bad}} {
		if err := run(context.Background(), a, io.Discard); err == nil || (!strings.Contains(err.Error(), "none.npy") && !strings.Contains(err.Error(), "bad.npy")) {
			t.Errorf("%+v: %v", a, err)
		}
	}
}
