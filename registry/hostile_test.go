package registry_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/bijou-flow/bijou/autoencoder"
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/internal/corpus"
	"github.com/bijou-flow/bijou/internal/safetensors"
	"github.com/bijou-flow/bijou/registry"
)

func load(raw []byte) error {
	_, err := registry.Read[*flow.Flow[float32]](bytes.NewReader(raw), int64(len(raw)))
	return err
}

func TestTruncated(t *testing.T) {
	raw := saved(t, smallFlow[float32]())
	if err := load(raw); err != nil {
		t.Fatal(err)
	}
	for n := range raw {
		if err := load(raw[:n]); !errors.Is(err, registry.ErrFormat) {
			t.Fatalf("the first %d of %d bytes: %v", n, len(raw), err)
		}
		// The same where the reader ends before the size it was said to have.
		if _, err := registry.Read[*flow.Flow[float32]](bytes.NewReader(raw[:n]), int64(len(raw))); err == nil {
			t.Fatalf("%d of %d bytes loaded", n, len(raw))
		}
	}
	if err := load(append(bytes.Clone(raw), 0)); !errors.Is(err, registry.ErrFormat) {
		t.Errorf("a byte too many: %v", err)
	}
}

// TestEveryBit flips every bit of a file: none may go unnoticed, and in the
// values the checksum is what notices.
func TestEveryBit(t *testing.T) {
	raw := saved(t, smallFlow[float32]())
	values := len(raw) - 4*(2*1+2+2*2+2) - 8*4 // perceptron 1-2-2, mask and permutation
	for i := range raw {
		for bit := range 8 {
			bad := bytes.Clone(raw)
			bad[i] ^= 1 << bit
			err := load(bad)
			if err == nil {
				t.Fatalf("bit %d of byte %d (%q) went unnoticed", bit, i, raw[max(0, i-10):min(len(raw), i+10)])
			}
			if i >= values && !errors.Is(err, registry.ErrChecksum) {
				t.Fatalf("bit %d of byte %d, a value: %v", bit, i, err)
			}
		}
	}
}

func TestHostileFiles(t *testing.T) {
	nested := func(n int) string {
		return `{"bijector":` + strings.Repeat(`{"type":"bijector.invert","spec":{"layer":`, n) + `{"type":"bijector.actnorm","spec":{"dim":2}}` + strings.Repeat("}}", n) +
			`,"base":{"type":"distribution.normal","spec":{"dim":2}}}`
	}
	bijectorOf := func(layer string) string {
		return `{"bijector":` + layer + `,"base":{"type":"distribution.logistic","spec":{"dim":2}}}`
	}
	spec := func(s string) func(*forgery) { return func(f *forgery) { f.meta["spec"] = s } }
	edit := func(old, new string) func(*forgery) {
		return func(f *forgery) {
			if !strings.Contains(f.meta["spec"], old) {
				panic(old + " is not in " + f.meta["spec"])
			}
			f.meta["spec"] = strings.Replace(f.meta["spec"], old, new, 1)
		}
	}
	set := func(key, value string) func(*forgery) { return func(f *forgery) { f.meta[key] = value } }
	drop := func(key string) func(*forgery) { return func(f *forgery) { delete(f.meta, key) } }
	const weight, mask, indices = "bijector.0.net.0.weight", "bijector.0.mask", "bijector.1.indices"
	for _, c := range []struct {
		name string
		do   func(*forgery)
		is   error
		says string
	}{
		{"no format", drop("format"), registry.ErrFormat, "registry.Save"},
		{"another program's", set("format", "pt"), registry.ErrFormat, `"pt"`},
		{"no version", drop("version"), registry.ErrFormat, "version"},
		{"version in words", set("version", "one"), registry.ErrFormat, `"one"`},
		{"version 0", set("version", "0"), registry.ErrFormat, `"0"`},
		{"a later version", set("version", "2"), registry.ErrVersion, "update the library"},
		{"no kind", drop("kind"), registry.ErrFormat, "kind"},
		{"another kind", set("kind", "latent"), registry.ErrFormat, `"latent"`},
		{"no dtype", drop("dtype"), registry.ErrFormat, "dtype"},
		{"unknown dtype", set("dtype", "float16"), registry.ErrFormat, "float16"},
		{"dtype of another model", set("dtype", "float64"), bijector.ErrDType, "Convert"},
		{"no checksum", drop("checksum"), registry.ErrFormat, "checksum"},
		{"short checksum", set("checksum", "sha256:00"), registry.ErrFormat, "64 digits"},
		{"checksum of another kind", set("checksum", "crc32c:00000000"), registry.ErrFormat, "sha256:"},
		{"checksum that is none", set("checksum", "sha256:"+strings.Repeat("g", 63)), registry.ErrFormat, "64 digits"},
		{"no spec", drop("spec"), registry.ErrNotRegistered, "no name"},
		{"spec null", spec("null"), registry.ErrNotRegistered, "no name"},
		{"spec a list", spec("[]"), bijector.ErrSpec, "begins with"},
		{"spec cut", spec(`{"bijector":{`), bijector.ErrSpec, "JSON"},
		{"spec and more", edit("}}}", "}}}{}"), bijector.ErrSpec, "JSON"},
		{"spec with a key twice", edit(`"dim":2`, `"dim":2,"dim":2`), bijector.ErrSpec, `"dim" twice`},
		{"spec with a key in two cases", edit(`"dim":2`, `"dim":2,"Dim":2`), bijector.ErrSpec, `"Dim" twice`},
		{"spec with a part in another case", edit(`{"bijector":`, `{"Bijector":`), bijector.ErrSpec, `unknown field "Bijector"`},
		{"spec with a field in another case", edit(`"dim":2`, `"DIM":2`), bijector.ErrSpec, `unknown field "DIM"`},
		{"spec with a field within in another case", edit(`"mask":{}`, `"mask":{"Kind":"even"}`), bijector.ErrSpec, `mask: unknown field "Kind"`},
		{"spec with a type in another case", edit(`"type":"coupling`, `"Type":"coupling`), bijector.ErrSpec, `unknown field "Type"`},
		{"spec with a key twice in an escape", edit(`"dim":2`, `"dim":2,"\u0044im":2`), bijector.ErrSpec, `"Dim" twice`},
		{"spec with an unknown field", edit(`"dim":2`, `"dim":2,"hiden":[2]`), bijector.ErrSpec, `"hiden"`},
		{"spec with an unknown part", edit(`"bijector":`, `"encoder":1,"bijector":`), bijector.ErrSpec, `"encoder"`},
		{"spec of an unknown layer", edit("coupling.affine", "coupling.afine"), registry.ErrNotRegistered, `did you mean "coupling.affine"?`},
		{"spec of an unknown base", edit("distribution.logistic", "logistic"), registry.ErrNotRegistered, `did you mean "distribution.logistic"?`},
		{"base where a layer goes", edit("bijector.permute", "distribution.normal"), registry.ErrNotRegistered, "which is a base distribution"},
		{"spec with a fraction", edit(`"dim":2`, `"dim":2.5`), bijector.ErrSpec, "2.5"},
		{"spec with a huge number", edit(`"dim":2`, `"dim":1e400`), bijector.ErrSpec, ""},
		{"spec with a negative dim", edit(`"dim":2`, `"dim":-2`), bijector.ErrSpec, ""},
		{"spec of 10^12 features", edit(`"dim":2`, `"dim":1000000000000`), beyond32, "coupling.affine"},
		{"spec of 2^63 - 1 features", edit(`"dim":2`, `"dim":9223372036854775807`), beyond32, ""},
		{"spec wider than the file", edit(`"hidden":[2]`, `"hidden":[1000]`), registry.ErrTooLarge, ""},
		{"spec of a vast perceptron", edit(`"hidden":[2]`, `"hidden":[1048576,1048576]`), registry.ErrTooLarge, ""},
		{"spec of a vast permutation", edit(`{"dim":2,"kind":"reverse"}`, `{"dim":1000000}`), registry.ErrTooLarge, "bijector.permute"},
		{"a nesting bomb of JSON", spec(`{"bijector":` + strings.Repeat(`[`, 1<<17)), registry.ErrTooLarge, "64 levels"},
		{"a nesting bomb of layers", spec(nested(40)), registry.ErrTooLarge, "64 levels"},
		{"a bomb of layers", spec(bijectorOf(`{"type":"bijector.chain","spec":{"layers":[{}` + strings.Repeat(`,{}`, 1<<16) + `]}}`)), registry.ErrTooLarge, "20000 values"},
		{"many empty nodes", spec(bijectorOf(`{"type":"bijector.chain","spec":{"layers":[{}` + strings.Repeat(`,{}`, 9900) + `]}}`)), registry.ErrNotRegistered, "layer 0"},
		{"many nodes", spec(bijectorOf(`{"type":"bijector.chain","spec":{"layers":[{}` + strings.Repeat(`,{"type":"bijector.invert"}`, 9600) + `]}}`)), registry.ErrNotRegistered, "layer 0"},
		{"many numbers", spec(bijectorOf(`{"type":"bijector.permute","spec":{"dim":2,"indices":[0` + strings.Repeat(`,1`, 19900) + `]}}`)), bijector.ErrSpec, "indices"},
		{"many keys", spec(`{"":0` + manyKeys(19900) + `}`), registry.ErrTooLarge, "128 members"},
		{"many objects of many keys", spec(`{"bijector":[{"":0` + strings.Repeat(manyKeys(127)+`},{"":0`, 150) + `}]}`), bijector.ErrSpec, "want a bijector.NamedSpec"},
		{"a long name far down", spec(strings.Replace(nested(28), "actnorm", strings.Repeat("y", 200_000), 1)), registry.ErrNotRegistered, "yyy..."},
		{"a long spec", spec(strings.Repeat(" ", 2<<20)), registry.ErrTooLarge, "262144"},
		{"a chain of nothing", spec(bijectorOf(`{"type":"bijector.chain","spec":{}}`)), bijector.ErrSpec, "at least one"},
		{"a chain of nulls", spec(bijectorOf(`{"type":"bijector.chain","spec":{"layers":[null]}}`)), registry.ErrNotRegistered, "layer 0"},
		{"a chain of two widths", edit(`"kind":"reverse"`, `"kind":"reverse","indices":null`), bijector.ErrShape, ""},
		{"a tensor missing", func(f *forgery) { f.items = f.items[1:] }, registry.ErrTooLarge, ""},
		{"a tensor missing, another too many", func(f *forgery) { f.item(indices).Name = "more" }, registry.ErrMismatch, `"bijector.1.indices" is missing; "more" is in the file`},
		{"all tensors missing", func(f *forgery) { f.items = nil }, registry.ErrTooLarge, ""},
		{"a tensor too many", func(f *forgery) {
			f.items = append(f.items, safetensors.Item{Name: "more", Shape: []int{1}, Data: []float32{0}})
		}, registry.ErrMismatch, `"more" is in the file and not in the model`},
		{"a tensor renamed", func(f *forgery) { f.item(weight).Name = "w" }, registry.ErrMismatch, weight},
		{"a tensor transposed", func(f *forgery) { f.item(weight).Shape = []int{1, 2} }, registry.ErrMismatch, "has shape [1 2], want [2 1]"},
		{"a parameter in another type", func(f *forgery) { f.item(weight).Data = []float64{1, 2} }, registry.ErrMismatch, "holds F64"},
		{"a parameter in integers", func(f *forgery) { f.item(weight).Data = []int64{1, 2} }, registry.ErrMismatch, "holds I64"},
		{"a buffer in floats", func(f *forgery) { f.item(mask).Data = []float64{0, 1} }, registry.ErrMismatch, "holds F64"},
		{"a parameter NaN", func(f *forgery) { f.item(weight).Data.([]float32)[1] = float32(math.NaN()) }, bijector.ErrNonFinite, weight},
		{"a parameter infinite", func(f *forgery) { f.item(weight).Data.([]float32)[1] = float32(math.Inf(-1)) }, bijector.ErrNonFinite, "-Inf at 1 of 2"},
		{"a permutation that is none", func(f *forgery) { f.item(indices).Data = []int64{1, 1} }, bijector.ErrSpec, "twice"},
		{"a permutation out of range", func(f *forgery) { f.item(indices).Data = []int64{1 << 40, 0} }, bijector.ErrSpec, ""},
		{"a mask that keeps all", func(f *forgery) { f.item(mask).Data = []int64{1, 1} }, bijector.ErrSpec, "mask"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := open(t, saved(t, smallFlow[float32]()))
			if c.name == "a chain of two widths" {
				f.meta["spec"] = strings.Replace(f.meta["spec"], `{"dim":2,"kind":"reverse"}`, `{"dim":1}`, 1)
			} else {
				c.do(f)
			}
			raw := f.file(t)
			corpus.Check(t, c.name, raw)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			err := load(raw)
			runtime.ReadMemStats(&after)
			wantError(t, c.name, err, c.is, c.says)
			if got, limit := after.TotalAlloc-before.TotalAlloc, uint64(2*len(raw)+1<<20); got > limit {
				t.Errorf("%d bytes allocated for a file of %d", got, len(raw))
			}
			if err != nil && len(err.Error()) > 2000 {
				t.Errorf("an error of %d bytes", len(err.Error()))
			}
		})
	}
}

func manyKeys(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `,"%d":0`, i)
	}
	return b.String()
}

// A fault of the format is told in fields, by the reader of tensors and of
// metadata alike.
func TestFormatError(t *testing.T) {
	raw := saved(t, smallFlow[float32]())
	for what, c := range map[string]struct {
		raw           []byte
		tensor, field string
	}{
		"cut":             {raw[:len(raw)-1], "bijector.0.shared", "data_offsets"},
		"another dtype":   {bytes.Replace(raw, []byte(`"dtype":"I64"`), []byte(`"dtype":"I32"`), 1), "bijector.0.mask", "dtype"},
		"another program": {bytes.Replace(raw, []byte(`"bijou"`), []byte(`"other"`), 1), "", "format"},
	} {
		var e *registry.FormatError
		err := load(c.raw)
		if !errors.As(err, &e) || !errors.Is(err, registry.ErrFormat) {
			t.Errorf("%s: %v is no FormatError", what, err)
			continue
		}
		if e.Tensor != c.tensor || e.Field != c.field || !strings.Contains(e.Error(), e.Reason) {
			t.Errorf("%s: %+v, want tensor %q, field %q", what, e, c.tensor, c.field)
		}
	}
}

func TestLoadFile(t *testing.T) {
	dir := t.TempDir()
	_, err := registry.LoadFlow[float32](filepath.Join(dir, "none"))
	wantError(t, "no file", err, fs.ErrNotExist, "none")
	_, err = registry.LoadFlow[float32](dir)
	wantError(t, "a directory", err, registry.ErrFormat, "regular")
	bad := filepath.Join(dir, "bad")
	if err := os.WriteFile(bad, []byte("PK\x03\x04 not ours"), 0o644); err != nil {
		t.Fatal(err)
	}
	m, err := registry.Load[*autoencoder.Latent[float64]](bad)
	wantError(t, "another format", err, registry.ErrFormat, "cannot load "+bad)
	if m != nil {
		t.Error("a model came with the error")
	}
	_, err = registry.Load[autoencoder.Encoder[float64]](bad)
	wantError(t, "another format", err, registry.ErrFormat)
	_, err = registry.Load[bijector.Layer[float64]](bad)
	wantError(t, "another format", err, registry.ErrFormat)
	if _, err = registry.Read[autoencoder.Encoder[float64]](bytes.NewReader(nil), 0); err == nil {
		t.Error("an empty reader is no encoder")
	}
	_, err = registry.Read[autoencoder.Encoder[float64]](nil, 0)
	wantError(t, "no reader", err, bijector.ErrSpec, "no reader")
}

// A sound file of some size is loaded for little more than its own.
func TestLoadAllocation(t *testing.T) {
	raw := saved(t, wideFlow())
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	err := load(raw)
	runtime.ReadMemStats(&after)
	if err != nil {
		t.Fatal(err)
	}
	if got, limit := after.TotalAlloc-before.TotalAlloc, uint64(2*len(raw)+1<<20); got > limit {
		t.Errorf("%d bytes allocated for a file of %d", got, len(raw))
	}
}
