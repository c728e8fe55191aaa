package onnx_test

import (
	"bytes"
	"fmt"
	"log"

	"github.com/bijou-flow/bijou/flow"

	"github.com/bijou-flow/bijou/autoencoder"
	"github.com/bijou-flow/bijou/coupling"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/onnx"
)

// A flow leaves as two models, one a direction.
func ExampleExport() {
	chain, err := coupling.RealNVP[float32](coupling.Recipe{Dim: 4, Layers: 2, Hidden: []int{8}})
	if err != nil {
		log.Fatal(err)
	}
	f, err := flow.New(chain, distribution.StandardNormal[float32](4))
	if err != nil {
		log.Fatal(err)
	}

	var density, sampler bytes.Buffer // or files
	if err := onnx.Export(&density, f, onnx.Forward); err != nil {
		log.Fatal(err)
	}
	if err := onnx.Export(&sampler, f, onnx.Inverse); err != nil {
		log.Fatal(err)
	}
	fmt.Println(density.Len() > 1000, sampler.Len() > 1000)
	// Output: true true
}

func ExampleExportEncoder() {
	ae, err := autoencoder.NewDense[float32](autoencoder.DenseSpec{In: 12, Hidden: []int{8}, Embedding: 3})
	if err != nil {
		log.Fatal(err)
	}
	var encoder, decoder bytes.Buffer
	if err := onnx.ExportEncoder[float32](&encoder, ae); err != nil {
		log.Fatal(err)
	}
	if err := onnx.ExportDecoder[float32](&decoder, ae); err != nil {
		log.Fatal(err)
	}
	fmt.Println(encoder.Len() > 500, decoder.Len() > 500)
	// Output: true true
}
