// Values of flags: numbers with their bounds, words of a list, sizes, seeds.

package command

import (
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Most bounds a count that has no bound of its own.
const Most = 1_000_000_000

// MaxSize bounds sizes of a model. Nothing that trains in a day is larger, and a
// slip of the finger should not take all memory.
const MaxSize = 4096

// Int declares a whole number from lo to hi.
func (f *Flags) Int(p *int, name string, value, lo, hi int, usage string) {
	*p = value
	f.declare(name, usage, func() string { return unlessZero(strconv.Itoa(value)) }, func(text string) string {
		n, err := strconv.Atoi(text)
		bounds := grouped(lo) + " to " + grouped(hi)
		if hi == Most {
			bounds = grouped(lo) + " or more"
		}
		switch {
		case err != nil && !errors.Is(err, strconv.ErrRange): // then, n is the nearest int
			return "want a whole number, " + bounds
		case n > hi && hi == Most:
			return "want at most " + grouped(hi)
		case n < lo || n > hi:
			return "want " + bounds
		}
		*p = n
		return ""
	})
}

// grouped writes a number with commas between its thousands, from 10,000 on.
func grouped(n int) string {
	s := strconv.Itoa(n)
	if len(s) < 5 {
		return s
	}
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// Float declares a number from lo to hi, which may be infinite.
func (f *Flags) Float(p *float64, name string, value, lo, hi float64, usage string) {
	want := "want " + short(lo) + " to " + short(hi)
	if math.IsInf(hi, 1) {
		want = "want " + short(lo) + " or more"
	}
	f.float(p, name, value, usage, want, func(v float64) bool { return v >= lo && v <= hi })
}

// Positive declares a number above 0 and up to hi.
func (f *Flags) Positive(p *float64, name string, value, hi float64, usage string) {
	f.float(p, name, value, usage, "want a number above 0, at most "+short(hi), func(v float64) bool { return v > 0 && v <= hi })
}

func (f *Flags) float(p *float64, name string, value float64, usage, want string, ok func(float64) bool) {
	*p = value
	f.declare(name, usage, func() string { return unlessZero(short(value)) }, func(text string) string {
		v, err := strconv.ParseFloat(text, 64)
		if err != nil || !ok(v) || math.IsInf(v, 0) {
			return want
		}
		*p = v
		return ""
	})
}

// short is a number in its fewest digits.
func short(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }

// unlessZero is a default, which goes without saying where it is 0.
func unlessZero(s string) string {
	if s == "0" {
		return ""
	}
	return s
}

// Choice declares one of several words; an empty default is one more.
func (f *Flags) Choice(p *string, name, value, usage string, choices ...string) {
	*p = value
	f.declare(name, usage, func() string { return value }, func(text string) string {
		if !slices.Contains(choices, text) && text != value {
			return "want one of " + strings.Join(choices, ", ")
		}
		*p = text
		return ""
	})
}

// wantSeed is in digits, since the largest uint64 is no number to read.
const wantSeed = "want a whole number, 0 or more, of at most 19 digits"

// Seed declares a seed.
func (f *Flags) Seed(p *uint64, name string, value uint64, usage string) {
	*p = value
	f.declare(name, usage, func() string { return strconv.FormatUint(value, 10) }, func(text string) string {
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			return wantSeed
		}
		*p = n
		return ""
	})
}

// Seeds declares one or several seeds with commas between.
func (f *Flags) Seeds(p *[]uint64, name string, value uint64, usage string) {
	*p = []uint64{value}
	f.declare(name, usage, func() string { return strconv.FormatUint(value, 10) }, func(text string) string {
		var all []uint64
		for _, part := range strings.Split(text, ",") {
			n, err := strconv.ParseUint(strings.TrimSpace(part), 10, 64)
			if err != nil {
				return wantSeed + "; or several with commas between, such as 1,2,3"
			}
			all = append(all, n)
		}
		*p = all
		return ""
	})
}

// Sizes are one or several numbers from 1 to MaxSize.
type Sizes []int

// Sizes declares one or several sizes with commas between.
func (f *Flags) Sizes(p *Sizes, name string, value Sizes, usage string) {
	*p = value
	f.declare(name, usage, value.String, func(text string) string {
		var all Sizes
		for _, part := range strings.Split(text, ",") {
			n, err := strconv.Atoi(strings.TrimSpace(part))
			if err != nil || n < 1 || n > MaxSize {
				return "want one or several numbers from 1 to " + grouped(MaxSize) + " with commas between, such as 100,100, in place of " + strconv.Quote(part)
			}
			all = append(all, n)
		}
		*p = all
		return ""
	})
}

func (s Sizes) String() string {
	parts := make([]string, len(s))
	for i, n := range s {
		parts[i] = strconv.Itoa(n)
	}
	return strings.Join(parts, ",")
}

// plainOrQuoted quotes what is no number.
func plainOrQuoted(text string) string {
	if _, err := strconv.ParseFloat(text, 64); err == nil || errors.Is(err, strconv.ErrRange) {
		return text
	}
	return strconv.Quote(text)
}
