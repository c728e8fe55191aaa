package main

import (
	"maps"
	"math"
	"slices"
	"testing"

	"github.com/gomlx/gomlx/backends/simplego"
	"github.com/gomlx/gomlx/pkg/core/graph"
	"github.com/gomlx/gomlx/pkg/core/tensors"
	"github.com/gomlx/gomlx/pkg/ml/context"
	reader "github.com/gomlx/onnx-gomlx/onnx"

	"github.com/bijou-flow/bijou/bijector"
)

// unknown are models with operators that gomlx does not read; ONNX Runtime
// does, see check.mjs.
var unknown = map[string]string{
	"realnvp-softclamp-forward": "Atan",
	"realnvp-softclamp-inverse": "Atan",
}

func TestGomlx(t *testing.T) {
	t.Run("float32", func(t *testing.T) { compareAll[float32](t, 1e-5) })
	t.Run("float64", func(t *testing.T) { compareAll[float64](t, 1e-12) })
}

func compareAll[T bijector.Float](t *testing.T, most float64) {
	all, err := cases[T]()
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range all {
		t.Run(v.Name, func(t *testing.T) {
			m, err := reader.Parse(v.model)
			if err != nil {
				t.Fatal(err)
			}
			if op, ok := unknown[v.Name]; ok {
				t.Logf("gomlx has no %s", op)
				return
			}
			for name, got := range run[T](t, m, v) {
				if e := worst(got, v.Out[name].Data); !(e <= most) {
					t.Errorf("%s: relative error %.1e, want at most %.0e", name, e, most)
				} else {
					t.Logf("%s: relative error %.1e", name, e)
				}
			}
		})
	}
}

// run evaluates a model with gomlx's backend in Go.
func run[T bijector.Float](t *testing.T, m *reader.Model, v vectors) map[string][]float64 {
	backend, err := simplego.New("")
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.New()
	if err := m.VariablesToContext(ctx); err != nil {
		t.Fatal(err)
	}
	ins, outs := slices.Sorted(maps.Keys(v.In)), slices.Sorted(maps.Keys(v.Out))
	var args []any
	for _, name := range ins {
		a := v.In[name]
		flat := make([]T, len(a.Data))
		for i, x := range a.Data {
			flat[i] = T(x)
		}
		args = append(args, tensors.FromFlatDataAndDimensions(flat, a.Shape...))
	}
	results := context.MustExecOnceN(backend, ctx, func(ctx *context.Context, nodes []*graph.Node) []*graph.Node {
		inputs := map[string]*graph.Node{}
		for i, name := range ins {
			inputs[name] = nodes[i]
		}
		return m.CallGraph(ctx, nodes[0].Graph(), inputs, outs...)
	}, args...)
	got := map[string][]float64{}
	for i, name := range outs {
		for _, x := range tensors.MustCopyFlatData[T](results[i]) {
			got[name] = append(got[name], float64(x))
		}
	}
	return got
}

// worst is the largest difference, relative to the values' size or to 1.
func worst(got, want []float64) float64 {
	if len(got) != len(want) {
		return math.Inf(1)
	}
	most := 0.0
	for i, w := range want {
		if got[i] == w { // -Inf too
			continue
		}
		e := math.Abs(got[i]-w) / max(1, math.Abs(w))
		if math.IsNaN(e) {
			return e
		}
		most = max(most, e)
	}
	return most
}
