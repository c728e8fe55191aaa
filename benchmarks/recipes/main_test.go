package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bijou-flow/bijou/internal/command"
	"github.com/bijou-flow/bijou/internal/command/commandtest"
)

// start runs the command.
func start(ctx context.Context, args ...string) (code int, out, log string) {
	var o, l bytes.Buffer
	code = run(ctx, args, command.Streams{Out: &o, Log: &l})
	return code, o.String(), l.String()
}

// TestRun trains a row of each table for an epoch, on embeddings made here.
func TestRun(t *testing.T) {
	code, text, log := start(context.Background(), "-epochs", "1", "-ae-epochs", "1", "-limit", "500", "-only", "Glow 9 couplings of 100x100,scale exp")
	if code != 0 {
		t.Fatalf("code %d, %s", code, log)
	}
	for _, want := range []string{"| Glow | 9 couplings of 100x100 | ", "| 132210 |\n", "| exp | "} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in\n%s", want, text)
		}
	}
	if n := strings.Count(text, "\n"); n != 7 {
		t.Errorf("%d lines:\n%s", n, text)
	}
	if n := strings.Count(log, "\n"); n != 3 { // the autoencoder and both flows
		t.Errorf("%d lines on standard error:\n%s", n, log)
	}
}

func TestUsage(t *testing.T) {
	commandtest.Conforms(t, "./benchmarks/recipes", run, "writes no\nfile")
}

// TestWrongFiles: a file that is missing, one that is none.
func TestWrongFiles(t *testing.T) {
	none, bad := filepath.Join(t.TempDir(), "none.npy"), filepath.Join(t.TempDir(), "bad.npy")
	if err := os.WriteFile(bad, []byte("no array"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{none, bad} {
		if code, out, log := start(context.Background(), "-train", path, "-test", path); code != 1 || out != "" || !strings.Contains(log, path) {
			t.Errorf("%s: code %d, output %q, log %q", path, code, out, log)
		}
	}
}

// TestWrongFlags: what is wanted is said.
func TestWrongFlags(t *testing.T) {
	for args, want := range map[string]string{
		"-train x.npy": "want both or neither",
		"-test x.npy":  "want both or neither",
		"-seeds 1,x":   "such as 1,2,3",
		"-epochs 0":    "-epochs 0: want 1 or more",
		"-limit -5":    "-limit -5: want 0 or more\n",
	} {
		if code, out, log := start(context.Background(), strings.Fields(args)...); code != 2 || out != "" || !strings.Contains(log, want) {
			t.Errorf("%s: code %d, output %q, log %q", args, code, out, log)
		}
	}
}

// TestInterrupted: it stops within a step.
func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if code, _, log := start(ctx, "-limit", "500"); code != 130 || log != "recipes: interrupted; what was measured is printed\n" {
		t.Errorf("code %d, log %q", code, log)
	}
}
