package main

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/bijou-flow/bijou/internal/command"
	"github.com/bijou-flow/bijou/internal/command/commandtest"
	"github.com/bijou-flow/bijou/mnist"
	"github.com/bijou-flow/bijou/mnist/internal/dataset/datasettest"
	"github.com/bijou-flow/bijou/registry"
)

// shared is a directory for what several tests read.
var shared string

func TestMain(m *testing.M) {
	var err error
	if shared, err = os.MkdirTemp("", "pixelflow-test-"); err != nil {
		panic(err)
	}
	code := m.Run()
	os.RemoveAll(shared)
	os.Exit(code)
}

// digits is a directory of 60 training and 30 test images.
var digits = sync.OnceValue(func() string {
	tr, te, err := mnist.Load()
	if err != nil {
		panic(err)
	}
	dir := filepath.Join(shared, "mnist")
	datasettest.WriteIDX(dir, tr.Head(60), te.Head(30))
	return dir
})

// runTiny trains a very small model into dir. see is called with the log so far
// whenever it grows.
func runTiny(ctx context.Context, dir string, see func(log string), more ...string) (code int, out, log string) {
	args := []string{"-data", digits(), "-out", dir, "-validate", "20", "-epochs", "1", "-batch", "20", "-scales", "2", "-couplings", "1", "-hidden", "2", "-blocks", "1"}
	var o bytes.Buffer
	l := &commandtest.Watched{See: see}
	code = run(ctx, append(args, more...), command.Streams{Out: &o, Log: l})
	return code, o.String(), l.String()
}

var files = []string{modelFile, samplesFile, curvesFile}

// TestRun trains a very small model and reads back what it wrote.
func TestRun(t *testing.T) {
	dir := t.TempDir()
	code, out, log := runTiny(context.Background(), dir, nil, "-conditional")
	if code != 0 {
		t.Fatalf("code %d, %s", code, log)
	}
	for _, want := range []string{"test bits per dim", "drawing"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in %q", want, out)
		}
	}
	for _, name := range files {
		if !strings.Contains(out, filepath.Join(dir, name)+"\n") {
			t.Errorf("%s is not named in %q", name, out)
		}
	}
	flow, err := registry.LoadFlow[float32](filepath.Join(dir, modelFile))
	if err != nil {
		t.Fatal(err)
	}
	if flow.Dim() != 784 || flow.ContextDim() != 10 {
		t.Errorf("a flow of %d features and %d of context", flow.Dim(), flow.ContextDim())
	}
	for name, size := range map[string]string{samplesFile: "615x604", curvesFile: "576x432"} { // a class a row, with its number
		if got := commandtest.PNGSize(t, dir, name); got != size {
			t.Errorf("%s is %s, want %s", name, got, size)
		}
	}
}

// TestEarlierRun: a finished run stays as it is, whatever is started in its
// place, until another one with -force is finished.
func TestEarlierRun(t *testing.T) {
	dir := t.TempDir()
	if code, _, log := runTiny(context.Background(), dir, nil); code != 0 {
		t.Fatalf("code %d, %s", code, log)
	}
	model := func(path ...string) string {
		data, err := os.ReadFile(filepath.Join(append([]string{dir}, path...)...))
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	first := model(modelFile)
	if code, _, log := runTiny(context.Background(), dir, nil); code != 1 || !strings.Contains(log, strings.Join(files, ", ")+" of an earlier run") || strings.Contains(log, "data:") {
		t.Errorf("once more: code %d, %q", code, log)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	code, out, log := runTiny(ctx, dir, func(log string) {
		if strings.Contains(log, "flow 1/") {
			cancel()
		}
	}, "-epochs", "100000", "-force")
	own := filepath.Join(dir, "unfinished")
	if code != 130 || !strings.HasSuffix(log, "pixelflow: interrupted; what was trained until then is in "+own+"\n") || !strings.Contains(out, filepath.Join(own, modelFile)) {
		t.Errorf("interrupted: code %d, %q", code, log)
	}
	if model(modelFile) != first || model("unfinished", modelFile) == first {
		t.Error("the interrupted run's model is in the finished one's place")
	}
	if code, _, log := runTiny(context.Background(), dir, nil, "-seed", "2", "-force"); code != 0 || model(modelFile) == first {
		t.Errorf("with -force: code %d, %q", code, log)
	}
}

// TestInterruptedAtOnce: nothing trained, nothing written.
func TestInterruptedAtOnce(t *testing.T) {
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	code, _, log := runTiny(ctx, dir, nil)
	if entries, _ := os.ReadDir(dir); code != 130 || !strings.Contains(log, "nothing was trained yet") || len(entries) > 0 {
		t.Errorf("code %d, %q, %v", code, log, entries)
	}
}

// TestFlags: wrong values are refused by what is wanted, before anything is
// made.
func TestFlags(t *testing.T) {
	for args, want := range map[string]string{
		"-epochs 0": "-epochs 0: want 1 or more", "-batch 1": "-batch 1: want 2 to 1,000,000", "-limit -1": "-limit -1: want 0 or more",
		"-norm layer": `-norm "layer": want one of batch, act, none`, "-alpha 0.5": "-alpha 0.5: want a number above 0, at most 0.49",
		"-couplings 0": "-couplings 0: want 1 to 4096", "-clip -1": "-clip -1: want 0 or more", "more": `"more" is no flag`,
	} {
		dir := filepath.Join(t.TempDir(), "new")
		if code, out, log := runTiny(context.Background(), dir, nil, strings.Fields(args)...); code != 2 || out != "" || !strings.Contains(log, want) {
			t.Errorf("%s: code %d, %q, want %q", args, code, log, want)
		}
		if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s left a directory behind: %v", args, err)
		}
	}
	commandtest.Conforms(t, "./mnist/pixelflow", run, append(files, "-force", "unfinished")...)
}
