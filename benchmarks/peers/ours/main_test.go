package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strconv"
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

func TestUsage(t *testing.T) {
	commandtest.Conforms(t, "./benchmarks/peers/ours", run, "writes no file", "logprob-N")
}

// Standard output is the seconds alone, as peers.py reads them.
func TestRun(t *testing.T) {
	for _, work := range []string{"logprob-2", "sample-3", "maf-logprob-2", "nsf-logprob-2"} {
		code, out, log := start(context.Background(), "-work", work, "-seconds", "0.01")
		seconds, err := strconv.ParseFloat(strings.TrimSuffix(out, "\n"), 64)
		if code != 0 || err != nil || !(seconds > 0 && seconds < 1) || log != "" {
			t.Errorf("%s: code %d, %q, %v, log %q", work, code, out, err, log)
		}
	}
}

func TestWrongFlags(t *testing.T) {
	for _, work := range []string{"", "logprob", "logprob-", "logprob-0", "logprob-3x", "sample--1", "sample-9999999999", "train"} {
		if code, out, log := start(context.Background(), "-work="+work); code != 2 || out != "" || !strings.Contains(log, strconv.Quote(work)+": want flow-train") {
			t.Errorf("%q: code %d, output %q, log %q", work, code, out, log)
		}
	}
}

// The models that other runtimes score, of which none is written over.
func TestONNX(t *testing.T) {
	dir := t.TempDir()
	if code, out, log := start(context.Background(), "-onnx", dir); code != 0 || out != "" || log != "" {
		t.Fatalf("code %d, output %q, log %q", code, out, log)
	}
	for _, name := range []string{"flow.onnx", "flow-inverse.onnx", "maf.onnx", "nsf.onnx"} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Size() < 100_000 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
	if code, _, log := start(context.Background(), "-onnx", dir); code != 1 || !strings.Contains(log, "exists") {
		t.Errorf("a second time: code %d, log %q", code, log)
	}
}

// Interrupted, it stops within an operation.
func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for _, work := range []string{"flow-train", "nice-train", "ae-train", "logprob-1", "sample-1"} {
		if code, out, _ := start(ctx, "-work", work, "-seconds", "3600"); code != 130 || out != "" {
			t.Errorf("%s: code %d, output %q", work, code, out)
		}
	}
}
