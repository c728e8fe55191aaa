package bijouonnx

import (
	"math"
	"os"
	"path/filepath"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/bijou-flow/bijou/internal/testkit"
)

// The models of the tests are written here, by the fields of ONNX's protocol
// buffers.
type (
	// graphOf is a model.
	graphOf struct {
		inputs, outputs []valueOf
		nodes           []nodeOf
		weights         []weightOf
	}
	valueOf struct {
		name  string
		dtype int   // 1: float32, 7: int64
		shape []any // an int, or the name of an open length
	}
	nodeOf struct {
		op              string
		inputs, outputs []string
		attributes      map[string]any // int, []int, float64, string
	}
	weightOf struct {
		name   string
		shape  []int
		floats []float32
		ints   []int64
	}
)

const (
	float32s = 1
	uint8s   = 2
	int64s   = 7
	strings8 = 8
)

func message(b []byte, field int, body []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, protowire.Number(field), protowire.BytesType), body)
}

func text(b []byte, field int, s string) []byte { return message(b, field, []byte(s)) }

func integer(b []byte, field int, v uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, protowire.Number(field), protowire.VarintType), v)
}

func (v valueOf) bytes() []byte {
	var shape []byte
	for _, d := range v.shape {
		if n, ok := d.(int); ok {
			shape = message(shape, 1, integer(nil, 1, uint64(n)))
		} else {
			shape = message(shape, 1, text(nil, 2, d.(string)))
		}
	}
	tensor := message(integer(nil, 1, uint64(v.dtype)), 2, shape)
	return message(text(nil, 1, v.name), 2, message(nil, 1, tensor))
}

func (n nodeOf) bytes() (b []byte) {
	for _, in := range n.inputs {
		b = text(b, 1, in)
	}
	for _, out := range n.outputs {
		b = text(b, 2, out)
	}
	b = text(text(b, 3, n.op+"_"+n.outputs[0]), 4, n.op)
	for name, v := range n.attributes {
		a := text(nil, 1, name)
		switch v := v.(type) {
		case int:
			a = integer(integer(a, 3, uint64(v)), 20, 2)
		case float64:
			a = protowire.AppendFixed32(protowire.AppendTag(a, 2, protowire.Fixed32Type), math.Float32bits(float32(v)))
			a = integer(a, 20, 1)
		case string:
			a = integer(text(a, 4, v), 20, 3)
		case graphOf:
			a = integer(message(a, 6, v.graph()), 20, 5)
		case []int:
			for _, i := range v {
				a = integer(a, 8, uint64(i))
			}
			a = integer(a, 20, 7)
		}
		b = message(b, 5, a)
	}
	return b
}

func (w weightOf) bytes() (b []byte) {
	for _, d := range w.shape {
		b = integer(b, 1, uint64(d))
	}
	if w.ints != nil {
		b = integer(b, 2, int64s)
		for _, v := range w.ints {
			b = integer(b, 7, uint64(v))
		}
		return text(b, 8, w.name)
	}
	var raw []byte
	for _, v := range w.floats {
		raw = protowire.AppendFixed32(raw, math.Float32bits(v))
	}
	return message(text(integer(b, 2, float32s), 8, w.name), 9, raw)
}

// bytes is the file, of opset 20, which has all operators of the tests.
func (g graphOf) bytes() []byte {
	return message(message(integer(nil, 1, 9), 8, integer(nil, 2, 20)), 7, g.graph())
}

// graph is the model without what is said of the file.
func (g graphOf) graph() []byte {
	body := text(nil, 2, "test")
	for _, n := range g.nodes {
		body = message(body, 1, n.bytes())
	}
	for _, w := range g.weights {
		body = message(body, 5, w.bytes())
	}
	for _, v := range g.inputs {
		body = message(body, 11, v.bytes())
	}
	for _, v := range g.outputs {
		body = message(body, 12, v.bytes())
	}
	return body
}

// file writes a model to a directory of the test.
func file(t testing.TB, name string, raw []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	testkit.Must(0, os.WriteFile(path, raw, 0o600))
	return path
}

// perRow is a model of nodes from "x" (n, in...) to "y" (n, out).
func perRow(nodes []nodeOf, weights []weightOf, in []any, out ...any) graphOf {
	return graphOf{
		inputs:  []valueOf{{"x", float32s, append([]any{"n"}, in...)}},
		outputs: []valueOf{{"y", float32s, append([]any{"n"}, out...)}},
		nodes:   nodes, weights: weights,
	}
}

// one is a node.
func one(op string, attributes map[string]any, out string, in ...string) nodeOf {
	return nodeOf{op, in, []string{out}, attributes}
}
