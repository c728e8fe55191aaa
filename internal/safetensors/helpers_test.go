package safetensors

import (
	"bytes"
	"encoding/binary"
	"testing"
)

// file puts a header's text and data together, without any check.
func file(header string, data int) []byte {
	out := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(out, header...), make([]byte, data)...)
}

// encode writes a whole file.
func encode(t testing.TB, items []Item, metadata map[string]string) []byte {
	t.Helper()
	items = Layout(items)
	head, err := EncodeHeader(items, metadata)
	if err != nil {
		t.Fatal(err)
	}
	b := bytes.NewBuffer(head)
	if err := WriteData(b, items); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// sample has every type, an empty tensor, a scalar and awkward names.
func sample() ([]Item, map[string]string) {
	return []Item{
		{"w", []int{2, 3}, []float32{1, -2, 3.5, 0, 1e-40, -0.25}},
		{"perm", []int{4}, []int64{3, -1, 1 << 62, 0}},
		{"statistics", []int{2, 1}, []float64{1e300, -1e-300}},
		{"empty", []int{0, 5}, []float32{}},
		{"scalar", nil, []float64{42}},
		{"<ä\"\\\n\U0001f600>", []int{1}, []float32{7}},
	}, map[string]string{"format": "test", "a<b": "line\nline \u2028 \"quoted\"", "": ""}
}
