package main

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestDivergedFlow: a flow that diverges is an error, and the autoencoder that
// was trained before it is saved all the same.
func TestDivergedFlow(t *testing.T) {
	dir := t.TempDir()
	o := latentflow(tiny(sliceOfMNIST(), "-flow-epochs", "40", "-flow-rate", "1", "-scale", "exp", "-layers", "12", "-hidden", "64,64",
		"-norm", "none", "-coupling", "affine", "-schedule", "constant", "-out", dir)...)
	dir = filepath.Join(dir, "unfinished") // a model that failed takes no good one's place
	if o.code != 1 || !strings.Contains(o.log, "training diverged") || !strings.HasSuffix(o.log, "; what was trained until then is in "+dir+"\n") {
		t.Fatalf("code %d, log:\n%s", o.code, o.log)
	}
	if m := modelIn(t, dir); m.Flow().Dim() != 4 {
		t.Errorf("the saved flow has %d features", m.Flow().Dim())
	}
	if m := readMetrics(t, dir); m.Autoencoder.Steps == 0 || m.Interrupted {
		t.Errorf("metrics: %+v", m.Autoencoder)
	}
}
