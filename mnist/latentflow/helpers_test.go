// What the tests share: the command run in-process, small data, small models.

package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"image/png"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/bijou-flow/bijou/autoencoder"
	"github.com/bijou-flow/bijou/internal/npy"
	"github.com/bijou-flow/bijou/mnist"
	"github.com/bijou-flow/bijou/mnist/internal/command"
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
	log := &watched{see: see}
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

// watched shows all that was written so far to see at every write.
type watched struct {
	text bytes.Buffer
	see  func(string)
}

func (w *watched) Write(p []byte) (int, error) {
	n, err := w.text.Write(p)
	if w.see != nil {
		w.see(w.String())
	}
	return n, err
}

func (w *watched) String() string { return w.text.String() }

// must runs the command, which is to succeed, and returns what it printed.
func must(t *testing.T, args ...string) string {
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
	writeIDX(dir, train.Head(300), test.Head(100))
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
	writeIDX(dir, sets[0], sets[1])
	return dir
}

// writeIDX writes the four files of a data set.
func writeIDX(dir string, train, test *mnist.Set) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		panic(err)
	}
	for prefix, s := range map[string]*mnist.Set{"train": train, "t10k": test} {
		head := binary.BigEndian.AppendUint32([]byte{0, 0, 8, 3}, uint32(s.Len()))
		head = binary.BigEndian.AppendUint32(head, uint32(s.Height()))
		pixels := binary.BigEndian.AppendUint32(head, uint32(s.Width()))
		for i := range s.Len() {
			pixels = append(pixels, s.Image(i)...)
		}
		labels := append(binary.BigEndian.AppendUint32([]byte{0, 0, 8, 1}, uint32(s.Len())), s.Labels()...)
		for name, data := range map[string][]byte{"images-idx3-ubyte": pixels, "labels-idx1-ubyte": labels} {
			if err := os.WriteFile(filepath.Join(dir, prefix+"-"+name), data, 0o644); err != nil {
				panic(err)
			}
		}
	}
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
	m, err := registry.LoadLatent[float32](filepath.Join(dir, modelFile))
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

// pngSize decodes a picture.
func pngSize(t *testing.T, path ...string) string {
	t.Helper()
	img, err := png.Decode(bytes.NewReader(readFile(t, path...)))
	if err != nil {
		t.Fatalf("%s: %v", filepath.Join(path...), err)
	}
	return fmt.Sprintf("%dx%d", img.Bounds().Dx(), img.Bounds().Dy())
}

// readNPY decodes an array of float32.
func readNPY(t *testing.T, path string) (shape []int, data []float32) {
	t.Helper()
	shape, data, err := npy.Read[float32](bytes.NewReader(readFile(t, path)))
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return shape, data
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
