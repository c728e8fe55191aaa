// Reading no more than what has come: memory follows the bytes of a file, and
// not what its header claims.

package safetensors

import (
	"io"
	"strings"

	"github.com/bijou-flow/bijou/internal/input"
)

// Data returns a reader of the values, for an r that stands at the first one.
// Beyond what r is known to have, they are read into memory: they have come before
// anything is made for them.
func (h *Header) Data(r io.Reader) (io.Reader, error) {
	data, err := input.Arrived(r, h.DataSize)
	return data, endsEarly(err, "data")
}

// readText reads n bytes. Beyond what r is known to have and a first piece,
// memory follows what has come.
func readText(r io.Reader, n int) (string, error) {
	const trusted = 1 << 20
	var text strings.Builder // which hands its bytes over as a string without a copy
	if n > trusted && !input.Has(r, int64(n)) {
		chunks, _, err := input.Chunks(r, n, trusted)
		if err != nil {
			return "", endsEarly(err, "header")
		}
		text.Grow(n)
		for _, c := range chunks {
			text.Write(c)
		}
		return text.String(), nil
	}
	text.Grow(n)
	var buf [4096]byte
	for text.Len() < n {
		k := min(n-text.Len(), len(buf))
		if err := readFull(r, buf[:k], "header"); err != nil {
			return "", err
		}
		text.Write(buf[:k])
	}
	return text.String(), nil
}

// readFull fills buf, and calls a file that ends early ill-formed.
func readFull(r io.Reader, buf []byte, field string) error {
	_, err := io.ReadFull(r, buf)
	return endsEarly(err, field)
}

func endsEarly(err error, field string) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return &FormatError{Field: field, Reason: "the file ends early"}
	}
	return err
}
