// Thresholds and p-values: what they promise, ties, and scores without a number.

package flow

import (
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/testkit"
)

// A new row is below the threshold as often as k of n+1 ranks are, and its
// p-value says the same.
func TestThresholdKeepsItsShare(t *testing.T) {
	rng := testkit.NewRand(7)
	const n, trials = 59, 40_000
	for _, share := range []float64{0.05, 0.1, 1.0 / 60, 0.5} {
		k := math.Floor(share*(n+1) + 1e-9)
		below := 0
		scores := make([]float64, n)
		for range trials {
			for i := range scores {
				scores[i] = rng.NormFloat64()
			}
			c := testkit.Must(NewCalibration(scores))
			threshold, score := testkit.Must(c.Threshold(share)), rng.NormFloat64()
			if score < threshold {
				below++
			}
			if (score < threshold) != (c.PValue(score) <= share) {
				t.Fatalf("%v is below %v: %v, its p-value is %v", score, threshold, score < threshold, c.PValue(score))
			}
		}
		want := k / (n + 1)
		testkit.Near(t, "rows below the threshold", float64(below)/trials, want, 4*math.Sqrt(want/trials))
	}
}

// Threshold and p-value agree for every number of scores and share, where the
// share is a rounded multiple of 1/(n+1) too, and for scores that are equal.
func TestThresholdAgreesWithPValues(t *testing.T) {
	for n := 1; n < 130; n++ {
		scores := make([]float64, n)
		for i := range scores {
			scores[i] = float64((i * 37 % n) / 3)
		}
		scores[0] = math.Inf(-1)
		c := testkit.Must(NewCalibration(scores))
		for k := 1; k <= n; k++ {
			share := float64(k) / float64(n+1)
			for _, a := range []float64{share, math.Nextafter(share, 0), math.Nextafter(share, 1), share + 0.3/float64(n+1)} {
				threshold, err := c.Threshold(a)
				if k == 1 && a < share {
					if !errors.Is(err, bijector.ErrSpec) {
						t.Fatalf("a share of %v of %d: %v, want an error", a, n, err)
					}
					continue
				}
				for _, v := range append(c.Scores(), -1, 0.5, 1e9) {
					if p := c.PValue(v); err != nil || (v < threshold) != (p <= a) {
						t.Fatalf("n %d, share %v: threshold %v, %v with the p-value %v, %v", n, a, threshold, v, p, err)
					}
				}
			}
		}
	}
}

func TestCalibrationIsItsScores(t *testing.T) {
	scores := []float64{3, math.Inf(-1), 1, 1, 2}
	given := slices.Clone(scores)
	c := testkit.Must(NewCalibration(scores))
	testkit.Equal(t, "scores that were given", scores, given)
	testkit.Equal(t, "scores", c.Scores(), []float64{math.Inf(-1), 1, 1, 2, 3})
	for score, want := range map[float64]float64{math.Inf(-1): 2. / 6, 0: 2. / 6, 1: 4. / 6, 1.5: 4. / 6, 3: 1, math.Inf(1): 1} {
		testkit.Near(t, "p-value", c.PValue(score), want, 0)
	}
	if p := c.PValue(math.NaN()); !math.IsNaN(p) {
		t.Errorf("a score of NaN has the p-value %v", p)
	}
	again := testkit.Must(NewCalibration(c.Scores()))
	testkit.Near(t, "the same again", testkit.Must(again.Threshold(0.5)), testkit.Must(Threshold(scores, 0.5)), 0)
	testkit.Near(t, "half", testkit.Must(c.Threshold(0.5)), 1, 0)
	if v := testkit.Must(c.Threshold(0.2)); !math.IsInf(v, -1) {
		t.Errorf("the threshold of 0.2 is %v, want -Inf", v)
	}

	for name, e := range map[string]struct{ err, want error }{
		"no scores": {second(Threshold(nil, 0.1)), bijector.ErrShape},
		"a NaN":     {second(Threshold([]float64{1, math.NaN()}, 0.6)), bijector.ErrNonFinite},
		"+Inf":      {second(Threshold([]float64{1, math.Inf(1)}, 0.6)), bijector.ErrNonFinite},
		"share 0":   {second(c.Threshold(0)), bijector.ErrSpec},
		"share 1":   {second(c.Threshold(1)), bijector.ErrSpec},
		"share NaN": {second(c.Threshold(math.NaN())), bijector.ErrSpec},
		"few":       {second(c.Threshold(0.1)), bijector.ErrSpec},
	} {
		if !errors.Is(e.err, e.want) {
			t.Errorf("%s: %v, want %v", name, e.err, e.want)
		}
	}
}
