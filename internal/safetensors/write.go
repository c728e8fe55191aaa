// Writing: the same tensors and metadata make the same bytes.

package safetensors

import (
	"cmp"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"unicode/utf8"
)

// Item is a tensor to be written.
type Item struct {
	Name  string
	Shape []int
	Data  any // []float32, []float64, []int64 or []bool
}

// describe returns an item's type and number of values; 0 for no type that can
// be written.
func (it Item) describe() (DType, int) {
	switch d := it.Data.(type) {
	case []float32:
		return F32, len(d)
	case []float64:
		return F64, len(d)
	case []int64:
		return I64, len(d)
	case []bool:
		return Bool, len(d)
	}
	return 0, 0
}

// Layout puts items into the order in which they are written: types of 8 bytes
// first, otherwise as given, so that every value is aligned.
func Layout(items []Item) []Item {
	items = slices.Clone(items)
	slices.SortStableFunc(items, func(a, b Item) int {
		ta, _ := a.describe()
		tb, _ := b.describe()
		return cmp.Compare(tb.Size(), ta.Size())
	})
	return items
}

// EncodeHeader returns the header of items in their order: the 8 bytes of its
// length, and the JSON padded with spaces to a multiple of 8. The metadata
// comes first, sorted by key.
func EncodeHeader(items []Item, metadata map[string]string) ([]byte, error) {
	out := append(make([]byte, 8, 256), '{')
	if len(metadata) > 0 {
		if len(metadata) > maxMetadata {
			return nil, fmt.Errorf("safetensors: %d entries of metadata, at most %d are allowed", len(metadata), maxMetadata)
		}
		out = append(out, `"`+metadataKey+`":{`...)
		for i, k := range slices.Sorted(maps.Keys(metadata)) {
			if !utf8.ValidString(k) || !utf8.ValidString(metadata[k]) {
				return nil, fmt.Errorf("safetensors: the metadata %q is not valid UTF-8", k)
			}
			if i > 0 {
				out = append(out, ',')
			}
			out = append(append(appendJSON(out, k), ':'), quote(metadata[k])...)
		}
		out = append(out, '}')
	}
	seen := map[string]bool{metadataKey: true}
	var at int64
	for i, it := range items {
		dtype, n := it.describe()
		want := 1
		for _, d := range it.Shape {
			if d < 0 || d > 0 && want > math.MaxInt/d {
				return nil, fmt.Errorf("safetensors: tensor %q has shape %v", it.Name, it.Shape)
			}
			want *= d
		}
		switch {
		case dtype == 0:
			return nil, fmt.Errorf("safetensors: tensor %q holds %T, want []float32, []float64, []int64 or []bool", it.Name, it.Data)
		case n != want:
			return nil, fmt.Errorf("safetensors: tensor %q has %d values and shape %v", it.Name, n, it.Shape)
		case !utf8.ValidString(it.Name):
			return nil, fmt.Errorf("safetensors: the name %q is not valid UTF-8", it.Name)
		case seen[it.Name]:
			return nil, fmt.Errorf("safetensors: the name %q is taken twice or reserved", it.Name)
		}
		seen[it.Name] = true
		if i > 0 || len(metadata) > 0 {
			out = append(out, ',')
		}
		shape := it.Shape
		if shape == nil {
			shape = []int{}
		}
		out = append(appendJSON(out, it.Name), `:{"dtype":"`...)
		out = append(append(out, dtype.String()...), `","shape":`...)
		out = append(appendJSON(out, shape), `,"data_offsets":`...)
		end := at + int64(n)*dtype.Size()
		out = append(appendJSON(out, [2]int64{at, end}), '}')
		at = end
	}
	out = append(out, '}')
	for len(out)%8 != 0 {
		out = append(out, ' ')
	}
	if len(out)-8 > maxHeader {
		return nil, fmt.Errorf("safetensors: the header takes %d bytes, at most %d are allowed", len(out)-8, maxHeader)
	}
	binary.LittleEndian.PutUint64(out, uint64(len(out)-8))
	return out, nil
}

// appendJSON appends v, of a type that JSON always has a form for.
func appendJSON(out []byte, v any) []byte { return append(out, quote(v)...) }

func quote(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic("safetensors: strings and integers always have a JSON form")
	}
	return b
}

// chunk is the number of bytes that are encoded or decoded at once.
const chunk = 32 << 10

// WriteData writes the values of items one after another.
func WriteData(w io.Writer, items []Item) error {
	buf := make([]byte, 0, chunk)
	for _, it := range items {
		var err error
		switch d := it.Data.(type) {
		case []float32:
			err = writeValues(w, buf, d, func(b []byte, v float32) []byte {
				return binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
			})
		case []float64:
			err = writeValues(w, buf, d, func(b []byte, v float64) []byte {
				return binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
			})
		case []int64:
			err = writeValues(w, buf, d, func(b []byte, v int64) []byte {
				return binary.LittleEndian.AppendUint64(b, uint64(v))
			})
		case []bool:
			err = writeValues(w, buf, d, func(b []byte, v bool) []byte {
				if v {
					return append(b, 1)
				}
				return append(b, 0)
			})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func writeValues[E any](w io.Writer, buf []byte, values []E, put func([]byte, E) []byte) error {
	for len(values) > 0 {
		n := min(len(values), cap(buf)/8)
		b := buf[:0]
		for _, v := range values[:n] {
			b = put(b, v)
		}
		if _, err := w.Write(b); err != nil {
			return err
		}
		values = values[n:]
	}
	return nil
}
