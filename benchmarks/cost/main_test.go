package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"

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
	commandtest.Conforms(t, "./benchmarks/cost", run, "writes a plot", "-force")
}

// What cannot be done is refused before anything is measured.
func TestRefused(t *testing.T) {
	old := filepath.Join(t.TempDir(), "old.png")
	if err := os.WriteFile(old, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for args, want := range map[string]string{
		"-seconds 0":  "cost: -seconds 0: want a number above 0, at most 3600\n",
		"-out " + old: "there already; -force",
	} {
		if code, out, log := start(context.Background(), strings.Fields(args)...); code == 0 || out != "" || !strings.Contains(log, want) {
			t.Errorf("%s: code %d, output %q, log %q", args, code, out, log)
		}
	}
}

// Interrupted, it stops within a step, and leaves no plot.
func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
	cancel()
	dir := t.TempDir()
	code, _, log := start(ctx, "-seconds", "3600", "-out", filepath.Join(dir, "x.png"))
	if files, _ := os.ReadDir(dir); code != 130 || len(files) > 0 || log != "cost: interrupted; what was measured is printed, and no picture is written\n" {
		t.Errorf("code %d, log %q, files %v", code, log, files)
	}
}

// The panels stand side by side.
func TestPicture(t *testing.T) {
	var panels []*plot.Plot
	for range 3 {
		p, err := panel("x", "y", plotter.XYs{{X: 1, Y: 2}, {X: 10, Y: 3}})
		if err != nil {
			t.Fatal(err)
		}
		panels = append(panels, p)
	}
	if b := picture(panels).Bounds(); b.Dx() < 3*b.Dy()-2 || b.Dx() > 3*b.Dy()+2 || b.Dy() < 200 {
		t.Errorf("a picture of %v", b)
	}
}
