// Every shape mistake is ErrShape, whatever else it is.

package registry_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/registry"
)

func TestShapeMistakes(t *testing.T) {
	build := func(name, spec string) error {
		_, err := registry.New[float64](name, []byte(spec))
		return err
	}
	f := open(t, saved(t, smallFlow[float32]()))
	f.item("bijector.0.net.0.weight").Shape = []int{1, 2}
	raw := f.file(t)
	_, tensors := registry.Read[*flow.Flow[float32]](bytes.NewReader(raw), int64(len(raw)))
	_, conv := registry.NewEncoder[float64]("autoencoder.pca", []byte(`{"in":2,"embedding":3}`))
	_, base := registry.NewBase[float64]("distribution.normal", []byte(`{"dim":2,"loc":[1]}`))
	for name, c := range map[string]struct{ err, also error }{
		"tensor of a file": {tensors, registry.ErrMismatch},
		"widths":           {build("bijector.chain", `{"layers":[{"type":"bijector.scale","spec":{"dim":2}},{"type":"bijector.scale","spec":{"dim":3}}]}`), nil},
		"indices":          {build("bijector.permute", `{"dim":3,"kind":"given","indices":[1,0]}`), bijector.ErrSpec},
		"mask":             {build("coupling.affine", `{"dim":3,"mask":{"keep":[1,0]}}`), nil},
		"order":            {build("autoregressive.affine", `{"dim":3,"order":{"indices":[1,0]}}`), nil},
		"components":       {conv, bijector.ErrSpec},
		"locations":        {base, bijector.ErrSpec},
	} {
		if !errors.Is(c.err, bijector.ErrShape) {
			t.Errorf("%s: %v, want one that wraps ErrShape", name, c.err)
		}
		if c.also != nil && !errors.Is(c.err, c.also) {
			t.Errorf("%s: %v, want one that wraps %q", name, c.err, c.also)
		}
	}
}
