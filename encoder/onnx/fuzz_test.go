package bijouonnx

import (
	"errors"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
)

// FuzzModel holds any bytes as an ONNX file to an error of a spec or to a mapping that
// takes a row.
func FuzzModel(f *testing.F) {
	f.Add(perRow([]nodeOf{one("Tanh", nil, "y", "x")}, nil, []any{2, 3}, 2, 3).bytes())
	f.Add(perRow([]nodeOf{one("MatMul", nil, "y", "x", "w")}, []weightOf{{name: "w", shape: []int{3, 2}, floats: []float32{1, 2, 3, 4, 5, 6}}}, []any{3}, 2).bytes())
	f.Add(perRow([]nodeOf{one("ReduceSum", map[string]any{"keepdims": 0}, "y", "x")}, nil, []any{3}, 3).bytes())
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, raw []byte) {
		m, err := makeMapping(EncoderSpec{File: "m.onnx", SHA256: sum(raw)}, raw, nil)
		if (m == nil) == (err == nil) {
			t.Fatalf("mapping %v, error %v", m, err)
		}
		if err != nil && !errors.Is(err, bijector.ErrSpec) {
			t.Fatalf("error %v is no ErrSpec", err)
		}
	})
}
