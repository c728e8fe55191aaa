// What the tests share: the command run in-process, small data, small models.

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/sbinet/npyio"

	"github.com/bijou-flow/bijou/autoencoder"
	"github.com/bijou-flow/bijou/internal/command"
	"github.com/bijou-flow/bijou/internal/command/commandtest"
	"github.com/bijou-flow/bijou/mnist"
	"github.com/bijou-flow/bijou/mnist/internal/dataset/datasettest"
	"github.com/bijou-flow/bijou/registry"
)

// asCommand in the environment makes the test binary the command.
const asCommand = "LATENTFLOW_TEST_AS_COMMAND"

// shared is a directory for what several tests read.
var shared string

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		main()
	}
	var err error
	if shared, err = os.MkdirTemp("", "latentflow-test-"); err != nil {
		panic(err)
	}
	code := m.Run()
	os.RemoveAll(shared)
	os.Exit(code)
}

// outcome is what a run of the command came to.
type outcome struct {
	code     int
	out, log string
}

func latentflow(args ...string) outcome { return runUntil(context.Background(), nil, args...) }

// runUntil runs the command with something that sees its log.
func runUntil(ctx context.Context, see func(log string), args ...string) outcome {
	var out bytes.Buffer
	log := &commandtest.Watched{See: see}
	code := run(ctx, args, command.Streams{Out: &out, Log: log})
	return outcome{code, out.String(), log.String()}
}

// cancelAt runs the command and cancels it when its log has the text.
func cancelAt(text string, args ...string) outcome {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	return runUntil(ctx, func(log string) {
		if strings.Contains(log, text) {
			cancel()
		}
	}, args...)
}

// mustRun runs the command, which is to succeed, and returns what it printed.
func mustRun(t *testing.T, args ...string) string {
	t.Helper()
	o := latentflow(args...)
	if o.code != 0 {
		t.Fatalf("latentflow %s: code %d\n%s", strings.Join(args, " "), o.code, o.log)
	}
	return o.out
}

// tiny are arguments for training on small data within a moment.
func tiny(data string, more ...string) []string {
	return append([]string{
		"train", "-data", data, "-ae-epochs", "1", "-flow-epochs", "1",
		"-layers", "2", "-hidden", "16", "-embedding", "4", "-batch", "50",
	}, more...)
}

// sliceOfMNIST is a directory with 300 training and 100 test images.
var sliceOfMNIST = sync.OnceValue(func() string {
	train, test, err := mnist.Load()
	if err != nil {
		panic(err)
	}
	dir := filepath.Join(shared, "mnist")
	datasettest.WriteIDX(dir, train.Head(300), test.Head(100))
	return dir
})

// bars is a directory of images of h x w, of 4 classes: class k has ink in
// quarter k of its rows, and a little noise.
func bars(t *testing.T, h, w int) string {
	t.Helper()
	var sets [2]*mnist.Set
	for i, n := range []int{400, 40} {
		im := mnist.Images{Height: h, Width: w, Pixels: make([]uint8, n*h*w)}
		labels := make([]uint8, n)
		for j := range n {
			labels[j] = uint8(j * 7 % 4)
			for p := range h * w {
				v := (j*31 + p*17) % 40
				if p/w*4/h == int(labels[j]) {
					v += 200
				}
				im.Pixels[j*h*w+p] = uint8(v)
			}
		}
		set, err := mnist.NewSet(im, labels)
		if err != nil {
			t.Fatal(err)
		}
		sets[i] = set
	}
	dir := t.TempDir()
	datasettest.WriteIDX(dir, sets[0], sets[1])
	return dir
}

// Directories of trained models: of the default kind, and an unconditional one
// on principal components.
var (
	convModel          = trainedOnce("conv")
	unconditionalModel = trainedOnce("unconditional", "-encoder", "pca", "-unconditional")
)

func trainedOnce(name string, more ...string) func() string {
	return sync.OnceValue(func() string {
		dir := filepath.Join(shared, name)
		if o := latentflow(tiny(sliceOfMNIST(), append(more, "-out", dir)...)...); o.code != 0 {
			panic(o.log)
		}
		return dir
	})
}

// modelIn loads the model of a directory.
func modelIn(t *testing.T, dir string) *autoencoder.Latent[float32] {
	t.Helper()
	m, err := registry.Load[*autoencoder.Latent[float32]](filepath.Join(dir, modelFile))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func readFile(t *testing.T, path ...string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// readMetrics decodes metrics.json, in which nothing may be unknown.
func readMetrics(t *testing.T, dir string) (m metrics) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(readFile(t, dir, "metrics.json")))
	d.DisallowUnknownFields()
	if err := d.Decode(&m); err != nil {
		t.Fatalf("metrics.json: %v", err)
	}
	return m
}

// readNPY decodes an array of float32.
func readNPY(t *testing.T, path string) (shape []int, data []float32) {
	t.Helper()
	r, err := npyio.NewReader(bytes.NewReader(readFile(t, path)))
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	if d := r.Header.Descr; d.Type != "<f4" || d.Fortran {
		t.Fatalf("%s holds %+v", path, d)
	}
	if err := r.Read(&data); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return r.Header.Descr.Shape, data
}

// tree lists a directory: names and sizes.
func tree(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil {
			size := info.Size()
			if d.IsDir() {
				size = 0
			}
			fmt.Fprintf(&b, "%s %d %v\n", path, size, info.ModTime().UnixNano()*min(size, 1))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}
