package autoencoder_test

import (
	"fmt"
	"log"
	"math/rand/v2"

	"gorgonia.org/tensor"

	"github.com/bijou-flow/bijou/autoencoder"
	"github.com/bijou-flow/bijou/coupling"
	"github.com/bijou-flow/bijou/distribution"
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
	flow := distribution.NewFlow(chain, distribution.NewNormal[float32](4))
	model, err := autoencoder.NewLatent(ae, nil, flow)
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
	fmt.Println(draws.Shape(), logp.Shape())
	// Output: (10, 64) (10)
}
