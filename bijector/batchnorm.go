// BatchNorm: the flow layer of Real NVP that keeps deep chains trainable. Its
// training pass is in batchnorm_grad.go.

package bijector

import (
	"fmt"
	"math"

	"github.com/bijou-flow/bijou/internal/kernel"
	"github.com/bijou-flow/bijou/internal/rows"
)

// BatchNormSpec describes a BatchNorm.
type BatchNormSpec struct {
	Dim int `json:"dim"` // features
	// Pixels is the number of features, one after the other, that share their
	// numbers: those of a channel, for images. It divides Dim; 0 means 1.
	Pixels int `json:"pixels,omitempty"`
	// Eps is added to the variance; 0 means 1e-5.
	Eps float64 `json:"eps,omitempty"`
	// Unbiased divides the squared deviations by n-1 rather than n; of rows
	// with shares p of their weights, by 1 - sum p^2 rather than 1.
	Unbiased bool `json:"unbiased,omitempty"`
}

// Values is the number of values that are saved: see registry.Sizer.
func (s BatchNormSpec) Values() float64 { return 4 * float64(s.Dim) / float64(max(s.Pixels, 1)) }

// BatchNorm normalises each feature and gives it a trained scale and mean,
//
//	z = exp(log_gamma) (x - mean) / sqrt(var + eps) + beta
//	x = exp(-log_gamma) (z - beta) sqrt(var + eps) + mean
//	log|det dz/dx| = sum_j log_gamma_j - log(var_j + eps)/2
//
// (Dinh et al. 2017, arXiv 1605.08803, section 3.7 and appendix E; the trained
// scale and mean as in Ioffe and Szegedy 2015, arXiv 1502.03167, algorithm 1).
//
// In training, mean and var are those of the batch, and the gradient goes
// through them. In evaluation they are buffers, "mean" and "var", which
// Calibrate sets to the moments of a population: exactly, each time, with no
// running average. They start at 0 and 1. A training pass has no inverse,
// since a row of z does not say what the batch was. With Pixels, they are those
// of all pixels of a channel, and the log-det counts each of them.
//
// Where rows have weights, in training (PassOptions.WithWeights) and in
// CalibrateWeighted, mean and var are the weighted ones, with p_i = w_i/sum w:
//
//	mean = sum_i p_i x_i,  var = sum_i p_i (x_i - mean)^2.
//
// A batch of two rows has the values -1 and 1 in every feature, whatever they were,
// and layers in front learn to bring the rows of each batch together: the loss falls
// without bound, and says nothing. Training refuses batches of fewer than four values
// a channel (MinBatch); on new rows, fewer than 16 still cost.
//
// Every x is in the domain; the cost is a product and an addition a value, in
// a chain's evaluation once for all diagonal layers and permutations in a row.
// In training the moments take two more readings of the batch.
//
// Parameters are "log_gamma" and "beta", without weight decay.
type BatchNorm[T Float] struct {
	TensorMethods[T]
	spec     BatchNormSpec
	logGamma []T
	beta     []T
	mean     []float64
	variance []float64
}

// NewBatchNorm makes a BatchNorm. It returns ErrSpec for an Eps that is
// negative or not finite.
func NewBatchNorm[T Float](s BatchNormSpec) (*BatchNorm[T], error) {
	channels, err := channelCount("batch norm", s.Dim, s.Pixels)
	if err != nil {
		return nil, err
	}
	if s.Eps < 0 || s.Eps-s.Eps != 0 {
		return nil, fmt.Errorf("bijector: batch norm with eps %v, want a small positive number, or 0 for 1e-5: %w", s.Eps, ErrSpec)
	}
	b := &BatchNorm[T]{
		spec:     s,
		logGamma: make([]T, channels),
		beta:     make([]T, channels),
		mean:     make([]float64, channels),
		variance: make([]float64, channels),
	}
	for j := range b.variance {
		b.variance[j] = 1
	}
	b.TensorMethods = NewTensorMethods[T](b)
	return b, nil
}

// eps is the spec's, or its default.
func (b *BatchNorm[T]) eps() float64 {
	if b.spec.Eps == 0 {
		return 1e-5
	}
	return b.spec.Eps
}

// pixels is the spec's, or its default.
func (b *BatchNorm[T]) pixels() int { return max(b.spec.Pixels, 1) }

// divisor of the squared deviations of n values. A single value has none, so
// that any divisor gives the variance 0.
func (b *BatchNorm[T]) divisor(n int) float64 {
	if b.spec.Unbiased {
		return float64(max(n-1, 1))
	}
	return float64(n)
}

// minBatchValues is the least number of values a channel that moments are taken of.
const minBatchValues = 4

// MinBatch is 4 rows, or as many as have 4 pixels.
func (b *BatchNorm[T]) MinBatch() int { return (minBatchValues + b.pixels() - 1) / b.pixels() }

// Dim is the number of features.
func (b *BatchNorm[T]) Dim() int { return b.spec.Dim }

// ContextDim is 0.
func (b *BatchNorm[T]) ContextDim() int { return 0 }

// Params are "log_gamma" and "beta".
func (b *BatchNorm[T]) Params() []Param[T] {
	return []Param[T]{
		{Name: "log_gamma", Shape: []int{len(b.logGamma)}, Data: b.logGamma, NoDecay: true},
		{Name: "beta", Shape: []int{len(b.beta)}, Data: b.beta, NoDecay: true},
	}
}

// Buffers are "mean" and "var" of the population.
func (b *BatchNorm[T]) Buffers() []Buffer {
	return []Buffer{
		{Name: "mean", Shape: []int{len(b.mean)}, Data: b.mean},
		{Name: "var", Shape: []int{len(b.variance)}, Data: b.variance},
	}
}

// Spec is the BatchNormSpec.
func (b *BatchNorm[T]) Spec() any { return b.spec }

// Validate returns ErrSpec where a mean is not finite, a variance is negative or
// not finite, or the scale of both together, exp(log_gamma)/sqrt(var + eps), or
// its reciprocal is 0 or infinite in T. A variance of 0 is that of a constant
// feature, and eps keeps its scale finite.
func (b *BatchNorm[T]) Validate() error {
	for j, v := range b.variance {
		if m := b.mean[j]; !rows.IsFinite(m) || !rows.IsFinite(v) || v < 0 {
			return fmt.Errorf("bijector: feature %d of batch norm has mean %v and variance %v by \"mean\" and \"var\": %w", j, m, v, ErrSpec)
		}
		if err := checkLogScale[T]("batch norm", "log_gamma and var", j, float64(b.logGamma[j])-math.Log(v+b.eps())/2); err != nil {
			return err
		}
	}
	return nil
}

// Calibrate sets the population's statistics to the moments of x.
func (b *BatchNorm[T]) Calibrate(x, cond Mat[T], start bool, w *Workers) {
	b.CalibrateWeighted(x, cond, nil, start, w)
}

// CalibrateWeighted sets them to weighted moments of x.
func (b *BatchNorm[T]) CalibrateWeighted(x, _ Mat[T], weights []float64, _ bool, w *Workers) {
	if x.N == 0 {
		return
	}
	shares := sharesOf(weights, b.pixels())
	factor := b.varianceFactor(shares)
	parallelChannels(w, x, b.pixels(), func(lo, hi int) {
		for c := lo; c < hi; c++ {
			b.mean[c], b.variance[c] = b.statistics(channel(x, c, b.pixels()), shares, factor)
		}
	})
}

// varianceFactor is what the weighted mean of squared deviations is multiplied
// by, with shares of the rows: see rowShares.
func (b *BatchNorm[T]) varianceFactor(shares []float64) float64 {
	if !b.spec.Unbiased {
		return 1
	}
	rest := 1 - float64(b.pixels())*kernel.SumSquares(shares, 0)
	if !(rest > 0) {
		return 1 // a single value, which has the variance 0
	}
	return 1 / rest
}

// statistics are the mean and variance of a channel; with shares of the rows,
// weighted ones, and the variance multiplied by factor.
func (b *BatchNorm[T]) statistics(x Mat[T], shares []float64, factor float64) (mean, variance float64) {
	if shares != nil {
		mean, variance = meanAndVariance(x, shares)
		return mean, factor * variance
	}
	mean, squares := meanAndSumSquares(x)
	return mean, squares / b.divisor(x.D*x.N)
}

// Coefficients are those of evaluation.
func (b *BatchNorm[T]) Coefficients(j int) (scale, shift, logScale float64) {
	c := j / b.pixels()
	return b.affine(c, b.mean[c], b.variance[c])
}

// affine writes channel c's map under the given statistics as scale*x + shift.
func (b *BatchNorm[T]) affine(c int, mean, variance float64) (scale, shift, logScale float64) {
	g, v := float64(b.logGamma[c]), variance+b.eps()
	scale = math.Exp(g) / math.Sqrt(v)
	return scale, float64(b.beta[c]) - scale*mean, g - math.Log(v)/2
}

// NewPass returns a pass that uses the population's statistics.
func (b *BatchNorm[T]) NewPass(o PassOptions) Pass[T] {
	return newDiagonalPass[T](b, b.spec.Dim, b.pixels(), o.Workers)
}

// NewGradPass returns a pass that uses the statistics of each batch, or the
// population's in evaluation (PassOptions.WithEvaluation).
func (b *BatchNorm[T]) NewGradPass(o PassOptions) GradPass[T] {
	return newBatchNormGradPass(b, o)
}
