// Where a Mixed starts: shares and margins of the columns of data.

package autoregressive

import (
	"fmt"
	"math"
	"slices"

	"github.com/bijou-flow/bijou/internal/margin"
	"github.com/bijou-flow/bijou/internal/rows"
)

// FitMixedColumn returns c with Shares and Margin estimated from the values of the
// column in data: the share of each atom, with half a row more for each, and a
// margin between quantiles of the other values with tails from what lies beyond
// them. Rounded numbers count as spread evenly over their cells. Where there are
// too few values for quantiles, the margin is that of a normal with their
// moments, with exponential tails. Values that the column does not have are left out.
func FitMixedColumn(c MixedColumn, values []float64) (MixedColumn, error) {
	c = MixedSpec{Columns: []MixedColumn{c}}.clone().Columns[0]
	c.Shares, c.Margin = nil, nil
	if err := c.check(); err != nil {
		return c, fmt.Errorf("autoregressive: a column to be fitted: %w", err)
	}
	p, err := newMixedColumn[float64](&c)
	if err != nil {
		return c, fmt.Errorf("autoregressive: a column to be fitted: %w", err)
	}
	shares := make([]float64, c.choices())
	for i := range shares {
		shares[i] = 0.5
	}
	var numbers []float64
	for _, v := range values {
		switch a := p.atom(v); {
		case a >= 0:
			shares[a]++
		case p.within(v):
			shares[len(shares)-1]++
			numbers = append(numbers, v)
		}
	}
	c.Shares = shares
	if c.Continuous {
		c.Margin = fitMargin(&p, numbers)
	}
	return c, nil
}

// fewCells is how many cells rounded numbers have to span for quantiles of them.
const fewCells = 8

// marginBins is the most bins of a margin, and valuesInBin the fewest values that one is
// for.
const (
	marginBins  = 16
	valuesInBin = 30
)

// fitMargin estimates the margin of numbers.
func fitMargin(p *mixedColumn[float64], numbers []float64) *MixedMargin {
	slices.Sort(numbers)
	if p.step > 0 {
		p.spread(numbers)
	}
	for bins := min(marginBins, len(numbers)/valuesInBin); bins >= 1; bins /= 2 {
		if p.step > 0 && len(numbers) > 0 && numbers[len(numbers)-1]-numbers[0] < fewCells*p.step {
			break // quantiles of so few rounded numbers are those of the spreading
		}
		if m := margin.Estimate(numbers, bins); m != nil && m.Validate() == nil {
			// Beyond the last number is the next one, whatever the numbers are spread like.
			m.Lower.Scale, m.Upper.Scale = max(m.Lower.Scale, p.step), max(m.Upper.Scale, p.step)
			return &MixedMargin{X: m.X, Z: m.Z, Slope: m.Slope, Lower: MixedTail(m.Lower), Upper: MixedTail(m.Upper)}
		}
	}
	return normalMargin(p, numbers)
}

// spread spreads equal values, in increasing order, evenly over their cell.
func (p *mixedColumn[T]) spread(sorted []float64) {
	for i := 0; i < len(sorted); {
		k, v := i, p.snap(sorted[i])
		for k < len(sorted) && p.snap(sorted[k]) == v {
			k++
		}
		for n := k - i; i < k; i++ {
			sorted[i] = v + p.step*((float64(n-(k-i))+0.5)/float64(n)-0.5)
		}
	}
}

// expTailScale is P(Z > 1)/phi(1).
const expTailScale = 0.65568

// normalMargin is the margin of a normal with the moments of the numbers, or of
// what is known without any.
func normalMargin(p *mixedColumn[float64], numbers []float64) *MixedMargin {
	mean, deviation := 0.0, 0.0
	for _, v := range numbers {
		mean += v / float64(len(numbers))
	}
	for _, v := range numbers {
		deviation += (v - mean) * (v - mean) / float64(len(numbers))
	}
	deviation = math.Sqrt(deviation)
	if len(numbers) == 0 {
		switch finiteLo, finiteHi := rows.IsFinite(p.lo), rows.IsFinite(p.hi); {
		case finiteLo && finiteHi:
			mean, deviation = p.lo+(p.hi-p.lo)/2, (p.hi-p.lo)/4
		case finiteLo:
			mean = p.lo
		case finiteHi:
			mean = p.hi
		}
	}
	deviation = max(deviation, p.step, 1e-6*math.Abs(mean))
	if !(deviation > 0) || !rows.IsFinite(deviation) {
		deviation = 1
	}
	// Exponential tails, that go on with the slope of the normal within one deviation: of few
	// values one does not know how far others may be.
	tail := MixedTail{0, deviation * expTailScale}
	return &MixedMargin{
		X: []float64{mean - deviation, mean + deviation}, Z: []float64{-1, 1},
		Slope: []float64{1 / deviation, 1 / deviation}, Lower: tail, Upper: tail,
	}
}
