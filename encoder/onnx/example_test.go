package bijouonnx_test

import (
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/bijou-flow/bijou/autoencoder"
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/coupling"
	"github.com/bijou-flow/bijou/distribution"
	bijouonnx "github.com/bijou-flow/bijou/encoder/onnx"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/onnx"
	"github.com/bijou-flow/bijou/registry"
)

func must[V any](v V, err error) V {
	if err != nil {
		log.Fatal(err)
	}
	return v
}

// A flow on the embeddings of an ONNX file, saved and loaded.
func Example() {
	dir := must(os.MkdirTemp("", "example"))
	defer os.RemoveAll(dir)

	// A file that somebody else trained: here one of the library's own.
	file := must(os.Create(filepath.Join(dir, "encoder.onnx")))
	own := must(autoencoder.NewConv[float32](autoencoder.ConvSpec{Embedding: 4, Seed: 1}))
	must(0, onnx.ExportEncoder[float32](file, own))
	must(0, file.Close())

	encoder := must(bijouonnx.OpenEncoder[float32](file.Name(), bijouonnx.Options{}))
	fmt.Println(encoder.Dim(), "values become", encoder.Embedding())

	pictures := bijector.NewRows[float32](3, encoder.Dim())
	z := must(encoder.Encode(pictures)) // what a flow is trained on
	fmt.Println(z.Shape())

	chain := must(coupling.RealNVP[float32](coupling.Recipe{Dim: encoder.Embedding(), Layers: 2, Seed: 1}))
	f := must(flow.New(chain, distribution.StandardNormal[float32](encoder.Embedding())))
	latent := must(autoencoder.NewLatent(encoder, nil, f))
	model := filepath.Join(dir, "latent.safetensors")
	must(0, registry.Save(model, latent))

	// Elsewhere: encoder.onnx lies beside the model.
	loaded := must(bijouonnx.Load[*autoencoder.Latent[float32]](model))
	before, after := must(latent.LogProb(pictures)), must(loaded.LogProb(pictures))
	fmt.Println("the same scores:", before[0] == after[0])
	// Output:
	// 784 values become 4
	// (3, 4)
	// the same scores: true
}
