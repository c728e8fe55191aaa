package main

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"
)

// TestResume interrupts each stage, and goes on: the model and the pictures
// are those of a run that nobody interrupted.
func TestResume(t *testing.T) {
	data := sliceOfMNIST()
	args := func(out, run string, more ...string) []string {
		a := tiny(data, "-encoder", "dense", "-ae-epochs", "3", "-flow-epochs", "3", "-out", out)
		if run != "" {
			a = append(a, "-checkpoint", run)
		}
		return append(a, more...)
	}
	whole, dir, run := t.TempDir(), t.TempDir(), filepath.Join(t.TempDir(), "run")
	mustRun(t, args(whole, "")...)
	if o := cancelAt("autoencoder 1/", args(dir, run)...); o.code != 130 {
		t.Fatalf("code %d\n%s", o.code, o.log)
	}
	if bytes.Equal(readFile(t, dir, "unfinished", modelFile), readFile(t, whole, modelFile)) {
		t.Fatal("it was not interrupted")
	}
	if o := cancelAt("flow 2/", args(dir, run, "-resume")...); o.code != 130 || strings.Contains(o.log, "autoencoder 1/") {
		t.Fatalf("code %d\n%s", o.code, o.log)
	}
	for range 2 { // once more when all is done
		mustRun(t, args(dir, run, "-resume", "-force")...)
		for _, name := range []string{modelFile, "samples.png", "curves.png"} {
			if !bytes.Equal(readFile(t, dir, name), readFile(t, whole, name)) {
				t.Errorf("%s is another", name)
			}
		}
		if m := readMetrics(t, dir); m.Interrupted || len(m.Autoencoder.Epochs) != 3 || len(m.Flow.Epochs) != 3 || m.Flow.Steps != 18 {
			t.Errorf("metrics %+v", m)
		}
	}
	for want, more := range map[string][]string{
		"-resume goes on from it":     nil,
		"Batch is 60 now, and was 50": {"-resume", "-batch", "60"},
	} {
		if o := latentflow(args(t.TempDir(), run, more...)...); o.code != 1 || !strings.Contains(o.log, want) {
			t.Errorf("%q: code %d, want 1 and %q in\n%s", more, o.code, want, o.log)
		}
	}
	if o := latentflow(args(t.TempDir(), "", "-resume")...); o.code != 2 || !strings.Contains(o.log, "want -checkpoint") {
		t.Errorf("code %d, %s", o.code, o.log)
	}
}
