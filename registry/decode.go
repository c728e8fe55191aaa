// JSON to specs: strict, and bounded in size and depth before anything is
// built from it.

package registry

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/bijou-flow/bijou/bijector"
)

// Limits of a spec, some way above what a model of a thousand layers needs.
const (
	maxSpecBytes  = 1 << 20
	maxSpecValues = 1 << 16 // elements, members, objects and lists together
	maxSpecDepth  = 64      // objects and lists within each other
)

// check refuses JSON that is malformed, out of proportion or ambiguous: keys
// that occur twice, also where they differ in case only, since decoding
// ignores that.
func check(raw []byte) error {
	if len(raw) > maxSpecBytes {
		return fmt.Errorf("a spec of %d bytes, at most %d are allowed: %w", len(raw), maxSpecBytes, ErrTooLarge)
	}
	if err := measure(raw); err != nil {
		return err
	}
	if !utf8.Valid(raw) {
		return fmt.Errorf("the spec is not valid UTF-8: %w", bijector.ErrSpec)
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	// What is open: nil for a list, the keys seen for an object.
	var open []map[string]bool
	isKey, values := false, 0
	for {
		tok, err := d.Token()
		if err == io.EOF && values == 1 && len(open) == 0 {
			return nil
		}
		if err != nil {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return fmt.Errorf("the spec is not valid JSON: %w: %w", err, bijector.ErrSpec)
		}
		if key, ok := tok.(string); ok && isKey {
			seen := open[len(open)-1]
			if key = strings.ToLower(key); seen[key] {
				return fmt.Errorf("the spec has the key %q twice: %w", clip(key), bijector.ErrSpec)
			}
			seen[key] = true
			isKey = false
			continue
		}
		switch tok {
		case json.Delim('{'):
			open = append(open, map[string]bool{})
		case json.Delim('['):
			open = append(open, nil)
		case json.Delim('}'), json.Delim(']'):
			open = open[:len(open)-1]
		}
		if len(open) == 0 {
			if values++; values > 1 {
				return fmt.Errorf("text after the end of the spec: %w", bijector.ErrSpec)
			}
		}
		isKey = len(open) > 0 && open[len(open)-1] != nil
	}
}

// measure bounds depth and number of values without parsing.
func measure(raw []byte) error {
	depth, values, quoted := 0, 0, false
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			depth++
			values++
		case c == '}' || c == ']':
			depth--
		case c == ',':
			values++
		}
		if depth > maxSpecDepth {
			return fmt.Errorf("a spec more than %d levels deep: %w", maxSpecDepth, ErrTooLarge)
		}
		if values > maxSpecValues {
			return fmt.Errorf("a spec of more than %d values: %w", maxSpecValues, ErrTooLarge)
		}
	}
	return nil
}

// decodeInto sets v from checked JSON, and refuses fields that v has not.
// Nothing means the zero spec.
func decodeInto(raw []byte, v any) error {
	if len(bytes.TrimSpace(raw)) == 0 {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	// A node's own spec arrives as a map: its numbers, seeds of 64 bits among
	// them, must not pass through float64.
	d.UseNumber()
	if err := d.Decode(v); err != nil {
		return fmt.Errorf("%w: %w", err, bijector.ErrSpec)
	}
	return nil
}

// checkAndDecode is decodeInto for JSON from outside.
func checkAndDecode(raw []byte, v any) error {
	if len(bytes.TrimSpace(raw)) == 0 {
		return nil
	}
	if err := check(raw); err != nil {
		return err
	}
	return decodeInto(raw, v)
}

// specOf returns the spec of a node as a value of e's type.
func (e *entry) specOf(n bijector.Node) (any, error) {
	switch s := n.Spec.(type) {
	case nil:
		return e.decode(nil)
	case json.RawMessage:
		return e.raw(s)
	case []byte:
		return e.raw(s)
	case map[string]any:
		raw, err := json.Marshal(s)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", err, bijector.ErrSpec)
		}
		return e.decode(raw)
	default:
		return e.typed(n.Spec)
	}
}

func (e *entry) raw(b []byte) (any, error) {
	if len(bytes.TrimSpace(b)) > 0 {
		if err := check(b); err != nil {
			return nil, err
		}
	}
	return e.decode(b)
}
