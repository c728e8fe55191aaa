package page

import (
	"context"
	"math/rand/v2"
	"testing"

	"github.com/bijou-flow/bijou/autoencoder"
	"github.com/bijou-flow/bijou/coupling"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/internal/testkit"
	"github.com/bijou-flow/bijou/mnist"
)

// BenchmarkDigit is the answer to a move of a slider, by a model of the size
// that "latentflow train" makes: the picture alone, and with what the model says
// of it. In WebAssembly, from the root of the repository:
//
//	GOOS=js GOARCH=wasm go test -exec "$(go env GOROOT)/lib/wasm/go_js_wasm_exec" -run - -bench Digit ./mnist/latentflow/internal/page
func BenchmarkDigit(b *testing.B) {
	coder := testkit.Must(autoencoder.NewConv[float32](autoencoder.ConvSpec{Height: 28, Width: 28, Embedding: 20, Seed: 1}))
	chain := testkit.Must(coupling.RealNVP[float32](coupling.Recipe{Dim: 20, ContextDim: 10, Layers: 9, Hidden: []int{200, 200}, Norm: "none", Seed: 1}))
	f := testkit.Must(flow.New(chain, distribution.StandardNormal[float32](20)))
	images := mnist.Images{Height: 28, Width: 28, Pixels: make([]uint8, 50*784)}
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range images.Pixels {
		images.Pixels[i] = uint8(rng.IntN(256))
	}
	test := testkit.Must(mnist.NewSet(images, make([]uint8, 50)))
	e, err := newEngine(Options{
		Model: testkit.Must(autoencoder.NewLatent[float32](coder, coder, f)), Test: test, Embeddings: testkit.Must(coder.Encode(mnist.Pixels[float32](test))),
	})
	if err != nil {
		b.Fatal(err)
	}
	seven, p := 7, point{Latent: make([]float64, 20)}
	p.Digit = &seven
	b.Run("picture", func(b *testing.B) {
		for i := range b.N {
			p.Latent[i%20] = rng.NormFloat64()
			_, z, err := e.place(p)
			if err == nil {
				_, err = e.gray(z)
			}
			if err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("answer", func(b *testing.B) {
		for i := range b.N {
			p.Latent[i%20] = rng.NormFloat64()
			if _, err := e.digit(context.Background(), p); err != nil {
				b.Fatal(err)
			}
		}
	})
}
