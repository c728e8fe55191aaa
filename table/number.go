// Numbers: how their text is read, and written in a column's own format.

package table

import (
	"math"
	"strconv"
	"strings"
)

// maxDecimals is the most digits behind the point that are written as zeros, or
// looked at for a grid.
const maxDecimals = 12

// maxWhole is 2^53: float64 holds all whole numbers up to it.
const maxWhole = 1 << 53

// numberForm is how a number is written.
type numberForm struct {
	decimals  int  // digits behind the point
	exponent  bool // it has an e
	point     bool // it has a point
	zeroFirst bool // 007: digits behind a leading zero
	units     int64
	exact     bool // the number is units / 10^decimals, as far as int64 goes
}

// scanNumber looks at the form of a decimal number: sign, digits, point,
// digits, exponent. Words such as inf and nan, hexadecimal digits and
// underscores, which package strconv takes, are no numbers here.
func scanNumber(text string) (f numberForm, ok bool) {
	i, negative := 0, false
	if i < len(text) && (text[i] == '+' || text[i] == '-') {
		negative = text[i] == '-'
		i++
	}
	f.exact = true
	digits := 0
	first := byte(0)
	for ; i < len(text); i++ {
		b := text[i]
		switch {
		case b >= '0' && b <= '9':
			if digits == 0 {
				first = b
			}
			digits++
			if f.point {
				f.decimals++
			} else if digits == 2 && first == '0' {
				f.zeroFirst = true
			}
			if f.units > (math.MaxInt64-9)/10 {
				f.exact = false
			} else {
				f.units = f.units*10 + int64(b-'0')
			}
			continue
		case b == '.' && !f.point:
			f.point = true
			continue
		}
		break
	}
	if digits == 0 {
		return f, false
	}
	if i < len(text) && (text[i] == 'e' || text[i] == 'E') {
		f.exponent, f.exact = true, false
		i++
		if i < len(text) && (text[i] == '+' || text[i] == '-') {
			i++
		}
		start := i
		for i < len(text) && text[i] >= '0' && text[i] <= '9' {
			i++
		}
		if i == start {
			return f, false
		}
	}
	if negative {
		f.units = -f.units
	}
	return f, i == len(text)
}

// fault is why a text is no finite number.
type fault int

const (
	sound fault = iota
	noNumber
	notFinite
	tooLarge
)

// of says what a text is instead.
func (f fault) of(text string) string {
	switch f {
	case notFinite:
		return quoted(text) + ", which is not finite"
	case tooLarge:
		return quoted(text) + ", which is beyond the range of float64"
	}
	return "the text " + quoted(text)
}

// parseNumber reads a finite number.
func parseNumber(text string) (v float64, f numberForm, why fault) {
	f, ok := scanNumber(text)
	if !ok {
		if isNotFinite(text) {
			return 0, f, notFinite
		}
		return 0, f, noNumber
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return 0, f, tooLarge
	}
	return v, f, sound
}

// isNotFinite says whether a text means an infinity, or no number at all.
func isNotFinite(text string) bool {
	text = strings.TrimLeft(text, "+-")
	return strings.EqualFold(text, "inf") || strings.EqualFold(text, "infinity") || strings.EqualFold(text, "nan")
}

// appendNumber writes a number in the fewest digits that read back as it, with
// decimals digits behind the point at least.
func appendNumber(dst []byte, v float64, decimals int) []byte {
	if v == 0 {
		v = 0 // without the sign
	}
	if a := math.Abs(v); a != 0 && (a < 1e-5 || a >= 1e15) {
		return strconv.AppendFloat(dst, v, 'g', -1, 64)
	}
	start := len(dst)
	dst = strconv.AppendFloat(dst, v, 'f', -1, 64)
	have := 0
	if p := strings.IndexByte(string(dst[start:]), '.'); p >= 0 {
		have = len(dst) - start - p - 1
	} else if decimals > 0 {
		dst = append(dst, '.')
	}
	for ; have < decimals; have++ {
		dst = append(dst, '0')
	}
	return dst
}

// tidy takes off what (v - Offset)/Scale and its inverse leave in the last
// digits of a float64: 15 digits are kept, and whole numbers as they are.
func tidy(v float64) float64 {
	if v == math.Trunc(v) && math.Abs(v) < maxWhole {
		return v
	}
	t, err := strconv.ParseFloat(strconv.FormatFloat(v, 'g', 15, 64), 64)
	if err != nil {
		return v
	}
	return t
}

// roundTo is v with so many digits behind the point, as far as float64 has
// them; 0: all of them.
func roundTo(v float64, decimals int) float64 {
	if decimals == 0 {
		return tidy(v)
	}
	return onGrid(v, math.Pow10(-decimals))
}

// onGrid is the multiple of step nearest to v, as its decimal digits say.
func onGrid(v, step float64) float64 {
	if step == 0 {
		return v
	}
	k := math.Round(v / step)
	if math.Abs(k) >= maxWhole {
		return v
	}
	return tidy(k * step)
}
