package main

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/bijou-flow/bijou/internal/command/commandtest"
	"github.com/bijou-flow/bijou/registry"
)

// TestWrongInput: each mistake is one line that names what was given and what
// to do, and leaves no file behind. DIR stands for an empty directory, DATA
// for good data, CONV and PCA for models, BAD for the case's own file.
func TestWrongInput(t *testing.T) {
	for _, c := range []struct {
		name, args string
		bad        func(t *testing.T, path string) // makes BAD
		code       int
		want       []string
	}{
		{"no command", "", nil, 2, nil},
		{"unknown command", "trian", nil, 2, []string{`"trian"`, "train, sample, score, classify, sweep, serve or page"}},
		{"unknown flag", "train -layer 3", nil, 2, []string{"-layer", "go run ./mnist/latentflow train -h"}},
		{"an argument", "score model", nil, 2, []string{`"model"`, "go run ./mnist/latentflow score -h"}},
		{"a flag without its value", "train -out", nil, 2, []string{"-out"}},
		{"a width of zero", "train -hidden 100,0", nil, 2, []string{"-hidden", `"0"`, "100,100"}},
		{"a width that is no number", "train -hidden wide", nil, 2, []string{`-hidden "wide"`, "100,100"}},
		{"a width beyond memory", "train -hidden 1000000000", nil, 2, []string{`"1000000000"`, "4096"}},
		{"depths", "sweep -depths 3;6", nil, 2, []string{"-depths", `"3;6"`}},
		{"sweep has no -layers", "sweep -layers 3", nil, 2, []string{"-layers"}},
		{"encoder", "train -encoder vgg -out DIR/new", nil, 2, []string{"-encoder", `"vgg"`, "conv, dense, pca"}},
		{"coupling", "train -coupling planar -out DIR/new", nil, 2, []string{`"planar"`, "affine, glow, additive, spline"}},
		{"norm", "train -norm layer -out DIR/new", nil, 2, []string{`"layer"`, "batch, act, none"}},
		{"scale", "train -scale relu -out DIR/new", nil, 2, []string{`"relu"`, "want one of tanh"}},
		{"additive with a scale", "train -coupling additive -scale exp", nil, 2, []string{"-scale exp", "-coupling affine"}},
		{"splines with a scale", "train -coupling spline -scale exp", nil, 2, []string{"-scale exp", "spline couplings"}},
		{"decay", "train -flow-decay 2", nil, 2, []string{"-flow-decay 2: want 0 to 1"}},
		{"embedding", "train -embedding 1 -out DIR/new", nil, 2, []string{"-embedding 1: want 2 to 4096"}},
		{"no epochs", "train -flow-epochs 0", nil, 2, []string{"-flow-epochs 0: want 1 or more"}},
		{"batch", "train -batch 1", nil, 2, []string{"-batch 1: want 2 to 1,000,000"}},
		{"rate", "train -flow-rate NaN", nil, 2, []string{"-flow-rate NaN: want a number above 0, at most 1"}},
		{"limit below", "train -limit -5", nil, 2, []string{"-limit -5: want 0 or more\n"}},
		{"limit of no number", "train -limit few", nil, 2, []string{`-limit "few": want a whole number, 0 or more`}},
		{"limit beyond", "train -limit 99999999999999999999", nil, 2, []string{"want at most 1,000,000,000"}},
		{"seed below", "train -seed -1", nil, 2, []string{"-seed -1: want a whole number, 0 or more"}},
		{"limit of one", "train -data DATA -limit 1 -out DIR/new", nil, 1, []string{"1 training image", "at least 2"}},
		{"no data", "train -data DIR -out DIR/new", nil, 1, []string{"-data", "DIR", "four IDX files"}},
		{"truncated data", "train -data BAD -out DIR/new", truncatedData, 1, []string{"BAD/train-images-idx3-ubyte.gz", "truncated"}},
		{"-out is a file", "train -data DATA -out BAD", file("x"), 1, []string{"-out", "BAD", "not a directory"}},
		{"-out below a file", "sweep -data DATA -out BAD/new", file("x"), 1, []string{"-out", "BAD", "not a directory"}},
		{"more components than images", "train -data DATA -limit 3 -encoder pca -embedding 4 -out DIR", nil, 1, []string{"3 rows", "4 components"}},

		{"-n 0", "sample -model CONV -n 0 -out DIR/x.png", nil, 2, []string{"-n 0: want 1 or more"}},
		{"too many for a picture", "sample -model CONV -n 1000000 -out DIR/x.png", nil, 2, []string{"-n 1000000", ".npy"}},
		{"extension", "sample -model CONV -out DIR/x.jpg", nil, 2, []string{"x.jpg", ".png or .npy"}},
		{"digit too large", "sample -model CONV -digit 10 -out DIR/x.png", nil, 2, []string{"-digit 10", "0 to 9"}},
		{"digit below", "sample -model CONV -digit -2 -out DIR/x.png", nil, 2, []string{"-digit -2", "want -1 to 255"}},
		{"digit of an unconditional model", "sample -model PCA -digit 3 -out DIR/x.png", nil, 2, []string{"-digit 3", "unconditional"}},
		{"digit below of an unconditional model", "sample -model PCA -digit -3 -out DIR/x.png", nil, 2, []string{"-digit -3", "want -1 to 255"}},
		{"temperature", "sample -model CONV -temperature -1 -out DIR/x.png", nil, 2, []string{"-temperature -1: want 0 or more"}},
		{"directory of -out", "sample -model CONV -out DIR/no/x.png", nil, 1, []string{"-out", "DIR/no/x.png", "directory does not exist"}},
		{"directory of an array", "sample -model CONV -out DIR/no/x.npy", nil, 1, []string{"-out", "DIR/no/x.npy", "directory does not exist"}},
		{"-out is a directory", "sample -model CONV -out BAD", directory, 1, []string{"-out", "BAD", "is a directory"}},

		{"a picture in the way", "sample -model CONV -out BAD", file("old"), 1, []string{"-out BAD", "there already", "-force"}},
		{"a score in the way", "score -model CONV -data DATA -out BAD", file("old"), 1, []string{"-out BAD", "there already", "-force"}},
		{"mistakes in the way", "classify -model CONV -data DATA -out BAD", file("old"), 1, []string{"-out BAD", "there already", "-force"}},
		{"no -out", "train -out= -data DATA", nil, 2, []string{"-out: want a directory"}},
		{"no -out of a file", "sample -model CONV -out=", nil, 2, []string{"-out", ".png or .npy"}},

		{"no model", "sample -model DIR/none -out DIR/x.png", nil, 1, []string{"DIR/none", "train a model first", "latentflow train"}},
		{"no model to score", "score -model DIR/none -data DATA -out DIR/x.png", nil, 1, []string{"DIR/none", "latentflow train"}},
		{"no model to sweep", "sweep -model DIR/none -data DATA -out DIR/new", nil, 1, []string{"DIR/none", "latentflow train"}},
		{"the model is a directory", "sample -model DIR -out DIR/x.png", nil, 1, []string{"DIR", "latentflow train"}},
		{"an empty model", "sample -model BAD -out DIR/x.png", file(""), 1, []string{"BAD", "latentflow train"}},
		{"no model at all", "sample -model BAD -out DIR/x.png", file(strings.Repeat("PNG ", 100)), 1, []string{"BAD", "latentflow train"}},
		{"half a model", "sample -model BAD -out DIR/x.png", changedModel(func(b []byte) []byte { return b[:len(b)/2] }), 1, []string{"BAD", "latentflow train"}},
		{"a flipped bit", "score -model BAD -data DATA -out DIR/x.png", changedModel(func(b []byte) []byte { b[len(b)-3] ^= 4; return b }), 1, []string{"BAD", "damaged"}},
		{"an unknown layer", "sample -model BAD -out DIR/x.png", changedModel(unknownLayer), 1, []string{"BAD", `"coupling.affyne"`, `"coupling.affine"`}},
		{"a flow alone", "sample -model BAD -out DIR/x.png", flowAlone, 1, []string{"BAD", `"flow"`, `"latent"`}},

		{"score into no picture", "score -model CONV -out DIR/x.txt", nil, 2, []string{"x.txt", ".png"}},
		{"values into no array", "score -model CONV -values DIR/x.csv", nil, 2, []string{"x.csv", ".npy"}},
		{"score into no directory", "score -model CONV -data DATA -out DIR/no/x.png", nil, 1, []string{"-out", "DIR/no/x.png"}},
		{"classify into no picture", "classify -model CONV -out DIR/x.txt", nil, 2, []string{"x.txt", ".png"}},
		{"classify without classes", "classify -model PCA -out DIR/x.png", nil, 2, []string{"unconditional"}},
		{"no model to classify by", "classify -model DIR/none -data DATA -out DIR/x.png", nil, 1, []string{"DIR/none", "latentflow train"}},
		{"classify into no directory", "classify -model CONV -data DATA -out DIR/no/x.png", nil, 1, []string{"-out", "DIR/no/x.png"}},
		{"images of another size to classify", "classify -model CONV -data BAD -out DIR/x.png", smallImages, 1, []string{"images of 8 x 8", "784"}},
		{"images of another size", "score -model CONV -data BAD -out DIR/x.png", smallImages, 1, []string{"images of 8 x 8", "784"}},
		{"images of another size for PCA", "score -model PCA -data BAD -out DIR/x.png", smallImages, 1, []string{"images of 8 x 8", "784"}},
		{"images of another size to sweep", "sweep -model CONV -data BAD -out DIR", smallImages, 1, []string{"images of 8 x 8", "784"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			root := t.TempDir()
			dir, bad := filepath.Join(root, "dir"), filepath.Join(root, "bad.png")
			if err := os.Mkdir(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			if c.bad != nil {
				c.bad(t, bad)
			}
			paths := strings.NewReplacer("DIR", dir, "DATA", sliceOfMNIST(), "BAD", bad,
				"CONV", filepath.Join(convModel(), modelFile), "PCA", filepath.Join(unconditionalModel(), modelFile))
			before := tree(t, root)
			o := latentflow(strings.Fields(paths.Replace(c.args))...)
			if o.code != c.code || o.out != "" {
				t.Errorf("code %d, want %d; output %q", o.code, c.code, o.out)
			}
			if after := tree(t, root); after != before {
				t.Errorf("files before\n%safter\n%s", before, after)
			}
			if c.args == "" { // which prints the usage
				return
			}
			said := regexp.MustCompile(`(?m)^data: .*\n`).ReplaceAllString(o.log, "")
			if strings.Count(said, "\n") != 1 || !strings.HasPrefix(said, "latentflow") || len(said) > 1200 {
				t.Errorf("want one line, have\n%s", said)
			}
			for _, w := range c.want {
				if !strings.Contains(said, paths.Replace(w)) {
					t.Errorf("%q is missing in\n%s", paths.Replace(w), said)
				}
			}
		})
	}
}

func file(content string) func(*testing.T, string) {
	return func(t *testing.T, path string) {
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func directory(t *testing.T, path string) {
	if err := os.Mkdir(path, 0o755); err != nil {
		t.Fatal(err)
	}
}

// truncatedData is good data but for one file, which is compressed and cut.
func truncatedData(t *testing.T, path string) {
	if err := os.CopyFS(path, os.DirFS(sliceOfMNIST())); err != nil {
		t.Fatal(err)
	}
	plain := filepath.Join(path, "train-images-idx3-ubyte")
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	z.Write(readFile(t, plain))
	z.Close()
	if err := os.Remove(plain); err != nil {
		t.Fatal(err)
	}
	file(b.String()[:b.Len()/2])(t, plain+".gz")
}

func smallImages(t *testing.T, path string) {
	if err := os.CopyFS(path, os.DirFS(bars(t, 8, 8))); err != nil {
		t.Fatal(err)
	}
}

// changedModel is the convolutional model's file after change.
func changedModel(change func([]byte) []byte) func(*testing.T, string) {
	return func(t *testing.T, path string) {
		file(string(change(readFile(t, convModel(), modelFile))))(t, path)
	}
}

// unknownLayer renames a layer and makes the checksum right again.
func unknownLayer(b []byte) []byte {
	b = bytes.ReplaceAll(b, []byte("coupling.affine"), []byte("coupling.affyne"))
	at := bytes.Index(b, []byte(`"sha256:`)) + len(`"sha256:`)
	digits := b[at : at+2*sha256.Size]
	copy(digits, strings.Repeat("0", len(digits)))
	sum := sha256.Sum256(b[8:])
	hex.Encode(digits, sum[:])
	return b
}

func flowAlone(t *testing.T, path string) {
	if err := registry.Save(path, modelIn(t, convModel()).Flow()); err != nil {
		t.Fatal(err)
	}
}

// TestHelp: how a command is started, what it does, the files it writes, an
// example, its flags and the exit codes, on standard output.
func TestHelp(t *testing.T) {
	for args, want := range map[string][]string{
		"help":        {"Usage: go run ./mnist/latentflow COMMAND [flags]\n\nLearns", "train", "sample", "score", "sweep", "latentflow train -out"},
		"-h":          {"COMMAND"},
		"train -h":    {"model.safetensors", "samples.png", "reconstructions.png", "interpolation.png", "curves.png", "metrics.json", "unfinished", "Ctrl-C", "-force", "-ae-epochs", "-layers"},
		"sample -h":   {"picture", "NumPy", "-temperature", "-force"},
		"score -h":    {"ten likeliest", "-data", "-values", "-force"},
		"classify -h": {"mistakes", "label", "-force"},
		"sweep -h":    {"sweep.md", "sweep.png", "unfinished", "-depths", "-force"},
	} {
		o := latentflow(strings.Fields(args)...)
		if o.code != 0 || o.log != "" {
			t.Errorf("%s: code %d, %q", args, o.code, o.log)
		}
		for _, w := range want {
			if !strings.Contains(o.out, w) {
				t.Errorf("%s: %q is missing in\n%s", args, w, o.out)
			}
		}
	}
	for _, c := range commands {
		commandtest.Conforms(t, "./mnist/latentflow "+c.Name, run)
	}
}
