// Package npy writes and reads arrays of floats in NumPy's .npy format, version
// 1.0: the magic "\x93NUMPY", the version, the header's length as a
// little-endian uint16, a Python dict literal padded with spaces so that the
// data starts at a multiple of 64 bytes, then the values, little-endian and
// row-major.
package npy

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
)

// ErrFormat: the data is no .npy array of the wanted element type.
var ErrFormat = errors.New("malformed .npy data")

const magic = "\x93NUMPY\x01\x00"

func descr[T float32 | float64]() (name string, size int) {
	if _, ok := any(*new(T)).(float32); ok {
		return "<f4", 4
	}
	return "<f8", 8
}

// volume is the number of values in an array of a shape; ok is false for a
// negative axis and for more than an int can count in bytes.
func volume(shape []int) (n int, ok bool) {
	n = 1
	for _, s := range shape {
		if s < 0 || s > 0 && n > math.MaxInt/8/s {
			return 0, false
		}
		n *= s
	}
	return n, true
}

// Write writes data, row-major, as an array of a shape; no axes make a scalar.
func Write[T float32 | float64](w io.Writer, shape []int, data []T) error {
	if n, ok := volume(shape); !ok || n != len(data) {
		return fmt.Errorf("npy: %d values for shape %v", len(data), shape)
	}
	name, size := descr[T]()
	var axes strings.Builder
	for i, s := range shape {
		if i > 0 {
			axes.WriteByte(' ')
		}
		axes.WriteString(strconv.Itoa(s))
		if i < len(shape)-1 || len(shape) == 1 { // (3,) is a tuple, (3) a number
			axes.WriteByte(',')
		}
	}
	dict := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': (%s), }", name, axes.String())
	pad := 63 - (len(magic)+2+len(dict))%64
	head := len(dict) + pad + 1
	if head > math.MaxUint16 {
		return fmt.Errorf("npy: shape with %d axes does not fit the header", len(shape))
	}
	bw := bufio.NewWriterSize(w, 1<<16)
	bw.WriteString(magic)
	bw.Write(binary.LittleEndian.AppendUint16(nil, uint16(head)))
	bw.WriteString(dict + strings.Repeat(" ", pad) + "\n")
	buf := make([]byte, 0, 8)
	for _, v := range data {
		if size == 4 {
			buf = binary.LittleEndian.AppendUint32(buf[:0], math.Float32bits(float32(v)))
		} else {
			buf = binary.LittleEndian.AppendUint64(buf[:0], math.Float64bits(float64(v)))
		}
		if _, err := bw.Write(buf); err != nil { // bufio keeps the first error
			return fmt.Errorf("npy: %w", err)
		}
	}
	if err := bw.Flush(); err != nil {
		return fmt.Errorf("npy: %w", err)
	}
	return nil
}
