// Schemas as JSON: strict about names, so that a slip of the pen is an error.

package table

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"

	"github.com/bijou-flow/bijou/internal/nilcheck"
)

// maxSchemaBytes bounds the document that a schema is read from.
const maxSchemaBytes = 64 << 20

// ParseSchema reads a schema from JSON, a whole one or one that gives some
// fields of some columns, for InferOptions.Given. Names are exact: a field that
// a schema has not, that is there twice or in another case is ErrSchema. It is
// not validated.
//
//	{"columns": [{"name": "id", "kind": "category"}, {"name": "rate", "lower": 0, "upper": 1}],
//	 "left_out": [{"name": "comment"}]}
func ParseSchema(r io.Reader) (*Schema, error) {
	if nilcheck.IsNil(r) {
		return nil, fmt.Errorf("table: no reader: %w", ErrSchema)
	}
	text, err := io.ReadAll(io.LimitReader(r, maxSchemaBytes+1))
	if err != nil {
		return nil, fmt.Errorf("table: reading a schema: %w", err)
	}
	if len(text) > maxSchemaBytes {
		return nil, fmt.Errorf("table: a schema of more than %d bytes: %w", maxSchemaBytes, ErrSchema)
	}
	s := new(Schema)
	if err := json.Unmarshal(text, s); err != nil {
		if errors.Is(err, ErrSchema) {
			return nil, err
		}
		return nil, fmt.Errorf("table: a schema in JSON: %w: %w", err, ErrSchema)
	}
	return s, nil
}

// UnmarshalJSON reads a schema as ParseSchema does.
func (s *Schema) UnmarshalJSON(text []byte) error {
	if s == nil {
		return fmt.Errorf("table: no schema to read into: %w", ErrSchema)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	if err := exact(d, reflect.TypeFor[Schema](), "schema"); err != nil {
		return fmt.Errorf("table: %w: %w", err, ErrSchema)
	}
	type plain Schema // without this method
	var p plain
	if err := json.Unmarshal(text, &p); err != nil {
		return fmt.Errorf("table: a schema in JSON: %w: %w", err, ErrSchema)
	}
	*s = Schema(p)
	return nil
}

// exact walks the next JSON value and refuses keys that typ has no field for,
// in its very letters, and keys that are there twice.
func exact(d *json.Decoder, typ reflect.Type, where string) error {
	for typ != nil && typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	token, err := d.Token()
	if err != nil {
		return err
	}
	switch token {
	case json.Delim('['):
		var of reflect.Type
		if typ != nil && typ.Kind() == reflect.Slice {
			of = typ.Elem()
		}
		for i := 1; d.More(); i++ {
			if err := exact(d, of, fmt.Sprintf("%s %d", strings.TrimSuffix(where, "s"), i)); err != nil {
				return err
			}
		}
		_, err = d.Token()
	case json.Delim('{'):
		fields := jsonFields(typ)
		seen := map[string]bool{}
		for d.More() {
			key, err := d.Token()
			if err != nil {
				return err
			}
			name, _ := key.(string)
			of, ok := fields[name]
			switch {
			case !ok:
				return fmt.Errorf("%s: there is no field %s", where, quoted(name))
			case seen[name]:
				return fmt.Errorf("%s: the field %s is there twice", where, quoted(name))
			}
			seen[name] = true
			if err := exact(d, of, name); err != nil {
				return err
			}
		}
		_, err = d.Token()
	}
	return err
}

// jsonFields are a struct's fields by their names in JSON.
func jsonFields(typ reflect.Type) map[string]reflect.Type {
	fields := map[string]reflect.Type{}
	if typ == nil || typ.Kind() != reflect.Struct {
		return fields
	}
	for i := range typ.NumField() {
		f := typ.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		fields[name] = f.Type
	}
	return fields
}
