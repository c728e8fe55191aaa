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
	"slices"
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
	if shared, err = os.MkdirTemp("", "nice-test-"); err != nil {
		panic(err)
	}
	code := m.Run()
	os.RemoveAll(shared)
	os.Exit(code)
}

// digits are 300 training and 100 test images, and a directory with both.
var digits = sync.OnceValues(func() (sets [2]*mnist.Set, dir string) {
	tr, te, err := mnist.Load()
	if err != nil {
		panic(err)
	}
	dir = filepath.Join(shared, "mnist")
	sets = [2]*mnist.Set{tr.Head(300), te.Head(100)}
	datasettest.WriteIDX(dir, sets[0], sets[1])
	return sets, dir
})

// outcome is what a run of the command came to.
type outcome struct {
	code     int
	out, log string
}

// runTiny runs the command on small data with a small model into dir. see is
// called with the log so far whenever it grows.
func runTiny(ctx context.Context, dir string, see func(log string), more ...string) outcome {
	_, data := digits()
	args := append([]string{"-data", data, "-out", dir, "-epochs", "3", "-batch", "50", "-hidden", "16,16"}, more...)
	var out bytes.Buffer
	log := &commandtest.Watched{See: see}
	code := run(ctx, args, command.Streams{Out: &out, Log: log})
	return outcome{code, out.String(), log.String()}
}

func readMetrics(t *testing.T, dir string) (m metrics) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, "metrics.json"))
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

// logLikelihood is that of the saved model for images with the noise of a seed.
func logLikelihood(t *testing.T, dir string, s *mnist.Set, seed uint64) float64 {
	t.Helper()
	f, err := registry.LoadFlow[float32](filepath.Join(dir, modelFile))
	if err != nil {
		t.Fatal(err)
	}
	nll, err := train.Evaluate(context.Background(), f, train.Dequantize(s, levels, seed))
	if err != nil {
		t.Fatal(err)
	}
	return -nll
}

func near(a, b, tolerance float64) bool { return math.Abs(a-b) <= tolerance }

// TestWrites: all files, the figures in them, and a saved model that is an
// ordinary NICE flow with the test log-likelihood that was reported.
func TestWrites(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made", "anew")
	o := runTiny(context.Background(), dir, nil, "-seed", "7")
	if o.code != 0 {
		t.Fatalf("code %d\n%s", o.code, o.log)
	}
	for _, name := range []string{modelFile, "samples.png", "samples-0.8.png", "curve.png", "metrics.json"} {
		if !strings.Contains(o.out, filepath.Join(dir, name)+"\n") {
			t.Errorf("%s is not in\n%s", name, o.out)
		}
	}
	for name, want := range map[string]string{"samples.png": "604x604", "samples-0.8.png": "604x604", "curve.png": "576x432"} {
		if got := commandtest.PNGSize(t, dir, name); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
	if lines := strings.Count(o.log, "bits per dimension)  "); lines != 3 {
		t.Errorf("%d lines on epochs, want 3, in\n%s", lines, o.log)
	}
	sets, _ := digits()
	m := readMetrics(t, dir)
	if m.Images != 300 || m.Followed != "test set" || m.Interrupted || m.Steps != 18 || len(m.Epochs) != 3 || m.Config.Decay != 2 ||
		m.Parameters != 4*(392*16+16+16*16+16+16*392+392)+784 {
		t.Errorf("metrics %+v", m)
	}
	last := m.Epochs[2]
	if got := logLikelihood(t, dir, sets[1], 7); !near(got, float64(m.Test), 0.05) || m.Test != last.Test {
		t.Errorf("the saved model's test log-likelihood is %v, the metrics say %v and %v", got, m.Test, last.Test)
	}
	if m.Test <= m.Initial || m.Initial < 1000 {
		t.Errorf("training led from %v to %v nats", m.Initial, m.Test)
	}
	if want := 8 - float64(m.Test)/(784*math.Ln2); !near(float64(m.Bits), want, 1e-9) || m.Bits != last.Bits {
		t.Errorf("%v and %v bits per dimension, want %v", m.Bits, last.Bits, want)
	}
	if s := m.Epochs; s[0].Training >= s[2].Training || s[0].Epoch != 1 {
		t.Errorf("epochs %+v", s)
	}
}

// TestRepeats: a seed is a run, to the byte.
func TestRepeats(t *testing.T) {
	var models [3][]byte
	for i, seed := range []string{"3", "3", "4"} {
		dir := t.TempDir()
		if o := runTiny(context.Background(), dir, nil, "-epochs", "1", "-seed", seed); o.code != 0 {
			t.Fatal(o.log)
		}
		var err error
		if models[i], err = os.ReadFile(filepath.Join(dir, modelFile)); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(models[0], models[1]) || bytes.Equal(models[0], models[2]) {
		t.Error("want the same model for the same seed, and another for another")
	}
}

// TestHoldout: the last training images are kept out and followed.
func TestHoldout(t *testing.T) {
	dir := t.TempDir()
	if o := runTiny(context.Background(), dir, nil, "-epochs", "1", "-holdout", "80"); o.code != 0 {
		t.Fatal(o.log)
	}
	m := readMetrics(t, dir)
	sets, _ := digits()
	if got := logLikelihood(t, dir, sets[0].Tail(80), 1); !near(got, float64(m.Test), 0.05) {
		t.Errorf("the metrics say %v, the last 80 training images have %v", m.Test, got)
	}
	if m.Images != 220 || m.Followed != "last 80 training images" {
		t.Errorf("metrics %+v", m)
	}
}

// TestSaves: the model is on disk while training goes on, after every -save
// epochs, with that epoch's log-likelihood; an interrupted run keeps what it
// has.
func TestSaves(t *testing.T) {
	out := t.TempDir()
	dir := filepath.Join(out, "unfinished")
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var at []bool // whether there was a model when epoch i was reported
	o := runTiny(ctx, out, func(log string) {
		n := strings.Count(log, "nice ")
		if len(at) < n {
			_, err := os.Stat(filepath.Join(dir, modelFile))
			at = append(at, err == nil)
		}
		if n == 3 {
			cancel()
		}
	}, "-epochs", "100000", "-save", "2")
	if want := "nice: interrupted; what was trained until then is in " + dir + "\n"; o.code != 130 || !strings.HasSuffix(o.log, want) {
		t.Errorf("code %d, %q", o.code, o.log)
	}
	if want := []bool{false, false, true}; !slices.Equal(at, want) { // the report comes before the saving
		t.Errorf("a model was there at the reports of epochs: %v, want %v", at, want)
	}
	m := readMetrics(t, dir)
	if !m.Interrupted || len(m.Epochs) != 3 {
		t.Errorf("metrics %+v", m)
	}
	sets, _ := digits()
	if got := logLikelihood(t, dir, sets[1], 1); !near(got, float64(m.Test), 0.05) {
		t.Errorf("the saved model's test log-likelihood is %v, the metrics say %v", got, m.Test)
	}
}

// TestResume: a run that was interrupted and taken up ends with the files of
// one that was not, and leaves no checkpoints.
func TestResume(t *testing.T) {
	whole, parts := t.TempDir(), t.TempDir()
	if o := runTiny(context.Background(), whole, nil); o.code != 0 {
		t.Fatal(o.log)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if o := runTiny(ctx, parts, func(log string) {
		if strings.Count(log, "nice ") == 2 {
			cancel()
		}
	}); o.code != 130 {
		t.Fatalf("code %d, %s", o.code, o.log)
	}
	own := filepath.Join(parts, "unfinished")
	if o := runTiny(context.Background(), parts, nil); o.code != 1 || !strings.Contains(o.log, own+" has a run that was interrupted; -resume goes on") || strings.Contains(o.log, "data:") {
		t.Errorf("anew in the same place: code %d, %s", o.code, o.log)
	}
	if o := runTiny(context.Background(), parts, nil, "-resume", "-batch", "40"); o.code != 1 || !strings.Contains(o.log, "Batch") {
		t.Errorf("another batch: code %d, %s", o.code, o.log)
	}
	o := runTiny(context.Background(), parts, nil, "-resume")
	if o.code != 0 || strings.Count(o.log, "nice ") != 1 {
		t.Fatalf("code %d, %s", o.code, o.log)
	}
	var models [2][]byte
	for i, dir := range []string{whole, parts} {
		var err error
		if models[i], err = os.ReadFile(filepath.Join(dir, modelFile)); err != nil {
			t.Fatal(err)
		}
		if files, err := os.ReadDir(dir); err != nil || len(files) != 5 {
			t.Errorf("%v is left, want the five files (%v)", files, err)
		}
	}
	if !bytes.Equal(models[0], models[1]) {
		t.Error("the models differ")
	}
	a, b := readMetrics(t, whole), readMetrics(t, parts)
	if len(b.Epochs) != 3 || b.Interrupted || a.Test != b.Test || a.Epochs[0].Training != b.Epochs[0].Training || b.Steps != a.Steps {
		t.Errorf("metrics %+v, want %+v", b, a)
	}
}

// TestFailedSave: a model that cannot be written ends training with that error.
func TestFailedSave(t *testing.T) {
	out := t.TempDir()
	dir := filepath.Join(out, "unfinished")
	o := runTiny(context.Background(), out, func(log string) {
		if strings.Count(log, "nice ") == 1 {
			os.Mkdir(filepath.Join(dir, modelFile), 0o755)
		}
	}, "-save", "1")
	if o.code != 1 || !strings.Contains(o.log, filepath.Join(dir, modelFile)) || strings.Count(o.log, "nice ") != 1 {
		t.Errorf("code %d, %q", o.code, o.log)
	}
}

func TestWrongFlags(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"-epochs 0", "-epochs 0: want 1 or more"},
		{"-epochs 3 -decay 4", "-decay 4: want 0 to 3"},
		{"-batch 0", "-batch 0: want 1 to 1,000,000"},
		{"-layers 0", "-layers 0"},
		{"-limit -1", "-limit -1: want 0 or more"},
		{"-holdout 299", "want to leave at least 2 of 300 training images"},
		{"-save 0", "-save 0: want 1 or more"},
		{"-rate 0", "-rate 0: want a number above 0, at most 1"},
		{"-rate NaN", "-rate NaN"},
		{"-scale-rate -1", "-scale-rate -1"},
		{"-hidden 0", "-hidden 0: want one or several numbers from 1 to 4096"},
		{"-depth 3", "nice -h"},
		{"much", `"much" is no flag`},
	} {
		dir := filepath.Join(t.TempDir(), "new")
		o := runTiny(context.Background(), dir, nil, strings.Fields(c.args)...)
		if o.code != 2 || !strings.Contains(o.log, c.want) || o.out != "" {
			t.Errorf("%s: code %d, %q, want %q", c.args, o.code, o.log, c.want)
		}
		if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s left a directory behind: %v", c.args, err)
		}
	}
	if o := runTiny(context.Background(), t.TempDir(), nil, "-data", t.TempDir()); o.code != 1 || !strings.Contains(o.log, "-data") {
		t.Errorf("no data: code %d, %q", o.code, o.log)
	}
}

func TestHelp(t *testing.T) {
	commandtest.Conforms(t, "./mnist/nice", run, "-force", "unfinished", modelFile, "samples.png", "curve.png", "metrics.json", "Ctrl-C", "-holdout", "-decay")
}

// TestTrapezoid: full, then evenly down to nothing.
func TestTrapezoid(t *testing.T) {
	s := trapezoid{hold: 2, decay: 4}
	for step, want := range map[int]float64{0: 1, 19: 1, 20: 1, 30: 0.75, 40: 0.5, 59: 0.025, 60: 0} {
		if got := s.Factor(step, 10, 60); !near(got, want, 1e-12) {
			t.Errorf("step %d: %v, want %v", step, got, want)
		}
	}
}
