// Taking valid JSON apart without copying it.

package registry

import (
	"bytes"
	"encoding/json"
)

const jsonSpace = " \t\r\n"

// first is the first byte of a value: it tells its type. 0 for nothing.
func first(raw []byte) byte {
	if raw = bytes.TrimLeft(raw, jsonSpace); len(raw) > 0 {
		return raw[0]
	}
	return 0
}

// members calls each for every member of an object, in order. Anything else
// has none.
func members(raw []byte, each func(key, value []byte) error) error {
	rest, ok := inside(raw, '{')
	for ok && len(rest) > 0 && rest[0] == '"' {
		n := valueLength(rest)
		key := rest[1 : n-1]
		if bytes.IndexByte(key, '\\') >= 0 {
			s, _ := text(rest[:n])
			key = []byte(s)
		}
		// Past the colon.
		rest = bytes.TrimLeft(rest[n:], jsonSpace)[1:]
		var value []byte
		value, rest = next(rest)
		if err := each(key, value); err != nil {
			return err
		}
	}
	return nil
}

// text is the string that a value is.
func text(raw []byte) (string, bool) {
	if len(raw) < 2 || raw[0] != '"' {
		return "", false
	}
	if bytes.IndexByte(raw, '\\') < 0 {
		return string(raw[1 : len(raw)-1]), true
	}
	var s string
	err := json.Unmarshal(raw, &s)
	return s, err == nil
}

// elements calls each for every element of a list, in order. Anything else has
// none.
func elements(raw []byte, each func(i int, value []byte) error) error {
	rest, ok := inside(raw, '[')
	for i := 0; ok && len(rest) > 0 && rest[0] != ']'; i++ {
		var value []byte
		value, rest = next(rest)
		if err := each(i, value); err != nil {
			return err
		}
	}
	return nil
}

// inside steps over an opening bracket and the space behind it.
func inside(raw []byte, open byte) (rest []byte, ok bool) {
	if first(raw) != open {
		return nil, false
	}
	return bytes.TrimLeft(bytes.TrimLeft(raw, jsonSpace)[1:], jsonSpace), true
}

// next returns the value that raw begins with, and what follows its comma, or
// the closing bracket.
func next(raw []byte) (value, rest []byte) {
	raw = bytes.TrimLeft(raw, jsonSpace)
	n := valueLength(raw)
	value, rest = raw[:n:n], bytes.TrimLeft(raw[n:], jsonSpace)
	if len(rest) > 0 && rest[0] == ',' {
		rest = bytes.TrimLeft(rest[1:], jsonSpace)
	}
	return value, rest
}

// valueLength is the length of the value that raw begins with.
func valueLength(raw []byte) int {
	switch first(raw) {
	case '"':
		return stringLength(raw)
	case '{', '[':
		depth := 0
		for i := 0; i < len(raw); i++ {
			switch raw[i] {
			case '"':
				i += stringLength(raw[i:]) - 1
			case '{', '[':
				depth++
			case '}', ']':
				if depth--; depth == 0 {
					return i + 1
				}
			}
		}
		return len(raw)
	}
	if n := bytes.IndexAny(raw, ",]}"+jsonSpace); n >= 0 {
		return n
	}
	return len(raw)
}

// stringLength is the length of the string that raw begins with, quotes
// included.
func stringLength(raw []byte) int {
	for i := 1; i < len(raw); i++ {
		switch raw[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(raw)
}
