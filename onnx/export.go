// What a program calls: a flow in one direction, an encoder, a decoder.

package onnx

import (
	"errors"
	"fmt"
	"io"
	"unsafe"

	"github.com/bijou-flow/bijou/autoencoder"
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/internal/nilcheck"
)

// ErrUnsupported: a part of the model has no form in ONNX, or none that this
// package knows.
var ErrUnsupported = errors.New("not supported in ONNX")

// Direction is what an exported flow computes.
type Direction int

const (
	// Forward takes "x" (n, d), and "context" (n, c) of a conditional flow, and
	// gives "z" (n, d) and "log_prob" (n), in nats. A row outside the domain of
	// a layer has a log_prob of -Inf and a z of NaN.
	Forward Direction = iota
	// Inverse takes "z" (n, d), and "context", and gives "x" (n, d).
	Inverse
)

// Export writes a flow in one direction as an ONNX model. The context is an
// input of the model, so one that is bound with Given does not matter, nor does
// the temperature. It returns an ErrUnsupported that names a part which cannot
// be exported, and w's errors; nothing is written before the model is complete.
func Export[T bijector.Float](w io.Writer, flow *flow.Flow[T], d Direction) error {
	if d != Forward && d != Inverse {
		return fmt.Errorf("onnx: direction %d, want Forward or Inverse: %w", d, bijector.ErrSpec)
	}
	if err := checkCall(w, flow); err != nil {
		return err
	}
	if err := flow.Validate(); err != nil {
		return fmt.Errorf("onnx: %w", err)
	}
	g := newGraph(elemOf[T]())
	in, out := "x", "z"
	if d == Inverse {
		in, out = out, in
	}
	v := g.input(in, flow.Dim())
	var context Value
	if c := flow.ContextDim(); c > 0 {
		context = g.input("context", c)
	}
	if m := flow.Embedding(); m != nil {
		context = network(g, m, context)
	}
	if d == Inverse {
		v, logDet := inverse(g, flow.Layer(), v, context)
		v = g.markOutside(v, logDet)
		return g.write(w, "the inverse of a normalizing flow, latent to data", graphOutput{out, v, []int{flow.Dim()}})
	}
	v, logDet := forward(g, flow.Layer(), v, context)
	logp := g.Add(baseLogProb(g, flow.Base(), v, context), logDet)
	logp = g.Op("Reshape", nil, logp, g.Ints(-1))
	v = g.markOutside(v, logDet)
	return g.write(w, "a normalizing flow, data to latent and log-density in nats", graphOutput{out, v, []int{flow.Dim()}}, graphOutput{"log_prob", logp, nil})
}

// ExportEncoder writes an encoder: "x" (n, d) to "z" (n, embedding). Images
// are rows, feature (ch*h+y)*w+x for pixel (y, x) of channel ch.
func ExportEncoder[T bijector.Float](w io.Writer, e autoencoder.Encoder[T]) error {
	if err := checkCall(w, e); err != nil {
		return err
	}
	g := newGraph(elemOf[T]())
	z, out := encode[T](g, e)
	return g.write(w, "an encoder, data to embedding", graphOutput{"z", z, []int{out}})
}

// ExportDecoder writes a decoder: "z" (n, embedding) to "x" (n, d).
func ExportDecoder[T bijector.Float](w io.Writer, d autoencoder.Decoder[T]) error {
	if err := checkCall(w, d); err != nil {
		return err
	}
	g := newGraph(elemOf[T]())
	x, out := decode[T](g, d)
	return g.write(w, "a decoder, embedding to data", graphOutput{"x", x, []int{out}})
}

// checkCall refuses a nil writer and a nil model.
func checkCall(w io.Writer, model any) error {
	if nilcheck.IsNil(w) {
		return fmt.Errorf("onnx: no writer: %w", bijector.ErrSpec)
	}
	if nilcheck.IsNil(model) {
		return fmt.Errorf("onnx: no model to export: %w", bijector.ErrSpec)
	}
	return nil
}

func elemOf[T bijector.Float]() int64 {
	if unsafe.Sizeof(*new(T)) == 4 {
		return elemFloat
	}
	return elemDouble
}

// graphOutput is an output of a model: n rows of dims.
type graphOutput struct {
	name string
	Value
	dims []int
}

// write encodes what the results need.
func (g *Graph) write(w io.Writer, doc string, results ...graphOutput) error {
	for i, r := range results {
		results[i].Value = g.Op("Identity", nil, r.Value) // a result may be an input
		g.nodes[len(g.nodes)-1].out[0] = r.name
	}
	if g.err != nil {
		return g.err
	}
	needed := map[string]bool{}
	for _, r := range results {
		needed[r.name] = true
	}
	keep := make([]bool, len(g.nodes))
	for i := len(g.nodes) - 1; i >= 0; i-- { // nodes come after what they read
		if n := g.nodes[i]; needed[n.out[0]] {
			keep[i] = true
			for _, name := range n.in {
				needed[name] = true
			}
		}
	}
	var graph message
	for i, n := range g.nodes {
		if keep[i] {
			graph.bytes(1, n.encode())
		}
	}
	graph.string(2, "bijou")
	for _, c := range g.constants {
		if needed[c.name] {
			graph.bytes(5, c.data)
		}
	}
	for _, in := range g.inputs {
		graph.bytes(11, in)
	}
	for _, r := range results {
		graph.bytes(12, valueInfo(r.name, g.elem, r.dims...))
	}
	_, err := w.Write(modelOf(graph, doc))
	return err
}

func (n node) encode() message {
	var m message
	for _, name := range n.in {
		m.string(1, name)
	}
	for _, name := range n.out {
		m.string(2, name)
	}
	m.string(3, "make_"+n.out[0]) // a name of its own, which some optimisers need
	m.string(4, n.op)
	for _, a := range n.attrs {
		m.bytes(5, attribute(a.Name, a.Value))
	}
	return m
}
