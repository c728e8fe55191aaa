// The JSON that a header may contain: objects, arrays, strings and
// non-negative integers, and no recursion, so that nesting costs nothing.

package safetensors

import (
	"fmt"
	"math"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// jsonSpace is what may stand between two tokens.
const jsonSpace = " \t\n\r"

// parser walks over valid UTF-8.
type parser struct {
	s     string
	i     int
	types []DType // that tensors may have
}

func (p *parser) fail(reason string) error {
	return &FormatError{Field: "header", Reason: fmt.Sprintf("%s (near byte %d)", reason, p.i)}
}

// peek skips space and returns the next byte, 0 at the end.
func (p *parser) peek() byte {
	for p.i < len(p.s) && strings.IndexByte(jsonSpace, p.s[p.i]) >= 0 {
		p.i++
	}
	if p.i == len(p.s) {
		return 0
	}
	return p.s[p.i]
}

func (p *parser) expect(c byte) error {
	if got := p.peek(); got != c || p.i == len(p.s) {
		if p.i == len(p.s) {
			return p.fail(fmt.Sprintf("the header ends, want %q", c))
		}
		return p.fail(fmt.Sprintf("found %q, want %q", got, c))
	}
	p.i++
	return nil
}

// object calls member at each key.
func (p *parser) object(member func() error) error {
	return p.sequence('{', '}', func(int) error { return member() })
}

// array calls element at each value.
func (p *parser) array(element func(i int) error) error { return p.sequence('[', ']', element) }

func (p *parser) sequence(open, end byte, each func(i int) error) error {
	if err := p.expect(open); err != nil {
		return err
	}
	if p.peek() == end {
		p.i++
		return nil
	}
	for i := 0; ; i++ {
		p.peek()
		if err := each(i); err != nil {
			return err
		}
		if p.peek() == end {
			p.i++
			return nil
		}
		if err := p.expect(','); err != nil {
			return err
		}
	}
}

// integer reads 0, or digits that begin with another, without a sign.
func (p *parser) integer() (int64, error) {
	c := p.peek()
	if c < '0' || c > '9' {
		return 0, p.fail("want a non-negative integer")
	}
	start := p.i
	var v int64
	for ; p.i < len(p.s) && p.s[p.i] >= '0' && p.s[p.i] <= '9'; p.i++ {
		d := int64(p.s[p.i] - '0')
		if v > (math.MaxInt64-d)/10 {
			return 0, p.fail("an integer of more than 63 bits")
		}
		v = v*10 + d
	}
	if c == '0' && p.i > start+1 {
		return 0, p.fail("an integer with a leading zero")
	}
	if p.i < len(p.s) && strings.IndexByte(".eE", p.s[p.i]) >= 0 {
		return 0, p.fail("want an integer, not a fraction or an exponent")
	}
	return v, nil
}

// unescapedString reads a string without escapes, as the format's own words are.
func (p *parser) unescapedString() (string, error) {
	raw, escaped, err := p.rawString()
	if err == nil && escaped {
		err = p.fail("an escape in a field's name or a dtype")
	}
	return raw, err
}

// stringValue reads a string.
func (p *parser) stringValue() (string, error) {
	raw, escaped, err := p.rawString()
	if err != nil || !escaped {
		return raw, err
	}
	return p.unescape(raw)
}

// rawString reads up to the closing quote.
func (p *parser) rawString() (s string, escaped bool, err error) {
	if err := p.expect('"'); err != nil {
		return "", false, err
	}
	start := p.i
	for ; p.i < len(p.s); p.i++ {
		switch c := p.s[p.i]; {
		case c == '"':
			p.i++
			return p.s[start : p.i-1], escaped, nil
		case c < ' ':
			return "", false, p.fail("a control character in a string")
		case c == '\\':
			escaped = true
			p.i++
		}
	}
	p.i = len(p.s)
	return "", false, p.fail("a string without an end")
}

// unescape replaces the escapes of a string. Two halves of a surrogate pair
// must come together: alone they are no character.
func (p *parser) unescape(raw string) (string, error) {
	var b strings.Builder
	b.Grow(len(raw))
	for i := 0; i < len(raw); i++ {
		if raw[i] != '\\' {
			b.WriteByte(raw[i])
			continue
		}
		i++ // raw never ends in a lone backslash
		if k := strings.IndexByte(`"\/bfnrt`, raw[i]); k >= 0 {
			b.WriteByte("\"\\/\b\f\n\r\t"[k])
			continue
		}
		r, ok := hex4(raw[i:])
		if !ok {
			return "", p.fail("an unknown escape in a string")
		}
		i += 4
		if utf16.IsSurrogate(r) {
			low, ok := rune(0), false
			if strings.HasPrefix(raw[i+1:], `\`) {
				low, ok = hex4(raw[i+2:])
			}
			if r = utf16.DecodeRune(r, low); !ok || r == utf8.RuneError {
				return "", p.fail("half a surrogate pair in a string")
			}
			i += 6
		}
		b.WriteRune(r)
	}
	return b.String(), nil
}

// hex4 reads u and four hexadecimal digits.
func hex4(s string) (rune, bool) {
	if len(s) < 5 || s[0] != 'u' {
		return 0, false
	}
	var r rune
	for _, c := range []byte(s[1:5]) {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}
