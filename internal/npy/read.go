// The reader: row-major arrays of the very element type asked for.

package npy

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"
)

// header is the dict as NumPy and Write put it: keys sorted, spaces at will.
var header = regexp.MustCompile(`^\{\s*'descr':\s*'([^']*)',\s*'fortran_order':\s*(True|False),\s*'shape':\s*\(([0-9, ]*)\),?\s*\}\s*$`)

// Read reads an array: its shape and its values, row-major. Memory grows with
// what is read, not with what the header announces. Errors wrap ErrFormat.
func Read[T float32 | float64](r io.Reader) (shape []int, data []T, err error) {
	br := bufio.NewReaderSize(r, 1<<16)
	var head [len(magic) + 2]byte
	if _, err := io.ReadFull(br, head[:]); err != nil {
		return nil, nil, fmt.Errorf("npy: magic: %w: %w", ErrFormat, err)
	}
	if string(head[:len(magic)]) != magic {
		return nil, nil, fmt.Errorf("npy: starts with %q, want %q: %w", head[:len(magic)], magic, ErrFormat)
	}
	text := make([]byte, binary.LittleEndian.Uint16(head[len(magic):]))
	if _, err := io.ReadFull(br, text); err != nil {
		return nil, nil, fmt.Errorf("npy: header: %w: %w", ErrFormat, err)
	}
	name, size := descr[T]()
	m := header.FindSubmatch(text)
	if m == nil || string(m[1]) != name || string(m[2]) != "False" {
		return nil, nil, fmt.Errorf("npy: header %q, want descr %s in row-major order: %w", text, name, ErrFormat)
	}
	shape = []int{}
	for _, s := range strings.Split(strings.TrimRight(string(m[3]), ", "), ",") {
		if s = strings.TrimSpace(s); s == "" && len(shape) == 0 {
			continue
		}
		n, err := strconv.Atoi(s)
		if err != nil {
			return nil, nil, fmt.Errorf("npy: axis %q: %w", s, ErrFormat)
		}
		shape = append(shape, n)
	}
	n, ok := volume(shape)
	if !ok {
		return nil, nil, fmt.Errorf("npy: shape %v is too large: %w", shape, ErrFormat)
	}
	data = make([]T, 0, min(n, 1<<16))
	var buf [8]byte
	for len(data) < n {
		if _, err := io.ReadFull(br, buf[:size]); err != nil {
			return nil, nil, fmt.Errorf("npy: value %d of %d: %w: %w", len(data), n, ErrFormat, err)
		}
		if size == 4 {
			data = append(data, T(math.Float32frombits(binary.LittleEndian.Uint32(buf[:]))))
		} else {
			data = append(data, T(math.Float64frombits(binary.LittleEndian.Uint64(buf[:]))))
		}
	}
	if _, err := br.ReadByte(); err != io.EOF {
		return nil, nil, fmt.Errorf("npy: data after the %d values: %w", n, ErrFormat)
	}
	return shape, data, nil
}
