// Ties: how far the values of a column repeat, and what grid they lie on.

package columns

import (
	"math"
	"slices"
)

// Ties tells of the values of a column.
type Ties struct {
	Distinct int     // different values
	Value    float64 // the commonest
	Share    float64 // of the rows, that have it
	// Step is the coarsest power of ten, from 1 to 1e-6, of which all values are
	// multiples; 0: none.
	Step float64
}

// TiesOf describes a column's values, in any order.
func TiesOf(values []float64) Ties {
	v := slices.Clone(values)
	slices.Sort(v)
	var t Ties
	longest := 0
	for lo := 0; lo < len(v); {
		hi := lo + 1
		for hi < len(v) && v[hi] == v[lo] {
			hi++
		}
		t.Distinct++
		if hi-lo > longest {
			longest, t.Value = hi-lo, v[lo]
		}
		lo = hi
	}
	if len(v) == 0 {
		return t
	}
	t.Share = float64(longest) / float64(len(v))
	v = slices.Compact(v)
	for step, scale := 1.0, 1.0; scale <= 1e6; step, scale = step/10, scale*10 {
		if !slices.ContainsFunc(v, func(x float64) bool { return !isMultiple(x, scale) }) {
			t.Step = step
			break
		}
	}
	return t
}

// isMultiple reports whether x times scale is a whole number, to the rounding of
// float32.
func isMultiple(x, scale float64) bool {
	y := x * scale
	return math.Abs(y-math.Round(y)) <= 0x1p-23*math.Abs(y)/4 && math.Abs(y) < 1<<21
}
