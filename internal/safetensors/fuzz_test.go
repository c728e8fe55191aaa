package safetensors

import (
	"bytes"
	"errors"
	"testing"

	"github.com/bijou-flow/bijou/internal/corpus"
	"github.com/bijou-flow/bijou/internal/fuzzing"
)

// FuzzReadHeader holds the reader to: a typed error and no panic, or a header
// that describes the data exactly and survives being written again.
func FuzzReadHeader(f *testing.F) {
	items, metadata := sample()
	seeds := [][]byte{encode(f, items, metadata), file(`{`+validEntry+`}  `, 8)}
	for _, raw := range corpus.Files(f) {
		seeds = append(seeds, raw)
	}
	for _, raw := range seeds {
		f.Add(raw)
	}
	hold := func(t testing.TB, raw []byte) (read bool) {
		r := bytes.NewReader(raw)
		h, err := ReadHeader(r, int64(len(raw)))
		if err != nil {
			if !errors.Is(err, ErrFormat) {
				t.Fatalf("untyped error %v", err)
			}
			return false
		}
		if r.Len() != int(h.DataSize) {
			t.Fatalf("%d bytes left, the header says %d", r.Len(), h.DataSize)
		}
		var again []Item
		vr := &ValueReader{R: r}
		for _, x := range h.Tensors {
			var data any
			if x.DType == I64 {
				d := make([]int64, x.Elements())
				data, err = d, ReadInts(vr, x, d)
			} else {
				d := make([]float64, x.Elements())
				data, err = d, ReadFloats(vr, x, d)
			}
			if err != nil {
				t.Fatal(err)
			}
			again = append(again, Item{x.Name, x.Shape(), data})
		}
		if r.Len() != 0 {
			t.Fatalf("%d bytes belong to no tensor", r.Len())
		}
		pairs := map[string]string{}
		for _, p := range h.Metadata {
			pairs[p.Key] = p.Value
		}
		second := encode(t, again, pairs)
		h2, err := ReadHeader(bytes.NewReader(second), int64(len(second)))
		if err != nil || len(h2.Tensors) != len(h.Tensors) || len(h2.Metadata) != len(h.Metadata) {
			t.Fatalf("written again: %v", err)
		}
		return true
	}
	fuzzing.Executions(f, seeds, func(raw []byte, _ uint64) bool { return hold(f, raw) })
	f.Fuzz(func(t *testing.T, raw []byte) { hold(t, raw) })
}
