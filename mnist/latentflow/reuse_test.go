package main

import (
	"bytes"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bijou-flow/bijou/autoencoder"
	"github.com/bijou-flow/bijou/internal/command"
	"github.com/bijou-flow/bijou/internal/command/commandtest"
	"github.com/bijou-flow/bijou/internal/testkit"
	"github.com/bijou-flow/bijou/registry"
)

// train -model leaves the autoencoder as it was, and trains a flow of another size.
func TestTrainReusesAnAutoencoder(t *testing.T) {
	from, dir := filepath.Join(convModel(), modelFile), t.TempDir()
	o := latentflow(append(tiny(sliceOfMNIST(), "-out", dir, "-model", from), "-layers", "3")...)
	if o.code != command.Done || strings.Contains(o.log, "autoencoder 1/") {
		t.Fatalf("code %d\n%s", o.code, o.log)
	}
	load := testkit.Must[*autoencoder.Latent[float32]]
	a, b := load(registry.Load[*autoencoder.Latent[float32]](from)), load(registry.Load[*autoencoder.Latent[float32]](filepath.Join(dir, modelFile)))
	var before, after bytes.Buffer
	for w, m := range map[*bytes.Buffer]*autoencoder.Latent[float32]{&before: a, &after: b} {
		if err := registry.Write(w, m.Encoder()); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(before.Bytes(), after.Bytes()) {
		t.Error("the autoencoder has changed")
	}
	if slices.Equal(a.Flow().Params()[0].Data, b.Flow().Params()[0].Data) || len(a.Flow().Params()) == len(b.Flow().Params()) {
		t.Error("the flow is the one of before")
	}
	commandtest.PNGSize(t, dir, curvesFile)
}

func TestTrainReusesNothingThatDoesNotFit(t *testing.T) {
	for _, c := range []struct{ data, model, want string }{
		{sliceOfMNIST(), filepath.Join(t.TempDir(), "none.safetensors"), "there is no such file"},
		{bars(t, 8, 8), filepath.Join(convModel(), modelFile), "its autoencoder is not one of images of 8 x 8"},
	} {
		if o := latentflow(tiny(c.data, "-out", t.TempDir(), "-model", c.model)...); o.code != command.Failed || !strings.Contains(o.log, "-model "+c.model+": ") || !strings.Contains(o.log, c.want) {
			t.Errorf("%s: code %d\n%s", c.want, o.code, o.log)
		}
	}
}
