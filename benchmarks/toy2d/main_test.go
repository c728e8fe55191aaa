package main

import (
	"bytes"
	"context"
	"image/png"
	"math"
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

// A short run draws a picture that is neither empty nor one colour.
func TestRun(t *testing.T) {
	path := filepath.Join(t.TempDir(), "toy2d.png")
	args := []string{"-points", "300", "-epochs", "1", "-out", path}
	code, out, log := start(context.Background(), args...)
	if code != 0 || strings.Count(out, "\n| ") != 5 || !strings.HasSuffix(out, "\n"+path+"\n") || strings.Count(log, "\n") != 16 {
		t.Fatalf("code %d, output %q, log %q", code, out, log)
	}
	// Once more, it would be replaced.
	if code, out, log := start(context.Background(), args...); code != 1 || out != "" || !strings.Contains(log, "there already; -force") {
		t.Errorf("once more: code %d, output %q, log %q", code, out, log)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	img, err := png.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	colours := map[[3]uint32]bool{}
	b := img.Bounds()
	for y := b.Min.Y; y < b.Max.Y; y += 3 {
		for x := b.Min.X; x < b.Max.X; x += 3 {
			r, g, b, _ := img.At(x, y).RGBA()
			colours[[3]uint32{r >> 12, g >> 12, b >> 12}] = true
		}
	}
	if len(colours) < 50 {
		t.Errorf("%d colours, want those of heat maps", len(colours))
	}
	if b.Dx() < b.Dy() {
		t.Errorf("a picture of %v, want nine columns by four rows", b)
	}
}

func TestUsage(t *testing.T) {
	commandtest.Conforms(t, "./benchmarks/toy2d", run, "writes a picture", "-force")
}

// What cannot be done is refused before minutes of training.
func TestRefused(t *testing.T) {
	dir := t.TempDir()
	for args, want := range map[string]string{
		"-epochs 0": "toy2d: -epochs 0: want 1 or more\n",
		"-points 1": "toy2d: -points 1: want 2 to 10,000,000\n",
		"-out " + filepath.Join(dir, "no", "x.png"): "its directory does not exist",
		"-out " + filepath.Join(dir, "x.gif"):       "want a name that ends in .png",
	} {
		if code, out, log := start(context.Background(), strings.Fields(args)...); code == 0 || out != "" || !strings.Contains(log, want) {
			t.Errorf("%s: code %d, output %q, log %q", args, code, out, log)
		}
	}
}

// Interrupted, it stops and leaves no picture.
func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var out bytes.Buffer
	log := &commandtest.Watched{See: func(log string) {
		if strings.Contains(log, "NICE on") {
			cancel()
		}
	}}
	dir := t.TempDir()
	code := run(ctx, []string{"-points", "300", "-epochs", "1", "-out", filepath.Join(dir, "x.png")}, command.Streams{Out: &out, Log: log})
	if files, _ := os.ReadDir(dir); code != 130 || len(files) > 0 || !strings.HasSuffix(log.String(), "\ntoy2d: interrupted; what was measured is printed, and no picture is written\n") {
		t.Errorf("code %d, log %q, files %v", code, log.String(), files)
	}
	// It does so within a step.
	if code, _, _ := start(ctx, "-points", "300", "-epochs", "1000000000", "-out", filepath.Join(dir, "x.png")); code != 130 {
		t.Errorf("code %d", code)
	}
}

// The points lie where the pictures look.
func TestDensitiesAreInView(t *testing.T) {
	for _, d := range densities {
		x := points(d, 5000, 1).Float32s()
		outside, sum := 0, 0.0
		for _, v := range x {
			if math.Abs(float64(v)) > plotRange {
				outside++
			}
			sum += float64(v)
		}
		if outside > len(x)/200 {
			t.Errorf("%s: %d of %d coordinates outside of the picture", d.name, outside, len(x))
		}
		if mean := sum / float64(len(x)); math.Abs(mean) > 0.1 {
			t.Errorf("%s: mean coordinate %.2f, want about 0", d.name, mean)
		}
	}
}
