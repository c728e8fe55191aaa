package main

import (
	"bytes"
	"context"
	"math"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/command"
	"github.com/bijou-flow/bijou/internal/command/commandtest"
	"github.com/bijou-flow/bijou/mnist"
	"github.com/bijou-flow/bijou/train"
)

// TestTrainWrites looks at every file of a run.
func TestTrainWrites(t *testing.T) {
	dir := convModel()
	for name, size := range map[string]string{
		"samples.png": "615x621", "reconstructions.png": "657x484", "interpolation.png": "650x604", "curves.png": "1152x432",
	} {
		if got := commandtest.PNGSize(t, dir, name); got != size {
			t.Errorf("%s has %s pixels, want %s", name, got, size)
		}
	}
	m := readMetrics(t, dir)
	c := m.Config
	if m.Interrupted || m.Images != 300 || m.TestImages != 100 || m.Kernels == "" || m.Go != runtime.Version() ||
		c.Encoder != "conv" || c.Coupling != "affine" || c.Seed != 1 || c.Embedding != 4 || c.Layers != 2 || len(c.Hidden) != 1 || c.Hidden[0] != 16 {
		t.Errorf("metrics %+v", m)
	}
	for name, s := range map[string]command.Stage{"autoencoder": m.Autoencoder, "flow": m.Flow} {
		if len(s.Epochs) != 1 || s.Steps != 6 || s.BadSteps != 0 || s.Seconds <= 0 || s.Epochs[0].Epoch != 1 || s.Epochs[0].Loss == 0 {
			t.Errorf("%s: %+v", name, s)
		}
	}
	if m.TestBCE != m.Autoencoder.Epochs[0].Test || m.TestNLL != m.Flow.Epochs[0].Test {
		t.Errorf("the last test losses are %v and %v, the metrics say %v and %v", m.Autoencoder.Epochs[0].Test, m.Flow.Epochs[0].Test, m.TestBCE, m.TestNLL)
	}
	if !(m.TestMSE > 0 && m.TestMSE < 0.3) || m.TotalTime < m.Autoencoder.Seconds+m.Flow.Seconds || m.EmbedTime <= 0 {
		t.Errorf("squared error %v, seconds %v with %v for embedding", m.TestMSE, m.TotalTime, m.EmbedTime)
	}
	latent := modelIn(t, dir)
	if n := command.CountParams(latent); n != m.Parameters.Autoencoder+m.Parameters.Flow || m.Parameters.Flow == 0 {
		t.Errorf("the model has %d parameters, the metrics say %+v", n, m.Parameters)
	}
	if latent.Flow().ContextDim() != 10 || latent.Flow().Dim() != 4 {
		t.Errorf("a flow of %d features and %d classes", latent.Flow().Dim(), latent.Flow().ContextDim())
	}
}

// TestTrainKinds trains each kind of model; the images are no squares, and few
// for a grid.
func TestTrainKinds(t *testing.T) {
	data := bars(t, 8, 6)
	for _, args := range []string{
		"-encoder conv", "-encoder dense", "-encoder pca",
		"-coupling additive -norm none", "-coupling spline", "-coupling glow", "-coupling affine -norm act -scale exp", "-unconditional", "-limit 30 -schedule constant",
	} {
		t.Run(args, func(t *testing.T) {
			dir := t.TempDir()
			out := mustRun(t, tiny(data, append(strings.Fields(args), "-out", dir)...)...)
			for _, name := range []string{"samples.png", "reconstructions.png", "interpolation.png", "curves.png"} {
				commandtest.PNGSize(t, dir, name)
				if !strings.Contains(out, filepath.Join(dir, name)+"\n") {
					t.Errorf("%s is not named in\n%s", name, out)
				}
			}
			m := readMetrics(t, dir)
			// PCA has no cross-entropy, which is null then.
			if none := bytes.Contains(readFile(t, dir, "metrics.json"), []byte(`"test_bce_nats_a_pixel": null`)); none != strings.Contains(args, "pca") {
				t.Errorf("a reconstruction loss is missing: %v", none)
			}
			if want := map[bool]int{true: 30, false: 400}[strings.Contains(args, "limit")]; m.Images != want || m.TestImages != 40 {
				t.Errorf("%d and %d images, want %d and 40", m.Images, m.TestImages, want)
			}
			classes := 4
			if strings.Contains(args, "unconditional") {
				classes = 0
			}
			if got := modelIn(t, dir).Flow().ContextDim(); got != classes {
				t.Errorf("%d classes, want %d", got, classes)
			}
		})
	}
}

// TestTrainRepeats: a seed decides every bit, the number of cores none.
func TestTrainRepeats(t *testing.T) {
	data := sliceOfMNIST()
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	train := func(encoder, seed string, cores int) (model, picture []byte) {
		runtime.GOMAXPROCS(cores)
		dir := t.TempDir()
		mustRun(t, tiny(data, "-encoder", encoder, "-seed", seed, "-out", dir)...)
		return readFile(t, dir, modelFile), readFile(t, dir, "samples.png")
	}
	for _, encoder := range []string{"conv", "dense", "pca"} {
		model, picture := train(encoder, "3", 1)
		again, samePicture := train(encoder, "3", 2)
		if !bytes.Equal(model, again) || !bytes.Equal(picture, samePicture) {
			t.Errorf("%s: two runs with one seed differ", encoder)
		}
		if other, _ := train(encoder, "4", 2); bytes.Equal(model, other) {
			t.Errorf("%s: another seed makes the same model", encoder)
		}
	}
}

// TestSeeds: a seed reaches the weights of every part and the order of rows.
func TestSeeds(t *testing.T) {
	_, set, err := mnist.LoadDir(bars(t, 8, 8))
	if err != nil {
		t.Fatal(err)
	}
	paramsOf := func(m any) (v []float32) {
		for _, p := range m.(interface {
			Params() []bijector.Param[float32]
		}).Params() {
			v = append(v, p.Data...)
		}
		return v
	}
	weights := func(seed uint64, encoder string) (encoderWeights, flowWeights []float32) {
		c := &config{Encoder: encoder, Embedding: 4, Layers: 2, Hidden: command.Sizes{8}, Norm: "batch", Seed: seed}
		if c.options("", 1, 1, train.Adam{}).Seed != seed {
			t.Errorf("seed %d does not order the rows", seed)
		}
		m, err := newCoder(c, set)
		if err != nil {
			t.Fatal(err)
		}
		flow, err := newFlow(c, 4)
		if err != nil {
			t.Fatal(err)
		}
		return paramsOf(m), paramsOf(flow)
	}
	for _, encoder := range []string{"conv", "dense"} {
		a, f := weights(1, encoder)
		b, g := weights(2, encoder)
		if slices.Equal(a, b) || slices.Equal(f, g) {
			t.Errorf("%s: seeds 1 and 2 make the same weights", encoder)
		}
	}
}

// TestTrainInterrupted cancels either stage. What was trained is there, and
// scores as the metrics say.
func TestTrainInterrupted(t *testing.T) {
	data := sliceOfMNIST()
	for _, c := range []struct {
		at, encoder         string
		autoencoder, little bool // epochs of the autoencoder, few of the flow's
	}{
		{"autoencoder 1/", "dense", true, false},
		{"flow 2/", "dense", true, true},
		{"flow 2/", "pca", false, true},
	} {
		dir := t.TempDir()
		epochs := "100000"
		if strings.HasPrefix(c.at, "flow") {
			epochs = "1"
		}
		o := cancelAt(c.at, tiny(data, "-encoder", c.encoder, "-ae-epochs", epochs, "-flow-epochs", "100000", "-out", dir)...)
		last := o.log[strings.LastIndex(strings.TrimSuffix(o.log, "\n"), "\n")+1:]
		dir = filepath.Join(dir, "unfinished")
		if want := "latentflow train: interrupted; what was trained until then is in " + dir + "\n"; o.code != 130 || last != want {
			t.Errorf("%s: code %d, last line %q, want 130 and %q", c.at, o.code, last, want)
		}
		m := readMetrics(t, dir)
		if !m.Interrupted || (len(m.Autoencoder.Epochs) == 1) != c.autoencoder || (len(m.Flow.Epochs) == 2) != c.little || m.Flow.Epochs == nil {
			t.Errorf("%s, %s: %+v", c.at, c.encoder, m)
		}
		for _, name := range []string{"samples.png", "reconstructions.png", "interpolation.png", "curves.png"} {
			commandtest.PNGSize(t, dir, name)
			if !strings.Contains(o.out, filepath.Join(dir, name)+"\n") {
				t.Errorf("%s: %s is not named in\n%s", c.at, name, o.out)
			}
		}
		if mean := meanScore(t, dir, data); !(math.Abs(mean+float64(m.TestNLL)) < 1e-3) {
			t.Errorf("%s: the saved model scores %v on average, the metrics say %v", c.at, mean, -m.TestNLL)
		}
	}
}

// meanScore is the mean log-density of the test images by score.
func meanScore(t *testing.T, dir, data string) float64 {
	t.Helper()
	values := filepath.Join(t.TempDir(), "values.npy")
	mustRun(t, "score", "-model", filepath.Join(dir, modelFile), "-data", data, "-out", filepath.Join(t.TempDir(), "score.png"), "-values", values)
	_, logp := readNPY(t, values)
	sum := 0.0
	for _, v := range logp {
		sum += float64(v)
	}
	return sum / float64(len(logp))
}

// TestTrainInterruptedAtOnce: before the first step there is nothing to save.
func TestTrainInterruptedAtOnce(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for _, encoder := range []string{"conv", "pca"} {
		dir := t.TempDir()
		before := tree(t, dir)
		o := runUntil(ctx, nil, tiny(sliceOfMNIST(), "-encoder", encoder, "-out", dir)...)
		if o.code != 130 || !strings.Contains(o.log, "interrupted; nothing was trained yet") || tree(t, dir) != before {
			t.Errorf("%s: code %d, %q", encoder, o.code, o.log)
		}
	}
}
