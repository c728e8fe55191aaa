// Thresholds and p-values of scores, from those of held-out rows.

package flow

import (
	"fmt"
	"math"
	"slices"
	"sort"

	"github.com/bijou-flow/bijou/bijector"
)

// Threshold is the score below which at most a share of normal rows lie, from
// the scores of n normal rows that the model was not trained on: the k-th
// lowest of them, where k is the largest whole number with k/(n+1) <= share. A
// new row that is exchangeable with those n has a score below it with a
// probability of at most share, and of more than share - 1/(n+1) where no two
// scores are equal, whatever the model and the distribution (split conformal
// prediction; Vovk, Gammerman and Shafer 2005, Bates et al. 2023, arXiv
// 2104.08279). Raise an alarm where
//
//	score < threshold;
//
// a score that equals it is normal, so that ties only make alarms rarer. It is
// an average over sets of held-out rows: with one set of n the share of false
// alarms is a draw of Beta(k, n+1-k), 0.05 +- 0.007 with 1,000 rows.
//
// Scores of -Inf, of rows outside the support, are the lowest. Where the k-th
// lowest is -Inf nothing lies below it, and no alarm is raised. A score of NaN
// or +Inf is ErrNonFinite, and a share that is not within (0, 1), or that n
// scores cannot tell (below 1/(n+1)), ErrSpec.
func Threshold(scores []float64, share float64) (float64, error) {
	c, err := NewCalibration(scores)
	if err != nil {
		return math.NaN(), err
	}
	return c.Threshold(share)
}

// Calibration is what scores of normal rows say about others: the conformal
// p-value of a score, and thresholds for a share of false alarms. It is read
// only, and safe for any number of goroutines. Scores is the whole of its state,
// and NewCalibration brings it back.
type Calibration struct{ sorted []float64 }

// NewCalibration returns the calibration by the scores of normal rows that the
// model was not trained on, in any order: log-densities, or any other number
// that is low where a row is unusual. Scores of the training rows are too high,
// and make p-values too small. It returns ErrShape for none, and ErrNonFinite
// for one that is NaN or +Inf.
func NewCalibration(scores []float64) (*Calibration, error) {
	if len(scores) == 0 {
		return nil, fmt.Errorf("flow: a calibration of no scores, want those of held-out rows: %w", bijector.ErrShape)
	}
	for i, v := range scores {
		if math.IsNaN(v) || math.IsInf(v, 1) {
			return nil, fmt.Errorf("flow: score %d of %d is %v, want the scores of rows that have one; -Inf is allowed: %w", i, len(scores), v, bijector.ErrNonFinite)
		}
	}
	c := &Calibration{sorted: slices.Clone(scores)}
	slices.Sort(c.sorted)
	return c, nil
}

// Scores are the scores that c was made of, rising.
func (c *Calibration) Scores() []float64 { return slices.Clone(c.sorted) }

// PValue is the conformal p-value of a row with that score: the share, of the
// normal rows and this one, of rows that score no higher than it,
//
//	p = (1 + #{i: s_i <= score}) / (n + 1).
//
// For a new row that is exchangeable with the normal ones P(p <= a) <= a for
// each a, with equality at the multiples of 1/(n+1) where no two scores are
// equal. It is never below 1/(n+1), and NaN for a score of NaN. p <= a exactly
// where the score is below Threshold(a).
func (c *Calibration) PValue(score float64) float64 {
	if math.IsNaN(score) {
		return score
	}
	n := len(c.sorted)
	atMost := sort.Search(n, func(i int) bool { return c.sorted[i] > score })
	return float64(1+atMost) / float64(n+1)
}

// Threshold is the score below which at most a share of normal rows lie, see
// the function Threshold.
func (c *Calibration) Threshold(share float64) (float64, error) {
	n := len(c.sorted)
	if !(share > 0 && share < 1) {
		return math.NaN(), fmt.Errorf("flow: a share of %v of normal rows, want one within 0 and 1: %w", share, bijector.ErrSpec)
	}
	below := func(k int) bool { return float64(k)/float64(n+1) <= share }
	k := int(share * float64(n+1))
	switch { // the product is rounded
	case !below(k):
		k--
	case k < n && below(k+1):
		k++
	}
	if k < 1 {
		return math.NaN(), fmt.Errorf("flow: %d scores cannot tell a share of %v of normal rows, want at least %.0f of them: %w", n, share, math.Ceil(1/share)-1, bijector.ErrSpec)
	}
	return c.sorted[min(k, n)-1], nil
}
