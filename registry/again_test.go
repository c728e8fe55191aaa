package registry_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/bijou-flow/bijou/autoregressive"
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/coupling"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/registry"
)

// Careless is a layer of another module whose spec says what the spec's fault
// wants.
type Careless[T bijector.Float] struct {
	*Shift[T]
	spec  CarelessSpec
	extra []T
}

// CarelessSpec describes a Careless.
type CarelessSpec struct {
	Dim   int    `json:"dim"`
	Fault string `json:"fault,omitempty"`
}

// carelessCalls counts the calls of NewCareless.
var carelessCalls atomic.Int64

func (s CarelessSpec) Values() float64 {
	if s.Fault == "values" {
		return 1e6
	}
	return float64(s.Dim)
}

// NewCareless makes a Careless, and panics as make does where the spec says no.
func NewCareless[T bijector.Float](s CarelessSpec) (*Careless[T], error) {
	carelessCalls.Add(1)
	if s.Fault == "panic" {
		return &Careless[T]{extra: make([]T, -s.Dim)}, nil
	}
	b, err := NewShift[T](ShiftSpec{Dim: s.Dim})
	return &Careless[T]{Shift: b, spec: s, extra: make([]T, 1)}, err
}

func (c *Careless[T]) Spec() any {
	s := c.spec
	if s.Fault == "dim 0" {
		s.Dim = 0
	}
	if s.Fault == "another dim" {
		s.Dim--
	}
	return s
}

func init() { registry.Register("test.careless", NewCareless[float32], NewCareless[float64]) }

// more is a layer of the library with a parameter that its spec does not make.
type more[T bijector.Float] struct {
	*bijector.Scale[T]
	b []T
}

func (m more[T]) Params() []bijector.Param[T] {
	return append(m.Scale.Params(), bijector.Param[T]{Name: "b", Shape: []int{len(m.b)}, Data: m.b})
}

func TestSaveRefusesWhatDoesNotLoad(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m")
	good := must(NewCareless[float64](CarelessSpec{Dim: 3}))
	if err := registry.Save(path, good); err != nil {
		t.Fatal(err)
	}
	before := must(os.ReadFile(path))
	for what, c := range map[string]struct {
		l    bijector.Layer[float64]
		is   error
		says string
	}{
		"too many values":         {must(NewCareless[float64](CarelessSpec{3, "values"})), registry.ErrTooLarge, "Values of its spec is 1e+06"},
		"a Dim of 0":              {must(NewCareless[float64](CarelessSpec{3, "dim 0"})), bijector.ErrSpec, "a shift of 0 features"},
		"another Dim":             {must(NewCareless[float64](CarelessSpec{3, "another dim"})), bijector.ErrShape, ""},
		"a spec of a part inside": {more[float64]{must(bijector.NewScale[float64](bijector.ScaleSpec{Dim: 2})), make([]float64, 2)}, registry.ErrMismatch, `b" is in the file and not in the model`},
	} {
		chain := must(bijector.NewChain(must(bijector.NewScale[float64](bijector.ScaleSpec{Dim: c.l.Dim()})), c.l))
		f := must(flow.New(chain, distribution.StandardNormal[float64](c.l.Dim())))
		for _, model := range []any{c.l, chain, f, must(flow.NewEnsemble(flow.Mixing{}, f))} {
			wantError(t, what, registry.Save(path, model), c.is, "could not be loaded again", c.says)
			wantError(t, what, registry.Write(io.Discard, model), c.is)
		}
	}
	if !bytes.Equal(must(os.ReadFile(path)), before) {
		t.Error("a refused save changed the file")
	}
}

// A part of another module is made once, to see that its spec makes it. A model
// of the library's parts is not made a second time.
func TestSaveMakesWhatItMust(t *testing.T) {
	l := must(NewCareless[float64](CarelessSpec{Dim: 3}))
	carelessCalls.Store(0)
	if err := registry.Write(io.Discard, l); err != nil || carelessCalls.Load() != 1 {
		t.Errorf("error %v, %d calls of the constructor, want 1", err, carelessCalls.Load())
	}
	chain := must(coupling.RealNVP[float32](coupling.Recipe{Dim: 10, Layers: 4, Hidden: []int{600, 600}}))
	f := must(flow.New(chain, distribution.StandardNormal[float32](10)))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if err := registry.Write(io.Discard, f); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	size := 0
	for _, p := range f.Params() {
		size += 4 * len(p.Data)
	}
	if got := int(after.TotalAlloc - before.TotalAlloc); got > size/4 {
		t.Errorf("writing a model of %d bytes allocates %d", size, got)
	}
}

// A layer whose first weights are masked counts what it has.
func TestLoneFeature(t *testing.T) {
	l := must(autoregressive.NewAffine[float64](autoregressive.AffineSpec{Dim: 1}))
	raw := saved(t, l)
	if _, err := registry.Read[bijector.Layer[float64]](bytes.NewReader(raw), int64(len(raw))); err != nil {
		t.Error(err)
	}
}

// A constructor's panic is an error of the spec, by the name of the part.
func TestConstructorPanics(t *testing.T) {
	node := `{"type":"test.careless","spec":{"dim":3,"fault":"panic"}}`
	_, err := registry.New[float32]("test.careless", []byte(`{"dim":3,"fault":"panic"}`))
	wantError(t, "New", err, bijector.ErrSpec, "test.careless", "panicked", "len out of range")
	_, err = registry.NewFlow[float64]([]byte(`{"bijector":{"type":"bijector.chain","spec":{"layers":[` + node + `]}},"base":{"type":"distribution.normal","spec":{"dim":3}}}`))
	wantError(t, "NewFlow", err, bijector.ErrSpec, "test.careless", "panicked", "len out of range")
}

// A name that nobody registered may be that of a package nobody imported.
func TestUnknownNameSaysImport(t *testing.T) {
	_, err := registry.New[float32]("mylayer.sinharcsinh", nil)
	wantError(t, "New", err, registry.ErrNotRegistered, `"mylayer.sinharcsinh"`, "import its package")
	if _, err := registry.NewBase[float32]("bijector.scale", nil); err == nil || bytes.Contains([]byte(err.Error()), []byte("import")) {
		t.Errorf("the name of another kind: %v", err)
	}
	if !errors.Is(err, registry.ErrNotRegistered) {
		t.Error(err)
	}
}
