// Grids that numbers lie on after they were scaled and shifted.

package table

import (
	"math"
	"slices"
)

const (
	gridValues = 4       // different values, at least, to speak of a grid
	gridCells  = 1 << 14 // that the values may span, at most
	fewCells   = 64      // and where they are fewer than sureValues
	sureValues = 8
	gridSlack  = 5e-4 // share of a step by which values may miss the grid
	gapSlack   = 0.02 // and gaps between them, before the step is refined
)

// grid finds origin + k step with whole numbers k that all values are of, the widest
// such step: whole or rounded numbers that were standardised, or mapped to an interval,
// lie on one. Its step is an approximate greatest common divisor of the gaps
// between values, refined by least squares. Values no further apart than twice the
// resolution that they were written with are one value, computed in two ways.
func (v valueCounts) grid(resolution float64) (step, origin float64, ok bool) {
	if len(v.values) < gridValues {
		return 0, 0, false
	}
	first, last := v.values[0], v.values[len(v.values)-1]
	span := last - first
	gaps, noise := make([]float64, 0, len(v.values)-1), min(span/(64*gridCells), max(2.5*resolution, 1e-9*max(math.Abs(first), math.Abs(last))))
	least := math.Inf(1)
	for i := 1; i < len(v.values); i++ {
		g := v.values[i] - v.values[i-1]
		if gaps = append(gaps, g); g > noise { // less is one value, computed in two ways
			least = min(least, g)
		}
	}
	if math.IsInf(span, 0) || math.IsInf(least, 0) {
		return 0, 0, false
	}
	for h := least; h*gridCells >= span; {
		rest := math.Inf(1)
		for _, g := range gaps {
			if r := math.Abs(g - h*math.Round(g/h)); r > gapSlack*h && g > noise {
				rest = min(rest, r)
			}
		}
		if !math.IsInf(rest, 0) {
			h = rest
			continue
		}
		return v.refine(gaps, h)
	}
	return 0, 0, false
}

// refine fits step and origin to all values, whose gaps are about multiples of h.
func (v valueCounts) refine(gaps []float64, h float64) (step, origin float64, ok bool) {
	n := len(v.values)
	k := make([]float64, n)
	for i, g := range gaps {
		k[i+1] = k[i] + math.Round(g/h)
	}
	cells, different := k[n-1], 1
	for i := 1; i < n; i++ {
		if k[i] != k[i-1] {
			different++
		}
	}
	if n < sureValues && cells > fewCells || different < gridValues {
		return 0, 0, false
	}
	meanK, meanV := 0.0, 0.0
	for i := range k {
		meanK += k[i] / float64(n)
		meanV += (v.values[i] - v.values[0]) / float64(n)
	}
	sum, squares := 0.0, 0.0
	for i := range k {
		sum += (k[i] - meanK) * (v.values[i] - v.values[0] - meanV)
		squares += (k[i] - meanK) * (k[i] - meanK)
	}
	step = sum / squares
	origin = v.values[0] + meanV - step*meanK
	for i := range k {
		if !(math.Abs(origin+step*k[i]-v.values[i]) <= gridSlack*step) {
			return 0, 0, false
		}
	}
	// The origin next to 0, and as one of the values where that is one.
	origin += step * math.Round((min(max(0, v.values[0]), v.values[n-1])-origin)/step)
	if i, found := slices.BinarySearchFunc(v.values, origin-step/2, func(a, b float64) int {
		if a < b {
			return -1
		}
		return 1
	}); !found && i < n && math.Abs(v.values[i]-origin) <= gridSlack*step {
		origin = v.values[i]
	}
	return step, origin, step > 0
}

// setGrid sets the grid of a column that has none by its decimals, or one of so many
// steps that another is told from it.
func (v valueCounts) setGrid(c *Column, step float64) {
	span := 0.0
	if n := len(v.values); n > 0 {
		span = v.values[n-1] - v.values[0]
	}
	const many, wider = 1024, 8
	if c.Kind != Real || step >= 1 || step > 0 && span <= many*step { // whole numbers were not scaled
		return
	}
	if h, origin, ok := v.grid(step); ok && h >= wider*step {
		c.Step, c.Origin = h, origin
	}
}

// onGrid is the value of the column's grid nearest to v.
func (c *Column) onGrid(v float64) float64 {
	if c.Origin == 0 {
		return onGrid(v, c.Step)
	}
	return tidy(c.Origin + c.Step*math.Round((v-c.Origin)/c.Step))
}
