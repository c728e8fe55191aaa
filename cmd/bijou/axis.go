// The axis of a column in pictures: its range, its bars and its ticks.

package main

import (
	"math"
	"math/rand/v2"
	"slices"
	"sort"
	"strconv"
	"time"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"

	"github.com/bijou-flow/bijou/table"
)

// axis places a column's values. Categories stand at 0, 1 and so on, the
// rarest of many together, and missing cells in a bar of their own at the right.
type axis struct {
	column *table.Column
	lo, hi float64
	width  float64   // of a bar
	first  float64   // the left end of the first bar of numbers
	n      int       // bars, without that of missing cells
	at     []float64 // of a category by its index
	names  []string
	end    float64 // of the values; missing cells stand behind it
	gap    float64 // where missing cells stand; NaN: there are none
}

const (
	mostBars    = 40
	mostNames   = 12
	longestName = 14
	outermost   = 0.002 // share of the values beyond the axis on either side
	beside      = 0.06  // of an axis, on either side of missing cells
)

// newAxis is an axis over the values of data, and missing cells of either.
func newAxis(c *table.Column, data, draws []float64) *axis {
	a := &axis{column: c, gap: math.NaN()}
	missing := slices.Contains(data, table.Missing) || slices.Contains(draws, table.Missing)
	if c.Number() {
		a.numbers(data)
	} else {
		a.categories(data)
	}
	a.end = a.hi
	if missing {
		room := max(a.width, beside*(a.hi-a.lo))
		a.gap = a.hi + room
		a.hi = a.gap + room
	}
	return a
}

// numbers sets range and bars, on the grid where there is one.
func (a *axis) numbers(data []float64) {
	sorted := slices.DeleteFunc(slices.Clone(data), func(v float64) bool { return v == table.Missing })
	slices.Sort(sorted)
	lo, hi := 0.0, 1.0
	if n := len(sorted); n > 0 {
		cut := int(outermost * float64(n))
		lo, hi = sorted[cut], sorted[n-1-cut]
	}
	if lo == hi {
		lo, hi = lo-0.5, hi+0.5
	}
	a.width, a.first = (hi-lo)/mostBars, lo
	if step := a.column.Step; step > 0 {
		a.width = step * max(1, math.Ceil((hi-lo)/step/mostBars))
		a.first = lo - step/2
	} else if a.column.Kind == table.Integer {
		a.width = max(1, math.Ceil(a.width))
	}
	a.n = max(1, int(math.Ceil((hi-a.first)/a.width+1e-9)))
	a.lo, a.hi = a.first, a.first+float64(a.n)*a.width
}

// categories sets a place for each, in the order of the schema; of many, the
// most frequent have one of their own.
func (a *axis) categories(data []float64) {
	n := len(a.column.Categories)
	counts := make([]int, n)
	for _, v := range data {
		if k := int(v); k >= 0 && k < n {
			counts[k]++
		}
	}
	own := make([]int, n)
	for k := range own {
		own[k] = k
	}
	if n > mostNames {
		sort.SliceStable(own, func(i, j int) bool { return counts[own[i]] > counts[own[j]] })
		own = own[:mostNames-1]
		slices.Sort(own)
	}
	a.at = make([]float64, n)
	for k := range a.at {
		a.at[k] = float64(len(own)) // among the others
	}
	for i, k := range own {
		a.at[k] = float64(i)
		a.names = append(a.names, short(a.column.Categories[k]))
	}
	if len(own) < n {
		a.names = append(a.names, "others")
	}
	a.n, a.width, a.first = len(a.names), 1, -0.5
	a.lo, a.hi = -0.5, float64(a.n)-0.5
}

// short is a name that fits below a bar.
func short(name string) string {
	r := []rune(name)
	if len(r) <= longestName {
		return name
	}
	return string(r[:longestName-2]) + ".."
}

// place is where a value stands; those of categories and missing cells are
// strewn over their bars.
func (a *axis) place(v float64, rng *rand.Rand) float64 {
	strewn := (rng.Float64() - 0.5) * 0.6 * a.width
	switch {
	case v == table.Missing:
		return a.gap + (rng.Float64()-0.5)*0.6*a.missingWidth()
	case a.at != nil:
		return a.at[min(max(int(v), 0), len(a.at)-1)] + strewn
	case a.column.Step > 0:
		return v + (rng.Float64()-0.5)*0.6*a.column.Step
	}
	return v
}

// missingWidth is the width of the bar of missing cells.
func (a *axis) missingWidth() float64 { return max(a.width, beside*(a.end-a.lo)) }

// bins are the shares of the values in each bar.
func (a *axis) bins(values []float64) []plotter.HistogramBin {
	bins := make([]plotter.HistogramBin, a.n, a.n+1)
	for i := range bins {
		bins[i].Min, bins[i].Max = a.first+float64(i)*a.width, a.first+float64(i+1)*a.width
	}
	if !math.IsNaN(a.gap) {
		bins = append(bins, plotter.HistogramBin{Min: a.gap - a.missingWidth()/2, Max: a.gap + a.missingWidth()/2})
	}
	each := 1 / float64(max(len(values), 1))
	for _, v := range values {
		i := a.n // missing
		if v != table.Missing {
			at := v
			if a.at != nil {
				at = a.at[min(max(int(v), 0), len(a.at)-1)]
			}
			where := math.Floor((at - a.first) / a.width)
			if where < 0 || where >= float64(a.n) {
				continue
			}
			i = int(where)
		}
		bins[i].Weight += each
	}
	return bins
}

// ticks are names of categories, and numbers or times of others.
func (a *axis) ticks() plot.Ticker {
	return plot.TickerFunc(func(float64, float64) (ticks []plot.Tick) {
		for i, name := range a.names {
			ticks = append(ticks, plot.Tick{Value: float64(i), Label: name})
		}
		switch {
		case a.at != nil:
		case a.column.Kind == table.Time:
			ticks = timeTicks(a.lo, a.end)
		default:
			ticks = a.numberTicks()
		}
		if !math.IsNaN(a.gap) {
			ticks = append(ticks, plot.Tick{Value: a.gap, Label: "missing"})
		}
		return ticks
	})
}

// numberTicks are some round numbers. None is labelled next to the missing cells.
func (a *axis) numberTicks() (ticks []plot.Tick) {
	last := a.end
	if !math.IsNaN(a.gap) {
		const room = 0.12
		last -= room * (a.end - a.lo)
	}
	for _, t := range a.roundNumbers() {
		switch {
		case t.Label == "":
		case t.Value > last:
			t.Label = ""
		default:
			t.Label = strconv.FormatFloat(t.Value, 'g', 6, 64)
		}
		ticks = append(ticks, t)
	}
	return ticks
}

// roundNumbers are ticks at round numbers, at whole ones where values are whole.
func (a *axis) roundNumbers() (ticks []plot.Tick) {
	if a.column.Kind != table.Integer {
		return plot.DefaultTicks{}.Ticks(a.lo, a.end)
	}
	const most = 8
	step := 1.0
	for i := 0; (a.end-a.lo)/step > most; i++ {
		step *= [...]float64{2, 2.5, 2}[i%3] // 1, 2, 5, 10, 20, ...
	}
	for v := math.Ceil(a.lo/step)*step + 0; v <= a.end; v += step {
		ticks = append(ticks, plot.Tick{Value: v, Label: "v"})
	}
	return ticks
}

// timeTicks labels three times.
func timeTicks(lo, hi float64) (ticks []plot.Tick) {
	layout := time.DateOnly
	const day = 86400
	if hi-lo < 3*day {
		layout = "15:04:05"
	}
	for _, at := range []float64{0.15, 0.5, 0.85} {
		v := lo + at*(hi-lo)
		ticks = append(ticks, plot.Tick{Value: v, Label: time.Unix(int64(v), 0).UTC().Format(layout)})
	}
	return ticks
}

// slanted says whether names need room.
func (a *axis) slanted() bool {
	letters := 0
	for _, n := range a.names {
		letters += len(n)
	}
	return letters > 18 || a.column.Kind == table.Time
}
