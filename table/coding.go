// Codings: what a density has to know of encoded columns.

package table

import (
	"math"
	"slices"
)

// Coding describes the encoded values of a column, codes for short.
type Coding struct {
	// Atoms are codes that have a mass of their own, ascending: categories 0 to
	// K-1, and the column's Atoms. Missing is not among them.
	Atoms []float64
	// HasMissing says that a cell may be missing, which is encoded as Missing:
	// one more atom.
	HasMissing bool
	// Continuous says that there are values beside the atoms, as numbers and
	// times have, unless they are constant.
	Continuous bool
	// Ordered says that atoms are numbers, on the line of the continuous part.
	Ordered bool
	// Step is the spacing of rounded values, 0 where they are not rounded, and
	// Origin one of them.
	Step, Origin float64
	// Lower and Upper are bounds; NaN: none is known.
	Lower, Upper float64
}

// Coding is that of column j; of one that the schema has not, it is empty.
func (s *Schema) Coding(j int) Coding {
	coding := Coding{Lower: math.NaN(), Upper: math.NaN()}
	if s == nil || j < 0 || j >= len(s.Columns) {
		return coding
	}
	c := &s.Columns[j]
	coding.HasMissing = c.Missing || c.OnUnknown == TakeMissing
	if !c.Number() {
		for k := range c.Categories {
			coding.Atoms = append(coding.Atoms, float64(k))
		}
		return coding
	}
	for _, a := range c.Atoms {
		coding.Atoms = append(coding.Atoms, c.ToModel(a))
	}
	coding.Ordered = true
	coding.Continuous = !c.constant()
	if c.Step > 0 {
		coding.Step = c.Step / c.scale()
		coding.Origin = c.ToModel(c.onGrid(c.Offset))
	}
	if c.Lower != nil {
		coding.Lower = c.ToModel(*c.Lower)
	}
	if c.Upper != nil {
		coding.Upper = c.ToModel(*c.Upper)
	}
	return coding
}

// constant says whether one value is all that was seen.
func (c *Column) constant() bool { return c.Min == c.Max && slices.Equal(c.Atoms, []float64{c.Min}) }

// LogScale is what one value of column j takes from the log-density of the codes
// where it has one, log Scale, in nats: numbers and times without a Step. It is
// 0 where values have a probability. Atoms have one in every column.
func (s *Schema) LogScale(j int) float64 {
	if s == nil || j < 0 || j >= len(s.Columns) || !s.Columns[j].Number() || s.Columns[j].Step > 0 {
		return 0
	}
	return math.Log(s.Columns[j].scale())
}
