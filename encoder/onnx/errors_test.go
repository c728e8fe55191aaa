package bijouonnx

import (
	"errors"
	"strings"
	"testing"

	"github.com/bijou-flow/bijou/autoencoder"
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/testkit"
)

// Models and options that do not fit each other, by what is wrong.
func TestModelsThatDoNotFit(t *testing.T) {
	tanh := []nodeOf{one("Tanh", nil, "y", "x")}
	plain := perRow(tanh, nil, []any{2, 3}, 2, 3)
	open := perRow(tanh, nil, []any{"length"}, "length")
	two := plain
	two.inputs = append(two.inputs, valueOf{"other", float32s, []any{"n", 2}})
	outputs := perRow([]nodeOf{one("Tanh", nil, "y", "x"), one("Exp", nil, "z", "x")}, nil, []any{3}, 3)
	outputs.outputs = append(outputs.outputs, valueOf{"z", float32s, []any{"n", 3}})
	odd := func(op string, attributes map[string]any, out ...any) graphOf {
		return perRow([]nodeOf{one(op, attributes, "y", "x")}, nil, []any{3}, out...)
	}
	words := plain
	words.inputs = []valueOf{{"x", strings8, []any{"n", 3}}}
	scalar := plain
	scalar.inputs = []valueOf{{"x", float32s, nil}}
	mean := perRow([]nodeOf{
		one("ReduceMean", map[string]any{"keepdims": 1}, "mean", "x", "axes"), one("Sub", nil, "y", "x", "mean"),
	}, []weightOf{{name: "axes", shape: []int{1}, ints: []int64{0}}}, []any{3}, 3)
	for _, c := range []struct {
		what   string
		model  graphOf
		o      Options
		wanted []error
		word   string
	}{
		{"an open length", open, Options{}, []error{bijector.ErrShape}, "Input.Shape"},
		{"a shape that is another", plain, Options{Inputs: []Input{{"x", []int{2, 4}}}}, []error{bijector.ErrShape}, "[2 4]"},
		{"a shape of fewer axes", plain, Options{Inputs: []Input{{"x", []int{6}}}}, []error{bijector.ErrShape}, "[6]"},
		{"a length of 0", open, Options{Inputs: []Input{{"x", []int{0}}}}, []error{bijector.ErrShape}, "[0]"},
		{"a length beyond all bounds", open, Options{Inputs: []Input{{"x", []int{1 << 30}}}}, []error{bijector.ErrShape}, "1073741824"},
		{"an input that is not there", plain, Options{Inputs: []Input{{Name: "pixels"}}}, nil, `"pixels"`},
		{"an input that nothing fills", two, Options{Inputs: []Input{{Name: "x"}}}, nil, `"other"`},
		{"one input without a name of two", two, Options{Inputs: []Input{{}}}, nil, `"other"`},
		{"an input twice", two, Options{Inputs: []Input{{Name: "x"}, {Name: "x"}}}, nil, "twice"},
		{"an output that is not there", plain, Options{Output: "embedding"}, nil, `"embedding"`},
		{"two outputs", outputs, Options{}, nil, `"z"`},
		{"an output without rows", odd("ReduceSum", map[string]any{"keepdims": 0}), Options{}, []error{bijector.ErrShape}, `"y"`},
		{"an operator that nobody has", odd("NonMaxSuppression", nil, 3), Options{}, []error{ErrOperator}, "NonMaxSuppression"},
		{"an operator of another domain", odd("Custom", nil, 3), Options{}, []error{ErrOperator}, "UseONNXRuntime"},
		{"texts as inputs", words, Options{}, nil, ""},
		{"an input without rows", scalar, Options{}, []error{bijector.ErrShape}, "rows"},
		{"rows that influence each other", mean, Options{}, nil, "influence"},
		{"scales that fit no row", plain, Options{Scale: []float64{1, 2, 3, 4}}, []error{bijector.ErrShape}, "4"},
		{"batches beyond all bounds", open, Options{Inputs: []Input{{"x", []int{1 << 24}}}, Batch: 4096}, []error{bijector.ErrShape}, "4096"},
		{"a batch of -1", plain, Options{Batch: -1}, nil, "-1"},
	} {
		_, err := OpenEncoder[float32](file(t, "m.onnx", c.model.bytes()), c.o)
		for _, w := range append(c.wanted, bijector.ErrSpec) {
			if !errors.Is(err, w) {
				t.Errorf("%s: %v, want %v", c.what, err, w)
			}
		}
		if err != nil && !strings.Contains(err.Error(), c.word) {
			t.Errorf("%s: %v, want %q in it", c.what, err, c.word)
		}
	}
	if _, err := OpenEncoder[float32](file(t, "m.onnx", mean.bytes()), Options{Batch: 1}); err != nil {
		t.Errorf("rows that influence each other, one by one: %v", err)
	}
}

// Batches of the wrong shape or type.
func TestBatchesThatDoNotFit(t *testing.T) {
	_, encoder, decoder := exported(t)
	e := testkit.Must(OpenEncoder[float32](file(t, "e.onnx", encoder), Options{}))
	d := testkit.Must(OpenDecoder[float32](file(t, "d.onnx", decoder), Options{}))
	if _, err := e.Encode(bijector.NewRows[float32](2, 63)); !errors.Is(err, bijector.ErrShape) || !strings.Contains(err.Error(), "63") || !strings.Contains(err.Error(), "e.onnx") {
		t.Errorf("rows of 63 values: %v", err)
	}
	if _, err := d.Decode(bijector.NewRows[float32](2, 4)); !errors.Is(err, bijector.ErrShape) {
		t.Errorf("embeddings of 4 values: %v", err)
	}
	if _, err := e.Encode(bijector.NewRows[float64](2, 64)); !errors.Is(err, bijector.ErrDType) {
		t.Errorf("rows of float64: %v", err)
	}
	if _, err := e.Encode(nil); !errors.Is(err, bijector.ErrShape) {
		t.Errorf("no rows: %v", err)
	}
	// A decoder says how wide its embeddings are, so that a flow of another
	// width is refused.
	if e, ok := autoencoder.Encoder[float32](e).(bijector.Embedder); !ok || e.Embedding() != 5 {
		t.Error("an encoder that does not know its width")
	}
}

// Values that nobody made return errors and zeros.
func TestZeroValues(t *testing.T) {
	var e *Encoder[float32]
	for _, e := range []*Encoder[float32]{e, {}} {
		if _, err := e.Encode(bijector.NewRows[float32](1, 1)); !errors.Is(err, bijector.ErrSpec) {
			t.Errorf("%v, want ErrSpec", err)
		}
	}
	if _, err := (&Decoder[float32]{}).Decode(bijector.NewRows[float32](1, 1)); !errors.Is(err, bijector.ErrSpec) {
		t.Errorf("%v, want ErrSpec", err)
	}
	if (&Encoder[float32]{}).Dim() != 0 || (&Decoder[float32]{}).Embedding() != 0 {
		t.Error("an encoder without a model has a width")
	}
}
