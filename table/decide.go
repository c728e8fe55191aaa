// What a column is, by what was seen of it.

package table

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
)

const (
	fewValues   = 30 // numbers of no more values are atoms, all of them
	fewRows     = 20 // below, rows say nothing of identifiers
	enoughCells = 50 // from there on they say something of bounds
)

// words mean no and yes.
var words = [][2]string{{"false", "true"}, {"f", "t"}, {"no", "yes"}, {"n", "y"}, {"off", "on"}, {"0", "1"}}

// column is the column that the facts make, or why it is left out, or what is
// wrong with its cells.
func (c *columnFacts) column(parts []partRows) (column Column, leftOut string, err error) {
	if c.leftOut != "" {
		return column, c.leftOut, nil
	}
	if c.given != nil {
		column = *c.given
		column.Atoms, column.Categories = slices.Clone(c.given.Atoms), slices.Clone(c.given.Categories)
	}
	column.Name = c.name
	column.Missing = column.Missing || c.missing > 0
	if c.cells == 0 {
		return column, "all its cells are missing", nil
	}
	if column.Kind == "" {
		if column.Kind, leftOut, err = c.kind(parts); leftOut != "" || err != nil {
			return column, leftOut, err
		}
	}
	column.keepOwn()
	switch column.Kind {
	case Boolean, Category:
		err = c.categories(&column)
	case Time:
		err = c.times(&column, parts)
	default:
		err = c.realOrInteger(&column, parts)
	}
	return column, "", err
}

// keepOwn drops what is of another kind, as of a schema in which a kind alone was
// changed.
func (c *Column) keepOwn() {
	if c.Number() {
		c.Categories = nil
		if c.Kind != Time {
			c.Layout = ""
		}
		return
	}
	*c = Column{Name: c.Name, Kind: c.Kind, Missing: c.Missing, Categories: c.Categories, OnUnknown: c.OnUnknown}
}

// kind is the column's kind by its cells.
func (c *columnFacts) kind(parts []partRows) (kind Kind, leftOut string, err error) {
	if c.given != nil && len(c.given.Categories) > 0 {
		return Category, "", nil
	}
	if _, ok := c.noAndYes(); ok {
		return Boolean, "", nil
	}
	if c.numbers == c.cells && !c.zeros {
		switch {
		case c.wholes < c.cells:
			return Real, "", nil
		case c.oneByOne() && c.missing == 0 && c.cells >= fewRows:
			return "", "it counts the rows", nil
		case !c.big:
			return Integer, "", nil
		}
	}
	if len(c.layouts) > 0 {
		return Time, "", nil
	}
	if c.numbers < c.cells && c.numbers >= c.cells/10*9 && (c.counts == nil || len(c.counts) > fewValues) {
		return "", "", c.notNumber(parts)
	}
	switch n := len(c.counts); {
	case c.counts == nil:
		return "", fmt.Sprintf("it has more than %d different texts, and identifies rows or is free text", c.options.MaxCategories), nil
	case n > fewRows && 2*n > c.cells:
		return "", fmt.Sprintf("it has %d different texts in %d cells, and identifies rows or is free text", n, c.cells), nil
	}
	return Category, "", nil
}

// notNumber is the error of a text among numbers.
func (c *columnFacts) notNumber(parts []partRows) error {
	return &CellError{
		Row: c.other.rowOf(parts), Column: c.name, Found: c.other.what,
		Want: fmt.Sprintf("a number, like %d of the %d cells of the column; if it marks a missing cell, name it as a marker, or give the column the kind category", c.numbers, c.cells),
	}
}

// noAndYes are the two texts of the column, if they mean no and yes.
func (c *columnFacts) noAndYes() (texts [2]string, ok bool) {
	if len(c.counts) != 2 {
		return texts, false
	}
	two := slices.Sorted(maps.Keys(c.counts))
	for _, w := range words {
		for _, t := range [][2]string{{two[0], two[1]}, {two[1], two[0]}} {
			if strings.EqualFold(t[0], w[0]) && strings.EqualFold(t[1], w[1]) {
				return t, true
			}
		}
	}
	return texts, false
}

// categories fills in those of a category or a boolean.
func (c *columnFacts) categories(column *Column) error {
	if len(column.Categories) > 0 {
		return nil
	}
	if c.counts == nil {
		return fmt.Errorf("table: column %s: it has more than %d different texts; leave it out, list its categories with an on_unknown, or raise InferOptions.MaxCategories: %w", quoted(c.name), c.options.MaxCategories, ErrSchema)
	}
	column.Categories = slices.Sorted(maps.Keys(c.counts))
	if column.Kind == Boolean {
		texts, ok := c.noAndYes()
		if !ok {
			return fmt.Errorf("table: column %s: a boolean of the texts %s, want categories that say which of two means no and which yes: %w", quoted(c.name), listed(column.Categories), ErrSchema)
		}
		column.Categories = texts[:]
	}
	return nil
}

// lax says whether cells that do not fit are missing, or their rows left out.
func (c *columnFacts) lax() bool {
	return c.given != nil && (c.given.OnUnknown == TakeMissing || c.given.OnUnknown == SkipRow)
}

// times fills in layout, decimals, step and the rest of a time.
func (c *columnFacts) times(column *Column, parts []partRows) error {
	if len(c.layouts) == 0 || math.IsInf(c.layouts[0].min, 1) {
		return &CellError{Row: c.other.rowOf(parts), Column: c.name, Found: c.other.what, Want: "a time; a layout in the schema says how it is written"}
	}
	l := c.layouts[0]
	column.Layout, column.Decimals = l.layout, max(column.Decimals, l.decimals)
	column.Min, column.Max = l.min, l.max
	step := timeStep(l.gcd)
	if l.decimals > 3 {
		step = 0
	}
	c.values(true).describe(column, step, c.given)
	column.Missing = column.Missing || column.OnUnknown == TakeMissing
	return nil
}

// realOrInteger fills in decimals, step, bounds, atoms and the rest.
func (c *columnFacts) realOrInteger(column *Column, parts []partRows) error {
	if c.numbers == 0 || c.numbers < c.cells && !c.lax() {
		return c.notNumber(parts)
	}
	if column.Kind == Integer && c.wholes < c.numbers && !c.lax() {
		return fmt.Errorf("table: column %s: the kind integer is given, and cells have a point or an exponent; give it the kind real: %w", quoted(c.name), ErrSchema)
	}
	column.Missing = column.Missing || column.OnUnknown == TakeMissing
	column.Min, column.Max = c.min, c.max
	if column.Kind == Real && c.exact() {
		if column.Decimals == 0 {
			column.Decimals = c.decimals
		}
		if column.Pad == 0 {
			column.Pad = min(c.fewest, column.Decimals)
		}
	}
	step := 0.0
	if c.exact() {
		step = tidy(float64(max(c.gcd, 1)) / math.Pow10(c.decimals))
	}
	if c.cells >= enoughCells {
		c.bounds(column)
	}
	c.values(false).describe(column, step, c.given)
	return nil
}

// bounds are 0, and 1 for fractions, where nothing was seen beyond.
func (c *columnFacts) bounds(column *Column) {
	if column.Lower == nil && c.min >= 0 {
		column.Lower = new(float64)
	}
	const near = 0.01
	if column.Upper == nil && column.Kind == Real && c.min >= 0 && c.min <= near && c.max <= 1 && c.max >= 1-near {
		column.Upper = new(float64)
		*column.Upper = 1
	}
}
