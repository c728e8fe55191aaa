// Encoders and decoders.

package onnx

import (
	"fmt"
	"math"

	"github.com/bijou-flow/bijou/autoencoder"
	"github.com/bijou-flow/bijou/bijector"
)

// encode declares the input of an encoder and returns its embedding, with the
// width of it.
func encode[T bijector.Float](g *Graph, e autoencoder.Encoder[T]) (z Value, width int) {
	switch e := e.(type) {
	case *autoencoder.Autoencoder[T]:
		encoder, _ := e.Networks()
		z := network(g, encoder, g.input("x", e.Dim()))
		if encoder.Out() > e.Embedding() { // variances are behind the means
			z = g.Slice(z, 1, 0, e.Embedding())
		}
		return z, e.Embedding()
	case *autoencoder.PCA[T]:
		p := pcaOf(g, e)
		centred := g.Sub(g.input("x", p.in), g.Row(p.mean))
		return g.Linear(centred, p.encode, nil, p.in, p.out), p.out
	case *autoencoder.Identity[T]:
		return g.input("x", e.Embedding()), e.Embedding()
	}
	g.Fail(fmt.Errorf("onnx: an encoder %T has no form in ONNX: %w", e, ErrUnsupported))
	return Value{"x"}, 0
}

// decode declares the input of a decoder and returns its data, with the width
// of it.
func decode[T bijector.Float](g *Graph, d autoencoder.Decoder[T]) (x Value, width int) {
	switch d := d.(type) {
	case *autoencoder.Autoencoder[T]:
		_, decoder := d.Networks()
		x := network(g, decoder, g.input("z", d.Embedding()))
		if hasLogits(d.Spec()) {
			x = g.Sigmoid(x)
		}
		return x, d.Dim()
	case *autoencoder.PCA[T]:
		p := pcaOf(g, d)
		y := g.MatMul(g.input("z", p.out), g.Constant(p.decode, p.out, p.in))
		return g.Add(y, g.Row(p.mean)), p.in
	case *autoencoder.Identity[T]:
		return g.input("z", d.Embedding()), d.Embedding()
	}
	g.Fail(fmt.Errorf("onnx: a decoder %T has no form in ONNX: %w", d, ErrUnsupported))
	return Value{"z"}, 0
}

// hasLogits says whether an autoencoder's decoder gives logits: that of the loss
// "bce", and one without a spec.
func hasLogits(spec any) bool {
	switch s := spec.(type) {
	case autoencoder.ConvSpec:
		return s.Loss == ""
	case autoencoder.DenseSpec:
		return s.Loss == ""
	}
	return true
}

// pca is a PCA's two maps, (out, in) both, whitening folded in.
type pca struct {
	in, out              int
	mean, encode, decode []float64
}

func pcaOf[T bijector.Float](g *Graph, p *autoencoder.PCA[T]) pca {
	s := p.Spec().(autoencoder.PCASpec)
	state := map[string]any{}
	for _, b := range p.Buffers() {
		state[b.Name] = b.Data
	}
	if state["samples"].([]int64)[0] < 1 {
		g.Fail(fmt.Errorf("onnx: the PCA has no components yet: %w", autoencoder.ErrNotFitted))
	}
	components, variance := state["components"].([]float64), state["variance"].([]float64)
	m := pca{in: s.In, out: s.Embedding, mean: state["mean"].([]float64)}
	for i, v := range components {
		scale := 1.0
		if s.Whiten {
			scale = math.Sqrt(variance[i/s.In])
		}
		m.encode, m.decode = append(m.encode, v/scale), append(m.decode, v*scale)
	}
	return m
}
