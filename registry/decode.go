// JSON to specs: strict, and bounded in size and depth before anything is
// built from it.

package registry

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/bijou-flow/bijou/bijector"
)

// Limits of a spec, some way above what a model of a thousand layers needs.
const (
	maxSpecBytes  = 1 << 18
	maxSpecValues = 20_000 // elements, members, objects and lists together
	maxSpecDepth  = 64     // objects and lists within each other
	maxSpecKeys   = 128    // members of an object
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
	if !json.Valid(raw) {
		var v json.RawMessage
		return fmt.Errorf("the spec is not valid JSON: %w: %w", json.Unmarshal(raw, &v), bijector.ErrSpec)
	}
	var keys [][]byte
	return checkKeys(raw, &keys)
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

// checkKeys looks for keys that occur twice, at every level. The keys of the
// objects that are open lie on a stack.
func checkKeys(raw []byte, stack *[][]byte) error {
	switch first(raw) {
	case '{':
		base := len(*stack)
		defer func() { *stack = (*stack)[:base] }()
		return members(raw, func(key, value []byte) error {
			seen := (*stack)[base:]
			if slices.ContainsFunc(seen, func(k []byte) bool { return bytes.EqualFold(k, key) }) {
				return fmt.Errorf("the spec has the key %q twice: %w", clip(string(key)), bijector.ErrSpec)
			}
			if len(seen) == maxSpecKeys {
				return fmt.Errorf("the spec has an object of more than %d members: %w", maxSpecKeys, ErrTooLarge)
			}
			*stack = append(*stack, key)
			return checkKeys(value, stack)
		})
	case '[':
		return elements(raw, func(_ int, value []byte) error { return checkKeys(value, stack) })
	}
	return nil
}

// decodeInto sets v from valid JSON and refuses fields that v has not. Nothing
// means the zero spec. The specs of nodes stay JSON, slices of raw, until a
// builder is asked for the node.
func decodeInto(raw []byte, v any) error {
	if len(bytes.TrimSpace(raw)) == 0 {
		return nil
	}
	return decodeValue(raw, reflect.ValueOf(v).Elem())
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

var unmarshaler = reflect.TypeFor[json.Unmarshaler]()

// decodeValue leaves to encoding/json what holds no node.
func decodeValue(raw []byte, v reflect.Value) error {
	typ := v.Type()
	if typ != nodeType && (reflect.PointerTo(typ).Implements(unmarshaler) || !holdsNode(typ)) {
		d := json.NewDecoder(bytes.NewReader(raw))
		d.DisallowUnknownFields()
		d.UseNumber()
		if err := d.Decode(v.Addr().Interface()); err != nil {
			return fmt.Errorf("%w: %w", err, bijector.ErrSpec)
		}
		return nil
	}
	kind, begins := typ.Kind(), first(raw)
	if begins == 'n' {
		return nil // null is the zero value
	}
	if kind == reflect.Pointer {
		v.Set(reflect.New(typ.Elem()))
		return decodeValue(raw, v.Elem())
	}
	wants := byte('{')
	if kind == reflect.Slice || kind == reflect.Array {
		wants = '['
	}
	if begins != wants {
		return fmt.Errorf("found %q, want a %v, which begins with %q: %w", clip(string(raw)), typ, wants, bijector.ErrSpec)
	}
	switch kind {
	case reflect.Slice, reflect.Array:
		n := 0
		if err := elements(raw, func(int, []byte) error { n++; return nil }); err != nil {
			return err
		}
		if kind == reflect.Slice {
			v.Set(reflect.MakeSlice(typ, n, n))
		} else if n != v.Len() {
			return fmt.Errorf("a list of %d, want %d: %w: %w", n, v.Len(), bijector.ErrSpec, bijector.ErrShape)
		}
		return elements(raw, func(i int, value []byte) error { return decodeValue(value, v.Index(i)) })
	case reflect.Map:
		v.Set(reflect.MakeMap(typ))
		return members(raw, func(key, value []byte) error {
			e := reflect.New(typ.Elem()).Elem()
			if err := decodeValue(value, e); err != nil {
				return err
			}
			v.SetMapIndex(reflect.ValueOf(string(key)).Convert(typ.Key()), e)
			return nil
		})
	}
	return members(raw, func(key, value []byte) error {
		if n, ok := v.Addr().Interface().(*bijector.NamedSpec); ok {
			return decodeNode(n, key, value)
		}
		f := fieldNamed(v, string(key))
		if !f.IsValid() {
			return fmt.Errorf("unknown field %q in a %v: %w", clip(string(key)), typ, bijector.ErrSpec)
		}
		return decodeValue(value, f)
	})
}

func decodeNode(n *bijector.NamedSpec, key, value []byte) error {
	switch string(key) {
	case "type":
		name, ok := text(value)
		if !ok {
			return fmt.Errorf("a type that is no string: %q: %w", clip(string(value)), bijector.ErrSpec)
		}
		n.Name = name
	case "spec":
		if first(value) != 'n' {
			n.Spec = json.RawMessage(value)
		}
	default:
		return fmt.Errorf("unknown field %q beside \"type\" and \"spec\": %w", clip(string(key)), bijector.ErrSpec)
	}
	return nil
}

// fieldNamed finds a struct's field by its name in JSON, in embedded structs
// too.
func fieldNamed(v reflect.Value, key string) reflect.Value {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous && name == "" && f.Type.Kind() == reflect.Struct {
			if e := fieldNamed(v.Field(i), key); e.IsValid() {
				return e
			}
			continue
		}
		if !f.IsExported() || f.Tag.Get("json") == "-" {
			continue
		}
		if name == "" {
			name = f.Name
		}
		if strings.EqualFold(name, key) {
			return v.Field(i)
		}
	}
	return reflect.Value{}
}

// specOf returns the spec of a node as a value of e's type. inner says that the
// node came out of a spec that was checked as a whole.
func (e *entry) specOf(n bijector.NamedSpec, inner bool) (any, error) {
	var raw []byte
	switch s := n.Spec.(type) {
	case nil:
	case json.RawMessage:
		raw = s
	case []byte:
		raw = s
	case map[string]any: // decoded by someone else
		var err error
		if raw, err = json.Marshal(s); err != nil {
			return nil, fmt.Errorf("%w: %w", err, bijector.ErrSpec)
		}
	default:
		return e.typed(n.Spec)
	}
	// Checked anew at every level, a deep spec would take quadratic time. Its
	// syntax is: a container may hand over anything.
	if len(bytes.TrimSpace(raw)) > 0 && !(inner && json.Valid(raw)) {
		if err := check(raw); err != nil {
			return nil, err
		}
	}
	return e.decode(raw)
}

// typed returns a spec given as Go value.
func (e *entry) typed(spec any) (any, error) {
	v := reflect.ValueOf(spec)
	if v.Kind() == reflect.Pointer && !v.IsNil() {
		v = v.Elem()
	}
	if v.Type() != e.spec {
		return nil, fmt.Errorf("a spec of type %T, want %v: %w", spec, e.spec, bijector.ErrSpec)
	}
	return v.Interface(), nil
}
