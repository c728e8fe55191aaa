package onnx_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protowire"
	"gorgonia.org/tensor"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/coupling"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/internal/testkit"
	"github.com/bijou-flow/bijou/onnx"
)

// field is one field of a message.
type field struct {
	number protowire.Number
	data   []byte
	int    uint64
}

// fields takes a message apart.
func fields(t *testing.T, m []byte) (all []field) {
	t.Helper()
	for len(m) > 0 {
		number, kind, n := protowire.ConsumeTag(m)
		if n < 0 {
			t.Fatalf("a malformed tag at %d bytes from the end", len(m))
		}
		m = m[n:]
		f := field{number: number}
		switch kind {
		case protowire.VarintType:
			f.int, n = protowire.ConsumeVarint(m)
		case protowire.BytesType:
			f.data, n = protowire.ConsumeBytes(m)
		default:
			t.Fatalf("field %d has wire type %d", number, kind)
		}
		if n < 0 {
			t.Fatalf("field %d is cut off", number)
		}
		m = m[n:]
		all = append(all, f)
	}
	return all
}

// texts are the values of one field.
func texts(t *testing.T, m []byte, number protowire.Number) (all []string) {
	t.Helper()
	for _, f := range fields(t, m) {
		if f.number == number {
			all = append(all, string(f.data))
		}
	}
	return all
}

// graphOf is a model's graph.
func graphOf(t *testing.T, model []byte) []byte {
	t.Helper()
	g := texts(t, model, 7)
	if len(g) != 1 {
		t.Fatalf("%d graphs, want 1", len(g))
	}
	return []byte(g[0])
}

// names are those of a graph's inputs (11) or outputs (12).
func names(t *testing.T, graph []byte, number protowire.Number) (all []string) {
	t.Helper()
	for _, v := range texts(t, graph, number) {
		all = append(all, texts(t, []byte(v), 1)...)
	}
	return all
}

func export(t *testing.T, f *flow.Flow[float64], d onnx.Direction) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := onnx.Export(&b, f, d); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func realNVP(t *testing.T, context int) *flow.Flow[float64] {
	t.Helper()
	chain, err := coupling.RealNVP[float64](coupling.Recipe{Dim: 4, ContextDim: context, Layers: 2, Hidden: []int{6}, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	return testkit.Must(flow.New(chain, distribution.StandardNormal[float64](4)))
}

func TestInputsAndOutputs(t *testing.T) {
	for _, c := range []struct {
		context int
		d       onnx.Direction
		in, out []string
	}{
		{0, onnx.Forward, []string{"x"}, []string{"z", "log_prob"}},
		{3, onnx.Forward, []string{"x", "context"}, []string{"z", "log_prob"}},
		{0, onnx.Inverse, []string{"z"}, []string{"x"}},
		{3, onnx.Inverse, []string{"z", "context"}, []string{"x"}},
	} {
		g := graphOf(t, export(t, realNVP(t, c.context), c.d))
		if d := cmp.Diff(c.in, names(t, g, 11)); d != "" {
			t.Errorf("context %d, direction %d, inputs: %s", c.context, c.d, d)
		}
		if d := cmp.Diff(c.out, names(t, g, 12)); d != "" {
			t.Errorf("context %d, direction %d, outputs: %s", c.context, c.d, d)
		}
	}
}

// An embedding of contexts comes along: the context is as wide as what it
// takes, and its two matrices are there beside those of the flow.
func TestEmbedding(t *testing.T) {
	f := realNVP(t, 3)
	net, err := coupling.NewMLP[float64](coupling.MLPSpec{In: 7, Out: 3, Hidden: []int{5}})
	if err != nil {
		t.Fatal(err)
	}
	nodes := func(f *flow.Flow[float64], d onnx.Direction) int {
		return len(texts(t, graphOf(t, export(t, f, d)), 1))
	}
	for _, d := range []onnx.Direction{onnx.Forward, onnx.Inverse} {
		with := testkit.Must(flow.NewWithEmbedding[float64](f.Layer(), f.Base(), net))
		if got, want := nodes(with, d)-nodes(f, d), 3; got < want {
			t.Errorf("direction %d: %d nodes for an embedding of two layers, want at least %d", d, got, want)
		}
	}
}

// Every name is defined once, before it is read, and something reads it.
func TestNamesAreDefinedAndUsed(t *testing.T) {
	for _, d := range []onnx.Direction{onnx.Forward, onnx.Inverse} {
		g := graphOf(t, export(t, realNVP(t, 3), d))
		defined, used := map[string]bool{}, map[string]bool{}
		for _, name := range names(t, g, 11) {
			defined[name] = true
		}
		for _, c := range texts(t, g, 5) {
			defined[texts(t, []byte(c), 8)[0]] = true
		}
		for _, n := range texts(t, g, 1) {
			for _, in := range texts(t, []byte(n), 1) {
				if !defined[in] {
					t.Errorf("%q is read before it is defined", in)
				}
				used[in] = true
			}
			for _, out := range texts(t, []byte(n), 2) {
				if defined[out] {
					t.Errorf("%q is defined twice", out)
				}
				defined[out] = true
			}
		}
		for _, name := range names(t, g, 12) {
			used[name] = true
		}
		for name := range defined {
			if !used[name] {
				t.Errorf("direction %d: nothing reads %q", d, name)
			}
		}
	}
}

func TestSameModelSameBytes(t *testing.T) {
	f := realNVP(t, 3)
	if !bytes.Equal(export(t, f, onnx.Forward), export(t, f, onnx.Forward)) {
		t.Error("two exports of one flow differ")
	}
}

// unsupportedLayer is a layer without a form in ONNX; turn has one.
type unsupportedLayer struct{ bijector.Layer[float64] }

type exportableLayer struct{ bijector.Layer[float64] }

func (exportableLayer) ExportForward(g *onnx.Graph, x, _ onnx.Value) (z, logDet onnx.Value) {
	return g.Op("Sin", nil, x), onnx.Value{}
}

func (exportableLayer) ExportInverse(g *onnx.Graph, z, _ onnx.Value) (x, logDet onnx.Value) {
	return g.Op("Cos", nil, z), onnx.Value{}
}

func identity(t *testing.T) bijector.Layer[float64] {
	t.Helper()
	l, err := bijector.NewShift[float64](bijector.ShiftSpec{Dim: 4})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestOutsideLayers(t *testing.T) {
	f := testkit.Must(flow.New[float64](exportableLayer{identity(t)}, distribution.StandardNormal[float64](4)))
	for d, op := range map[onnx.Direction]string{onnx.Forward: "Sin", onnx.Inverse: "Cos"} {
		var ops []string
		for _, n := range texts(t, graphOf(t, export(t, f, d)), 1) {
			ops = append(ops, texts(t, []byte(n), 4)...)
		}
		if !slices.Contains(ops, op) {
			t.Errorf("direction %d: operators %v, want %s among them", d, ops, op)
		}
	}
}

func TestWhatCannotBeExported(t *testing.T) {
	var b bytes.Buffer
	err := onnx.Export(&b, testkit.Must(flow.New[float64](unsupportedLayer{identity(t)}, distribution.StandardNormal[float64](4))), onnx.Forward)
	if !errors.Is(err, onnx.ErrUnsupported) || !strings.Contains(err.Error(), "unsupportedLayer") {
		t.Errorf("an unknown layer: %v, want ErrUnsupported with its type", err)
	}
	if b.Len() > 0 {
		t.Errorf("%d bytes were written of a model that cannot be exported", b.Len())
	}
	if err := onnx.Export(&b, realNVP(t, 0), 7); !errors.Is(err, bijector.ErrSpec) {
		t.Errorf("direction 7: %v, want ErrSpec", err)
	}
	if err := onnx.ExportEncoder[float64](&b, coderOfNothing{}); !errors.Is(err, onnx.ErrUnsupported) {
		t.Errorf("an unknown encoder: %v, want ErrUnsupported", err)
	}
}

type coderOfNothing struct{}

func (coderOfNothing) Encode(x tensor.Tensor) (*bijector.Rows[float64], error) {
	return x.(*bijector.Rows[float64]), nil
}
