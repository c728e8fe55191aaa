// Estimation: knots at quantiles, tails from what lies beyond.

package margin

import (
	"math"
	"slices"

	"github.com/bijou-flow/bijou/internal/random"
)

const (
	// MaxBins is the most bins that Fit takes.
	MaxBins = 32
	// largestSample bounds the values that a margin is estimated from, and
	// largestChoice those that tell how many bins, and whether at all.
	largestSample = 1 << 17
	largestChoice = 1 << 15
	// minDistinct is how many of a column's values have to differ, and
	// largestAtom the share that one of them may have: other columns are
	// discrete, at least in part.
	minDistinct = 32
	largestAtom = 0.05
	// narrowest and widest are what the width of a column is between: cubes of slopes
	// stay in range.
	narrowest, widest = 1e-90, 1e90
	// minValues is the number of values below which nothing is estimated.
	minValues = 40
)

// Result is what Fit found about a column.
type Result struct {
	Margin *Margin // nil: leave the column alone
	Gain   float64 // nats a value over a normal, on values that were left out
}

// Fit estimates the margin of a column, or none where values repeat, are in units
// of 1e-90 or 1e90, or where it fits values that were left out no better than a normal by gain nats a
// value. The number of bins is the one that does best on them.
func Fit(values []float64, gain float64) Result {
	v := sample(values, largestSample)
	if len(v) < minValues {
		return Result{}
	}
	sorted := slices.Clone(v)
	slices.Sort(sorted)
	if width := sorted[len(sorted)-1] - sorted[0]; isDiscrete(sorted) || !(width > narrowest && width < widest) {
		return Result{}
	}
	best, bins := math.Inf(-1), 0
	v = sample(v, largestChoice)
	for b := 2; b <= MaxBins; b *= 2 {
		if s, ok := heldOut(v, func(train []float64) func(float64) float64 {
			m := estimate(train, b)
			if m == nil {
				return nil
			}
			return m.logDensity
		}); ok && s > best {
			best, bins = s, b
		}
	}
	normal, _ := heldOut(v, normalDensity)
	if bins == 0 || !(best-normal > gain) {
		return Result{Gain: best - normal}
	}
	return Result{estimate(sorted, bins), best - normal}
}

// sample is values, or as many as most of them, evenly spread.
func sample(values []float64, most int) []float64 {
	n := len(values)
	if n <= most {
		return values
	}
	v := make([]float64, most)
	for i := range v {
		v[i] = values[i*n/most]
	}
	return v
}

// isDiscrete reports whether values in increasing order are few, or one of them
// is that of many rows.
func isDiscrete(sorted []float64) bool {
	distinct, run, longest := 0, 0, 0
	for i, v := range sorted {
		if i == 0 || v != sorted[i-1] {
			distinct, run = distinct+1, 0
		}
		run++
		longest = max(longest, run)
	}
	return distinct < minDistinct || float64(longest) > largestAtom*float64(len(sorted))
}

// heldOut is the mean log-density of each half of the values under what the
// other half gives.
func heldOut(v []float64, fit func(sorted []float64) func(float64) float64) (mean float64, ok bool) {
	for half := range 2 {
		var train, test []float64
		for i, x := range v {
			if int(random.Mix(uint64(i))&1) == half { // not i%2: rows may have a period
				test = append(test, x)
			} else {
				train = append(train, x)
			}
		}
		slices.Sort(train)
		logDensity := fit(train)
		if logDensity == nil {
			return math.Inf(-1), false
		}
		for _, x := range test {
			mean += logDensity(x)
		}
	}
	return mean / float64(len(v)), true
}

func (m *Margin) logDensity(x float64) float64 {
	z, logSlope, _ := m.Forward(x)
	return logSlope - z*z/2 - logSqrtTwoPi
}

// normalDensity is the log-density of the normal with the values' moments.
func normalDensity(v []float64) func(float64) float64 {
	mu, squares := mean(v), 0.0
	for _, x := range v {
		squares += (x - mu) * (x - mu)
	}
	sd := math.Sqrt(squares / float64(len(v)))
	return func(x float64) float64 { return -((x-mu)*(x-mu)/(sd*sd))/2 - math.Log(sd) - logSqrtTwoPi }
}

// estimate is the margin of values in increasing order: bins between knots that are equally far
// apart in the latent, where enough values differ, and tails of 3 sqrt(n) values
// each, a tenth at most. It is nil where the values do not make one.
func estimate(sorted []float64, bins int) *Margin {
	n := len(sorted)
	inTail := int(min(0.1*float64(n), 3*math.Sqrt(float64(n))))
	if inTail < 4 || n < 4*bins+2*inTail {
		return nil
	}
	t := -math.Sqrt2 * math.Erfcinv(2*(1-float64(inTail)/float64(n))) // of the upper threshold
	m := &Margin{}
	for k := 0; k <= bins; k++ {
		z := t * (2*float64(k)/float64(bins) - 1)
		x := quantile(sorted, 1-upperMass(z))
		if last := len(m.X) - 1; last >= 0 && !(x > m.X[last]+1e-12*(sorted[n-1]-sorted[0])) {
			continue // equal values
		}
		m.X, m.Z = append(m.X, x), append(m.Z, z)
	}
	if last := len(m.X) - 1; last < 1 || m.Z[last] != t {
		return nil
	}
	last := len(m.X) - 1
	above, low := exceedances(sorted, m.X[last]), exceedances(negated(sorted), -m.X[0])
	if len(above) < 4 || len(low) < 4 {
		return nil
	}
	m.Lower, m.Upper = fitTail(low, -m.X[0], -m.Z[0]), fitTail(above, m.X[last], m.Z[last])
	m.Prepare()
	m.Slope = slopes(m.X, m.Z, m.lower.slope(), m.upper.slope())
	for _, s := range m.Slope {
		if !(s > 0) || math.IsInf(s, 0) {
			return nil
		}
	}
	return m
}

// quantile is the p-quantile of values in increasing order, between neighbours.
func quantile(sorted []float64, p float64) float64 {
	at := p*float64(len(sorted)) - 0.5
	i := min(max(int(math.Floor(at)), 0), len(sorted)-2)
	f := min(max(at-float64(i), 0), 1)
	return sorted[i] + f*(sorted[i+1]-sorted[i])
}

// exceedances is by how much values in increasing order are above u.
func exceedances(sorted []float64, u float64) (above []float64) {
	first, _ := slices.BinarySearch(sorted, u)
	for _, x := range sorted[first:] {
		if x > u {
			above = append(above, x-u)
		}
	}
	return above
}

func negated(sorted []float64) []float64 {
	out := make([]float64, len(sorted))
	for i, x := range sorted {
		out[len(sorted)-1-i] = -x
	}
	return out
}

// slopes are the derivatives at the knots: at the ends those of the tails, and
// between them harmonic means of the neighbouring secants, weighted by the
// lengths (Fritsch and Butland 1984, equation 7).
func slopes(x, z []float64, first, last float64) []float64 {
	n := len(x)
	d := make([]float64, n)
	d[0], d[n-1] = first, last
	for k := 1; k < n-1; k++ {
		w0, w1 := x[k]-x[k-1], x[k+1]-x[k]
		s0, s1 := (z[k]-z[k-1])/w0, (z[k+1]-z[k])/w1
		a := (w0 + 2*w1) / (3 * (w0 + w1))
		d[k] = s0 * s1 / (a*s1 + (1-a)*s0)
	}
	return d
}

// Estimate is the margin of values in increasing order: knots at so many
// quantiles and tails of what lies beyond, or nil where the values are too few
// or too equal for one.
func Estimate(sorted []float64, bins int) *Margin { return estimate(sorted, bins) }
