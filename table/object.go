// A JSON object of texts, numbers, booleans and nulls, read in one go.

package table

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

var errCutObject = errors.New("it ends within an object, want a whole one a line")

// parseObject hands over the keys of a JSON object with their cells: a number as
// it stands, true and false, "" for null. A key is good until take returns.
func parseObject(text []byte, take func(key []byte, cell string) error) error {
	if text[0] != '{' {
		return fmt.Errorf("it begins with %s, want a JSON object, { to }", quoted(string(text[:1])))
	}
	p := &object{text: text, at: 1}
	if p.next() == '}' {
		return p.end()
	}
	for {
		if b := p.next(); b != '"' {
			return p.unexpected(b, "a key in quotes")
		}
		key, err := p.string()
		if err != nil {
			return err
		}
		if b := p.next(); b != ':' {
			return p.unexpected(b, "a colon behind a key")
		}
		p.at++
		cell, err := p.value(key)
		if err != nil {
			return err
		}
		if err := take(key, cell); err != nil {
			return err
		}
		switch b := p.next(); b {
		case ',':
			p.at++
		case '}':
			return p.end()
		default:
			return p.unexpected(b, "a comma or the closing brace")
		}
	}
}

// object is a text and the place in it.
type object struct {
	text []byte
	at   int
}

// next skips spaces and returns the byte behind them, 0 at the end.
func (p *object) next() byte {
	for ; p.at < len(p.text); p.at++ {
		switch b := p.text[p.at]; b {
		case ' ', '\t', '\r', '\n':
		default:
			return b
		}
	}
	return 0
}

func (p *object) unexpected(b byte, want string) error {
	if b == 0 && p.at >= len(p.text) {
		return errCutObject
	}
	return fmt.Errorf("it is no JSON object: character %d is %s, want %s", p.at+1, quoted(string(rune(b))), want)
}

// string reads a string from its opening quote to its closing one.
func (p *object) string() ([]byte, error) {
	start := p.at
	for p.at++; p.at < len(p.text); p.at++ {
		switch b := p.text[p.at]; {
		case b == '"':
			p.at++
			raw := p.text[start+1 : p.at-1]
			if bytes.IndexByte(raw, '\\') < 0 {
				return raw, nil
			}
			var unescaped string
			if err := json.Unmarshal(p.text[start:p.at], &unescaped); err != nil {
				return nil, fmt.Errorf("it is no JSON object: the string at character %d: %w", start+1, err)
			}
			return []byte(unescaped), nil
		case b == '\\':
			p.at++
		case b < ' ':
			return nil, p.unexpected(b, "no control character within a string")
		}
	}
	return nil, errCutObject
}

// value reads the value of a key.
func (p *object) value(key []byte) (string, error) {
	switch b := p.next(); b {
	case '"':
		text, err := p.string()
		return string(text), err
	case '{', '[':
		return "", fmt.Errorf("the key %s has an array or an object, want a text, a number, true, false or null", quoted(string(key)))
	}
	start := p.at
	for p.at < len(p.text) && bytes.IndexByte([]byte(",} \t\r\n"), p.text[p.at]) < 0 {
		p.at++
	}
	raw := p.text[start:p.at]
	switch {
	case string(raw) == "null":
		return "", nil
	case p.at == len(p.text):
		return "", errCutObject
	case !json.Valid(raw):
		return "", fmt.Errorf("it is no JSON object: the key %s has %s, want a text in quotes, a number, true, false or null", quoted(string(key)), quoted(string(raw)))
	}
	return string(raw), nil
}

// end makes sure that nothing is behind the object.
func (p *object) end() error {
	p.at++
	if p.next(); p.at < len(p.text) {
		return fmt.Errorf("%s behind the object, want one object a line", quoted(string(p.text[p.at:])))
	}
	return nil
}
