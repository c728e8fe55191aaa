package autoencoder_test

import (
	"context"
	"fmt"
	"log"
	"math"
	"math/rand/v2"

	"github.com/bijou-flow/bijou/flow"

	"gorgonia.org/tensor"

	"github.com/bijou-flow/bijou/autoencoder"
	"github.com/bijou-flow/bijou/coupling"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/train"
)

func ExampleNewConv() {
	ae, err := autoencoder.NewConv[float32](autoencoder.ConvSpec{Height: 12, Width: 10, InChannels: 3, Embedding: 8})
	if err != nil {
		log.Fatal(err)
	}
	x := tensor.New(tensor.WithShape(5, 3, 12, 10), tensor.Of(tensor.Float32))
	z, err := ae.Encode(x)
	if err != nil {
		log.Fatal(err)
	}
	y, err := ae.Decode(z)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(z.Shape(), y.Shape())
	// Output: (5, 8) (5, 360)
}

// An autoencoder is trained like a flow. Its loss is the binary cross-entropy in
// nats a value: ln 2 for one that knows nothing.
func ExampleAutoencoder() {
	const n = 600
	rng := rand.New(rand.NewPCG(1, 2))
	x := tensor.New(tensor.WithShape(n, 1, 8, 8), tensor.Of(tensor.Float32))
	for i := range n { // a bright square somewhere on a dark ground
		top, left := rng.IntN(5), rng.IntN(5)
		for y := top; y < top+4; y++ {
			for j := left; j < left+4; j++ {
				x.Float32s()[i*64+y*8+j] = 1
			}
		}
	}
	ae, err := autoencoder.NewConv[float32](autoencoder.ConvSpec{Height: 8, Channels: []int{8, 16}, Embedding: 4})
	if err != nil {
		log.Fatal(err)
	}
	report, err := train.Fit(context.Background(), ae, train.Tensor(x), train.Options{
		ValidationFraction: train.NoValidation,
		Epochs:             20, Rate: 5e-3, Optimizer: train.Adam{WeightDecay: 1e-5},
	})
	if err != nil {
		log.Fatal(err)
	}
	first, last := report.Epochs[0].Loss, report.Epochs[19].Loss
	fmt.Println("first epoch below ln 2:", first < math.Ln2)
	fmt.Println("last below a tenth of that:", last < math.Ln2/10)
	// Output:
	// first epoch below ln 2: true
	// last below a tenth of that: true
}

func ExampleNewDense() {
	ae, err := autoencoder.NewDense[float64](autoencoder.DenseSpec{In: 6, Hidden: []int{16}, Embedding: 2})
	if err != nil {
		log.Fatal(err)
	}
	y, err := ae.Reconstruct(tensor.New(tensor.WithShape(4, 6), tensor.Of(tensor.Float64)))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(y.Shape())
	// Output: (4, 6)
}

func ExampleNewPCA() {
	// Points on a line in the plane.
	x := tensor.New(tensor.WithShape(4, 2), tensor.WithBacking([]float64{0, 1, 3, 5, 6, 9, 9, 13}))
	pca, err := autoencoder.NewPCA[float64](autoencoder.PCASpec{In: 2, Embedding: 1})
	if err != nil {
		log.Fatal(err)
	}
	if err := pca.Fit(x); err != nil {
		log.Fatal(err)
	}
	z, err := pca.Encode(x)
	if err != nil {
		log.Fatal(err)
	}
	for _, v := range z.Float64s() {
		fmt.Printf("%.1f ", v)
	}
	along, total := pca.ExplainedVariance()
	fmt.Printf("explain %.0f%%", 100*along[0]/total)
	// Output: -7.5 -2.5 2.5 7.5 explain 100%
}

func ExampleNewIdentity() {
	id, err := autoencoder.NewIdentity[float64](autoencoder.IdentitySpec{Dim: 2})
	if err != nil {
		log.Fatal(err)
	}
	z, err := id.Encode(tensor.New(tensor.WithShape(1, 2), tensor.WithBacking([]float64{3, 4})))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(z.Float64s())
	// Output: [3 4]
}

func ExampleNewLatent() {
	ae, err := autoencoder.NewConv[float32](autoencoder.ConvSpec{Height: 8, Embedding: 4})
	if err != nil {
		log.Fatal(err)
	}
	chain, err := coupling.RealNVP[float32](coupling.Recipe{Dim: 4, Layers: 4})
	if err != nil {
		log.Fatal(err)
	}
	// Both would be trained here: the autoencoder on images, then the flow on
	// their embeddings.
	f, err := flow.New(chain, distribution.StandardNormal[float32](4))
	if err != nil {
		log.Fatal(err)
	}
	model, err := autoencoder.NewLatent(ae, nil, f)
	if err != nil {
		log.Fatal(err)
	}
	draws, err := model.Sample(rand.New(rand.NewPCG(1, 2)), 10)
	if err != nil {
		log.Fatal(err)
	}
	logp, err := model.LogProb(draws)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(draws.Shape(), len(logp))
	// Output: (10, 64) 10
}

// A variational autoencoder of real values, and the flow that is the prior of its
// embeddings, are trained together; a Latent is made of both.
func ExampleNewVariational() {
	const n, d = 500, 16
	rng := rand.New(rand.NewPCG(1, 2))
	x := tensor.New(tensor.WithShape(n, d), tensor.Of(tensor.Float32))
	for i := range n { // a wave of one of two frequencies, and noise
		phase, freq := 2*math.Pi*rng.Float64(), 0.4+0.4*float64(i%2)
		for j := range d {
			x.Float32s()[i*d+j] = float32(math.Sin(phase+freq*float64(j)) + 0.1*rng.NormFloat64())
		}
	}
	ae, err := autoencoder.NewDense[float32](autoencoder.DenseSpec{
		In: d, Hidden: []int{32}, Embedding: 4, Loss: "gaussian", Variational: true, Seed: 1,
	})
	if err != nil {
		log.Fatal(err)
	}
	// The embeddings move while training goes on: no layers that take their state from data.
	chain, err := coupling.RealNVP[float32](coupling.Recipe{Dim: 4, Layers: 4, Hidden: []int{32}, Raw: true, Norm: "none", Seed: 1})
	if err != nil {
		log.Fatal(err)
	}
	prior, err := flow.New(chain, distribution.StandardNormal[float32](4))
	if err != nil {
		log.Fatal(err)
	}
	both, err := autoencoder.NewVariational(ae, prior)
	if err != nil {
		log.Fatal(err)
	}
	if _, err := train.Fit(context.Background(), both, train.Tensor(x), train.Options{Epochs: 60, Batch: 50, Rate: 3e-3}); err != nil {
		log.Fatal(err)
	}
	model, err := autoencoder.NewLatent(ae, nil, prior)
	if err != nil {
		log.Fatal(err)
	}
	draws, err := model.Sample(rng, 100)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(draws.Shape())
	fmt.Println("deviation of a value about its reconstruction below 0.25:", ae.Scale() < 0.25)
	// Output:
	// (100, 16)
	// deviation of a value about its reconstruction below 0.25: true
}
