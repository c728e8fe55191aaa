// From model files to models.

package registry

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/bijou-flow/bijou/autoencoder"
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/internal/safetensors"
)

// LoadOptions says what loading may do beyond reading what is there. The zero
// value is strict.
type LoadOptions struct {
	// Convert reads a file of the other element type: a model trained in
	// float64 to be used in float32, or the other way round. Without it the
	// other type is an error. A value that float32 cannot hold is ErrNonFinite.
	Convert bool
}

// LoadFlow reads a flow that Save wrote. Nothing is made that is not
// registered, no more memory is claimed than the file has tensors for, and
// what is returned is the model that was saved, to the bit.
//
// A file that Save did not write, or one cut short, is ErrFormat; a damaged one is
// ErrChecksum; one written by a later version of the library ErrVersion; one of
// the other element type ErrDType; one whose parts are not registered
// ErrNotRegistered; tensors that are missing, left over or of another shape than
// the spec asks for ErrMismatch, those of another shape bijector.ErrShape too;
// NaN and infinities among the parameters ErrNonFinite. o is LoadOptions, at
// most one.
func LoadFlow[T bijector.Float](path string, o ...LoadOptions) (*flow.Flow[T], error) {
	return loadFile(path, func(r io.Reader, size int64) (*flow.Flow[T], error) {
		return readFlow[T](r, size, o)
	})
}

// LoadEnsemble reads a mixture of flows that Save wrote, as LoadFlow does a
// flow.
func LoadEnsemble[T bijector.Float](path string, o ...LoadOptions) (*flow.Ensemble[T], error) {
	return loadFile(path, func(r io.Reader, size int64) (*flow.Ensemble[T], error) {
		return readEnsemble[T](r, size, o)
	})
}

// LoadLatent reads a latent model that Save wrote, as LoadFlow does a flow.
func LoadLatent[T bijector.Float](path string, o ...LoadOptions) (*autoencoder.Latent[T], error) {
	return loadFile(path, func(r io.Reader, size int64) (*autoencoder.Latent[T], error) {
		return readLatent[T](r, size, o)
	})
}

// LoadEncoder reads an encoder that Save wrote, as LoadFlow does a flow. Those
// of the library decode too: they are autoencoder.Decoders.
func LoadEncoder[T bijector.Float](path string, o ...LoadOptions) (autoencoder.Encoder[T], error) {
	return loadFile(path, func(r io.Reader, size int64) (autoencoder.Encoder[T], error) {
		return readEncoder[T](r, size, o)
	})
}

// LoadBijector reads a layer that Save wrote, as LoadFlow does a flow.
func LoadBijector[T bijector.Float](path string, o ...LoadOptions) (bijector.Layer[T], error) {
	return loadFile(path, func(r io.Reader, size int64) (bijector.Layer[T], error) {
		return readLayer[T](r, size, o)
	})
}

// ReadFlow is LoadFlow of size bytes from r, for a model that is embedded in
// the program or comes from elsewhere.
func ReadFlow[T bijector.Float](r io.Reader, size int64, o ...LoadOptions) (*flow.Flow[T], error) {
	return result(readFlow[T](r, size, o))
}

// ReadEnsemble is LoadEnsemble of size bytes from r.
func ReadEnsemble[T bijector.Float](r io.Reader, size int64, o ...LoadOptions) (*flow.Ensemble[T], error) {
	return result(readEnsemble[T](r, size, o))
}

// ReadLatent is LoadLatent of size bytes from r.
func ReadLatent[T bijector.Float](r io.Reader, size int64, o ...LoadOptions) (*autoencoder.Latent[T], error) {
	return result(readLatent[T](r, size, o))
}

// ReadEncoder is LoadEncoder of size bytes from r.
func ReadEncoder[T bijector.Float](r io.Reader, size int64, o ...LoadOptions) (autoencoder.Encoder[T], error) {
	return result(readEncoder[T](r, size, o))
}

// ReadBijector is LoadBijector of size bytes from r.
func ReadBijector[T bijector.Float](r io.Reader, size int64, o ...LoadOptions) (bijector.Layer[T], error) {
	return result(readLayer[T](r, size, o))
}

func readFlow[T bijector.Float](r io.Reader, size int64, o []LoadOptions) (*flow.Flow[T], error) {
	return readModel(r, size, kindFlow, o, func(b *builder[T], spec []byte) (*flow.Flow[T], error) {
		return buildEntry[*flow.Flow[T]](b, flowEntry, spec)
	})
}

func readEnsemble[T bijector.Float](r io.Reader, size int64, o []LoadOptions) (*flow.Ensemble[T], error) {
	return readModel(r, size, kindMixture, o, func(b *builder[T], spec []byte) (*flow.Ensemble[T], error) {
		return buildEntry[*flow.Ensemble[T]](b, ensembleEntry, spec)
	})
}

func readLatent[T bijector.Float](r io.Reader, size int64, o []LoadOptions) (*autoencoder.Latent[T], error) {
	return readModel(r, size, kindLatent, o, func(b *builder[T], spec []byte) (*autoencoder.Latent[T], error) {
		return buildEntry[*autoencoder.Latent[T]](b, latentEntry, spec)
	})
}

func readEncoder[T bijector.Float](r io.Reader, size int64, o []LoadOptions) (autoencoder.Encoder[T], error) {
	return readModel(r, size, kindEncoder, o, buildEncoder[T])
}

func readLayer[T bijector.Float](r io.Reader, size int64, o []LoadOptions) (bijector.Layer[T], error) {
	return readModel(r, size, kindLayer, o, buildLayer[T])
}

func loadFile[M any](path string, read func(io.Reader, int64) (M, error)) (m M, err error) {
	f, err := os.Open(path)
	if err != nil {
		return m, fmt.Errorf("registry: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("it is no regular file: %w", ErrFormat)
	}
	if err == nil {
		m, err = read(bufio.NewReaderSize(f, 64<<10), info.Size())
	}
	if err != nil {
		var p *fs.PathError
		if errors.As(err, &p) {
			err = p.Err
		}
		return *new(M), fmt.Errorf("registry: cannot load %s: %w", path, err)
	}
	return m, nil
}

// readModel reads a model of a kind that build makes from its spec.
func readModel[T bijector.Float, M any](r io.Reader, size int64, kind string, options []LoadOptions, build func(*builder[T], []byte) (M, error)) (m M, err error) {
	var o LoadOptions
	switch len(options) {
	case 0:
	case 1:
		o = options[0]
	default:
		return m, fmt.Errorf("%d LoadOptions, want one at most: %w", len(options), bijector.ErrSpec)
	}
	h, err := safetensors.ReadHeader(r, size)
	if err != nil {
		return m, err
	}
	if err := checkMetadata[T](h, kind, o); err != nil {
		return m, err
	}
	seal, err := safetensors.NewSeal(h, r)
	if err != nil {
		return m, err
	}
	m, err = fill(h, seal, build)
	return m, seal.Close(err)
}

// fill makes the model of a header and reads its values.
func fill[T bijector.Float, M any](h *safetensors.Header, data io.Reader, build func(*builder[T], []byte) (M, error)) (m M, err error) {
	var values float64
	for _, t := range h.Tensors {
		values += float64(t.Elements())
	}
	spec, _ := h.Get(keySpec)
	if len(spec) > maxSpecBytes {
		return m, fmt.Errorf("a spec of %d bytes, at most %d are allowed: %w", len(spec), maxSpecBytes, ErrTooLarge)
	}
	if m, err = build(&builder[T]{left: values}, []byte(spec)); err != nil {
		return m, err
	}
	s, ok := any(m).(bijector.Stateful[T])
	if !ok {
		return m, fmt.Errorf("a %T has no state to load: %w", m, bijector.ErrSpec)
	}
	if err := readState(h, data, s); err != nil {
		return m, err
	}
	if c, ok := any(m).(bijector.Invalidator); ok {
		c.Invalidate()
	}
	if v, ok := any(m).(bijector.Validator); ok {
		return m, v.Validate()
	}
	return m, nil
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

// slot is where a tensor of the file goes.
type slot[T bijector.Float] struct {
	shape []int
	param []T
	data  any // a buffer's, nil for a parameter
}

// accepts returns the dtype that a slot is read from.
func (s slot[T]) accepts(d safetensors.DType, file string) bool {
	switch s.data.(type) {
	case nil:
		return d == safetensors.F32 && file == "float32" || d == safetensors.F64 && file == "float64"
	case []float64:
		return d == safetensors.F64
	case []int64:
		return d == safetensors.I64
	}
	return false
}

// readState compares the file's tensors with the model's, all of them before
// the first value is read, and reads.
func readState[T bijector.Float](h *safetensors.Header, r io.Reader, s bijector.Stateful[T]) error {
	slots := map[string]slot[T]{}
	params := s.Params()
	for _, p := range params {
		slots[p.Name] = slot[T]{shape: p.Shape, param: p.Data}
	}
	for _, b := range s.Buffers() {
		slots[b.Name] = slot[T]{shape: b.Shape, data: b.Data}
	}
	file, _ := h.Get(keyDType)
	var faults []string
	fault := ErrMismatch
	found := map[string]bool{}
	for _, t := range h.Tensors {
		found[t.Name] = true
		switch s, ok := slots[t.Name]; {
		case !ok:
			faults = append(faults, fmt.Sprintf("%q is in the file and not in the model", clip(t.Name)))
		case !slices.Equal(s.shape, t.Shape()):
			faults = append(faults, fmt.Sprintf("%q has shape %s, want %v", clip(t.Name), clip(fmt.Sprint(t.Shape())), s.shape))
			fault = fmt.Errorf("%w: %w", ErrMismatch, bijector.ErrShape)
		case !s.accepts(t.DType, file):
			faults = append(faults, fmt.Sprintf("%q holds %v, which a %T of a %s model is not read from", clip(t.Name), t.DType, s.values(), file))
		}
	}
	for name := range slots {
		if !found[name] {
			faults = append(faults, fmt.Sprintf("%q is missing", name))
		}
	}
	if len(faults) > 0 {
		return mismatch(faults, fault)
	}
	vr := &safetensors.ValueReader{R: r}
	for _, t := range h.Tensors {
		var err error
		switch s := slots[t.Name]; d := s.data.(type) {
		case []float64:
			err = safetensors.ReadFloats(vr, t, d)
		case []int64:
			err = safetensors.ReadInts(vr, t, d)
		default:
			err = readParam(vr, t, s.param)
		}
		if err != nil {
			return err
		}
	}
	for _, p := range params {
		if err := checkFinite(p); err != nil {
			return err
		}
	}
	return nil
}

func (s slot[T]) values() any {
	if s.data == nil {
		return s.param
	}
	return s.data
}

func readParam[T bijector.Float](vr *safetensors.ValueReader, t safetensors.Tensor, dst []T) error {
	switch d := any(dst).(type) {
	case []float32:
		return safetensors.ReadFloats(vr, t, d)
	case []float64:
		return safetensors.ReadFloats(vr, t, d)
	}
	return nil
}

// mismatch reports the first few faults, in a fixed order, as err.
func mismatch(faults []string, err error) error {
	const most = 5
	slices.Sort(faults)
	n := len(faults)
	if n > most {
		faults = append(faults[:most], fmt.Sprintf("and %d more", n-most))
	}
	return fmt.Errorf("%s: %w", strings.Join(faults, "; "), err)
}
