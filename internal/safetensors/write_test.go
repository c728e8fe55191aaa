package safetensors

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"math/bits"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestRoundTrip(t *testing.T) {
	items, metadata := sample()
	raw := encode(t, items, metadata)
	if !bytes.Equal(raw, encode(t, items, metadata)) {
		t.Error("the same tensors make different files")
	}
	r := bytes.NewReader(raw)
	h, err := ReadHeader(r, int64(len(raw)))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, p := range h.Metadata {
		got[p.Key] = p.Value
	}
	if !reflect.DeepEqual(got, metadata) || !slices.IsSortedFunc(h.Metadata, func(a, b Pair) int { return strings.Compare(a.Key, b.Key) }) {
		t.Errorf("metadata %q, want %q, sorted", h.Metadata, metadata)
	}
	if v, ok := h.Get("format"); !ok || v != "test" {
		t.Errorf("Get: %q, %v", v, ok)
	}
	if _, ok := h.Get("none"); ok {
		t.Error("Get found a key that is not there")
	}
	var names []string
	vr := &ValueReader{R: r}
	for _, x := range h.Tensors {
		names = append(names, x.Name)
		i := slices.IndexFunc(items, func(it Item) bool { return it.Name == x.Name })
		if begin, _ := x.Offsets(); begin%x.DType.Size() != 0 || (len(h.Text)+8)%8 != 0 {
			t.Errorf("%q begins at %d, the data at %d: not aligned", x.Name, begin, len(h.Text)+8)
		}
		var data any
		switch n := x.Elements(); x.DType {
		case F32:
			d := make([]float32, n)
			data, err = d, ReadFloats(vr, x, d)
		case F64:
			d := make([]float64, n)
			data, err = d, ReadFloats(vr, x, d)
		case I64:
			d := make([]int64, n)
			data, err = d, ReadInts(vr, x, d)
		}
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(data, items[i].Data) || !slices.Equal(x.Shape(), items[i].Shape) {
			t.Errorf("%q: %v %v, want %v %v", x.Name, x.Shape(), data, items[i].Shape, items[i].Data)
		}
	}
	// Types of 8 bytes first, an empty tensor before its neighbour, otherwise
	// as given.
	if want := []string{"perm", "statistics", "scalar", "w", "empty", "<ä\"\\\n\U0001f600>"}; !slices.Equal(names, want) {
		t.Errorf("order %q, want %q", names, want)
	}
}

// The standard library's JSON must read the same header.
func TestHeaderIsJSON(t *testing.T) {
	items, metadata := sample()
	raw := encode(t, items, metadata)
	h, err := ReadHeader(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		t.Fatal(err)
	}
	var std map[string]struct {
		DType   string   `json:"dtype"`
		Shape   []int    `json:"shape"`
		Offsets [2]int64 `json:"data_offsets"`
	}
	if err := json.Unmarshal([]byte(h.Text), &std); err != nil {
		t.Fatal(err)
	}
	for _, x := range h.Tensors {
		begin, end := x.Offsets()
		if s := std[x.Name]; s.DType != x.DType.String() || !slices.Equal(s.Shape, x.Shape()) || s.Offsets != [2]int64{begin, end} {
			t.Errorf("%q: %+v, %+v", x.Name, s, x)
		}
	}
	if len(std) != len(h.Tensors)+1 {
		t.Errorf("%d entries, want %d", len(std), len(h.Tensors)+1)
	}
}

func TestLongValues(t *testing.T) {
	const n = chunk/4 + 17 // more than one piece of every type
	f, g, k := make([]float32, n), make([]float64, n), make([]int64, n)
	for i := range n {
		f[i], g[i], k[i] = float32(i)/3, math.Sqrt(float64(i)), int64(i)<<40
	}
	items := Layout([]Item{{"f", []int{n}, f}, {"g", []int{n, 1}, g}, {"k", []int{n}, k}})
	raw := encode(t, items, nil)
	r := bytes.NewReader(raw)
	h, err := ReadHeader(r, int64(len(raw)))
	if err != nil {
		t.Fatal(err)
	}
	vr := &ValueReader{R: r}
	g2, k2, f2 := make([]float64, n), make([]int64, n), make([]float64, n)
	if err := errors.Join(ReadFloats(vr, h.Tensors[0], g2), ReadInts(vr, h.Tensors[1], k2), ReadFloats(vr, h.Tensors[2], f2)); err != nil {
		t.Fatal(err)
	}
	for i := range n {
		if g2[i] != g[i] || k2[i] != k[i] || f2[i] != float64(f[i]) {
			t.Fatalf("value %d differs", i)
		}
	}
}

func TestReadRefuses(t *testing.T) {
	f, k := Tensor{Name: "f", shape: "2", DType: F32}, Tensor{Name: "k", shape: "2", DType: I64}
	r := &ValueReader{R: bytes.NewReader(make([]byte, 64))}
	for what, err := range map[string]error{
		"integers as floats": ReadFloats(r, k, make([]float64, 2)),
		"floats as integers": ReadInts(r, f, make([]int64, 2)),
		"too few":            ReadFloats(r, f, make([]float32, 1)),
		"too many":           ReadFloats(r, f, make([]float32, 3)),
	} {
		if !errors.Is(err, ErrFormat) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestWriteRefuses(t *testing.T) {
	f := []float32{1}
	for what, c := range map[string]struct {
		items    []Item
		metadata map[string]string
		says     string
	}{
		"another type":    {[]Item{{"a", []int{1}, []int32{1}}}, nil, "[]int32"},
		"wrong shape":     {[]Item{{"a", []int{2}, f}}, nil, "1 values"},
		"negative shape":  {[]Item{{"a", []int{-1, -1}, f}}, nil, "shape"},
		"overflow":        {[]Item{{"a", []int{1 << (bits.UintSize / 2), 1 << (bits.UintSize / 2)}, f}}, nil, "shape"},
		"name twice":      {[]Item{{"a", []int{1}, f}, {"a", []int{1}, f}}, nil, "twice"},
		"reserved name":   {[]Item{{metadataKey, []int{1}, f}}, nil, "reserved"},
		"name not UTF-8":  {[]Item{{"\xff", []int{1}, f}}, nil, "UTF-8"},
		"key not UTF-8":   {nil, map[string]string{"\xff": ""}, "UTF-8"},
		"value not UTF-8": {nil, map[string]string{"a": "\xff"}, "UTF-8"},
		"too much of meta": {nil, func() map[string]string {
			m := map[string]string{}
			for i := range maxMetadata + 1 {
				m[string(rune(i))] = ""
			}
			return m
		}(), "4097"},
	} {
		if _, err := EncodeHeader(c.items, c.metadata); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: got %v, want %q", what, err, c.says)
		}
	}
}

type failingWriter struct{ left int }

func (w *failingWriter) Write(p []byte) (int, error) {
	if w.left -= len(p); w.left < 0 {
		return 0, errFull
	}
	return len(p), nil
}

var errFull = errors.New("disk full")

func TestWriteDataReportsFailure(t *testing.T) {
	items, _ := sample()
	for left := range 40 {
		if err := WriteData(&failingWriter{left}, items); err != errFull {
			t.Fatalf("%d bytes of room: %v", left, err)
		}
	}
}
