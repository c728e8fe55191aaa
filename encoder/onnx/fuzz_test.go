package bijouonnx

import (
	"errors"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/fuzzing"
)

// FuzzModel holds any bytes as an ONNX file to an error of a spec or to a mapping that
// takes a row.
func FuzzModel(f *testing.F) {
	seeds := [][]byte{
		perRow([]nodeOf{one("Tanh", nil, "y", "x")}, nil, []any{2, 3}, 2, 3).bytes(),
		perRow([]nodeOf{one("MatMul", nil, "y", "x", "w")}, []weightOf{{name: "w", shape: []int{3, 2}, floats: []float32{1, 2, 3, 4, 5, 6}}}, []any{3}, 2).bytes(),
		perRow([]nodeOf{one("ReduceSum", map[string]any{"keepdims": 0}, "y", "x")}, nil, []any{3}, 3).bytes(),
		perRow([]nodeOf{one("Tanh", nil, "y", "x"), one("Add", nil, "z", "y", "z")}, nil, []any{3}, 3).bytes(),
		{},
	}
	for _, raw := range seeds {
		f.Add(raw)
	}
	hold := func(t testing.TB, raw []byte) (read bool) {
		m, err := makeMapping(EncoderSpec{File: "m.onnx", SHA256: sum(raw)}, raw, nil)
		if (m == nil) == (err == nil) {
			t.Fatalf("mapping %v, error %v", m, err)
		}
		if err != nil && !errors.Is(err, bijector.ErrSpec) {
			t.Fatalf("error %v is no ErrSpec", err)
		}
		return err == nil
	}
	fuzzing.Executions(f, seeds, func(raw []byte, _ uint64) bool { return hold(f, raw) })
	f.Fuzz(func(t *testing.T, raw []byte) { hold(t, raw) })
}
