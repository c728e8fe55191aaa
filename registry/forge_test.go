package registry_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/bijou-flow/bijou/internal/safetensors"
	"github.com/bijou-flow/bijou/registry"
)

// saved is the file of a model.
func saved(t testing.TB, model any) []byte {
	t.Helper()
	var w bytes.Buffer
	if err := registry.Write(&w, model); err != nil {
		t.Fatal(err)
	}
	return w.Bytes()
}

// forgery is a file taken apart, to be changed and put together again.
type forgery struct {
	meta  map[string]string
	items []safetensors.Item
}

func open(t testing.TB, raw []byte) *forgery {
	t.Helper()
	r := bytes.NewReader(raw)
	h, err := safetensors.ReadHeader(r, int64(len(raw)))
	if err != nil {
		t.Fatal(err)
	}
	f := &forgery{meta: map[string]string{}}
	for _, p := range h.Metadata {
		f.meta[p.Key] = p.Value
	}
	vr := &safetensors.ValueReader{R: r}
	for _, x := range h.Tensors {
		it := safetensors.Item{Name: x.Name, Shape: x.Shape()}
		switch n := x.Elements(); x.DType {
		case safetensors.F32:
			d := make([]float32, n)
			it.Data, err = d, safetensors.ReadFloats(vr, x, d)
		case safetensors.F64:
			d := make([]float64, n)
			it.Data, err = d, safetensors.ReadFloats(vr, x, d)
		default:
			d := make([]int64, n)
			it.Data, err = d, safetensors.ReadInts(vr, x, d)
		}
		if err != nil {
			t.Fatal(err)
		}
		f.items = append(f.items, it)
	}
	return f
}

// item finds a tensor by its name.
func (f *forgery) item(name string) *safetensors.Item {
	for i := range f.items {
		if f.items[i].Name == name {
			return &f.items[i]
		}
	}
	panic("no tensor " + name)
}

// file is the forged file, with a checksum that fits unless it was changed.
func (f *forgery) file(t testing.TB) []byte {
	t.Helper()
	zeros := "sha256:" + strings.Repeat("0", 64)
	_, fits := f.meta["checksum"]
	if fits = fits && len(f.meta["checksum"]) == len(zeros); fits {
		f.meta["checksum"] = zeros
	}
	head, err := safetensors.EncodeHeader(f.items, f.meta)
	if err != nil {
		t.Fatal(err)
	}
	b := bytes.NewBuffer(head)
	if err := safetensors.WriteData(b, f.items); err != nil {
		t.Fatal(err)
	}
	raw := b.Bytes()
	if fits {
		sum := sha256.Sum256(raw[8:])
		hex.Encode(raw[bytes.Index(raw, []byte(zeros))+len("sha256:"):], sum[:])
	}
	return raw
}

func TestForgeryIsExact(t *testing.T) {
	raw := saved(t, smallFlow[float32]())
	if !bytes.Equal(raw, open(t, raw).file(t)) {
		t.Fatal("a file taken apart and put together differs: the checksum is not what the documentation says")
	}
}
