package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bijou-flow/bijou/internal/command"
	"github.com/bijou-flow/bijou/registry"
)

// TestRun trains a very small model and reads back what it wrote.
func TestRun(t *testing.T) {
	dir := t.TempDir()
	var out, log bytes.Buffer
	args := []string{"-out", dir, "-limit", "60", "-validate", "20", "-epochs", "1", "-batch", "20", "-scales", "2", "-couplings", "1", "-hidden", "2", "-blocks", "1", "-conditional"}
	if err := run(context.Background(), args, 30, command.Streams{Out: &out, Log: &log}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"test bits per dim", "drawing"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in %q", want, out.String())
		}
	}
	flow, err := registry.LoadFlow[float32](filepath.Join(dir, "model.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	if flow.Dim() != 784 || flow.ContextDim() != 10 {
		t.Errorf("a flow of %d features and %d of context", flow.Dim(), flow.ContextDim())
	}
	for _, name := range []string{"samples.png", "curves.png"} {
		if i, err := os.Stat(filepath.Join(dir, name)); err != nil || i.Size() < 100 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestFlags(t *testing.T) {
	var out bytes.Buffer
	s := command.Streams{Out: &out, Log: &out}
	for _, args := range [][]string{{"-epochs", "0"}, {"-batch", "1"}, {"-limit", "-1"}, {"-norm", "layer"}, {"-alpha", "0.5"}, {"more"}} {
		if err := run(context.Background(), append(args, "-out", t.TempDir()), 0, s); err == nil {
			t.Errorf("%v: no error", args)
		}
	}
	if err := run(context.Background(), []string{"-h"}, 0, s); !errors.Is(err, flag.ErrHelp) || !strings.Contains(out.String(), "usage: pixelflow") {
		t.Errorf("help: %v, %q", err, out.String())
	}
}
