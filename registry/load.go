// From model files to models.

package registry

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"reflect"
	"strconv"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/internal/input"
	"github.com/bijou-flow/bijou/internal/nilcheck"
	"github.com/bijou-flow/bijou/internal/safetensors"
)

// LoadOptions says what loading may do beyond reading what is there. The zero
// value is strict.
type LoadOptions struct {
	// Convert reads a file of the other element type: a model trained in
	// float64 to be used in float32, or the other way round. Without it the
	// other type is an error. A value that float32 cannot hold is ErrNonFinite.
	Convert bool
	// MaxBytes is the size of the largest file that is read, in bytes; 0 means
	// 4 GiB. A larger one is ErrTooLarge before any of it is read: a file
	// with holes, which takes no room on a disk, would take as much memory and time as
	// it says it is long. Less than 0 is bijector.ErrSpec.
	MaxBytes int64
}

// LoadFlow is Load of a flow: registry.LoadFlow[float32](path).
func LoadFlow[T bijector.Float](path string, o ...LoadOptions) (*flow.Flow[T], error) {
	return Load[*flow.Flow[T]](path, o...)
}

// Load reads a model that Save wrote. M is what Save was given:
//
//	latent, err := registry.Load[*autoencoder.Latent[float32]](path)
//
// or a *flow.Flow, a *flow.Ensemble, a *table.Model, a layer or an encoder, of float32 or
// float64. A bijector.Layer[T] and an autoencoder.Encoder[T] are those of
// whatever type; a type of its own, such as *bijector.Chain[float32], is that
// one alone. Encoders of the library decode too: they are autoencoder.Decoder values.
//
// Nothing is made that is not registered, no more memory is claimed than the
// file has tensors for, and what is returned is the model that was saved, to
// the bit.
//
// A file that Save did not write, that is cut short or that holds another kind
// of model is ErrFormat; a damaged one is ErrChecksum; one written by a later
// version of the library ErrVersion; one of the other element type ErrDType; one
// whose parts are not registered ErrNotRegistered; tensors that are missing,
// left over or of another shape than the spec asks for ErrMismatch, those of
// another shape bijector.ErrShape too; NaN and infinities among the parameters
// ErrNonFinite; an M that no file holds bijector.ErrSpec. o is LoadOptions, at
// most one.
func Load[M any](path string, o ...LoadOptions) (m M, err error) {
	f, err := input.Open(path)
	if errors.Is(err, input.ErrNotRegular) {
		return m, fmt.Errorf("registry: cannot load %s: %w: %w", path, err, ErrFormat)
	}
	if err != nil {
		return m, fmt.Errorf("registry: %w", err)
	}
	defer f.Close()
	m, err = read[M](f, f.Size, o)
	if err != nil {
		var p *fs.PathError
		if errors.As(err, &p) {
			err = p.Err
		}
		return *new(M), fmt.Errorf("registry: cannot load %s: %w", path, err)
	}
	return m, nil
}

// Read is Load of size bytes from r, for a model that is embedded in the
// program or comes from elsewhere. It reads so many bytes and none behind them.
// What r does not hold in memory, as a bytes.Reader does, is read there before
// a model is made, so that memory follows what has come and not the size that was named.
// A nil r is bijector.ErrSpec.
func Read[M any](r io.Reader, size int64, o ...LoadOptions) (M, error) {
	return result(read[M](r, size, o))
}

func read[M any](r io.Reader, size int64, options []LoadOptions) (m M, err error) {
	if len(options) > 1 {
		return m, fmt.Errorf("%d LoadOptions, want one at most: %w", len(options), bijector.ErrSpec)
	}
	if nilcheck.IsNil(r) {
		return m, fmt.Errorf("no reader: %w", bijector.ErrSpec)
	}
	var o LoadOptions
	if len(options) == 1 {
		o = options[0]
	}
	if o.MaxBytes < 0 {
		return m, fmt.Errorf("LoadOptions.MaxBytes is %d, want 0 or more: %w", o.MaxBytes, bijector.ErrSpec)
	}
	if err := safetensors.CheckSize(size, o.MaxBytes, "LoadOptions.MaxBytes"); err != nil {
		return m, err
	}
	typ := reflect.TypeFor[M]()
	var model any
	if kind := kindOf[float32](typ); kind != "" {
		model, err = readModel[float32](r, size, kind, o)
	} else if kind := kindOf[float64](typ); kind != "" {
		model, err = readModel[float64](r, size, kind, o)
	} else {
		return m, fmt.Errorf("no file holds a %v, want %s: %w", typ, saved, bijector.ErrSpec)
	}
	if e, ok := err.(*safetensors.FormatError); ok {
		err = (*FormatError)(e)
	}
	if err != nil {
		return m, err
	}
	m, ok := model.(M)
	if !ok {
		err = &FormatError{Field: keySpec, Reason: fmt.Sprintf("is that of a %T, want a %v", model, typ)}
	}
	return m, err
}

// readModel reads a model of a kind.
func readModel[T bijector.Float](r io.Reader, size int64, kind string, o LoadOptions) (any, error) {
	h, err := safetensors.ReadHeader(r, size)
	if err != nil {
		return nil, err
	}
	if err := checkMetadata[T](h, kind, o); err != nil {
		return nil, err
	}
	if r, err = h.Data(r); err != nil {
		return nil, err
	}
	seal, err := safetensors.NewSeal(h, r)
	if err != nil {
		return nil, err
	}
	model, err := makeModel[T](h, kind)
	if err == nil {
		err = readState(h, seal, model)
	}
	return model, seal.Close(err)
}

// makeModel makes the model of a header, without its values.
func makeModel[T bijector.Float](h *safetensors.Header, kind string) (bijector.Stateful[T], error) {
	b := &builder[T]{}
	for _, t := range h.Tensors {
		b.left += float64(t.Elements())
	}
	b.most = limitsFor(b.left)
	spec, _ := h.Get(keySpec)
	if err := b.most.checkBytes(len(spec)); err != nil { // before it is copied
		return nil, err
	}
	model, err := b.model(kind, []byte(spec))
	if err != nil {
		return nil, err
	}
	s, ok := model.(bijector.Stateful[T])
	if !ok {
		return nil, fmt.Errorf("a %T has no state to load: %w", model, bijector.ErrSpec)
	}
	return s, nil
}

// model makes a model of a kind from its spec.
func (b *builder[T]) model(kind string, spec []byte) (any, error) {
	switch kind {
	case kindFlow:
		return buildEntry[any](b, flowEntry, spec)
	case kindEnsemble:
		return buildEntry[any](b, ensembleEntry, spec)
	case kindLatent:
		return buildEntry[any](b, latentEntry, spec)
	case kindTable:
		return buildEntry[any](b, tableEntry, spec)
	}
	var part bijector.NamedSpec
	if err := decode(spec, &part, b.most); err != nil {
		return nil, err
	}
	if kind == kindEncoder {
		return b.Encoder(part)
	}
	return b.Layer(part)
}

// checkMetadata refuses files of other programs, versions, kinds and types.
func checkMetadata[T bijector.Float](h *safetensors.Header, kind string, o LoadOptions) error {
	get := func(key string) string { v, _ := h.Get(key); return v }
	if f := get(keyFormat); f != format {
		return &FormatError{Field: keyFormat, Reason: fmt.Sprintf("is %q, want %q: the file was not written by registry.Save", clip(f), format)}
	}
	v, err := strconv.Atoi(get(keyVersion))
	if err != nil || v < 1 {
		return &FormatError{Field: keyVersion, Reason: fmt.Sprintf("is %q, want a number", clip(get(keyVersion)))}
	}
	if v > version {
		return fmt.Errorf("the file has version %d, this library reads up to %d; update the library: %w", v, version, ErrVersion)
	}
	if k := get(keyKind); k != kind {
		return &FormatError{Field: keyKind, Reason: fmt.Sprintf("is %q, want %q", clip(k), kind)}
	}
	switch have, want := get(keyDType), dtypeName[T](); {
	case have != "float32" && have != "float64":
		return &FormatError{Field: keyDType, Reason: fmt.Sprintf("is %q, want \"float32\" or \"float64\"", clip(have))}
	case have != want && !o.Convert:
		return fmt.Errorf("the file holds a model in %s; load it as one, or convert it with LoadOptions{Convert: true}, not as %s: %w", have, want, bijector.ErrDType)
	}
	return nil
}
