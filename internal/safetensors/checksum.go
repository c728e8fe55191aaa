// A checksum within the metadata, over everything else in the file.

package safetensors

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"maps"
	"strings"
)

// ErrChecksum: a file is damaged.
var ErrChecksum = errors.New("checksum mismatch")

// The checksum is the SHA-256 of everything after the 8 bytes of the header's
// length, with zeros for its own digits.
const (
	keyChecksum = "checksum"
	sumPrefix   = "sha256:"
	sumDigits   = 2 * sha256.Size
)

// WriteSealed writes a file: header, with a checksum in the metadata, and
// values.
func WriteSealed(w io.Writer, items []Item, metadata map[string]string) error {
	zeros := sumPrefix + strings.Repeat("0", sumDigits)
	metadata = maps.Clone(metadata)
	metadata[keyChecksum] = zeros
	head, err := EncodeHeader(items, metadata)
	if err != nil {
		return err
	}
	// Quotes within a string are escaped, so this is the key itself.
	at := bytes.Index(head, []byte(`"`+keyChecksum+`":"`+zeros))
	if at < 0 {
		return errors.New("the header has no place for the checksum")
	}
	sum := sha256.New()
	sum.Write(head[8:])
	if err := WriteData(sum, items); err != nil {
		return err
	}
	hex.Encode(head[at+len(keyChecksum)+4+len(sumPrefix):], sum.Sum(nil))
	if _, err := w.Write(head); err != nil {
		return err
	}
	return WriteData(w, items)
}

// Seal is the checksum of a file that is being read.
type Seal struct {
	data    io.Reader
	sum     hash.Hash
	wantHex string // in hexadecimal
}

// NewSeal reads the checksum that a header claims. r stands at the first
// value; what is read from the Seal is what is read from r.
func NewSeal(h *Header, r io.Reader) (*Seal, error) {
	value, _ := h.Get(keyChecksum)
	digits, ok := strings.CutPrefix(value, sumPrefix)
	at := strings.Index(h.Text, value)
	if _, err := hex.DecodeString(digits); !ok || err != nil || len(digits) != sumDigits || at < 0 {
		return nil, &FormatError{Field: keyChecksum, Reason: fmt.Sprintf("is %q, want %s and %d digits", truncate(value), sumPrefix, sumDigits)}
	}
	at += len(sumPrefix)
	sum := sha256.New()
	hashText(sum, h.Text[:at])
	hashText(sum, strings.Repeat("0", sumDigits))
	hashText(sum, h.Text[at+sumDigits:])
	return &Seal{data: io.TeeReader(r, sum), sum: sum, wantHex: digits}, nil
}

func (s *Seal) Read(p []byte) (int, error) { return s.data.Read(p) }

// Close reads what is left and compares. It returns the error that reading met
// so far, if the file is whole, and otherwise ErrChecksum: whatever else is
// wrong with a damaged file follows from the damage.
func (s *Seal) Close(met error) error {
	if _, err := io.Copy(io.Discard, s.data); err != nil {
		return err
	}
	got := hex.EncodeToString(s.sum.Sum(nil))
	switch {
	case got == s.wantHex:
		return met
	case met != nil:
		return fmt.Errorf("the file is damaged: %w (%v)", ErrChecksum, met)
	}
	return fmt.Errorf("the file is damaged: its checksum is %s..., it should be %s...: %w", got[:12], s.wantHex[:12], ErrChecksum)
}

// hashText writes text to a hash without a copy of the whole.
func hashText(sum hash.Hash, text string) {
	var buf [4096]byte
	for len(text) > 0 {
		n := copy(buf[:], text)
		sum.Write(buf[:n])
		text = text[n:]
	}
}
