package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"math"
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
	"github.com/bijou-flow/bijou/train"
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
	args := []string{"-data", digits(), "-out", dir, "-validate", "20", "-epochs", "1", "-batch", "20", "-steps", "1,1", "-hidden", "2"}
	var o bytes.Buffer
	l := &commandtest.Watched{See: see}
	code = run(ctx, append(args, more...), command.Streams{Out: &o, Log: l})
	return code, o.String(), l.String()
}

func readMetrics(t *testing.T, dir string) (m metrics) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, metricsFile))
	if err != nil {
		t.Fatal(err)
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&m); err != nil {
		t.Fatal(err)
	}
	return m
}

// TestRun trains a very small model, reads back what it wrote, and scores the
// test images by the saved model.
func TestRun(t *testing.T) {
	dir := t.TempDir()
	code, out, log := runTiny(context.Background(), dir, nil, "-epochs", "2")
	if code != 0 {
		t.Fatalf("code %d, %s", code, log)
	}
	for _, want := range []string{"test bits per dim", "without its class", "of CPU in 1 sittings"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in %q", want, out)
		}
	}
	for _, name := range fileNames() {
		if !strings.Contains(out, filepath.Join(dir, name)+"\n") {
			t.Errorf("%s is not named in %q", name, out)
		}
	}
	f, err := registry.LoadFlow[float32](filepath.Join(dir, modelFile))
	if err != nil {
		t.Fatal(err)
	}
	if f.Dim() != 784 || f.ContextDim() != 10 {
		t.Errorf("a flow of %d features and %d of context", f.Dim(), f.ContextDim())
	}
	for name, size := range map[string]string{"samples.png": "615x604", "samples-0.7.png": "615x604", mixedFile: "604x604", curveFile: "576x432"} { // a class a row, with its number
		if got := commandtest.PNGSize(t, dir, name); got != size {
			t.Errorf("%s is %s, want %s", name, got, size)
		}
	}
	m := readMetrics(t, dir)
	if m.Images != 60 || m.Measured != "test set" || m.Interrupted || m.Steps != 6 || len(m.Epochs) != 2 || m.Sittings != 1 || m.Parameters != command.CountParams(f) {
		t.Errorf("metrics %+v", m)
	}
	tr, te, err := mnist.LoadDir(digits())
	if err != nil {
		t.Fatal(err)
	}
	nll, err := train.Evaluate(context.Background(), f, train.Dequantize(te.Conditional(), levels, 1))
	if err != nil {
		t.Fatal(err)
	}
	if want := 8 + nll/784/math.Ln2; math.Abs(float64(m.Bits)-want) > 1e-6 {
		t.Errorf("%v bits, the saved model has %v", m.Bits, want)
	}
	// What the classes of the 30 test images add, by their shares in training.
	add := 0.0
	for _, l := range te.Labels() {
		n := 0.0
		for _, k := range tr.Labels() {
			if k == l {
				n++
			}
		}
		add += math.Log2(60/n) / 30 / 784
	}
	if got := float64(m.Marginal - m.Bits); math.Abs(got-add) > 1e-9 {
		t.Errorf("the class adds %v bits, want %v", got, add)
	}
}

// TestPaper: the model of Real NVP's paper, which is not told the class, measured by
// training images.
func TestPaper(t *testing.T) {
	dir := t.TempDir()
	code, out, log := runTiny(context.Background(), dir, nil, "-recipe", "realnvp", "-start", "logit", "-scales", "2", "-couplings", "1", "-unconditional", "-holdout", "20")
	if code != 0 {
		t.Fatalf("code %d, %s", code, log)
	}
	m := readMetrics(t, dir)
	if m.Images != 40 || m.Measured != "last 20 training images" || m.Marginal != m.Bits || strings.Contains(out, "without its class") {
		t.Errorf("metrics %+v, %s", m, out)
	}
	f, err := registry.LoadFlow[float32](filepath.Join(dir, modelFile))
	if err != nil || f.ContextDim() != 0 {
		t.Fatalf("a flow of %d features of context, %v", f.ContextDim(), err)
	}
}

// TestResume: a run that was interrupted and taken up ends with the files of one
// that was not, and leaves no checkpoints; its CPU time is that of both sittings.
func TestResume(t *testing.T) {
	whole, parts := t.TempDir(), t.TempDir()
	if code, _, log := runTiny(context.Background(), whole, nil, "-epochs", "3"); code != 0 {
		t.Fatal(log)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if code, _, log := runTiny(ctx, parts, func(log string) {
		if strings.Count(log, "flow ") == 2 {
			cancel()
		}
	}, "-epochs", "3"); code != 130 {
		t.Fatalf("code %d, %s", code, log)
	}
	own := filepath.Join(parts, "unfinished")
	first := readMetrics(t, own)
	if !first.Interrupted || first.Steps != 6 || len(first.Epochs) != 2 {
		t.Errorf("interrupted: metrics %+v", first)
	}
	if code, _, log := runTiny(context.Background(), parts, nil, "-epochs", "3"); code != 1 || !strings.Contains(log, own+" has a run that was interrupted; -resume goes on") {
		t.Errorf("anew in the same place: code %d, %s", code, log)
	}
	if code, _, log := runTiny(context.Background(), parts, nil, "-epochs", "3", "-resume", "-batch", "15"); code != 1 || !strings.Contains(log, "Batch") {
		t.Errorf("another batch: code %d, %s", code, log)
	}
	code, _, log := runTiny(context.Background(), parts, nil, "-epochs", "3", "-resume")
	if code != 0 || strings.Count(log, "flow ") != 1 {
		t.Fatalf("code %d, %s", code, log)
	}
	for _, name := range []string{modelFile, "samples.png", mixedFile} {
		a, errA := os.ReadFile(filepath.Join(whole, name))
		b, errB := os.ReadFile(filepath.Join(parts, name))
		if errA != nil || errB != nil || !bytes.Equal(a, b) {
			t.Errorf("%s: %v, %v, or another one", name, errA, errB)
		}
	}
	if files, err := os.ReadDir(parts); err != nil || len(files) != len(fileNames()) {
		t.Errorf("%v is left, want the run's files (%v)", files, err)
	}
	a, b := readMetrics(t, whole), readMetrics(t, parts)
	if b.Bits != a.Bits || b.Steps != a.Steps || b.Sittings != 2 || b.CPUSeconds < first.CPUSeconds || b.Epochs[0].Training != a.Epochs[0].Training {
		t.Errorf("metrics %+v, want %+v", b, a)
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
	if code, _, log := runTiny(context.Background(), dir, nil); code != 1 || !strings.Contains(log, strings.Join(fileNames(), ", ")+" of an earlier run") || strings.Contains(log, "data:") {
		t.Errorf("once more: code %d, %q", code, log)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	code, out, log := runTiny(ctx, dir, func(log string) {
		if strings.Contains(log, "flow 1/") {
			cancel()
		}
	}, "-epochs", "100000", "-force", "-seed", "3")
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
		"-recipe nice": `-recipe "nice": want one of glow, realnvp`, "-start none": `-start "none": want one of background, logit`, "-hidden 2,3,4": "-hidden 2,3,4: want one number, or one for each of -steps 1,1",
		"-recipe realnvp -hidden 2,3": "-hidden 2,3: want one number for realnvp", "-holdout 59": "want to leave at least 2 of 60 training images",
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
	commandtest.Conforms(t, "./mnist/pixelflow", run, append(fileNames()[:2], mixedFile, metricsFile, "-force", "unfinished", "-resume")...)
}
