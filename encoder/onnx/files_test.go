package bijouonnx

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/bijou-flow/bijou/autoencoder"
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/coupling"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/internal/testkit"
	"github.com/bijou-flow/bijou/registry"
)

// elsewhere makes this process one that has seen no file.
func elsewhere() {
	places.Lock()
	places.all = nil
	places.Unlock()
	made.Lock()
	made.by = nil
	made.Unlock()
}

type latentModel = autoencoder.Latent[float32]

// saved is a latent model with both halves from ONNX files, saved beside them in
// a directory of its own, and what it says of a few rows.
func saved(t *testing.T) (dir string, x *bijector.Rows[float32], logp []float64, draws []float32) {
	t.Helper()
	_, encoder, decoder := exported(t)
	dir = filepath.Join(t.TempDir(), "here")
	testkit.Must(0, os.Mkdir(dir, 0o700))
	at := func(name string) string { return filepath.Join(dir, name) }
	testkit.Must(0, os.WriteFile(at("e.onnx"), encoder, 0o600))
	testkit.Must(0, os.WriteFile(at("d.onnx"), decoder, 0o600))
	e := testkit.Must(OpenEncoder[float32](at("e.onnx"), Options{Batch: 8}))
	d := testkit.Must(OpenDecoder[float32](at("d.onnx"), Options{Batch: 8}))
	f := testkit.Must(flow.New(testkit.Must(coupling.RealNVP[float32](coupling.Recipe{Dim: 5, Layers: 2, Hidden: []int{8}, Seed: 1})), distribution.StandardNormal[float32](5)))
	l := testkit.Must(autoencoder.NewLatent[float32](e, d, f))
	x = uniform[float32](5, 64)
	logp = testkit.Must(l.LogProb(x))
	draws = testkit.Must(l.Sample(testkit.NewRand(5), 3)).Values()
	testkit.Must(0, registry.Save(at("model.safetensors"), l))
	return dir, x, logp, slices.Clone(draws)
}

// A model that is saved and loaded elsewhere, in another directory and by a
// process that has seen no file, says the same.
func TestSaveAndLoadElsewhere(t *testing.T) {
	dir, x, logp, draws := saved(t)
	there := filepath.Join(filepath.Dir(dir), "there")
	testkit.Must(0, os.Rename(dir, there))
	elsewhere()
	l := testkit.Must(Load[*latentModel](filepath.Join(there, "model.safetensors")))
	testkit.Equal(t, "log-densities", testkit.Must(l.LogProb(x)), logp)
	testkit.Equal(t, "draws", testkit.Must(l.Sample(testkit.NewRand(5), 3)).Values(), draws)

	// The model's file alone, and the ONNX files from where AddFS says.
	elsewhere()
	alone := filepath.Join(t.TempDir(), "model.safetensors")
	testkit.Must(0, os.Rename(filepath.Join(there, "model.safetensors"), alone))
	AddFS(nil)
	AddFS(fstest.MapFS{"e.onnx": {Data: []byte("another file of this name")}})
	AddFS(os.DirFS(there))
	AddFS(os.DirFS(there))
	if len(places.all) != 2 {
		t.Errorf("%d places, want 2", len(places.all))
	}
	l = testkit.Must(registry.Load[*latentModel](alone))
	testkit.Equal(t, "log-densities", testkit.Must(l.LogProb(x)), logp)

	// An encoder alone is saved as well, and is the same model in memory.
	e := l.Encoder().(*Encoder[float32])
	path := filepath.Join(there, "encoder.safetensors")
	testkit.Must(0, registry.Save(path, e))
	if again := testkit.Must(registry.Load[*Encoder[float32]](path)); again.m != e.m {
		t.Error("the weights of a model that is loaded twice are held twice")
	}
}

// What is wrong with a file is said by name.
func TestFilesThatAreNotTheRightOnes(t *testing.T) {
	dir, _, _, _ := saved(t)
	model, path := filepath.Join(dir, "model.safetensors"), filepath.Join(dir, "e.onnx")
	raw := testkit.Must(os.ReadFile(path))
	load := func(what string, wanted []error, words ...string) {
		t.Helper()
		elsewhere()
		_, err := Load[*latentModel](model)
		for _, w := range append(wanted, ErrFile, bijector.ErrSpec) {
			if !errors.Is(err, w) {
				t.Errorf("%s: %v, want %v", what, err, w)
			}
		}
		for _, w := range append(words, "e.onnx") {
			if err == nil || !strings.Contains(err.Error(), w) {
				t.Errorf("%s: %v, want %q in it", what, err, w)
			}
		}
	}
	altered := slices.Clone(raw)
	altered[len(altered)/2] ^= 1
	testkit.Must(0, os.WriteFile(path, altered, 0o600))
	load("an altered file", nil, sum(raw), sum(altered), dir)
	testkit.Must(0, os.Remove(path))
	load("a missing file", []error{fs.ErrNotExist}, sum(raw), dir, "AddFS")
	testkit.Must(0, os.Mkdir(path, 0o700))
	load("a directory", nil, "regular file")
}

// Files that hold no ONNX model.
func TestForeignFiles(t *testing.T) {
	_, encoder, _ := exported(t)
	for name, raw := range map[string][]byte{
		"empty": {}, "text.onnx": []byte("not a model at all"), "cut.onnx": encoder[:len(encoder)/2],
		"png":      []byte("\x89PNG\r\n\x1a\n0000"),
		"no-graph": integer(nil, 1, 8),
		"no-nodes": graphOf{inputs: []valueOf{{"x", float32s, []any{1}}}, outputs: []valueOf{{"x", float32s, []any{1}}}}.bytes(),
	} {
		if _, err := OpenEncoder[float32](file(t, name, raw), Options{}); !errors.Is(err, ErrFile) || !errors.Is(err, bijector.ErrSpec) {
			t.Errorf("%s: %v, want ErrFile and ErrSpec", name, err)
		}
	}
	if _, err := OpenEncoder[float32](filepath.Join(t.TempDir(), "none.onnx"), Options{}); !errors.Is(err, fs.ErrNotExist) || !errors.Is(err, ErrFile) {
		t.Errorf("no file: %v, want ErrFile and ErrNotExist", err)
	}
}

// A spec from outside names a file, not a path.
func TestSpecsThatNamePaths(t *testing.T) {
	elsewhere()
	AddFS(os.DirFS(t.TempDir()))
	for _, name := range []string{"", ".", "..", "../e.onnx", "/etc/passwd", `a\b`, "a/b"} {
		if _, err := NewEncoder[float32](EncoderSpec{File: name, SHA256: sum(nil)}); !errors.Is(err, bijector.ErrSpec) || errors.Is(err, ErrFile) {
			t.Errorf("%q: %v, want ErrSpec", name, err)
		}
	}
	if _, err := NewDecoder[float32](DecoderSpec{File: "d.onnx", SHA256: "12"}); !errors.Is(err, bijector.ErrSpec) || errors.Is(err, ErrFile) {
		t.Errorf("a short SHA-256: %v, want ErrSpec", err)
	}
}
