// The bounds of names, and specs that are no JSON, wherever one is decoded.

package registry_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/bijou-flow/bijou/autoencoder"
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/registry"
)

// longSpec and longerSpec are of layers whose names are at the bound and beyond.
type (
	longSpec   struct{ bijector.PermuteSpec }
	longerSpec struct{ bijector.PermuteSpec }
)

func long[T bijector.Float](s longSpec) (*bijector.Permute[T], error) {
	return bijector.NewPermute[T](s.PermuteSpec)
}

func longer[T bijector.Float](s longerSpec) (*bijector.Permute[T], error) {
	return bijector.NewPermute[T](s.PermuteSpec)
}

// A name has 100 bytes at most.
func TestLengthOfNames(t *testing.T) {
	name := "own." + strings.Repeat("y", 96)
	registry.Register(name, long[float32], long[float64])
	l, err := registry.NewNamed[float32]([]byte(`{"type":"` + name + `","spec":{"dim":2}}`))
	if err != nil || l.Dim() != 2 {
		t.Errorf("a name of 100 bytes: %v", err)
	}
	defer func() {
		if recover() == nil {
			t.Error("a name of 101 bytes was registered")
		}
	}()
	registry.Register(name+"y", longer[float32], longer[float64])
}

// A spec that does not decode is ErrSpec, at the top of every kind of file and
// document, and within.
func TestSpecsThatDoNotDecode(t *testing.T) {
	layer := open(t, saved(t, must(bijector.NewPermute[float32](bijector.PermuteSpec{Dim: 2}))))
	encoder := open(t, saved(t, must(autoencoder.NewPCA[float32](autoencoder.PCASpec{In: 3, Embedding: 1}))))
	for _, spec := range []string{`{"type":`, `[]`, `{"type":"bijector.permute","spec":{"dim":"2"}}`, `{"type":"autoencoder.pca","spec":{"in":2.5}}`, `{"type":1}`} {
		layer.meta["spec"], encoder.meta["spec"] = spec, spec
		a, b := layer.file(t), encoder.file(t)
		_, errLayer := registry.Read[bijector.Layer[float32]](bytes.NewReader(a), int64(len(a)))
		_, errEncoder := registry.Read[autoencoder.Encoder[float32]](bytes.NewReader(b), int64(len(b)))
		_, errNew := registry.NewNamed[float32]([]byte(spec))
		for what, err := range map[string]error{"a layer's file": errLayer, "an encoder's file": errEncoder, "a document": errNew} {
			wrongKind := errors.Is(err, registry.ErrNotRegistered) && strings.Contains(err.Error(), "which is a")
			if !wrongKind && !errors.Is(err, bijector.ErrSpec) {
				t.Errorf("%s with the spec %s: %v", what, spec, err)
			}
		}
	}
}
