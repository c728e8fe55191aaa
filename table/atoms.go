// Atoms, step and scale of a column, from the values that were seen.

package table

import (
	"math"
	"slices"
)

const (
	atomShare = 0.005 // of the cells, for a value to be an atom
	atomCells = 4     // and in so many at least
	repeats   = 5     // cells a value, for all of few values to be atoms
	window    = 5     // steps on either side that an atom is compared with
	excess    = 2     // times their mean
	chance    = 5     // standard deviations beyond it
	finest    = 1.0 / (1 << 18)
)

// valueCounts are different values, ascending, with how often each was seen.
type valueCounts struct {
	values []float64
	counts []float64
	total  float64
	all    bool // of the whole column, not of a sample
}

// values are those of the column: from the counts of all its texts where they
// were kept, from the sample otherwise.
func (c *columnFacts) values(times bool) valueCounts {
	var v valueCounts
	if c.counts != nil {
		v.all = true
		seen := map[float64]float64{}
		for text, n := range c.counts {
			value, ok := 0.0, false
			if times {
				value, _, ok = parseTime(c.layouts[0].layout, text)
			} else {
				var why fault
				value, _, why = parseNumber(text)
				ok = why == sound
			}
			if ok {
				seen[value+0] += float64(n)
			}
		}
		for value := range seen {
			v.values = append(v.values, value)
		}
		slices.Sort(v.values)
		for _, value := range v.values {
			v.counts = append(v.counts, seen[value])
			v.total += seen[value]
		}
		return v
	}
	sorted := slices.Clone(c.sample)
	sorted = slices.DeleteFunc(sorted, math.IsNaN)
	slices.Sort(sorted)
	for i, value := range sorted {
		if i == 0 || value != sorted[i-1] {
			v.values, v.counts = append(v.values, value), append(v.counts, 0)
		}
		v.counts[len(v.counts)-1]++
	}
	v.total = float64(len(sorted))
	return v
}

// describe sets step, atoms, offset and scale, but those that are given.
func (v valueCounts) describe(c *Column, step float64, given *Column) {
	_, spread := v.moments(nil)
	if c.Step == 0 {
		v.setGrid(c, step)
	}
	if c.Step == 0 && step >= finest*spread {
		c.Step = step
	}
	if given == nil || given.Atoms == nil {
		c.Atoms = v.atoms(c.Step)
	}
	if c.Scale == 0 {
		offset, scale := v.moments(c.Atoms)
		if given == nil || given.Offset == 0 {
			c.Offset = offset
		}
		c.Scale = scale
	}
}

// atoms are the values that have a probability of their own.
func (v valueCounts) atoms(step float64) []float64 {
	n := len(v.values)
	if v.all && n <= fewValues && v.total >= repeats*float64(n) || n == 1 {
		return slices.Clone(v.values)
	}
	var atoms []float64
	for i, k := range v.counts {
		if k < atomCells || k < atomShare*v.total {
			continue
		}
		if step > 0 {
			if mean := v.around(i, step); k < excess*mean || k-mean < chance*math.Sqrt(mean+2) {
				continue
			}
		}
		atoms = append(atoms, v.values[i])
	}
	return atoms
}

// around is the mean count of the steps on either side of a value, as far as
// values go.
func (v valueCounts) around(i int, step float64) float64 {
	at := v.values[i]
	lo, hi := max(at-window*step, v.values[0]), min(at+window*step, v.values[len(v.values)-1])
	steps := math.Round((hi - lo) / step)
	if steps < 1 {
		return 0
	}
	sum, reach := 0.0, (window+0.5)*step
	for k := i - 1; k >= 0 && at-v.values[k] < reach; k-- {
		sum += v.counts[k]
	}
	for k := i + 1; k < len(v.values) && v.values[k]-at < reach; k++ {
		sum += v.counts[k]
	}
	return sum / steps
}

// moments are mean and standard deviation of the values that are no atoms, of
// all where that leaves fewer than two; a deviation of 0 is 1.
func (v valueCounts) moments(atoms []float64) (mean, deviation float64) {
	if len(v.values) == 0 {
		return 0, 1
	}
	kept := 0
	isAtom := make([]bool, len(v.values))
	for i, value := range v.values {
		if _, isAtom[i] = slices.BinarySearch(atoms, value); !isAtom[i] {
			kept++
		}
	}
	if kept < 2 {
		clear(isAtom)
	}
	// In units of the largest, so that no square is too large.
	unit := max(math.Abs(v.values[0]), math.Abs(v.values[len(v.values)-1]))
	if unit == 0 {
		return 0, 1
	}
	total := 0.0
	for i, value := range v.values {
		if !isAtom[i] {
			total += v.counts[i]
			mean += v.counts[i] * (value / unit)
		}
	}
	mean /= total
	squares := 0.0
	for i, value := range v.values {
		if d := value/unit - mean; !isAtom[i] {
			squares += v.counts[i] * d * d
		}
	}
	mean, deviation = mean*unit, math.Sqrt(squares/total)*unit
	if !(deviation > 0) {
		return mean, 1
	}
	return mean, deviation
}
