// Encoder and Decoder: a model of ONNX as a part of a latent model.

package bijouonnx

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"weak"

	"gorgonia.org/tensor"

	"github.com/bijou-flow/bijou/autoencoder"
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/registry"
)

// Encoder embeds rows by a model of ONNX. It may be used by any number of
// goroutines. T is the type of the rows and of the flow behind it; the model
// computes in its own.
type Encoder[T bijector.Float] struct{ m *mapping }

// Decoder maps embeddings to data by a model of ONNX, like Encoder.
type Decoder[T bijector.Float] struct{ m *mapping }

// OpenEncoder makes an Encoder of a file; its directory is one that AddFS was
// called with from then on. It runs the model on two batches: a model whose
// rows influence each other is bijector.ErrSpec, one whose result is no vector a
// row bijector.ErrShape, a file that is missing or no ONNX model ErrFile, and a
// model with an operator that the runtime lacks ErrOperator.
func OpenEncoder[T bijector.Float](path string, o Options) (*Encoder[T], error) {
	m, err := open(path, o)
	if err != nil {
		return nil, err
	}
	return &Encoder[T]{m}, nil
}

// OpenDecoder makes a Decoder of a file, as OpenEncoder does an Encoder.
func OpenDecoder[T bijector.Float](path string, o Options) (*Decoder[T], error) {
	m, err := open(path, o)
	if err != nil {
		return nil, err
	}
	return &Decoder[T]{m}, nil
}

// NewEncoder makes an Encoder of a spec: the file is looked for where AddFS
// said. It returns the errors of OpenEncoder.
func NewEncoder[T bijector.Float](s EncoderSpec) (*Encoder[T], error) {
	m, err := newMapping(s, nil)
	if err != nil {
		return nil, err
	}
	return &Encoder[T]{m}, nil
}

// NewDecoder makes a Decoder of a spec, as NewEncoder does an Encoder.
func NewDecoder[T bijector.Float](s DecoderSpec) (*Decoder[T], error) {
	m, err := newMapping(EncoderSpec(s), nil)
	if err != nil {
		return nil, err
	}
	return &Decoder[T]{m}, nil
}

func init() {
	registry.RegisterEncoder("onnx.encoder", NewEncoder[float32], NewEncoder[float64])
	registry.RegisterDecoder("onnx.decoder", NewDecoder[float32], NewDecoder[float64])
}

// Encode maps rows (n, d), or images (n, c, h, w) with c*h*w = d, to embeddings
// (n, e). Rows with a NaN or an infinity, and rows whose embedding has one, are
// NaN and named by a bijector.RowError; the others are unaffected. A value that
// the model's element type does not hold, such as 0.5 for an id, is
// bijector.ErrDType.
func (e *Encoder[T]) Encode(x tensor.Tensor) (*bijector.Rows[T], error) {
	if e == nil || e.m == nil {
		return nil, errZero()
	}
	return mapRows[T](e.m, x)
}

// Decode maps embeddings (n, e) to rows of data (n, d), as Encoder.Encode does
// rows to embeddings.
func (d *Decoder[T]) Decode(z tensor.Tensor) (*bijector.Rows[T], error) {
	if d == nil || d.m == nil {
		return nil, errZero()
	}
	return mapRows[T](d.m, z)
}

// described is the spec, and the zero one of an Encoder that nobody made.
func (m *mapping) described() (s EncoderSpec) {
	if m != nil {
		s = m.spec
	}
	return s
}

func errZero() error {
	return fmt.Errorf("bijouonnx: an encoder or decoder without a model; make one with OpenEncoder or OpenDecoder: %w", bijector.ErrSpec)
}

// Dim is the number of values of a row of data.
func (e *Encoder[T]) Dim() int { return e.m.described().In }

// Embedding is the number of values of an embedding.
func (e *Encoder[T]) Embedding() int { return e.m.described().Out }

// Dim is the number of values of a row of data.
func (d *Decoder[T]) Dim() int { return d.m.described().Out }

// Embedding is the number of values of an embedding.
func (d *Decoder[T]) Embedding() int { return d.m.described().In }

// Spec is the EncoderSpec, with what the file says filled in.
func (e *Encoder[T]) Spec() any { return e.m.described() }

// Spec is the DecoderSpec, with what the file says filled in.
func (d *Decoder[T]) Spec() any { return DecoderSpec(d.m.described()) }

// Params: none, the weights are in the ONNX file.
func (e *Encoder[T]) Params() []bijector.Param[T] { return nil }

// Params: none, the weights are in the ONNX file.
func (d *Decoder[T]) Params() []bijector.Param[T] { return nil }

// Buffers: none.
func (e *Encoder[T]) Buffers() []bijector.Buffer { return nil }

// Buffers: none.
func (d *Decoder[T]) Buffers() []bijector.Buffer { return nil }

// open reads a file and makes a mapping of it.
func open(path string, o Options) (*mapping, error) {
	place := os.DirFS(filepath.Dir(path))
	raw, err := readModel(place, filepath.Base(path))
	if err != nil {
		return nil, fmt.Errorf("bijouonnx: %s: %w: %w: %w", path, err, ErrFile, bijector.ErrSpec)
	}
	m, err := newMapping(EncoderSpec{File: filepath.Base(path), SHA256: sum(raw), Options: o}, raw)
	if err != nil {
		return nil, err
	}
	AddFS(place)
	return m, nil
}

// made are the mappings that are in use, so that a model that is saved, which
// makes its parts once more from their specs, does not hold its weights twice.
var made struct {
	sync.Mutex
	by map[string]weak.Pointer[mapping]
}

// newMapping makes a mapping of a spec, from the file's bytes where they are at
// hand.
func newMapping(s EncoderSpec, raw []byte) (*mapping, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	l, library := onnxRuntime.current()
	made.Lock()
	defer made.Unlock()
	if m := made.by[keyOf(s, library)].Value(); m != nil {
		return m, nil
	}
	if raw == nil {
		var err error
		if raw, err = find(s); err != nil {
			return nil, err
		}
	}
	m, err := makeMapping(s, raw, l)
	if err != nil {
		return nil, err
	}
	for key, p := range made.by {
		if p.Value() == nil {
			delete(made.by, key)
		}
	}
	if made.by == nil {
		made.by = map[string]weak.Pointer[mapping]{}
	}
	made.by[keyOf(m.spec, library)] = weak.Make(m)
	return m, nil
}

// keyOf is the same for equal specs under one runtime.
func keyOf(s EncoderSpec, library string) string {
	text, err := json.Marshal(s)
	return fmt.Sprintf("%s %v %s", text, err, library)
}

func makeMapping(s EncoderSpec, raw []byte, l *library) (*mapping, error) {
	net, err := parse(raw, s.File)
	if err != nil {
		return nil, err
	}
	if err := net.choose(s.Options); err != nil {
		return nil, err
	}
	m := &mapping{net: net, spec: s, parallel: 1}
	m.spec.Scale, m.spec.Shift = slices.Clone(s.Scale), slices.Clone(s.Shift)
	m.spec.Output, m.spec.Inputs = net.output, nil
	for _, p := range net.ports {
		m.spec.Inputs = append(m.spec.Inputs, Input{Name: p.name, Shape: p.shape})
	}
	m.batch = cmp.Or(s.Batch, net.fixed, min(defaultBatch, max(1, maxValues/net.in)))
	if net.fixed > 0 && m.batch != net.fixed {
		return nil, net.wrongShape("batches of %d rows, the model takes %d", m.batch, net.fixed)
	}
	if m.batch > maxRun/net.in {
		return nil, net.wrongShape("batches of %d rows of %d values, want %d values at most; set a smaller Options.Batch", m.batch, net.in, maxRun)
	}
	m.spec.Batch = m.batch
	if l == nil {
		m.parallel = runtime.GOMAXPROCS(0)
		m.session, err = newGoSession(net)
	} else {
		m.session, err = newNativeSession(net, l)
	}
	if err != nil {
		return nil, err
	}
	if err := m.probe(); err != nil {
		return nil, err
	}
	return m, nil
}

var (
	_ autoencoder.Encoder[float32] = (*Encoder[float32])(nil)
	_ autoencoder.Decoder[float32] = (*Decoder[float32])(nil)
	_ bijector.Stateful[float32]   = (*Encoder[float32])(nil)
	_ bijector.Stateful[float32]   = (*Decoder[float32])(nil)
	_ bijector.Embedder            = (*Encoder[float32])(nil)
	_ bijector.Embedder            = (*Decoder[float32])(nil)
)
