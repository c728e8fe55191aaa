// Inference of the parts of a table, which may be apart: on other machines, in files.

package table

import (
	"fmt"
	"math"
	"reflect"
	"slices"
)

// mostParts bounds InferOptions.Part.
const mostParts = 1 << 24

// Merge adds what another inference has seen of other parts of the table. The order
// in which parts are merged does not matter: Schema is that of one Inference, with
// Parts of their own, that was given all rows, part by part in the order of their
// numbers. While there are at most InferOptions.Sample rows, and of
// all that does not go by that sample, it is also that of the rows added as one part.
//
// Both inferences need the same names and options but Part, and no part in common:
// ErrColumns, ErrSchema. The other one is not changed.
func (i *Inference) Merge(other *Inference) error {
	if i == nil || other == nil || len(i.parts) == 0 || len(other.parts) == 0 {
		return fmt.Errorf("table: no inference to merge, make both with NewInference: %w", ErrSchema)
	}
	if err := i.mergeable(other); err != nil {
		return err
	}
	keep := i.sampled.merge(other.sampled, i.options.Sample)
	for k, c := range i.columns {
		c.merge(other.columns[k])
		c.sample = keep.of(c.sample, other.sampleOf(k, c))
	}
	i.rows += other.rows
	i.parts = append(i.parts, other.parts...)
	slices.SortFunc(i.parts, func(a, b partRows) int { return a.Part - b.Part })
	return nil
}

// mergeable says what two inferences do not have in common.
func (i *Inference) mergeable(other *Inference) error {
	same := func(a, b *columnFacts) bool { return a.name == b.name && a.leftOut == b.leftOut }
	if !slices.EqualFunc(i.columns, other.columns, same) {
		return fmt.Errorf("table: parts of columns %s and %s, want the same columns, left out or not: %w", listed(i.names()), listed(other.names()), ErrColumns)
	}
	a, b := i.options, other.options
	if a.MaxCategories != b.MaxCategories || a.Sample != b.Sample || a.Seed != b.Seed || !reflect.DeepEqual(a.Given, b.Given) {
		return fmt.Errorf("table: parts of other options, want the same but Part: %w", ErrSchema)
	}
	for _, p := range i.parts {
		if slices.ContainsFunc(other.parts, func(q partRows) bool { return p.Part == q.Part }) {
			return fmt.Errorf("table: part %d is in both, want each part once; InferOptions.Part numbers them: %w", p.Part, ErrSchema)
		}
	}
	return nil
}

// own is the part that rows are added to.
func (i *Inference) own() *partRows {
	at := slices.IndexFunc(i.parts, func(p partRows) bool { return p.Part == i.options.Part })
	if at < 0 {
		at, i.parts = len(i.parts), append(i.parts, partRows{Part: i.options.Part})
	}
	return &i.parts[at]
}

func (i *Inference) names() (names []string) {
	for _, c := range i.columns {
		names = append(names, c.name)
	}
	return names
}

// sampleOf is the sample of column k as merged has its times.
func (i *Inference) sampleOf(k int, merged *columnFacts) []float64 {
	c := *i.columns[k]
	if len(merged.layouts) == 0 || len(c.layouts) == 0 {
		return c.sample
	}
	was := c.layouts[0].layout
	c.sample, c.layouts = slices.Clone(c.sample), merged.layouts
	c.reread(was)
	return c.sample
}

// merge adds what other has seen, but for its sample.
func (c *columnFacts) merge(other *columnFacts) {
	c.cells += other.cells
	c.missing += other.missing
	c.mergeCounts(other.counts)
	c.numbers += other.numbers
	c.wholes += other.wholes
	if o := other.other; o.row > 0 && (c.other.row == 0 || o.part < c.other.part) {
		c.other = o
	}
	c.inexact = c.inexact || other.inexact
	c.big = c.big || other.big
	c.zeros = c.zeros || other.zeros
	if c.counting = c.counting && other.counting; c.counting {
		c.runs = append(slices.Clone(c.runs), other.runs...)
	} else {
		c.runs = nil
	}
	c.min, c.max = min(c.min, other.min), max(c.max, other.max)
	c.fewest = min(c.fewest, other.fewest)
	mine, theirs, digits := c.gcd, other.gcd, max(c.decimals, other.decimals)
	for d := c.decimals; d < digits && !c.inexact; d++ {
		mine, c.inexact = times10(mine)
	}
	for d := other.decimals; d < digits && !c.inexact; d++ {
		theirs, c.inexact = times10(theirs)
	}
	c.gcd, c.decimals = gcd(mine, theirs), digits
	c.mergeLayouts(other.layouts)
}

// mergeCounts adds counts of texts while a category may have as many.
func (c *columnFacts) mergeCounts(other map[string]int) {
	if c.counts == nil || other == nil {
		c.counts = nil
		return
	}
	for text, n := range other {
		c.counts[text] += n
	}
	if len(c.counts) > c.options.MaxCategories {
		c.counts = nil
	}
}

// mergeLayouts keeps the layouts that cells of both fit.
func (c *columnFacts) mergeLayouts(other []timeFacts) {
	was, kept := "", []timeFacts(nil)
	for _, l := range c.layouts {
		at := slices.IndexFunc(other, func(o timeFacts) bool { return o.layout == l.layout })
		if at < 0 {
			continue
		}
		o := other[at]
		l.min, l.max, l.decimals, l.gcd = min(l.min, o.min), max(l.max, o.max), max(l.decimals, o.decimals), gcd(l.gcd, o.gcd)
		kept = append(kept, l)
	}
	if len(c.layouts) > 0 {
		was = c.layouts[0].layout
	}
	if c.layouts = kept; len(kept) > 0 {
		c.reread(was)
	}
}

// oneByOne says whether each number is one more than the last, in the order of the
// parts.
func (c *columnFacts) oneByOne() bool {
	runs := slices.Clone(c.runs)
	slices.SortFunc(runs, func(a, b run) int { return a.Part - b.Part })
	for k := 1; k < len(runs); k++ {
		if runs[k].First != runs[k-1].Last+1 {
			return false
		}
	}
	return c.counting
}

// exact says whether all numbers are whole multiples of 10^-decimals that int64 holds,
// whatever their order was: gcd grows too large, or not, by the order.
func (c *columnFacts) exact() bool {
	return !c.inexact && max(math.Abs(c.min), math.Abs(c.max))*math.Pow10(c.decimals) < 9.2e18
}

// rowOf is the row among those of all parts.
func (f firstCell) rowOf(parts []partRows) int {
	row := f.row
	for _, p := range parts {
		if p.Part < f.part {
			row += p.Rows
		}
	}
	return row
}
