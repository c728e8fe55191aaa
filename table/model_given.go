// Draws from a model: whole rows, and rows of which some values are given.

package table

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sort"

	"github.com/bijou-flow/bijou/bijector"
)

// Sample draws n rows of codes, row-major. Equal seeds give equal draws.
func (m *Model[T]) Sample(rng *rand.Rand, n int) ([]float64, error) {
	if rng == nil {
		return nil, fmt.Errorf("table: no random generator to draw with: %w", bijector.ErrSpec)
	}
	draws, err := m.density.Sample(rng, n)
	if draws == nil {
		return nil, err
	}
	codes := make([]float64, 0, n*m.Dim())
	for _, v := range draws.Values() {
		codes = append(codes, float64(v))
	}
	return codes, err
}

// candidates is how many rows are proposed for each draw that is not exact, and
// fewestCandidates how many at least.
const (
	candidatesOfDraw = 16
	fewestCandidates = 4096
	mostValues       = 1 << 30 // of candidates
)

// SampleGiven draws n rows with the known values of a row of codes. Where the known
// columns come first in the order of the density (FitOptions.First), the draws are exact.
// Otherwise they are resampled by importance from candidates, 16 a draw and at least 4,096:
// each value that is not known is drawn given those before it, and the candidate
// weighs what the known values after it are likely (likelihood weighting). ess
// is the effective number of candidates, (sum w)^2 / sum w^2, and n where the draws are exact: draws
// of an ess below n repeat each other. It returns ErrDomain where the
// known values are impossible together.
func (m *Model[T]) SampleGiven(rng *rand.Rand, row []float64, known []bool, n int) (codes []float64, ess float64, err error) {
	d := m.Dim()
	if rng == nil || n < 1 || len(row) != d || len(known) != d {
		return nil, 0, fmt.Errorf("table: %d draws given a row of %d values, %d of them told to be known or not, want a generator, at least one draw and %d values: %w", n, len(row), len(known), d, bijector.ErrShape)
	}
	if n > mostValues/candidatesOfDraw/d {
		return nil, 0, fmt.Errorf("table: %d draws of %d columns, want at most %d: %w", n, d, mostValues/candidatesOfDraw/d, bijector.ErrShape)
	}
	if err := m.checkMixed(); err != nil {
		return nil, 0, err
	}
	if m.leading(known) {
		codes, _, err = m.candidates(rng, row, known, n)
		return codes, float64(n), err
	}
	all, weights, err := m.candidates(rng, row, known, max(candidatesOfDraw*n, fewestCandidates))
	if err != nil {
		return nil, 0, err
	}
	ess, err = m.weigh(weights)
	if err != nil {
		return nil, 0, err
	}
	codes = make([]float64, 0, n*d)
	for _, i := range systematic(rng, weights, n) {
		codes = append(codes, all[i*d:(i+1)*d]...)
	}
	return codes, ess, nil
}

// leading tells whether the known columns are the first of the one order there is.
func (m *Model[T]) leading(known []bool) bool {
	if len(m.mixed) != 1 {
		return false
	}
	order, k := m.mixed[0].Order(), 0
	for k < len(order) && known[order[k]] {
		k++
	}
	return !slices.ContainsFunc(order[k:], func(j int) bool { return known[j] })
}

// candidates are n completions of a row, of all flows by their weights, and the logarithms of their
// importance weights.
func (m *Model[T]) candidates(rng *rand.Rand, row []float64, known []bool, n int) (codes, logWeights []float64, err error) {
	d := m.Dim()
	for j, k := range known {
		if v := T(row[j]); k && (v != v || math.IsInf(float64(v), 0)) {
			return nil, nil, fmt.Errorf("table: the known value of column %s is %v: %w", quoted(m.schema.Columns[j].Name), row[j], bijector.ErrNonFinite)
		}
	}
	shares, left := m.density.Weights(), n
	for k, base := range m.mixed {
		count := int(math.Round(shares[k] * float64(n)))
		if count = min(count, left); k == len(m.mixed)-1 {
			count = left
		}
		left -= count
		size := min(count, pieceRows)
		if count == 0 {
			continue
		}
		pass := base.NewMixedPass(bijector.PassOptions{MaxBatch: size})
		z, mask, w := bijector.NewMat[T](d, size), make([]bool, d*size), make([]float64, size)
		for done := 0; done < count; done += size {
			c := min(size, count-done)
			z = z.Resize(c)
			for j := range d {
				f := z.Feature(j)
				for i := range f {
					f[i], mask[j*c+i] = T(row[j]), known[j]
				}
			}
			pass.Complete(rng, z, bijector.Mat[T]{}, mask[:d*c], 1, w[:c])
			for i := range c {
				for j := range d {
					codes = append(codes, float64(z.Feature(j)[i]))
				}
			}
			logWeights = append(logWeights, w[:c]...)
		}
	}
	return codes, logWeights, nil
}

// weigh makes weights that sum to 1 of their logarithms, and returns the
// effective number of them.
func (m *Model[T]) weigh(logWeights []float64) (ess float64, err error) {
	if top := slices.Max(logWeights); math.IsInf(top, -1) || math.IsNaN(top) {
		return 0, fmt.Errorf("table: values that have no density together under any of %d candidates: %w", len(logWeights), bijector.ErrDomain)
	}
	normalize(logWeights)
	squares := 0.0
	for _, w := range logWeights {
		squares += w * w
	}
	return 1 / squares, nil
}

// systematic draws n indices by weights that sum to 1: index i about n w_i times, by one
// uniform for all (systematic resampling), in a random order.
func systematic(rng *rand.Rand, weights []float64, n int) []int {
	cumulative, sum := make([]float64, len(weights)), 0.0
	for i, w := range weights {
		sum += w
		cumulative[i] = sum
	}
	u, all := rng.Float64(), make([]int, n)
	for k := range all {
		at := (float64(k) + u) / float64(n) * sum
		all[k] = min(sort.SearchFloat64s(cumulative, at), len(weights)-1)
	}
	rng.Shuffle(n, func(a, b int) { all[a], all[b] = all[b], all[a] })
	return all
}
