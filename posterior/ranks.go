// Ranks of what is true among draws, and what they say.

package posterior

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"
)

// Ranks are those of n true values among as many draws each: Of[i] of the Draws
// draws come before the i-th. Where truth and draws have one distribution, each
// of the ranks 0 to Draws is as likely as the others.
type Ranks struct {
	Draws int
	Of    []int
}

// Coverage is the share of the n pairs whose truth lies within a region that
// holds a share level of the draws, each rank spread evenly over its
// 1/(Draws+1): level on average where the posterior is right, less where it is
// too sure of itself, and more where it is too wide. It is NaN without ranks.
func (r Ranks) Coverage(level float64) float64 {
	share := 0.0
	for _, rank := range r.Of {
		share += min(max(level*float64(r.Draws+1)-float64(rank), 0), 1)
	}
	return share / float64(len(r.Of))
}

// Histogram counts the ranks in bins of equal width, at most Draws+1 of them,
// those of 0 first. A rank that lies in two bins counts in each by the share that
// lies there.
func (r Ranks) Histogram(bins int) []float64 {
	counts := make([]float64, max(min(bins, r.Draws+1), 0))
	before := 0.0
	for b := range counts {
		upTo := r.Coverage(float64(b+1)/float64(len(counts))) * float64(len(r.Of))
		counts[b], before = upTo-before, upTo
	}
	return counts
}

// PValue is the probability of ranks at least as uneven as these where the
// posterior is right, by the test of Kolmogorov and Smirnov:
//
//	D = max_k |F(k) - (k+1)/(Draws+1)|,
//
// with F the share of ranks up to k, and the asymptotic distribution of D with
// the correction of Stephens (1970). It is a little too high where Draws is
// small beside n, and NaN without ranks or with one outside of 0 to Draws.
func (r Ranks) PValue() float64 {
	n := float64(len(r.Of))
	sorted := slices.Sorted(slices.Values(r.Of))
	if n == 0 || sorted[0] < 0 || sorted[len(sorted)-1] > r.Draws {
		return math.NaN()
	}
	d := 0.0
	for i, rank := range sorted {
		// F is largest beside its line at a rank, and smallest below one.
		k := float64(rank)
		d = max(d, float64(i+1)/n-(k+1)/float64(r.Draws+1), k/float64(r.Draws+1)-float64(i)/n)
	}
	lambda := (math.Sqrt(n) + 0.12 + 0.11/math.Sqrt(n)) * d
	if lambda < 0.2 {
		return 1 // to 1e-12, where the series converges slowly
	}
	p, sign := 0.0, 2.0
	for k := 1.0; k <= 100; k++ {
		term := math.Exp(-2 * k * k * lambda * lambda)
		if p += sign * term; term < 1e-16 {
			break
		}
		sign = -sign
	}
	return min(max(p, 0), 1)
}

// moments are the mean of the ranks and their standard deviation, as shares of
// what uniform ranks have.
func (r Ranks) moments() (mean, deviation float64) {
	values := make([]float64, len(r.Of))
	for i, rank := range r.Of {
		values[i] = (float64(rank) + 0.5) / float64(r.Draws+1)
	}
	mean, deviation = stat.PopMeanStdDev(values, nil)
	return mean, deviation * math.Sqrt(12)
}
