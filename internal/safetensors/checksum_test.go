package safetensors

import (
	"bytes"
	"errors"
	"testing"
)

// A sealed file is read as it was written, and with any byte changed it is
// damaged or ill-formed.
func TestSeal(t *testing.T) {
	items := []Item{{Name: "a", Shape: []int{2}, Data: []float64{1, -2}}, {Name: "b", Shape: []int{3}, Data: []float32{3, 4, 5}}}
	var b bytes.Buffer
	if err := WriteSealed(&b, items, map[string]string{"note": `"checksum":"sha256:`}); err != nil {
		t.Fatal(err)
	}
	met := errors.New("met on the way")
	open := func(file []byte, err error) error {
		r := bytes.NewReader(file)
		h, e := ReadHeader(r, int64(len(file)))
		if e != nil {
			return e
		}
		s, e := NewSeal(h, r)
		if e != nil {
			return e
		}
		return s.Close(err)
	}
	if err := open(b.Bytes(), nil); err != nil {
		t.Error(err)
	}
	if err := open(b.Bytes(), met); err != met {
		t.Errorf("a whole file: %v", err)
	}
	for i := range b.Bytes() {
		file := bytes.Clone(b.Bytes())
		file[i] ^= 1
		if err := open(file, met); !errors.Is(err, ErrChecksum) && !errors.Is(err, ErrFormat) || errors.Is(err, met) {
			t.Errorf("byte %d changed: %v", i, err)
		}
	}
	var plain bytes.Buffer
	head, err := EncodeHeader(items, map[string]string{"checksum": "sha256:12"})
	if err != nil {
		t.Fatal(err)
	}
	plain.Write(head)
	if err := WriteData(&plain, items); err != nil {
		t.Fatal(err)
	}
	if err := open(plain.Bytes(), nil); !errors.Is(err, ErrFormat) {
		t.Errorf("a short checksum: %v", err)
	}
}
