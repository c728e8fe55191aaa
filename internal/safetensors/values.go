// Reading values into memory that is there already.

package safetensors

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
)

// ValueReader reads the data section, tensor after tensor in the header's
// order. R is set by the caller and stands at the first value.
type ValueReader struct {
	R   io.Reader
	buf [chunk]byte
}

// ReadFloats reads the values of t, which r stands at, into dst. Another float
// type than the file's is converted.
func ReadFloats[T float32 | float64](r *ValueReader, t Tensor, dst []T) error {
	switch t.DType {
	case F32:
		return readValues(r, t, dst, func(b []byte) T {
			return T(math.Float32frombits(binary.LittleEndian.Uint32(b)))
		})
	case F64:
		return readValues(r, t, dst, func(b []byte) T {
			return T(math.Float64frombits(binary.LittleEndian.Uint64(b)))
		})
	}
	return &FormatError{t.Name, "dtype", fmt.Sprintf("is %v, want F32 or F64", t.DType)}
}

// ReadInts reads the values of t, which r stands at, into dst.
func ReadInts(r *ValueReader, t Tensor, dst []int64) error {
	if t.DType != I64 {
		return &FormatError{t.Name, "dtype", fmt.Sprintf("is %v, want I64", t.DType)}
	}
	return readValues(r, t, dst, func(b []byte) int64 { return int64(binary.LittleEndian.Uint64(b)) })
}

// ReadBools reads the values of t, which r stands at, into dst. Whatever is not
// zero is true, as in C.
func ReadBools(r *ValueReader, t Tensor, dst []bool) error {
	if t.DType != Bool {
		return &FormatError{t.Name, "dtype", fmt.Sprintf("is %v, want BOOL", t.DType)}
	}
	return readValues(r, t, dst, func(b []byte) bool { return b[0] != 0 })
}

// Values reads the values of t, which r stands at, into new memory that grows
// with what has come: []int64 for I64, []bool for BOOL and []float64 for floats.
func Values(r *ValueReader, t Tensor) (any, error) {
	switch t.DType {
	case I64:
		return newValues(r, t, func(b []byte) int64 { return int64(binary.LittleEndian.Uint64(b)) })
	case Bool:
		return newValues(r, t, func(b []byte) bool { return b[0] != 0 })
	case F32:
		return newValues(r, t, func(b []byte) float64 { return float64(math.Float32frombits(binary.LittleEndian.Uint32(b))) })
	}
	return newValues(r, t, func(b []byte) float64 { return math.Float64frombits(binary.LittleEndian.Uint64(b)) })
}

func newValues[E any](r *ValueReader, t Tensor, get func([]byte) E) ([]E, error) {
	const first = 64 << 10
	n := t.Elements()
	values := []E{}
	for int64(len(values)) < n {
		k := int(min(n-int64(len(values)), int64(max(first, len(values)))))
		grown := make([]E, len(values)+k)
		copy(grown, values)
		if err := readPart(r, t, grown[len(values):], get); err != nil {
			return nil, err
		}
		values = grown
	}
	return values, nil
}

func readValues[E any](r *ValueReader, t Tensor, dst []E, get func([]byte) E) error {
	if int64(len(dst)) != t.Elements() {
		return &FormatError{t.Name, "shape", fmt.Sprintf("%v has %d values, want %d", t.Shape(), t.Elements(), len(dst))}
	}
	return readPart(r, t, dst, get)
}

// readPart reads as many values of t as dst has.
func readPart[E any](r *ValueReader, t Tensor, dst []E, get func([]byte) E) error {
	size := int(t.DType.Size())
	for len(dst) > 0 {
		n := min(len(dst), chunk/size)
		if err := readFull(r.R, r.buf[:n*size], "data"); err != nil {
			if e, ok := err.(*FormatError); ok {
				e.Tensor = t.Name
			}
			return err
		}
		for i := range n {
			dst[i] = get(r.buf[i*size:])
		}
		dst = dst[n:]
	}
	return nil
}
