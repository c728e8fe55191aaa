// The model file: what is in one, and how a model becomes one.

package registry

import (
	"fmt"
	"io"
	"reflect"
	"slices"

	"github.com/bijou-flow/bijou/autoencoder"
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/internal/atomicfile"
	"github.com/bijou-flow/bijou/internal/nilcheck"
	"github.com/bijou-flow/bijou/internal/rows"
	"github.com/bijou-flow/bijou/internal/safetensors"
	tables "github.com/bijou-flow/bijou/table"
)

// The metadata of a model file, beside its checksum.
const (
	keyFormat  = "format"
	keyVersion = "version"
	keyKind    = "kind"
	keyDType   = "dtype"
	keySpec    = "spec"

	format  = "bijou"
	version = 1

	kindFlow     = "flow"
	kindEnsemble = "ensemble"
	kindLatent   = "latent"
	kindTable    = "table"
	kindEncoder  = "encoder"
	kindLayer    = "bijector"
)

// contents is what a model's file holds.
type contents struct {
	items    []safetensors.Item
	metadata map[string]string
}

func (c *contents) write(w io.Writer) error { return safetensors.WriteSealed(w, c.items, c.metadata) }

// Save writes a model to a safetensors file: parameters and buffers as
// tensors under their names, and in the metadata what Load needs to make an
// equal model. The model is a *flow.Flow, a *flow.Ensemble, an
// *autoencoder.Latent, a *table.Model, or a layer or an encoder that is a bijector.Stateful, in
// float32 or float64. The same model makes the same bytes.
//
// The file at path is replaced as a whole: a process that is killed while it
// saves, and a disk that is full, leave the old one as it was. Save is not to
// be called while the model is being trained.
//
// A part that is not registered is ErrNotRegistered; a parameter that is NaN or
// infinite is ErrNonFinite. What could not be loaded again is not saved, and
// the old file stays: a spec whose Values are more than there are is ErrTooLarge
// (see Sizer), one that makes no part or a part with other tensors has the error
// that Load would return. A model with parts of other modules is made from its
// spec to see that, once, which takes the memory of its parameters a second time
// while Save runs; one of the library's own parts is not.
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

// Write writes the bytes that Save puts into a file. A nil w is ErrSpec of
// package bijector.
func Write(w io.Writer, model any) error {
	if nilcheck.IsNil(w) {
		return fmt.Errorf("registry: no writer: %w", bijector.ErrSpec)
	}
	c, err := describe(model)
	if err == nil {
		err = c.write(w)
	}
	if err != nil {
		return fmt.Errorf("registry: %w", err)
	}
	return nil
}

// saved is what a file may hold, for errors.
const saved = "a flow, an ensemble, a latent model, a model of a table, an encoder with state or a layer"

// kindOf returns the kind of a model of type typ and element type T, "" where
// it is no such model.
func kindOf[T bijector.Float](typ reflect.Type) string {
	switch {
	case typ == nil:
		return ""
	case typ == reflect.TypeFor[*flow.Flow[T]]():
		return kindFlow
	case typ == reflect.TypeFor[*flow.Ensemble[T]]():
		return kindEnsemble
	case typ == reflect.TypeFor[*autoencoder.Latent[T]]():
		return kindLatent
	case typ == reflect.TypeFor[*tables.Model[T]]():
		return kindTable
	case typ.Implements(reflect.TypeFor[bijector.Layer[T]]()):
		return kindLayer
	case typ.Implements(reflect.TypeFor[autoencoder.Encoder[T]]()):
		return kindEncoder
	}
	return ""
}

// describe finds out what a model is.
func describe(model any) (*contents, error) {
	typ := reflect.TypeOf(model)
	if typ != nil && typ.Kind() == reflect.Pointer && reflect.ValueOf(model).IsNil() {
		return nil, fmt.Errorf("a nil %T cannot be saved: %w", model, bijector.ErrSpec)
	}
	if kind := kindOf[float32](typ); kind != "" {
		return describeAs[float32](kind, model)
	}
	if kind := kindOf[float64](typ); kind != "" {
		return describeAs[float64](kind, model)
	}
	return nil, fmt.Errorf("a %T cannot be saved, want %s: %w", model, saved, bijector.ErrSpec)
}

func describeAs[T bijector.Float](kind string, model any) (*contents, error) {
	s, ok := model.(bijector.Stateful[T])
	if l, is := model.(bijector.Layer[T]); is && !ok {
		return nil, checkLayer(l, "the model")
	}
	if !ok {
		return nil, fmt.Errorf("a %T cannot be saved, want %s: %w", model, saved, bijector.ErrSpec)
	}
	spec, err := marshalSpec(s, limitsFor(valuesOf(s)))
	if err != nil {
		return nil, err
	}
	if v, ok := s.(bijector.Validator); ok {
		if err := v.Validate(); err != nil {
			return nil, err
		}
	}
	c := &contents{metadata: map[string]string{
		keyFormat: format, keyVersion: fmt.Sprint(version), keyKind: kind, keyDType: dtypeName[T](), keySpec: string(spec),
	}}
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
	if err := checkLoads(c, kind, s); err != nil {
		return nil, fmt.Errorf("the model could not be loaded again: %w", err)
	}
	return c, nil
}

// valuesOf is the number of values in the tensors of a model's file.
func valuesOf[T bijector.Float](s bijector.Stateful[T]) (n float64) {
	for _, p := range s.Params() {
		n += float64(len(p.Data))
	}
	for _, b := range s.Buffers() {
		n += float64(reflect.ValueOf(b.Data).Len())
	}
	return n
}

// checkFinite names the first value of a parameter that is no number.
func checkFinite[T bijector.Float](p bijector.Param[T]) error {
	i := slices.IndexFunc(p.Data, func(v T) bool { return !rows.IsFinite(v) })
	if i < 0 {
		return nil
	}
	return fmt.Errorf("parameter %q is %v at %d of %d: %w", p.Name, p.Data[i], i, len(p.Data), bijector.ErrNonFinite)
}

// dtypeName is what metadata and messages call T.
func dtypeName[T bijector.Float]() string { return reflect.TypeFor[T]().String() }

// Models that are no part of larger ones have no name.
var (
	ensembleEntry = newEntry(models, "ensemble", buildEnsemble[float32], buildEnsemble[float64])
	latentEntry   = newEntry(models, "latent", buildLatent[float32], buildLatent[float64])
	tableEntry    = newEntry(models, "table", buildTable[float32], buildTable[float64])
)

func buildEnsemble[T bijector.Float](s flow.EnsembleSpec, b bijector.Builder[T]) (*flow.Ensemble[T], error) {
	return flow.BuildEnsemble(s, b.(flow.EnsembleBuilder[T]))
}

func buildLatent[T bijector.Float](s autoencoder.LatentSpec, b bijector.Builder[T]) (*autoencoder.Latent[T], error) {
	return autoencoder.BuildLatent(s, b.(autoencoder.Builder[T]))
}

func buildTable[T bijector.Float](s tables.ModelSpec, b bijector.Builder[T]) (*tables.Model[T], error) {
	return tables.BuildModel(s, b.(flow.EnsembleBuilder[T]))
}
