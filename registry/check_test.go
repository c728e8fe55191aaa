package registry

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/fuzzing"
)

// wellFormed is what check is for, by the standard library's tokens, for JSON
// that is too short to have too many values.
func wellFormed(raw []byte) bool {
	if !json.Valid(raw) || !utf8.Valid(raw) {
		return false
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber() // a number that no float64 holds is well-formed
	return wellFormedValue(d, 0)
}

func wellFormedValue(d *json.Decoder, depth int) bool {
	t, err := d.Token()
	if err != nil {
		return false
	}
	open, ok := t.(json.Delim)
	if !ok {
		return true
	}
	var keys []string
	for d.More() {
		if open == '{' {
			key, _ := d.Token()
			for _, k := range keys {
				if strings.EqualFold(k, key.(string)) {
					return false
				}
			}
			keys = append(keys, key.(string))
		}
		if !wellFormedValue(d, depth+1) {
			return false
		}
	}
	_, err = d.Token()
	return err == nil && len(keys) <= maxSpecKeys && depth < maxSpecDepth
}

// FuzzCheck compares check with the standard library, and holds what decode
// reads to what a strict decoder of the library reads.
func FuzzCheck(f *testing.F) {
	var seeds [][]byte
	for _, s := range []string{
		`{}`, `[]`, ` [ ] `, "\t{\n}\r", `0`, `-1.5e3`, `"a\"b\\"`, `null`, `[1,2 , 3]`, `[[],[[]],{}]`,
		`{"a":1}`, ` { "a" : 1 , "b" : [ { "c" : "]}," } ] } `, `{"\u0061\"":"\\","":{"":""}}`, `[true,false,null]`,
		`{"a":{"b":{"c":[1,[2,{"d":"\\\""}]]}}}`, `["{",":","[",","]`, `[1}`, `{"a" 1}`, `{"a":1,}`, `[1] 2`, `{"a":1,"A":2}`,
		`{"a":1,"\u0061":2}`, `{"a":{"a":1},"b":{"a":1}}`, `{"list":[{"n":1},{"n":2}],"fixed":[null]}`, `{"n":{"type":"x","spec":{}},"last":0}`,
		strings.Repeat("[", 64) + strings.Repeat("]", 64), strings.Repeat("[", 65) + strings.Repeat("]", 65), `{"a":[1}`, `"\`, "\"\xff\"",
	} {
		seeds = append(seeds, []byte(s))
		f.Add([]byte(s))
	}
	hold := func(t testing.TB, raw []byte) (read bool) {
		if len(raw) > maxSpecValues {
			return false
		}
		good := wellFormed(raw)
		if got, want := ofSpec.check(raw) == nil, good; got != want {
			t.Fatalf("check says %v", ofSpec.check(raw))
		}
		var got, want fieldsSpec
		if len(bytes.TrimSpace(raw)) == 0 || decode(raw, &got, ofSpec) != nil {
			return good
		}
		d := json.NewDecoder(bytes.NewReader(raw))
		d.DisallowUnknownFields()
		if err := d.Decode(&want); err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("got %+v, want %+v, %v", got, want, err)
		}
		return true
	}
	fuzzing.Executions(f, seeds, func(raw []byte, _ uint64) bool { return hold(f, raw) })
	f.Fuzz(func(t *testing.T, raw []byte) { hold(t, raw) })
}

// fieldsSpec has a field of each kind.
type fieldsSpec struct {
	Plain int
	N     *bijector.NamedSpec `json:"n"`
	List  []fieldsElement     `json:"list,omitempty"`
	Fixed [1]*bijector.NamedSpec
	Named map[string]fieldsElement `json:"named"`
	Any   any                      `json:"any"`
	Text  json.RawMessage          `json:"text"`
	*FieldsEmbedded
	Inner  FieldsEmbedded `json:"inner"`
	Hidden int            `json:"-"`
}

type fieldsElement struct {
	N uint64 `json:"n"`
}

// FieldsEmbedded is a part of fieldsSpec.
type FieldsEmbedded struct {
	Last int `json:"last"`
}

func TestFieldsAreExact(t *testing.T) {
	for _, s := range []string{
		``, `null`, `{}`, `{"Plain":1,"last":2}`, `{"n":null,"list":null,"Fixed":null,"named":null,"inner":null}`,
		`{"n":{"type":"x"},"list":[{"n":18446744073709551615}],"Fixed":[{"type":"x","spec":{"anything":[1]}}],"named":{"A key":{"n":1}}}`,
		`{"any":{"LAST":1},"text":{"Last":1},"inner":{"last":1}}`, `{"\u006cast":1}`,
	} {
		var v fieldsSpec
		if err := decode([]byte(s), &v, ofSpec); err != nil {
			t.Errorf("%s: %v", s, err)
		}
	}
	for s, says := range map[string]string{
		`{"plain":1}`:                           `"plain"`,
		`{"LAST":1}`:                            `"LAST"`,
		`{"List":[]}`:                           `"List"`,
		`{"list":[{"n":1},{"N":1}]}`:            `list: 1: unknown field "N"`,
		`{"named":{"a":{"N":1}}}`:               `named: a: unknown field "N"`,
		`{"inner":{"Last":1}}`:                  `inner: unknown field "Last"`,
		`{"n":{"Type":"x"}}`:                    `"Type"`,
		`{"n":{"type":"x","Spec":{}}}`:          `"Spec"`,
		`{"n":{"type":"x","spec":{},"more":1}}`: `"more"`,
		`{"n":{"type":["x"]}}`:                  "no string",
		`{"n":[]}`:                              "begins with '{'",
		`{"Fixed":[{"TYPE":"x"}]}`:              `"TYPE"`,
		`{"Fixed":[null,null]}`:                 "a list of 2, want 1",
		`{"Hidden":1}`:                          `"Hidden"`,
		`{"-":1}`:                               `"-"`,
		`{"FieldsEmbedded":{"last":1}}`:         `"FieldsEmbedded"`,
		`{"\u004cast":1}`:                       `"Last"`,
		`{"list":{}}`:                           "begins with '['",
		`{"last":1,"LAST":2}`:                   `"LAST" twice`,
		`[]`:                                    "begins with '{'",
	} {
		var v fieldsSpec
		if err := decode([]byte(s), &v, ofSpec); !errors.Is(err, bijector.ErrSpec) || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: got %v, want ErrSpec that says %s", s, err, says)
		}
	}
	var v fieldsSpec
	if err := decode([]byte(`{"n":{"spec":{}}}`), &v, ofSpec); !errors.Is(err, ErrNotRegistered) {
		t.Errorf("a node without a type: %v", err)
	}
}

// A file's spec may be as long as its values take in float32, and text of a file is
// quoted up to 80 bytes.
func TestLimitsFollowTheFile(t *testing.T) {
	const values = maxSpecBytes
	most := limitsFor(values)
	if err := most.checkBytes(4 * values); err != nil {
		t.Errorf("4 bytes a value: %v", err)
	}
	if err := most.checkBytes(4*values + 1); !errors.Is(err, ErrTooLarge) {
		t.Errorf("a byte more: %v", err)
	}
	long := strings.Repeat("x", 80)
	for text, want := range map[string]string{long: long, long + "y": long + "..."} {
		if got := clip(text); got != want {
			t.Errorf("%q is clipped to %q", text, got)
		}
	}
}
