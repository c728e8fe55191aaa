package onnx_test

import (
	"bytes"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/internal/testkit"
	"github.com/bijou-flow/bijou/onnx"
)

// TestDomainIsExported: a layer that takes a part of the line alone says so in
// its graph, in both directions, and one that takes all of it costs nothing.
func TestDomainIsExported(t *testing.T) {
	base := distribution.StandardNormal[float64](2)
	count := func(l bijector.Layer[float64], d onnx.Direction) int {
		var b bytes.Buffer
		if err := onnx.Export(&b, testkit.Must(flow.New[float64](l, base)), d); err != nil {
			t.Fatal(err)
		}
		return bytes.Count(b.Bytes(), []byte("GreaterOrEqual"))
	}
	tanh := testkit.Must(bijector.NewTanh[float64](bijector.TanhSpec{Dim: 2}))
	scale := testkit.Must(bijector.NewScale[float64](bijector.ScaleSpec{Dim: 2}))
	inverted := bijector.Invert[float64](tanh)
	if n := count(inverted, onnx.Forward) - count(inverted, onnx.Inverse); n < 2 {
		t.Errorf("atanh has %d comparisons more than tanh, want one of its margin and one of the rows", n)
	}
	if n := count(tanh, onnx.Inverse) - count(tanh, onnx.Forward); n < 2 {
		t.Errorf("tanh has %d comparisons more on its way back, want 2", n)
	}
	if n := count(scale, onnx.Forward); n != 0 {
		t.Errorf("a scale has %d comparisons, want none", n)
	}
}
