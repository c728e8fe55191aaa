package onnx_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/coupling"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/internal/testkit"
	"github.com/bijou-flow/bijou/onnx"
	"github.com/bijou-flow/bijou/registry"
)

// specs has one for every registered layer, of four features.
var specs = map[string]string{
	"bijector.chain":        `{"layers":[{"type":"bijector.scale","spec":{"dim":4}}]}`,
	"bijector.invert":       `{"layer":{"type":"bijector.scale","spec":{"dim":4}}}`,
	"bijector.part":         `{"dim":4,"lo":1,"hi":3,"layer":{"type":"bijector.scale","spec":{"dim":2}}}`,
	"bijector.permute":      `{"dim":4}`,
	"bijector.batchnorm":    `{"dim":4}`,
	"bijector.actnorm":      `{"dim":4}`,
	"bijector.scale":        `{"dim":4}`,
	"bijector.shift":        `{"dim":4}`,
	"bijector.standardize":  `{"dim":4}`,
	"bijector.whiten":       `{"dim":4}`,
	"bijector.gaussianize":  `{"dim":4}`,
	"bijector.lu":           `{"dim":4}`,
	"bijector.conv1x1":      `{"channels":2,"height":1,"width":2}`,
	"bijector.squeeze":      `{"channels":1,"height":2,"width":2}`,
	"bijector.bounds":       `{"dim":4,"features":[{"feature":0,"lower":0},{"feature":1,"upper":0},{"feature":2,"lower":0,"upper":1}]}`,
	"bijector.logit":        `{"dim":4}`,
	"bijector.background":   `{"dim":4}`,
	"bijector.sigmoid":      `{"dim":4}`,
	"bijector.tanh":         `{"dim":4}`,
	"bijector.softplus":     `{"dim":4}`,
	"coupling.additive":     `{"dim":4,"hidden":[3]}`,
	"coupling.affine":       `{"dim":4,"hidden":[3]}`,
	"coupling.spline":       `{"dim":4,"hidden":[3]}`,
	"autoregressive.affine": `{"dim":4,"hidden":[3]}`,
	"autoregressive.spline": `{"dim":4,"hidden":[3]}`,

	"coupling.circular":       `{"dim":4,"hidden":[3],"circles":[{"feature":1}]}`,
	"autoregressive.circular": `{"dim":4,"hidden":[3],"circles":[{"feature":1}]}`,
}

// unsupported are the layers that have no form in ONNX.
var unsupported = map[string]bool{"bijector.background": true, "coupling.circular": true, "autoregressive.circular": true}

// Every layer that has a name can be exported in both directions, but those listed.
func TestEveryLayer(t *testing.T) {
	for _, name := range registry.Names(registry.Bijectors) {
		spec, ok := specs[name]
		if !ok {
			t.Errorf("%s: no spec to export it by", name)
			continue
		}
		l, err := registry.New[float64](name, []byte(spec))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		f := testkit.Must(flow.New(l, distribution.StandardNormal[float64](4)))
		for _, d := range []onnx.Direction{onnx.Forward, onnx.Inverse} {
			err := onnx.Export(new(bytes.Buffer), f, d)
			if errors.Is(err, onnx.ErrUnsupported) != unsupported[name] || err != nil && !unsupported[name] {
				t.Errorf("%s, direction %d: %v", name, d, err)
			}
		}
	}
}

// bases has a spec for every registered base distribution.
var bases = map[string]string{
	"distribution.normal":       `{"dim":4}`,
	"distribution.logistic":     `{"dim":4}`,
	"distribution.studentt":     `{"dim":4}`,
	"distribution.uniform":      `{"dim":4}`,
	"distribution.mixture":      `{"dim":4}`,
	"distribution.classmixture": `{"dim":4,"classes":2}`,
	"autoregressive.mixed":      `{"columns":[{"continuous":true},{"atoms":[0,1]},{"atoms":[0],"continuous":true},{"atoms":[2]}]}`,
	"distribution.independent":  `{"dim":4,"marginals":[{"kind":"laplace","params":[0,1]}]}`,
}

// Every base can be exported but Independent and Mixed, which have densities that
// ONNX has no operators for.
func TestEveryBase(t *testing.T) {
	for _, name := range registry.Names(registry.Bases) {
		b, err := registry.NewBase[float64](name, []byte(bases[name]))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		f := testkit.Must(flow.New[float64](identity(t), b))
		err = onnx.Export(new(bytes.Buffer), f, onnx.Forward)
		if name == "distribution.independent" || name == "autoregressive.mixed" {
			if !errors.Is(err, onnx.ErrUnsupported) {
				t.Errorf("%s: %v, want ErrUnsupported", name, err)
			}
			err = onnx.Export(new(bytes.Buffer), f, onnx.Inverse) // which needs no density
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Every map can be exported as a conditioner.
func TestEveryMap(t *testing.T) {
	maps := map[string]string{
		"coupling.mlp":                `{"in":2,"out":2,"hidden":[3]}`,
		"coupling.residual":           `{"in":2,"out":2,"hidden":3,"blocks":1,"context_dim":1}`,
		"coupling.convnet":            `{"in_channels":1,"out_channels":1,"height":1,"width":2,"hidden":2,"blocks":1}`,
		"bijector.standardizecontext": `{"dim":2}`,
		"coupling.sequential":         `{"networks":[{"type":"bijector.standardizecontext","spec":{"dim":2}},{"type":"coupling.mlp","spec":{"in":2,"out":2}}]}`,
		"autoregressive.made":         `{"features":2,"params":1,"hidden":[3]}`,
		"autoregressive.blocks":       `{"features":2,"params":1,"hidden":3}`,
	}
	for _, name := range registry.Names(registry.Networks) {
		m, err := registry.NewNetwork[float64](name, []byte(maps[name]))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		c, err := coupling.NewAdditiveWith(coupling.AdditiveSpec{Dim: 4}, func(int, int) (bijector.Network[float64], error) { return m, nil })
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		f := testkit.Must(flow.New[float64](c, distribution.StandardNormal[float64](4)))
		if err := onnx.Export(new(bytes.Buffer), f, onnx.Forward); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The error function of gelu is one of float32 in ONNX's runtimes.
func TestGelu(t *testing.T) {
	if err := exportGelu[float32](t); err != nil {
		t.Errorf("float32: %v", err)
	}
	if err := exportGelu[float64](t); !errors.Is(err, onnx.ErrUnsupported) {
		t.Errorf("float64: %v, want ErrUnsupported", err)
	}
}

func exportGelu[T bijector.Float](t *testing.T) error {
	c := testkit.Must(coupling.NewAdditive[T](coupling.AdditiveSpec{Dim: 4, Hidden: []int{3}, Activation: "gelu"}))
	return onnx.Export(new(bytes.Buffer), testkit.Must(flow.New(c, distribution.StandardNormal[T](4))), onnx.Forward)
}
