// The model file: what is in one, and how a model becomes one.

package registry

import (
	"fmt"
	"io"
	"math"
	"reflect"
	"slices"

	"github.com/bijou-flow/bijou/autoencoder"
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/internal/atomicfile"
	"github.com/bijou-flow/bijou/internal/safetensors"
)

// The metadata of a model file, beside its checksum.
const (
	keyFormat  = "format"
	keyVersion = "version"
	keyKind    = "kind"
	keyDType   = "dtype"
	keySpec    = "spec"

	format      = "bijou"
	version     = 1
	kindFlow    = "flow"
	kindLayer   = "bijector"
	kindLatent  = "latent"
	kindMixture = "ensemble"
	kindEncoder = "encoder"
)

// contents is a model as its file sees it.
type contents struct {
	kind, dtype string
	spec        []byte
	items       []safetensors.Item
}

// Save writes a model to a safetensors file: parameters and buffers as
// tensors under their names, and in the metadata what LoadFlow and its like
// need to make an equal model. The model is a *flow.Flow, a
// *flow.Ensemble, an *autoencoder.Latent, an encoder with state or a layer with state, in float32
// or float64. The same model makes the same bytes.
//
// The file at path is replaced as a whole: a process that is killed while it
// saves, and a disk that is full, leave the old one as it was. Save is not to
// be called while the model is being trained.
//
// A part that is not registered is ErrNotRegistered; a parameter that is NaN or
// infinite is ErrNonFinite. What could not be loaded again is not saved, and
// the old file stays.
func Save(path string, model any) error { return saveTo(atomicfile.System{}, path, model) }

// saveTo is Save on a given file system.
func saveTo(sys atomicfile.FS, path string, model any) error {
	c, err := describe(model)
	if err == nil {
		err = atomicfile.WriteTo(sys, path, c.write)
	}
	if err != nil {
		return fmt.Errorf("registry: %w", err)
	}
	return nil
}

// Write writes the bytes that Save puts into a file.
func Write(w io.Writer, model any) error {
	c, err := describe(model)
	if err == nil {
		err = c.write(w)
	}
	if err != nil {
		return fmt.Errorf("registry: %w", err)
	}
	return nil
}

// describe finds out what a model is.
func describe(model any) (*contents, error) {
	if v := reflect.ValueOf(model); v.Kind() == reflect.Pointer && v.IsNil() {
		return nil, fmt.Errorf("a nil %T cannot be saved: %w", model, bijector.ErrSpec)
	}
	switch m := model.(type) {
	case *flow.Flow[float32]:
		return flowContents(m)
	case *flow.Flow[float64]:
		return flowContents(m)
	case *flow.Ensemble[float32]:
		return newContents[float32](kindMixture, m)
	case *flow.Ensemble[float64]:
		return newContents[float64](kindMixture, m)
	case *autoencoder.Latent[float32]:
		return newContents[float32](kindLatent, m)
	case *autoencoder.Latent[float64]:
		return newContents[float64](kindLatent, m)
	case bijector.Layer[float32]:
		return layerContents(m)
	case bijector.Layer[float64]:
		return layerContents(m)
	case savedEncoder[float32]:
		return newContents[float32](kindEncoder, m)
	case savedEncoder[float64]:
		return newContents[float64](kindEncoder, m)
	}
	return nil, fmt.Errorf("a %T cannot be saved, want a flow, an ensemble, a latent model, an encoder with state or a layer: %w", model, bijector.ErrSpec)
}

// savedEncoder is an encoder that can be saved.
type savedEncoder[T bijector.Float] interface {
	autoencoder.Encoder[T]
	bijector.Stateful[T]
}

func flowContents[T bijector.Float](f *flow.Flow[T]) (*contents, error) {
	return newContents[T](kindFlow, f)
}

func layerContents[T bijector.Float](l bijector.Layer[T]) (*contents, error) {
	s, ok := l.(bijector.Stateful[T])
	if !ok {
		return nil, checkLayer(l, "the model")
	}
	return newContents(kindLayer, s)
}

func newContents[T bijector.Float](kind string, s bijector.Stateful[T]) (*contents, error) {
	spec, err := marshalSpec(s)
	if err != nil {
		return nil, err
	}
	if v, ok := s.(bijector.Validator); ok {
		if err := v.Validate(); err != nil {
			return nil, err
		}
	}
	c := &contents{kind: kind, dtype: dtypeName[T](), spec: spec}
	for _, p := range s.Params() {
		if err := checkFinite(p); err != nil {
			return nil, err
		}
		c.items = append(c.items, safetensors.Item{Name: p.Name, Shape: p.Shape, Data: p.Data})
	}
	for _, b := range s.Buffers() {
		c.items = append(c.items, safetensors.Item{Name: b.Name, Shape: b.Shape, Data: b.Data})
	}
	c.items = safetensors.Layout(c.items)
	return c, nil
}

// checkFinite names the first value of a parameter that is no number.
func checkFinite[T bijector.Float](p bijector.Param[T]) error {
	i := slices.IndexFunc(p.Data, func(v T) bool { return math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) })
	if i < 0 {
		return nil
	}
	return fmt.Errorf("parameter %q is %v at %d of %d: %w", p.Name, p.Data[i], i, len(p.Data), bijector.ErrNonFinite)
}

// dtypeName is what metadata and messages call T.
func dtypeName[T bijector.Float]() string { return reflect.TypeFor[T]().String() }

// write writes the file.
func (c *contents) write(w io.Writer) error {
	return safetensors.WriteSealed(w, c.items, map[string]string{
		keyFormat:  format,
		keyVersion: fmt.Sprint(version),
		keyKind:    c.kind,
		keyDType:   c.dtype,
		keySpec:    string(c.spec),
	})
}

// Models that are no part of larger ones have no name.
var (
	ensembleEntry = newEntry(models, "ensemble", buildEnsemble[float32], buildEnsemble[float64])
	latentEntry   = newEntry(models, "latent", buildLatent[float32], buildLatent[float64])
)

func buildEnsemble[T bijector.Float](s flow.EnsembleSpec, b bijector.Builder[T]) (*flow.Ensemble[T], error) {
	return flow.BuildEnsemble(s, b.(flow.EnsembleBuilder[T]))
}

func buildLatent[T bijector.Float](s autoencoder.LatentSpec, b bijector.Builder[T]) (*autoencoder.Latent[T], error) {
	return autoencoder.BuildLatent(s, b.(autoencoder.Builder[T]))
}
