package input_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"testing/iotest"
	"time"

	"github.com/bijou-flow/bijou/internal/input"
	"github.com/bijou-flow/bijou/internal/testkit"
)

func TestOpen(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	want := bytes.Repeat([]byte("text"), 1000)
	if err := os.WriteFile(path, want, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := input.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if !input.Has(f, f.Size) || input.Has(f, f.Size+1) {
		t.Errorf("%d bytes are left of %d", f.Len(), f.Size)
	}
	if got, err := io.ReadAll(f); err != nil || f.Size != int64(len(want)) || f.Len() != 0 || !bytes.Equal(got, want) {
		t.Errorf("%d of %d bytes, %v", len(got), f.Size, err)
	}
	if _, err := input.Open(filepath.Join(dir, "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	pipe := testkit.Pipe(t, "pipe")
	for _, path := range []string{dir, pipe, os.DevNull} {
		testkit.Within(t, path, 10*time.Second, 1<<20, func() {
			if f, err := input.Open(path); !errors.Is(err, input.ErrNotRegular) || f != nil {
				t.Errorf("%s: %v", path, err)
			}
		})
	}
}

func TestArrived(t *testing.T) {
	text := bytes.Repeat([]byte("0123456789"), 30_000)
	for _, n := range []int64{0, 1, 100_000, 300_000} {
		r, err := input.Arrived(iotest.HalfReader(bytes.NewReader(text)), n)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, text[:n]) {
			t.Errorf("%d of %d bytes, %v", len(got), n, err)
		}
	}
	if _, err := input.Arrived(io.LimitReader(bytes.NewReader(text), 1<<40), 1<<29); err != io.ErrUnexpectedEOF {
		t.Errorf("fewer than there should be: %v", err)
	}
	broken := errors.New("broken")
	if _, err := input.Arrived(iotest.ErrReader(broken), 10); !errors.Is(err, broken) {
		t.Errorf("a broken reader: %v", err)
	}
	testkit.Within(t, "what is in memory", 10*time.Second, 10_000, func() {
		if _, err := input.Arrived(bytes.NewReader(text), 300_000); err != nil {
			t.Error(err)
		}
	})
}

// What is claimed is at most twice what has come.
func TestChunks(t *testing.T) {
	for _, n := range []int{0, 10, 1000, 1001, 1 << 20} {
		limit := uint64(2*n + 1000 + 10_000)
		testkit.Within(t, "chunks", 10*time.Second, limit, func() {
			_, got, err := input.Chunks(io.LimitReader(bytes.NewReader(make([]byte, 0)), 1), 1<<30, 1000)
			if got != 0 || err != io.EOF {
				t.Errorf("%d bytes of nothing, %v", got, err)
			}
		})
		text := make([]byte, n)
		testkit.Within(t, "chunks", 10*time.Second, limit, func() {
			_, got, err := input.Chunks(bytes.NewReader(text), 1<<30, 1000)
			if got != n || err == nil {
				t.Errorf("%d of %d bytes, %v", got, n, err)
			}
		})
	}
}

func TestWithin(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	r := input.Within(ctx, bytes.NewReader(make([]byte, 10)))
	var b [5]byte
	if n, err := r.Read(b[:]); n != 5 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	cancel()
	if n, err := r.Read(b[:]); n != 0 || !errors.Is(err, context.Canceled) {
		t.Errorf("after the end: %d, %v", n, err)
	}
}
