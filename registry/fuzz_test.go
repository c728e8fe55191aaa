package registry_test

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"

	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/internal/corpus"
	"github.com/bijou-flow/bijou/internal/fuzzing"
	"github.com/bijou-flow/bijou/registry"
)

// FuzzReadFlow holds loading to: an error and nothing else, or a model that is
// saved and loaded again as what it is. The fuzzer gets past the checksum by
// giving spec and values, which are put into a file with a checksum that fits.
func FuzzReadFlow(f *testing.F) {
	whole := saved(f, smallFlow[float32]())
	good := open(f, whole)
	f.Add(good.meta["spec"], whole[len(whole)-40:], whole)
	files, specs := [][]byte{whole}, [][]byte{[]byte(good.meta["spec"])}
	for _, raw := range corpus.Files(f) {
		files = append(files, raw)
		f.Add(good.meta["spec"], []byte{}, raw)
	}
	for _, s := range []string{
		``, `null`, `{"bijector":null,"base":{}}`,
		`{"bijector":{"type":"bijector.permute","spec":{"dim":2}},"base":{"type":"distribution.normal","spec":{"dim":2,"learned":true}}}`,
		`{"bijector":{"type":"bijector.part","spec":{"dim":4,"lo":1,"hi":3,"layer":{"type":"bijector.scale","spec":{"dim":2}}}},"base":{"type":"distribution.logistic","spec":{"dim":4}}}`,
		`{"bijector":{"type":"bijector.scale","spec":{"dim":2}},"base":{"type":"distribution.classmixture","spec":{"dim":2,"classes":3,"components":1000000000000}}}`,
		`{"bijector":{"type":"bijector.scale","spec":{"dim":2}},"base":{"type":"distribution.independent","spec":{"dim":2,"marginals":[{"kind":"uniform","params":[0,1]}]}}}`,
	} {
		specs = append(specs, []byte(s))
		f.Add(s, []byte{}, []byte{})
	}
	ofFile := func(t testing.TB, raw []byte) (read bool) {
		m, err := registry.Read[*flow.Flow[float32]](bytes.NewReader(raw), int64(len(raw)))
		if (m == nil) == (err == nil) {
			t.Fatalf("model %v, error %v", m, err)
		}
		if err != nil {
			noPanic(t, err)
			return false
		}
		again := saved(t, m)
		if m, err = registry.Read[*flow.Flow[float32]](bytes.NewReader(again), int64(len(again))); err != nil {
			t.Fatalf("saved again: %v", err)
		}
		if !bytes.Equal(again, saved(t, m)) {
			t.Fatal("saved twice, two files")
		}
		return true
	}
	ofParts := func(t testing.TB, spec string, values []byte) (read bool) {
		forged := open(t, whole)
		forged.meta["spec"] = toUTF8(spec)
		raw := forged.file(t)
		// Not the last word on what a value may be, so the checksum is wrong.
		copy(raw[len(raw)-min(len(values), 40):], values)
		a, b := ofFile(t, raw), ofFile(t, open(t, whole).with(values).file(t))
		_, err := registry.NewFlow[float64]([]byte(spec))
		noPanic(t, err)
		return a || b
	}
	fuzzing.Executions(f, append(specs, files...), func(raw []byte, number uint64) bool {
		// A file, or a spec and values in a file that is good otherwise.
		if len(raw) > 0 && raw[0] != '{' && number%8 > 0 {
			return ofFile(f, raw)
		}
		return ofParts(f, string(raw), binary.LittleEndian.AppendUint64(nil, number))
	})
	f.Fuzz(func(t *testing.T, spec string, values, file []byte) {
		ofFile(t, file)
		ofParts(t, spec, values)
	})
}

// noPanic fails on the error that a constructor's panic is turned into: those of
// the library do not panic.
func noPanic(t testing.TB, err error) {
	t.Helper()
	if err != nil && strings.Contains(err.Error(), "panicked") {
		t.Fatal(err)
	}
}

func toUTF8(s string) string { return string(bytes.ToValidUTF8([]byte(s), nil)) }

// with overwrites integers by what the fuzzer gives.
func (f *forgery) with(values []byte) *forgery {
	for i := range f.items {
		if d, ok := f.items[i].Data.([]int64); ok {
			for j := range d {
				if len(values) > 0 {
					d[j] = int64(int8(values[0]))
					values = values[1:]
				}
			}
		}
	}
	return f
}
