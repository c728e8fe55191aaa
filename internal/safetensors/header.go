// Reading a header: the grammar of the format, and the arithmetic of offsets.

package safetensors

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	// maxHeader is the format's own limit.
	maxHeader = 100_000_000
	// maxMetadata bounds the entries of the metadata, which need far more
	// memory than the few bytes each takes in a file.
	maxMetadata = 4096
	// minEntryBytes is fewer bytes than any tensor's entry in a header has.
	minEntryBytes = 48
	// metadataKey is the one name in a header that is no tensor's.
	metadataKey = "__metadata__"
)

// ReadHeader reads and checks the header of a file of size bytes. It leaves r
// at the first value. Tensors are of type F32, F64 or I64, or one of more.
// Errors of r itself are returned as they are.
func ReadHeader(r io.Reader, size int64, more ...DType) (*Header, error) {
	var prefix [8]byte
	if size < int64(len(prefix)) {
		return nil, &FormatError{Field: "header", Reason: fmt.Sprintf("the file has %d bytes, the header's length alone takes 8", size)}
	}
	if err := readFull(r, prefix[:], "header"); err != nil {
		return nil, err
	}
	n := binary.LittleEndian.Uint64(prefix[:])
	switch {
	case n > maxHeader:
		return nil, &FormatError{Field: "header", Reason: fmt.Sprintf("claims %d bytes, at most %d are allowed", n, maxHeader)}
	case int64(n) > size-8:
		return nil, &FormatError{Field: "header", Reason: fmt.Sprintf("claims %d bytes, the file has %d after the length", n, size-8)}
	}
	text, err := readText(r, int(n))
	if err != nil {
		return nil, err
	}
	return parseHeader(text, size-8-int64(n), append(defaultDTypes[:len(defaultDTypes):len(defaultDTypes)], more...))
}

// parseHeader checks a header's text against a data section of dataSize bytes
// with values of the given types.
func parseHeader(text string, dataSize int64, types []DType) (*Header, error) {
	if !utf8.ValidString(text) {
		return nil, &FormatError{Field: "header", Reason: "is not valid UTF-8"}
	}
	if text == "" || text[0] != '{' {
		return nil, &FormatError{Field: "header", Reason: "does not begin with {"}
	}
	h := &Header{
		Text:     text,
		DataSize: dataSize,
		// Each entry has the key once, unescaped: the list never grows.
		Tensors: make([]Tensor, 0, min(strings.Count(text, `"dtype"`), len(text)/minEntryBytes)),
	}
	p := &parser{s: text, types: types}
	metadata := false
	err := p.object(func() error {
		name, err := p.stringValue()
		if err != nil {
			return err
		}
		if err := p.expect(':'); err != nil {
			return err
		}
		if name != metadataKey {
			t, err := p.tensor(name)
			h.Tensors = append(h.Tensors, t)
			return err
		}
		if metadata {
			return &FormatError{Field: metadataKey, Reason: "occurs twice"}
		}
		metadata = true
		h.Metadata, err = p.metadata()
		return err
	})
	if err != nil {
		return nil, err
	}
	if strings.Trim(text[p.i:], " ") != "" {
		return nil, p.fail("text after the closing brace; only spaces may follow")
	}
	return h, h.check()
}

// check refuses names that occur twice and values that overlap, leave a gap
// or do not fill the data section. It leaves the tensors in file order.
func (h *Header) check() error {
	slices.SortFunc(h.Tensors, func(a, b Tensor) int { return strings.Compare(a.Name, b.Name) })
	for i := 1; i < len(h.Tensors); i++ {
		if h.Tensors[i].Name == h.Tensors[i-1].Name {
			return &FormatError{Tensor: h.Tensors[i].Name, Field: "name", Reason: "occurs twice"}
		}
	}
	// Empty tensors take no place and come first where they stand.
	slices.SortFunc(h.Tensors, func(a, b Tensor) int {
		if c := cmp.Compare(a.begin, b.begin); c != 0 {
			return c
		}
		if c := cmp.Compare(a.Elements(), b.Elements()); c != 0 {
			return c
		}
		return strings.Compare(a.Name, b.Name)
	})
	var at int64
	for _, t := range h.Tensors {
		begin, end := t.Offsets()
		switch {
		case end > h.DataSize:
			return &FormatError{t.Name, "data_offsets", fmt.Sprintf("[%d, %d] end after the file's %d bytes of data", begin, end, h.DataSize)}
		case begin < at:
			return &FormatError{t.Name, "data_offsets", fmt.Sprintf("[%d, %d] overlap the tensor before, which ends at %d", begin, end, at)}
		case begin > at:
			return &FormatError{t.Name, "data_offsets", fmt.Sprintf("[%d, %d] leave a gap after %d", begin, end, at)}
		}
		at = end
	}
	if at != h.DataSize {
		return &FormatError{Field: "data", Reason: fmt.Sprintf("the file has %d bytes of data, its tensors take %d", h.DataSize, at)}
	}
	return nil
}

// tensor reads {"dtype": ..., "shape": [...], "data_offsets": [begin, end]}.
func (p *parser) tensor(name string) (Tensor, error) {
	t := Tensor{Name: name}
	var shape, offsets bool
	var elements, begin, end int64
	field := "header"
	err := p.object(func() error {
		key, err := p.unescapedString()
		if err != nil {
			return err
		}
		if err := p.expect(':'); err != nil {
			return err
		}
		seen := false
		switch key {
		case "dtype":
			field, seen = key, t.DType != 0
			t.DType, err = p.dtype()
		case "shape":
			field, seen, shape = key, shape, true
			t.shape, elements, err = p.shape()
		case "data_offsets":
			field, seen, offsets = key, offsets, true
			begin, end, err = p.offsets()
		default:
			return p.fail(fmt.Sprintf("a tensor has no field %q", truncate(key)))
		}
		if seen {
			return p.fail(fmt.Sprintf("%q occurs twice", key))
		}
		if err == nil {
			field = "header"
		}
		return err
	})
	if err == nil {
		switch size := t.DType.Size(); {
		case t.DType == 0:
			field, err = "dtype", p.fail("is missing")
		case !shape:
			field, err = "shape", p.fail("is missing")
		case !offsets:
			field, err = "data_offsets", p.fail("is missing")
		case begin > end:
			field, err = "data_offsets", p.fail(fmt.Sprintf("[%d, %d] are reversed", begin, end))
		case elements > math.MaxInt64/size:
			field, err = "shape", p.fail("has more values than can be counted")
		case end-begin != elements*size:
			field, err = "data_offsets", p.fail(fmt.Sprintf("[%d, %d] hold %d bytes, %d values of %s take %d", begin, end, end-begin, elements, t.DType, elements*size))
		}
	}
	if e, ok := err.(*FormatError); ok {
		e.Tensor, e.Field = name, field
	}
	t.begin = begin
	return t, err
}

func (p *parser) dtype() (DType, error) {
	name, err := p.unescapedString()
	if err != nil {
		return 0, err
	}
	want := ""
	for i, d := range p.types {
		if name == d.String() {
			return d, nil
		}
		switch i {
		case 0:
		case len(p.types) - 1:
			want += " or "
		default:
			want += ", "
		}
		want += d.String()
	}
	return 0, p.fail(fmt.Sprintf("is %q, want %s", truncate(name), want))
}

// shape returns the text between the brackets and the product of the sizes.
func (p *parser) shape() (text string, elements int64, err error) {
	elements = 1
	start, empty := 0, false
	err = p.array(func(i int) error {
		if i == 0 {
			start = p.i
		}
		d, err := p.integer()
		if err != nil {
			return err
		}
		if d > math.MaxInt {
			return p.fail(fmt.Sprintf("has an axis of %d, more than this machine can address", d))
		}
		// An axis of 0 excuses no overflow among the others.
		if d == 0 {
			empty = true
			return nil
		}
		if elements > math.MaxInt64/d {
			return p.fail("has more values than can be counted")
		}
		elements *= d
		return nil
	})
	if err == nil && start > 0 {
		text = p.s[start : p.i-1]
	}
	if empty {
		elements = 0
	}
	return text, elements, err
}

func (p *parser) offsets() (begin, end int64, err error) {
	n := 0
	err = p.array(func(i int) error {
		v, err := p.integer()
		switch i {
		case 0:
			begin = v
		case 1:
			end = v
		default:
			return p.fail("has more than two numbers")
		}
		n++
		return err
	})
	if err == nil && n != 2 {
		err = p.fail(fmt.Sprintf("has %d numbers, want 2", n))
	}
	return begin, end, err
}

// metadata reads an object of strings.
func (p *parser) metadata() ([]Pair, error) {
	var all []Pair
	seen := map[string]bool{}
	err := p.object(func() error {
		key, err := p.stringValue()
		if err != nil {
			return err
		}
		if seen[key] {
			return p.fail(fmt.Sprintf("key %q occurs twice", truncate(key)))
		}
		if len(all) == maxMetadata {
			return p.fail(fmt.Sprintf("has more than %d entries", maxMetadata))
		}
		seen[key] = true
		if err := p.expect(':'); err != nil {
			return err
		}
		value, err := p.stringValue()
		if err != nil {
			return err
		}
		all = append(all, Pair{key, value})
		return nil
	})
	if e, ok := err.(*FormatError); ok {
		e.Field = metadataKey
	}
	return all, err
}

// truncate shortens text that a file put into an error.
func truncate(s string) string {
	if len(s) > 80 {
		return s[:80] + "..."
	}
	return s
}
