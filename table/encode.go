// Cells to the numbers that a model sees, and back.

package table

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/bijou-flow/bijou/bijector"
)

// ErrSkipped: the row has a cell that its column does not take, and the
// column's policy is SkipRow. It comes with the CellError.
var ErrSkipped = errors.New("row is skipped")

// Encode makes a number of each cell, in the order of the columns; an empty
// cell is missing. Both have one value a column: ErrColumns. A cell that its
// column does not take is a CellError, as the column's policy says, with
// ErrSkipped where it is SkipRow.
//
//	Category                  its index in Categories
//	Boolean                   0 or 1
//	Real, Integer, Time       (value - Offset)/Scale
//	a missing cell            Missing
func (s *Schema) Encode(cells []string, row []float64) error {
	if s == nil {
		return fmt.Errorf("table: no schema: %w", ErrSchema)
	}
	if len(cells) != len(s.Columns) || len(row) != len(s.Columns) {
		return fmt.Errorf("table: %d cells to encode into %d values, want %d, one for each column: %w", len(cells), len(row), len(s.Columns), ErrColumns)
	}
	for i := range s.Columns {
		v, err := s.Columns[i].Encode(cells[i])
		if err != nil {
			return err
		}
		row[i] = v
	}
	return nil
}

// Encode is the number that a model sees of a cell: see Schema.Encode. Spaces
// around the cell do not count.
func (c *Column) Encode(cell string) (float64, error) {
	if c == nil {
		return 0, fmt.Errorf("table: no column: %w", ErrSchema)
	}
	cell = strings.TrimSpace(cell)
	if cell == "" {
		if c.Missing || c.OnUnknown == TakeMissing {
			return Missing, nil
		}
		return c.refuse("a missing cell", "a value, as no cell was missing when the schema was made; fill it, or set \"missing\" or \"on_unknown\" in the schema")
	}
	switch c.Kind {
	case Category, Boolean:
		return c.encodeCategory(cell)
	case Time:
		seconds, _, ok := parseTime(c.Layout, cell)
		if !ok {
			return c.refuse("the text "+quoted(cell), "a time such as "+c.Layout)
		}
		return c.encodeNumber(seconds, cell)
	case Real, Integer:
		v, _, why := parseNumber(cell)
		if why != sound {
			return c.refuse(why.of(cell), "a number; if it marks a missing cell, name it as a marker")
		}
		if c.Kind == Integer && v != math.Trunc(v) {
			return c.refuse(quoted(cell), "a whole number")
		}
		return c.encodeNumber(v, cell)
	}
	return 0, fmt.Errorf("table: column %s has the kind %s: %w", quoted(c.Name), quoted(string(c.Kind)), ErrSchema)
}

// encodeNumber refuses what would be confused with a missing cell, or is more
// than float32 holds.
func (c *Column) encodeNumber(v float64, cell string) (float64, error) {
	x := c.ToModel(v)
	if math.Abs(x) < -Missing/2 {
		return x, nil
	}
	return c.refuse(quoted(cell), fmt.Sprintf("a number less than %.0g scales (%g) from the offset (%g)", -Missing/2, c.scale(), c.Offset))
}

func (c *Column) encodeCategory(cell string) (float64, error) {
	if k, ok := c.index(cell); ok {
		return float64(k), nil
	}
	return c.refuse("the category "+quoted(cell), "one of the "+fmt.Sprint(len(c.Categories))+" that were there when the schema was made: "+listed(c.Categories))
}

// index finds a category. Infer sorts them, so that a binary search finds most;
// a schema by hand may not. Words for no and yes are found in any case.
func (c *Column) index(cell string) (int, bool) {
	if c.Kind == Category {
		if k, ok := slices.BinarySearch(c.Categories, cell); ok {
			return k, true
		}
	}
	for k, text := range c.Categories {
		if text == cell || c.Kind == Boolean && strings.EqualFold(text, cell) {
			return k, true
		}
	}
	return 0, false
}

// refuse is what the column's policy makes of a cell that it does not take.
func (c *Column) refuse(found, want string) (float64, error) {
	err := error(&CellError{Column: c.Name, Found: found, Want: want})
	switch c.OnUnknown {
	case TakeMissing:
		return Missing, nil
	case SkipRow:
		err = errors.Join(ErrSkipped, err)
	}
	return 0, err
}

// Decode writes the cells of an encoded row, missing ones as "". Values come
// out in the column's format: on its grid, within its bounds, with its decimals.
// A row or cells of another length are ErrColumns, a category's index that is
// none of its categories bijector.ErrShape, a number that is not finite
// ErrCell.
func (s *Schema) Decode(row []float64, cells []string) error {
	if s == nil {
		return fmt.Errorf("table: no schema: %w", ErrSchema)
	}
	if len(cells) != len(s.Columns) || len(row) != len(s.Columns) {
		return fmt.Errorf("table: %d values to decode into %d cells, want %d, one for each column: %w", len(row), len(cells), len(s.Columns), ErrColumns)
	}
	for i := range s.Columns {
		text, err := s.Columns[i].Decode(row[i])
		if err != nil {
			return err
		}
		cells[i] = text
	}
	return nil
}

// Decode is the cell of an encoded value: see Schema.Decode.
func (c *Column) Decode(x float64) (string, error) {
	switch {
	case c == nil:
		return "", fmt.Errorf("table: no column: %w", ErrSchema)
	case x == Missing:
		return "", nil
	case math.IsNaN(x) || math.IsInf(x, 0):
		return "", &CellError{Column: c.Name, Found: fmt.Sprint(x), Want: "an encoded value"}
	}
	if !c.Number() {
		k := int(math.Round(min(max(x, -1), math.MaxInt32)))
		if k < 0 || k >= len(c.Categories) {
			return "", fmt.Errorf("table: column %s: category %v of %d: %w", quoted(c.Name), x, len(c.Categories), bijector.ErrShape)
		}
		return c.Categories[k], nil
	}
	v := c.Value(x)
	if c.Kind == Time {
		return string(appendTime(nil, c.Layout, v, c.Decimals)), nil
	}
	return string(appendNumber(nil, v, c.Pad)), nil
}

// Value is the value of an encoded number in the column's own units: rounded to
// its grid, and within its bounds.
func (c *Column) Value(x float64) float64 {
	v := c.FromModel(x)
	if c == nil {
		return v
	}
	for _, a := range c.Atoms { // as it was read, whatever a model's type made of it
		if m := c.ToModel(a); math.Abs(x-m) <= 0x1p-23*math.Abs(m) {
			return a
		}
	}
	switch {
	case c.Step > 0 && c.Origin != 0 && c.Kind == Real:
		v = roundTo(c.onGrid(v), c.Decimals)
	case c.Step > 0:
		v = c.onGrid(v)
	case c.Kind == Integer:
		v = math.Round(v)
	case c.Kind == Real:
		v = roundTo(v, c.Decimals)
	}
	if c.Lower != nil {
		v = max(v, *c.Lower)
	}
	if c.Upper != nil {
		v = min(v, *c.Upper)
	}
	return v
}
