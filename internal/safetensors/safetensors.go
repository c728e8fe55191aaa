// Package safetensors reads and writes the safetensors format: eight bytes of
// header length (little-endian), a JSON header that names each tensor with its
// dtype, shape and place, and the values one after another. The reader is
// strict: it accepts nothing that leaves two readings of one file, and it
// checks every size before it allocates.
package safetensors

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// ErrFormat is wrapped by every FormatError.
var ErrFormat = errors.New("not a valid safetensors file")

// ErrTooLarge: more than a limit allows.
var ErrTooLarge = errors.New("too large")

// CheckSize refuses a file of more bytes than a limit; 0 is DefaultMaxBytes.
// option is what raises it.
func CheckSize(size, limit int64, option string) error {
	if limit == 0 {
		limit = DefaultMaxBytes
	}
	if size > limit {
		return fmt.Errorf("it has %d bytes, more than the limit of %d, which %s sets: %w", size, limit, option, ErrTooLarge)
	}
	return nil
}

// DefaultMaxBytes is the size up to which a file is read unless its reader is
// told otherwise: 4 GiB. A file with holes takes no room on a disk and as
// much memory as it says it is long.
const DefaultMaxBytes = 4 << 30

// FormatError says what is wrong with a file, and where.
type FormatError struct {
	Tensor string // name of the tensor; empty for a fault of the whole file
	Field  string // "header", "dtype", "shape", "data_offsets", "__metadata__", "data" ...
	Reason string // what was found and what was wanted
}

// Error names the tensor and the field.
func (e *FormatError) Error() string {
	var b strings.Builder
	b.WriteString("safetensors: ")
	if e.Tensor != "" {
		// A hostile name may be as long as the header.
		name := e.Tensor
		if len(name) > 80 {
			name = name[:80] + "..."
		}
		fmt.Fprintf(&b, "tensor %q: ", name)
	}
	fmt.Fprintf(&b, "%s: %s", e.Field, e.Reason)
	return b.String()
}

// Unwrap returns ErrFormat.
func (e *FormatError) Unwrap() error { return ErrFormat }

// DType is the type of a tensor's values.
type DType uint8

// The types that a model is made of, and Bool, which other programs' files
// have beside them. The format has more; the reader refuses them by name.
const (
	F32 DType = iota + 1
	F64
	I64
	Bool
)

var dtypeNames = [...]string{F32: "F32", F64: "F64", I64: "I64", Bool: "BOOL"}

// defaultDTypes are the types that are read unless a caller names more.
var defaultDTypes = []DType{F32, F64, I64}

// String is the format's name of the type.
func (d DType) String() string {
	if d == 0 || int(d) >= len(dtypeNames) {
		return fmt.Sprintf("DType(%d)", uint8(d))
	}
	return dtypeNames[d]
}

// Size is the number of bytes of a value.
func (d DType) Size() int64 {
	switch d {
	case F32:
		return 4
	case Bool:
		return 1
	}
	return 8
}

// Tensor is an entry of a header. It is kept small, and its shape as the
// header's text, so that a header of nothing but entries costs no more memory
// than the file has bytes.
type Tensor struct {
	Name  string
	shape string // the text between the brackets, checked
	begin int64  // offset in the data section
	DType DType
}

// Shape is the size of each axis; empty for a scalar.
func (t Tensor) Shape() []int {
	var dims []int
	for rest := t.shape; ; {
		text, more, found := strings.Cut(rest, ",")
		if text = strings.Trim(text, jsonSpace); text != "" {
			d, _ := strconv.Atoi(text) // checked when the header was read
			dims = append(dims, d)
		}
		if !found {
			return dims
		}
		rest = more
	}
}

// Elements is the number of values.
func (t Tensor) Elements() int64 {
	n := int64(1)
	for rest, found := t.shape, true; found; {
		var text string
		text, rest, found = strings.Cut(rest, ",")
		if text = strings.Trim(text, jsonSpace); text != "" {
			d, _ := strconv.ParseInt(text, 10, 64)
			n *= d
		}
	}
	return n
}

// Offsets is the place of the values in the data section, end not included.
func (t Tensor) Offsets() (begin, end int64) {
	return t.begin, t.begin + t.Elements()*t.DType.Size()
}

// Pair is an entry of the metadata.
type Pair struct{ Key, Value string }

// Header is what a file says about itself. Tensors are in the order of their
// values, without gaps, from offset 0 to DataSize.
type Header struct {
	Tensors  []Tensor
	Metadata []Pair // in the file's order, no key twice
	Text     string // the JSON, with its padding
	DataSize int64  // bytes after the header
}

// Get returns the metadata's value for key.
func (h *Header) Get(key string) (value string, ok bool) {
	for _, p := range h.Metadata {
		if p.Key == key {
			return p.Value, true
		}
	}
	return "", false
}
