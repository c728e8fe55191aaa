// Schema: the columns of a table and how their cells become numbers.

package table

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Missing is what a missing cell is encoded as. It is exact in float32 and
// float64, and no other cell is encoded so.
const Missing = -0x1p100

// Kind is what the cells of a column are.
type Kind string

// The kinds of columns.
const (
	Real     Kind = "real"     // numbers
	Integer  Kind = "integer"  // whole numbers
	Category Kind = "category" // one of a list of texts
	Boolean  Kind = "boolean"  // one of two texts, no and yes
	Time     Kind = "time"     // times, in seconds since 1970 UTC
)

// kinds lists them for errors.
var kinds = []Kind{Real, Integer, Category, Boolean, Time}

// Policy says what becomes of a row with a cell that its column does not take: a
// category that was not seen, text in a number, a missing cell where there was
// none.
type Policy string

// The policies.
const (
	Refuse      Policy = "error"   // an error; so is the empty Policy
	TakeMissing Policy = "missing" // the cell counts as missing
	SkipRow     Policy = "skip"    // the row is left out: ErrSkipped
)

// Schema is the columns of a table.
type Schema struct {
	// Columns are those that are modelled, in the order of the data.
	Columns []Column `json:"columns"`
	// LeftOut are columns of the data that are no part of the model.
	LeftOut []LeftOut `json:"left_out,omitempty"`
}

// LeftOut is a column of the data that is no part of the model, and why.
type LeftOut struct {
	Name   string `json:"name"`
	Reason string `json:"reason,omitempty"`
}

// Column is one column of a table. Values, Step, bounds and Atoms are in the
// column's own units; those of a Time are seconds.
type Column struct {
	Name string `json:"name"`
	Kind Kind   `json:"kind"`
	// Missing says that cells may be missing.
	Missing bool `json:"missing,omitempty"`

	// Categories of a Category are its texts, each encoded as its index; of a
	// Boolean the two texts of 0 and 1.
	Categories []string `json:"categories,omitempty"`

	// Atoms are values that many rows share, ascending: each has a probability
	// of its own.
	Atoms []float64 `json:"atoms,omitempty"`
	// Step is the spacing of rounded values, all of them Origin and multiples of it;
	// 0: they are not rounded. Origin is not 0 where rounded values were
	// scaled and shifted.
	Step   float64 `json:"step,omitempty"`
	Origin float64 `json:"origin,omitempty"`
	// Lower and Upper are bounds that values never pass; nil: none is known.
	Lower *float64 `json:"lower,omitempty"`
	Upper *float64 `json:"upper,omitempty"`
	// Min and Max are the smallest and the largest value that was seen.
	Min float64 `json:"min,omitempty"`
	Max float64 `json:"max,omitempty"`
	// Offset and Scale, a positive number, encode a value as
	// (value - Offset)/Scale. A Scale of 0 means 1.
	Offset float64 `json:"offset,omitempty"`
	Scale  float64 `json:"scale,omitempty"`

	// Decimals is how many digits behind the decimal point a Real is written
	// with at most, 0 for as many as it takes; of a Time, behind the seconds.
	Decimals int `json:"decimals,omitempty"`
	// Pad is how many digits behind the point a Real is written with at least,
	// zeros if need be.
	Pad int `json:"pad,omitempty"`
	// Layout of a Time, as package time writes it.
	Layout string `json:"layout,omitempty"`
	// OnUnknown is what becomes of cells that do not fit; "": Refuse.
	OnUnknown Policy `json:"on_unknown,omitempty"`
}

// Number says whether the column's values are numbers or times.
func (c *Column) Number() bool {
	return c != nil && (c.Kind == Real || c.Kind == Integer || c.Kind == Time)
}

// ToModel is (v - Offset)/Scale.
func (c *Column) ToModel(v float64) float64 {
	if c == nil {
		return v
	}
	return (v - c.Offset) / c.scale()
}

// FromModel is Offset + Scale x.
func (c *Column) FromModel(x float64) float64 {
	if c == nil {
		return x
	}
	return c.Offset + x*c.scale()
}

func (c *Column) scale() float64 {
	if c.Scale == 0 {
		return 1
	}
	return c.Scale
}

// Names are those of the columns, in their order.
func (s *Schema) Names() []string {
	if s == nil {
		return nil
	}
	names := make([]string, len(s.Columns))
	for i := range s.Columns {
		names[i] = s.Columns[i].Name
	}
	return names
}

// Index is the place of the column of a name, -1 where there is none.
func (s *Schema) Index(name string) int {
	if s == nil {
		return -1
	}
	return slices.IndexFunc(s.Columns, func(c Column) bool { return c.Name == name })
}

// Validate says what keeps the schema from describing a table: ErrSchema.
func (s *Schema) Validate() error {
	if s == nil || len(s.Columns) == 0 {
		return fmt.Errorf("table: a schema without columns, want one at least: %w", ErrSchema)
	}
	seen := map[string]int{}
	for i := range s.Columns {
		c := &s.Columns[i]
		if first, ok := seen[c.Name]; ok {
			return fmt.Errorf("table: columns %d and %d are both %s, want names that differ: %w", first+1, i+1, strconv.Quote(c.Name), ErrSchema)
		}
		seen[c.Name] = i
		if why := c.wrong(); why != "" {
			return fmt.Errorf("table: column %s (%d): %s: %w", strconv.Quote(c.Name), i+1, why, ErrSchema)
		}
	}
	for _, l := range s.LeftOut {
		if i, ok := seen[l.Name]; ok {
			return fmt.Errorf("table: column %s (%d) is among the columns and left out, want one of both: %w", strconv.Quote(l.Name), i+1, ErrSchema)
		}
	}
	return nil
}

// wrong says what is wrong with a column; "": nothing.
func (c *Column) wrong() string {
	if c.Name == "" {
		return "it has no name"
	}
	if !slices.Contains(kinds, c.Kind) {
		return fmt.Sprintf("kind %s, want %v", strconv.Quote(string(c.Kind)), joinKinds())
	}
	switch c.OnUnknown {
	case "", Refuse, TakeMissing, SkipRow:
	default:
		return fmt.Sprintf("on_unknown %s, want error, missing or skip", strconv.Quote(string(c.OnUnknown)))
	}
	if c.Number() {
		return c.wrongNumber()
	}
	return c.wrongCategories()
}

func joinKinds() string {
	parts := make([]string, len(kinds))
	for i, k := range kinds {
		parts[i] = string(k)
	}
	return strings.Join(parts, ", ")
}

func (c *Column) wrongCategories() string {
	switch {
	case c.Kind == Boolean && len(c.Categories) != 2:
		return fmt.Sprintf("%d categories, want the two texts of no and yes", len(c.Categories))
	case len(c.Categories) == 0:
		return "it has no categories"
	case len(c.Atoms) > 0 || c.Step != 0 || c.Origin != 0 || c.Lower != nil || c.Upper != nil:
		return "atoms, step, lower and upper are for numbers and times"
	}
	seen := map[string]bool{}
	for _, k := range c.Categories {
		if k == "" || seen[k] {
			return fmt.Sprintf("category %s is empty or there twice", quoted(k))
		}
		seen[k] = true
	}
	return ""
}

func (c *Column) wrongNumber() string {
	if len(c.Categories) > 0 {
		return "categories are for columns of kind category and boolean"
	}
	for _, v := range append([]float64{c.Step, c.Origin, c.Min, c.Max, c.Offset, c.Scale}, c.Atoms...) {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Sprintf("step, origin, min, max, offset, scale or an atom is %v, want finite numbers", v)
		}
	}
	switch {
	case c.Origin != 0 && c.Step == 0:
		return fmt.Sprintf("origin %g without a step", c.Origin)
	case c.Step < 0:
		return fmt.Sprintf("step %g, want 0 or more", c.Step)
	case c.Scale < 0:
		return fmt.Sprintf("scale %g, want 0 or more", c.Scale)
	case c.Min > c.Max:
		return fmt.Sprintf("min %g above max %g", c.Min, c.Max)
	case c.Decimals < 0 || c.Decimals > maxDecimals:
		return fmt.Sprintf("decimals %d, want 0 to %d", c.Decimals, maxDecimals)
	case c.Pad < 0 || c.Pad > maxDecimals || c.Decimals > 0 && c.Pad > c.Decimals:
		return fmt.Sprintf("pad %d, want 0 to decimals, %d at most", c.Pad, maxDecimals)
	case !slices.IsSorted(c.Atoms) || len(slices.Compact(slices.Clone(c.Atoms))) < len(c.Atoms):
		return "atoms are not in ascending order, each once"
	case c.Kind == Time && c.Layout == "":
		return `a time has no layout, want one such as "2006-01-02 15:04:05"`
	case c.Kind != Time && c.Layout != "":
		return "a layout is for times"
	}
	lo, hi := math.Inf(-1), math.Inf(1)
	if c.Lower != nil {
		lo = *c.Lower
	}
	if c.Upper != nil {
		hi = *c.Upper
	}
	if !(lo <= hi) {
		return fmt.Sprintf("lower %g and upper %g, want lower below upper", lo, hi)
	}
	for _, a := range c.Atoms {
		if a < lo || a > hi {
			return fmt.Sprintf("the atom %g is outside the bounds %g and %g", a, lo, hi)
		}
	}
	return ""
}
