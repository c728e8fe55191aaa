// What of an ONNX file is the encoder: options, and the spec that is saved.

package bijouonnx

import (
	"errors"
	"fmt"
	"math"

	"github.com/bijou-flow/bijou/bijector"
)

// Errors besides those of package bijector. What wraps them wraps
// bijector.ErrSpec too.
var (
	// ErrFile: a file is missing, is another one than the model was saved with,
	// or holds no ONNX model.
	ErrFile = errors.New("not the ONNX file that is wanted")
	// ErrOperator: the model has an operator that the runtime lacks.
	ErrOperator = errors.New("operator that the runtime lacks")
)

// Input is an input of a model and the shape of a row there.
type Input struct {
	Name string `json:"name"` // "" is the model's only input
	// Shape is that of one row, without the axis of rows. It is needed where the
	// model leaves a length open, such as that of a text.
	Shape []int `json:"shape,omitempty"`
}

// Options say what of a model is the encoder or decoder. The zero value is one
// whose input and output are the model's only ones.
type Options struct {
	// Inputs are those that a row of data fills, one after the other; nil means
	// all of the model's, in its order. A row of a model with inputs of 128 ids
	// and a mask of 128 has 256 values.
	Inputs []Input `json:"inputs,omitempty"`
	// Output is the tensor that is the result, a vector a row: an output of the
	// model or any tensor inside it; "" is the model's only output. Axes after
	// the second are read as one.
	Output string `json:"output,omitempty"`
	// Scale and Shift change a value x of a row to x*scale + shift before the
	// model sees it. k entries belong to k stretches of the row of equal length:
	// one is for all values, three are for the channels of pictures (3, h, w).
	Scale []float64 `json:"scale,omitempty"`
	Shift []float64 `json:"shift,omitempty"`
	// Batch is the number of rows of a run, which bounds memory; 0 means 32, fewer
	// where rows have more than half a million values, or the model's own where
	// that is fixed.
	Batch int `json:"batch,omitempty"`
}

// EncoderSpec describes an Encoder: the file by its base name and SHA-256, and
// what of it is used.
type EncoderSpec struct {
	File   string `json:"file"`
	SHA256 string `json:"sha256"` // in hexadecimal
	Options
	In  int `json:"in"`  // values of a row
	Out int `json:"out"` // values of a result
}

// DecoderSpec describes a Decoder, like EncoderSpec.
type DecoderSpec EncoderSpec

const (
	defaultBatch = 32
	maxBatch     = 4096
	maxValues    = 1 << 24 // of a row, and of a result
	maxRun       = 1 << 27 // values of a batch
)

// check says what is wrong with options whatever the model.
func (o Options) check() error {
	if o.Batch < 0 || o.Batch > maxBatch {
		return fmt.Errorf("bijouonnx: batches of %d rows, want 1 to %d, or 0 for %d: %w", o.Batch, maxBatch, defaultBatch, bijector.ErrSpec)
	}
	for _, v := range append(append([]float64{}, o.Scale...), o.Shift...) {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Errorf("bijouonnx: a scale or shift of %v, want finite ones: %w", v, bijector.ErrSpec)
		}
	}
	seen := map[string]bool{}
	for _, in := range o.Inputs {
		if seen[in.Name] || in.Name == "" && len(o.Inputs) > 1 {
			return fmt.Errorf("bijouonnx: input %q is named twice or not at all among %d: %w", in.Name, len(o.Inputs), bijector.ErrSpec)
		}
		seen[in.Name] = true
		if _, err := product(in.Shape); err != nil {
			return err
		}
	}
	return nil
}

// product is the number of values of a shape.
func product(shape []int) (int, error) {
	n := 1
	for _, d := range shape {
		if d < 1 || d > maxValues/n {
			return 0, fmt.Errorf("bijouonnx: rows of shape %v, want positive lengths and %d values at most: %w: %w", shape, maxValues, bijector.ErrSpec, bijector.ErrShape)
		}
		n *= d
	}
	return n, nil
}
