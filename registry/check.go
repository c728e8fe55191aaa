// JSON to specs: bounded as a whole before anything is decoded, and strict.

package registry

import (
	"bytes"
	"cmp"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/specnames"
)

// Limits of a spec, some way above what a model of a thousand layers needs.
const (
	maxSpecBytes  = 1 << 18
	maxSpecValues = 20_000 // elements, members, objects and lists together
	maxSpecDepth  = 64     // objects and lists within each other
	maxSpecKeys   = 128    // members of an object

	// The specs of tables grow with their columns and categories, and so do the
	// models: a file may have a value in its spec for each one in its tensors, and
	// four bytes, up to these.
	maxFileSpecBytes  = 1 << 25
	maxFileSpecValues = 1 << 22
)

// limits are how long a spec may be, beyond what every spec may.
type limits struct{ bytes, values int }

// ofSpec are the limits of a spec that comes alone.
var ofSpec limits

// limitsFor are those of the spec of a file with so many values in its tensors,
// so that what a spec costs is in proportion to the file.
func limitsFor(values float64) limits {
	return limits{
		bytes:  int(min(4*values, maxFileSpecBytes)),
		values: int(min(values, maxFileSpecValues)),
	}
}

// decode sets what into points to from JSON within limits. Nothing leaves it as it is.
func decode(raw []byte, into any, most limits) error {
	if len(bytes.TrimSpace(raw)) == 0 {
		return nil
	}
	if err := most.check(raw); err != nil {
		return err
	}
	return decodeChecked(raw, into)
}

// decodeChecked is decode for JSON that was checked as a part of the whole.
func decodeChecked(raw []byte, into any) error {
	err := checkFields(raw, reflect.TypeOf(into).Elem())
	if err == nil {
		err = json.Unmarshal(raw, into)
	}
	switch {
	case errors.Is(err, specnames.ErrNoType):
		return fmt.Errorf("%w: %w", err, ErrNotRegistered)
	case err != nil && !errors.Is(err, bijector.ErrSpec):
		return fmt.Errorf("%w: %w", err, bijector.ErrSpec)
	}
	return err
}

// check refuses JSON that is malformed, out of proportion or ambiguous: keys
// that occur twice, also where they differ in case only. It goes through the
// bytes once, since what is hostile is not to be parsed first.
func (most limits) check(raw []byte) error {
	if err := most.checkBytes(len(raw)); err != nil {
		return err
	}
	var (
		values int
		keys   [][]byte // of all objects that are open
		begin  []int    // where in keys those of each open object or list begin
		fault  error    // a key that occurs twice; sizes come first
	)
	for i := 0; i < len(raw); i++ {
		switch raw[i] {
		case '{', '[':
			values++
			begin = append(begin, len(keys))
		case '}', ']':
			if n := len(begin) - 1; n >= 0 {
				keys, begin = keys[:begin[n]], begin[:n]
			}
		case ',':
			values++
		case '"':
			key, n := textAt(raw[i:])
			i += n - 1
			if rest := bytes.TrimLeft(raw[i+1:], " \t\r\n"); len(begin) == 0 || !bytes.HasPrefix(rest, []byte(":")) {
				continue
			}
			others := keys[begin[len(begin)-1]:]
			if len(others) == maxSpecKeys {
				return fmt.Errorf("the spec has an object of more than %d members: %w", maxSpecKeys, ErrTooLarge)
			}
			if fault == nil && slices.ContainsFunc(others, func(k []byte) bool { return bytes.EqualFold(k, key) }) {
				fault = fmt.Errorf("the spec has the key %.80q twice: %w", key, bijector.ErrSpec)
			}
			keys = append(keys, key)
		}
		if len(begin) > maxSpecDepth {
			return fmt.Errorf("a spec more than %d levels deep: %w", maxSpecDepth, ErrTooLarge)
		}
		if limit := max(most.values, maxSpecValues); values > limit {
			return fmt.Errorf("a spec of more than %d values: %w", limit, ErrTooLarge)
		}
	}
	if !utf8.Valid(raw) {
		return fmt.Errorf("the spec is not valid UTF-8: %w", bijector.ErrSpec)
	}
	if !json.Valid(raw) {
		var v json.RawMessage
		return fmt.Errorf("the spec is not valid JSON: %w: %w", json.Unmarshal(raw, &v), bijector.ErrSpec)
	}
	return fault
}

// checkBytes refuses a spec by its length.
func (most limits) checkBytes(n int) error {
	if limit := max(most.bytes, maxSpecBytes); n > limit {
		return fmt.Errorf("a spec of %d bytes, at most %d are allowed: %w", n, limit, ErrTooLarge)
	}
	return nil
}

// textAt returns what the string says that raw begins with, and its length.
func textAt(raw []byte) (text []byte, n int) {
	escaped := false
	for n = 1; n < len(raw) && raw[n] != '"'; n++ {
		if raw[n] == '\\' {
			escaped = true
			n++
		}
	}
	n = min(n+1, len(raw))
	if escaped {
		var s string
		if json.Unmarshal(raw[:n], &s) == nil {
			return []byte(s), n
		}
	}
	return bytes.Trim(raw[:n], `"`), n
}

// checkFields refuses keys that are not exactly the names of typ's fields, and
// lists that are not as long as an array: encoding/json takes "DIM" for "dim",
// and passes over the rest.
func checkFields(raw []byte, typ reflect.Type) error {
	if !hasFields(typ) {
		return nil
	}
	for typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	if typ.Kind() == reflect.Slice || typ.Kind() == reflect.Array {
		var list []specnames.Borrowed
		if err := json.Unmarshal(raw, &list); err != nil {
			return fmt.Errorf("want a %v, which begins with '[': %w", typ, err)
		}
		if typ.Kind() == reflect.Array && list != nil && len(list) != typ.Len() {
			return fmt.Errorf("a list of %d, want %d: %w: %w", len(list), typ.Len(), bijector.ErrSpec, bijector.ErrShape)
		}
		for i, element := range list {
			if err := checkFields(element, typ.Elem()); err != nil {
				return fmt.Errorf("%d: %w", i, err)
			}
		}
		return nil
	}
	var members map[string]specnames.Borrowed
	if err := json.Unmarshal(raw, &members); err != nil {
		return fmt.Errorf("want a %v, which begins with '{': %w", typ, err)
	}
	for _, key := range slices.Sorted(maps.Keys(members)) {
		member, ok := memberOf(typ, key)
		if !ok {
			return fmt.Errorf("unknown field %q in a %v: %w", clip(key), typ, bijector.ErrSpec)
		}
		if err := checkFields(members[key], member); err != nil {
			return fmt.Errorf("%s: %w", clip(key), err)
		}
	}
	return nil
}

// hasFields reports whether checkFields has anything to check. A type that
// decodes itself, such as a Node, does so.
func hasFields(typ reflect.Type) bool {
	for typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	p := reflect.PointerTo(typ)
	switch {
	case p.Implements(reflect.TypeFor[json.Unmarshaler]()), p.Implements(reflect.TypeFor[encoding.TextUnmarshaler]()):
		return false
	case typ.Kind() == reflect.Slice, typ.Kind() == reflect.Map:
		return hasFields(typ.Elem())
	}
	return typ.Kind() == reflect.Struct || typ.Kind() == reflect.Array
}

// memberOf returns the type of what a key stands for in a map or a struct, in
// the structs embedded in it too.
func memberOf(typ reflect.Type, key string) (reflect.Type, bool) {
	if typ.Kind() == reflect.Map {
		return typ.Elem(), true
	}
	for i := range typ.NumField() {
		f := typ.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous && name == "" {
			if f.Type.Kind() == reflect.Pointer {
				f.Type = f.Type.Elem()
			}
			if f.Type.Kind() == reflect.Struct && f.Type != typ {
				if member, ok := memberOf(f.Type, key); ok {
					return member, true
				}
				continue
			}
		}
		if f.IsExported() && f.Tag.Get("json") != "-" && cmp.Or(name, f.Name) == key {
			return f.Type, true
		}
	}
	return nil, false
}
