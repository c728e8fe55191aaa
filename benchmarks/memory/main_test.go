package main

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/bijou-flow/bijou/internal/command"
	"github.com/bijou-flow/bijou/internal/command/commandtest"
)

func TestUsage(t *testing.T) {
	commandtest.Conforms(t, "./benchmarks/memory", run, "writes no file")
}

// A row a way of keeping, and no gradient that is far from the first's.
func TestRun(t *testing.T) {
	var out, log bytes.Buffer
	if err := memory(context.Background(), []string{"-width", "8"}, []int{3}, command.Streams{Out: &out, Log: &log}); err != nil || log.Len() > 0 {
		t.Fatal(err, log.String())
	}
	if rows := strings.Count(out.String(), "\n| 3 | "); rows != 5 || !strings.Contains(out.String(), "| 3 | everything |") || !strings.Contains(out.String(), "| 0.0e+00 |\n") {
		t.Errorf("%d rows in\n%s", rows, out.String())
	}
}

// Interrupted, it stops within a step.
func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var out, log bytes.Buffer
	if code := run(ctx, nil, command.Streams{Out: &out, Log: &log}); code != 130 || log.String() != "memory: interrupted; what was measured is printed\n" {
		t.Errorf("code %d, log %q", code, log.String())
	}
}
