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

func readValues[E any](r *ValueReader, t Tensor, dst []E, get func([]byte) E) error {
	if int64(len(dst)) != t.Elements() {
		return &FormatError{t.Name, "shape", fmt.Sprintf("%v has %d values, want %d", t.Shape(), t.Elements(), len(dst))}
	}
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
