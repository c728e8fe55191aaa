package main

import (
	"bytes"
	"context"
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
	for _, work := range []string{"logprob-2", "sample-3"} {
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

// Interrupted, it stops within an operation.
func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for _, work := range []string{"flow-train", "logprob-1", "sample-1"} {
		if code, out, _ := start(ctx, "-work", work, "-seconds", "3600"); code != 130 || out != "" {
			t.Errorf("%s: code %d, output %q", work, code, out)
		}
	}
}
