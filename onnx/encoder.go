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
	in := inputWidth(e)
	if in == 0 {
		g.Fail(fmt.Errorf("onnx: an encoder %T has no form in ONNX: %w", e, ErrUnsupported))
		return Value{"x"}, 0
	}
	return embedding(g, e, g.input("x", in))
}

// inputWidth is the number of values of an encoder's rows, 0 where it has no form.
func inputWidth[T bijector.Float](e autoencoder.Encoder[T]) int {
	switch e := e.(type) {
	case *autoencoder.Autoencoder[T]:
		return e.Dim()
	case *autoencoder.PCA[T]:
		return e.Spec().(autoencoder.PCASpec).In
	case *autoencoder.Identity[T]:
		return e.Embedding()
	case *autoencoder.Chain[T]:
		if first, then := e.Parts(); inputWidth(then) > 0 {
			return inputWidth(first)
		}
	}
	return 0
}

// embedding is that of rows x, with the width of it.
func embedding[T bijector.Float](g *Graph, e autoencoder.Encoder[T], x Value) (z Value, width int) {
	switch e := e.(type) {
	case *autoencoder.Autoencoder[T]:
		encoder, _ := e.Networks()
		z := network(g, encoder, x)
		if encoder.Out() > e.Embedding() { // variances are behind the means
			z = g.Slice(z, 1, 0, e.Embedding())
		}
		return z, e.Embedding()
	case *autoencoder.PCA[T]:
		return pcaOf(g, e).embed(g, x)
	case *autoencoder.Chain[T]:
		first, then := e.Parts()
		x, _ = embedding(g, first, x)
		return embedding(g, then, x)
	}
	return x, e.(*autoencoder.Identity[T]).Embedding()
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
		z := g.input("z", d.Embedding())
		if p.residual {
			z = g.Slice(z, 1, 0, p.out)
		}
		return g.Add(p.back(g, z), g.Row(p.mean)), p.in
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
	residual             bool
	floor                float64
}

// embed is that of rows x, with the width of it.
func (p pca) embed(g *Graph, x Value) (z Value, width int) {
	centred := g.Sub(x, g.Row(p.mean))
	z = g.Linear(centred, p.encode, nil, p.in, p.out)
	if !p.residual {
		return z, p.out
	}
	rest := g.Sub(centred, p.back(g, z))
	squares := g.Sum(g.Mul(rest, rest), p.in)
	return g.Concat(1, z, g.Times(g.Log(g.Plus(squares, p.floor)), 0.5)), p.out + 1
}

// back is what components give back, less the mean.
func (p pca) back(g *Graph, z Value) Value {
	return g.MatMul(z, g.Constant(p.decode, p.out, p.in))
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
	m := pca{in: s.In, out: s.Embedding, mean: state["mean"].([]float64), residual: s.Residual, floor: 1e-10*state["total_variance"].([]float64)[0] + math.SmallestNonzeroFloat32}
	for i, v := range components {
		scale := 1.0
		if s.Whiten {
			scale = math.Sqrt(variance[i/s.In])
		}
		m.encode, m.decode = append(m.encode, v/scale), append(m.decode, v*scale)
	}
	return m
}
