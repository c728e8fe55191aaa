package registry_test

import (
	"bytes"
	"os"
	"testing"

	"github.com/bijou-flow/bijou/autoencoder"
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/registry"
)

// TestFilesOfBefore loads files that were written when flows were in package
// distribution: each is read, and saved again it is the same file.
func TestFilesOfBefore(t *testing.T) {
	sameFile[*flow.Flow[float32]](t, "flow")
	sameFile[*flow.Ensemble[float32]](t, "ensemble")
	sameFile[*autoencoder.Latent[float32]](t, "latent")
	sameFile[autoencoder.Encoder[float32]](t, "encoder")
	sameFile[bijector.Layer[float32]](t, "bijector")
}

func sameFile[M any](t *testing.T, kind string) {
	t.Helper()
	file := "testdata/before/" + kind + ".safetensors"
	m, err := registry.Load[M](file)
	if err != nil {
		t.Error(err)
		return
	}
	if !bytes.Equal(saved(t, m), must(os.ReadFile(file))) {
		t.Errorf("%s: saved again, it is another file", file)
	}
}
