// Every shape mistake is ErrShape, whatever else it is.

package onnx_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/coupling"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/onnx"
)

func TestShapeMistakes(t *testing.T) {
	net, err := coupling.NewMLP[float64](coupling.MLPSpec{In: 7, Out: 2})
	if err != nil {
		t.Fatal(err)
	}
	export := func(f *flow.Flow[float64], err error) error {
		if err != nil {
			return err
		}
		return onnx.Export(new(bytes.Buffer), f, onnx.Inverse)
	}
	for name, c := range map[string]struct{ err, also error }{
		"layer and base": {export(flow.New(identity(t), distribution.StandardNormal[float64](3))), nil},
		"embedding":      {export(flow.NewWithEmbedding(realNVP(t, 3).Layer(), distribution.StandardNormal[float64](4), net)), bijector.ErrContext},
	} {
		if !errors.Is(c.err, bijector.ErrShape) {
			t.Errorf("%s: %v, want one that wraps ErrShape", name, c.err)
		}
		if c.also != nil && !errors.Is(c.err, c.also) {
			t.Errorf("%s: %v, want one that wraps %q", name, c.err, c.also)
		}
	}
}
