// How well a flow stands in for a density, and what its draws say about it.

package vi

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/train"
)

// Importance is a sample of a target density by draws of a flow.
type Importance[T bijector.Float] struct {
	// Draws are the flow's, shape (n, d). The mean of h under the target is
	// about the sum of Weights[i] h(draw i).
	Draws *bijector.Rows[T]
	// Weights are proportional to p~(x)/q(x), and sum to 1.
	Weights []float64
	// EffectiveSize is the number of draws of the target itself that would
	// say as much, 1 / sum of Weights^2 (Kish 1965, Survey Sampling, section
	// 11.7): n where the flow is the target. Where the flow misses a mode, it
	// does not show.
	EffectiveSize float64
	// LogZ estimates the target's normalising constant, the logarithm of the
	// mean of p~(x)/q(x), and LogZError is its standard error: that mean's,
	// relative to it.
	LogZ, LogZError float64
}

// ImportanceWeights draws n times from a flow and weighs the draws by a
// target.
func ImportanceWeights[T bijector.Float](f *flow.Flow[T], target Target, rng *rand.Rand, n int) (*Importance[T], error) {
	if f == nil {
		return nil, fmt.Errorf("vi: importance weights of no flow: %w", train.ErrOptions)
	}
	if err := checkTarget(target); err != nil {
		return nil, err
	}
	switch {
	case n < 2:
		return nil, fmt.Errorf("vi: importance weights of %d draws, want 2 or more: %w", n, train.ErrOptions)
	case target.Dim() != f.Dim():
		return nil, fmt.Errorf("vi: a target of %d values and a flow of %d features, want the same number: %w", target.Dim(), f.Dim(), bijector.ErrShape)
	}
	draws, q, err := f.SampleWithLogProb(rng, n)
	if err != nil {
		return nil, err
	}
	logw, x := make([]float64, n), make([]float64, n*f.Dim())
	for i, v := range draws.Values() {
		x[i] = float64(v)
	}
	target.LogProb(logw, nil, x)
	top := math.Inf(-1)
	for i := range logw {
		if logw[i] -= q[i]; math.IsNaN(logw[i]) || math.IsInf(logw[i], 1) {
			return nil, fmt.Errorf("vi: draw %d of %d, %v, has the weight e^%v: the target is not finite there: %w", i, n, x[i*f.Dim():(i+1)*f.Dim()], logw[i], bijector.ErrNonFinite)
		}
		top = max(top, logw[i])
	}
	if math.IsInf(top, -1) {
		return nil, fmt.Errorf("vi: the target is 0 at all of %d draws: %w", n, bijector.ErrNonFinite)
	}
	return normalise(&Importance[T]{Draws: draws}, logw, top), nil
}

// normalise scales weights, of which top is the largest logarithm.
func normalise[T bijector.Float](s *Importance[T], logw []float64, top float64) *Importance[T] {
	n, sum := float64(len(logw)), 0.0
	s.Weights = logw
	for i, v := range logw {
		s.Weights[i] = math.Exp(v - top)
		sum += s.Weights[i]
	}
	squares, spread := 0.0, 0.0
	for i := range s.Weights {
		s.Weights[i] /= sum
		w := s.Weights[i]
		squares += w * w
		spread += (w - 1/n) * (w - 1/n)
	}
	s.EffectiveSize = 1 / squares
	s.LogZ = top + math.Log(sum/n)
	// The mean is 1/n, its variance spread/(n-1)/n, and d log m = dm/m.
	s.LogZError = math.Sqrt(spread * n / (n - 1))
	return s
}
