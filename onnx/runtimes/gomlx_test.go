package main

import (
	"maps"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/gomlx/backends/simplego"
	"github.com/gomlx/gomlx/pkg/core/graph"
	"github.com/gomlx/gomlx/pkg/core/tensors"
	"github.com/gomlx/gomlx/pkg/ml/context"
	reader "github.com/gomlx/onnx-gomlx/onnx"

	"github.com/bijou-flow/bijou/bijector"
)

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
			if strings.Contains(v.Name, "softclamp") { // ONNX Runtime has it, see check.mjs
				t.Log("gomlx has no Atan")
				return
			}
			for name, got := range run[T](t, m, v) {
				floor, ok := v.Floor[name]
				if !ok {
					floor = 1
				}
				if e := worst(got, v.Out[name].Data, floor); !(e <= most) {
					t.Errorf("%s: relative error %.1e, want at most %.0e", name, e, most)
					if len(got) <= 64 {
						t.Logf("of %v\ngot  %v\nwant %v", v.In["x"].Data, got, v.Out[name].Data)
					}
				} else {
					t.Logf("%s: relative error %.1e", name, e)
				}
			}
		})
	}
}

// TestSplineEnds: as in the library, the ends of the box stay where they are,
// and nothing within leaves it.
func TestSplineEnds(t *testing.T) {
	t.Run("float32", splineEnds[float32])
	t.Run("float64", splineEnds[float64])
}

func splineEnds[T bijector.Float](t *testing.T) {
	for _, v := range splineEdges[T](24) {
		bound := v.Floor["z"]
		m, err := reader.Parse(v.model)
		if err != nil {
			t.Fatal(err)
		}
		last := 0.0 // within the box, the end of what T holds
		for _, x := range v.In["x"].Data {
			if a := math.Abs(x); a <= bound {
				last = max(last, a)
			}
		}
		for i, z := range run[T](t, m, v)["z"] {
			x := v.In["x"].Data[i]
			if math.Abs(x) == last && z != x || math.Abs(x) <= bound && math.Abs(z) > bound {
				t.Errorf("%s: %v becomes %v, the bound is %v", v.Name, x, z, bound)
			}
		}
	}
}

// run evaluates a model with gomlx's backend in Go.
func run[T bijector.Float](t *testing.T, m *reader.Model, v vectors) map[string][]float64 {
	backend, err := simplego.New("ops_sequential") // operators at once may wait for each other for ever
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

// worst is the largest difference, relative to the values' size or to floor.
func worst(got, want []float64, floor float64) float64 {
	if len(got) != len(want) {
		return math.Inf(1)
	}
	most := 0.0
	for i, w := range want {
		if got[i] == w || math.IsNaN(got[i]) && math.IsNaN(w) { // -Inf too
			continue
		}
		e := math.Abs(got[i]-w) / max(floor, math.Abs(w))
		if math.IsNaN(e) {
			return e
		}
		most = max(most, e)
	}
	return most
}
