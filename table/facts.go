// What inference keeps of a column while rows go by.

package table

import (
	"math"
	"slices"
	"strings"
)

// columnFacts are a column's counts and a sample of its numbers. Its memory is
// bounded: as many texts as a category has at most, and one number a sampled row.
type columnFacts struct {
	name    string
	options InferOptions
	given   *Column
	leftOut string // why the column is left out whatever its cells are

	cells    int            // that are not missing
	missing  int            // that are
	counts   map[string]int // of texts; nil: more than a category may have
	numbers  int            // cells that are numbers
	wholes   int            // of those, without point and exponent
	other    firstCell      // the first that is no number
	inexact  bool           // a number with an exponent, or beyond int64
	big      bool           // a whole number beyond 2^53
	zeros    bool           // 007
	counting bool           // each number of a part is one more than the last
	runs     []run          // of numbers, one a part, while that holds

	layouts []timeFacts // those that all cells fit so far; times in the sample are of the first
	sample  []float64   // NaN: missing, or of another kind

	min, max         float64
	decimals, fewest int   // digits behind the point: most, fewest
	gcd              int64 // of all numbers, in units of 10^-decimals
}

// timeFacts are those of a column's cells as times of a layout.
type timeFacts struct {
	layout   string
	min, max float64
	decimals int
	gcd      int64 // in microseconds
}

// firstCell is where something was found first.
type firstCell struct {
	part, row int // row counts from 1 within the part; 0: nowhere
	what      string
}

// run are the first and the last number of a part.
type run struct {
	Part        int
	First, Last float64
}

func newColumnFacts(name string, o InferOptions) *columnFacts {
	c := &columnFacts{
		name: name, options: o, counts: map[string]int{}, counting: true,
		min: math.Inf(1), max: math.Inf(-1), fewest: maxDecimals,
	}
	c.useLayouts(Layouts())
	return c
}

func (c *columnFacts) useLayouts(layouts []string) {
	c.layouts = nil
	for _, l := range layouts {
		c.layouts = append(c.layouts, timeFacts{layout: l, min: math.Inf(1), max: math.Inf(-1)})
	}
}

// give says what is known of the column.
func (c *columnFacts) give(given *Column) {
	c.given = given
	if given.Kind != "" && given.Kind != Time {
		c.layouts = nil
	}
	if given.Layout != "" {
		c.useLayouts([]string{given.Layout})
	}
}

// add takes the cell of a row of the part, and keeps its number in a slot of the
// sample; -1 is none.
func (c *columnFacts) add(cell string, row, slot int) {
	if c.leftOut != "" {
		return
	}
	cell = strings.TrimSpace(cell)
	value := math.NaN()
	switch {
	case cell == "":
		c.missing++
	default:
		c.cells++
		c.count(cell)
		v, form, why := parseNumber(cell)
		if why == sound {
			c.number(v, form)
			value = v
		} else if c.other.row == 0 {
			c.other = firstCell{c.options.Part, row, why.of(cell)}
		}
		if len(c.layouts) > 0 && (why != sound || c.givenKind() == Time) {
			if seconds, ok := c.time(cell); ok {
				value = seconds
			}
		} else if why == sound {
			c.layouts = nil
		}
	}
	switch {
	case slot == len(c.sample):
		c.sample = append(c.sample, value)
	case slot >= 0:
		c.sample[slot] = value
	}
}

func (c *columnFacts) givenKind() Kind {
	if c.given == nil {
		return ""
	}
	return c.given.Kind
}

// count counts a text while a category may have as many values.
func (c *columnFacts) count(cell string) {
	if c.counts == nil {
		return
	}
	if _, ok := c.counts[cell]; ok {
		c.counts[cell]++
		return
	}
	if len(c.counts) == c.options.MaxCategories {
		c.counts = nil
		return
	}
	c.counts[strings.Clone(cell)] = 1
}

// number takes a number and its form.
func (c *columnFacts) number(v float64, f numberForm) {
	c.numbers++
	if c.counting {
		c.follow(v)
	}
	c.min, c.max = min(c.min, v), max(c.max, v)
	c.zeros = c.zeros || f.zeroFirst
	if !f.point && !f.exponent {
		c.wholes++
		c.big = c.big || math.Abs(v) >= maxWhole
	}
	c.fewest = min(c.fewest, f.decimals)
	if !f.exact || f.decimals > maxDecimals {
		c.inexact = true
		return
	}
	for c.decimals < f.decimals && !c.inexact {
		c.decimals++
		c.gcd, c.inexact = times10(c.gcd)
	}
	units := f.units
	for d := f.decimals; d < c.decimals && !c.inexact; d++ {
		units, c.inexact = times10(units)
	}
	c.gcd = gcd(c.gcd, units)
}

// follow takes a number behind the last one of the part.
func (c *columnFacts) follow(v float64) {
	at := slices.IndexFunc(c.runs, func(r run) bool { return r.Part == c.options.Part })
	switch {
	case at < 0:
		c.runs = append(c.runs, run{c.options.Part, v, v})
	case v != c.runs[at].Last+1:
		c.counting, c.runs = false, nil
	default:
		c.runs[at].Last = v
	}
}

// times10 is 10 v, unless int64 cannot hold it.
func times10(v int64) (int64, bool) {
	if v > math.MaxInt64/10 || v < math.MinInt64/10 {
		return v, true
	}
	return 10 * v, false
}

// gcd is the greatest common divisor; of 0 and v it is |v|.
func gcd(a, b int64) int64 {
	for b != 0 {
		a, b = b, a%b
	}
	if a < 0 {
		return -a
	}
	return a
}

// time takes a cell that may be a time, and drops the layouts that it does not
// fit, but a given one.
func (c *columnFacts) time(cell string) (seconds float64, ok bool) {
	isGiven := c.given != nil && c.given.Layout != ""
	if !isGiven && !looksLikeTime(cell) {
		c.layouts = nil
		return 0, false
	}
	first, kept := c.layouts[0].layout, c.layouts[:0]
	for _, l := range c.layouts {
		s, d, fits := parseTime(l.layout, cell)
		if !fits && isGiven {
			return 0, false
		}
		if !fits {
			continue
		}
		l.min, l.max, l.decimals = min(l.min, s), max(l.max, s), max(l.decimals, d)
		const day = 86400
		whole := math.Floor(s)
		l.gcd = gcd(gcd(l.gcd, day*1e6), int64(whole)%day*1e6+int64(math.Round((s-whole)*1e6)))
		if kept = append(kept, l); len(kept) == 1 {
			seconds = s
		}
	}
	c.layouts = kept
	if len(kept) == 0 {
		return 0, false
	}
	c.reread(first)
	return seconds, true
}

// reread reads the times in the sample, which were of another layout, as those of the
// first that is left. All of them fit both.
func (c *columnFacts) reread(was string) {
	is := c.layouts[0].layout
	if was == is {
		return
	}
	for i, seconds := range c.sample {
		if math.IsNaN(seconds) {
			continue
		}
		text := string(appendTime(nil, was, seconds, 6))
		if again, _, ok := parseTime(is, text); ok {
			c.sample[i] = again
		}
	}
}
