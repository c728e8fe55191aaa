// Batch norm in training: statistics of the batch, and the gradient through
// them.

package bijector

import (
	"math"

	"github.com/bijou-flow/bijou/internal/kernel"
)

// batchNormGradPass keeps three numbers a channel between Forward and Backward.
type batchNormGradPass[T Float] struct {
	layer                 *BatchNorm[T]
	workers               *Workers
	evaluation            bool // by the population's statistics, which are constants
	weights               *BatchWeights
	shares, shareMemory   []float64 // of the rows of the batch: see rowShares; nil: equal
	factor                float64   // of the variance, with shares
	mean, std             []float64 // of the batch; std is sqrt(var + eps)
	logA                  []float64
	dLogGamma, dBeta      []T
	grads                 [][]T
	z, x, dx, dz          Mat[T] // arguments of the current call
	sumDLogDet            float64
	forwardFn, backwardFn func(lo, hi int)
}

func newBatchNormGradPass[T Float](b *BatchNorm[T], o PassOptions) *batchNormGradPass[T] {
	d := len(b.logGamma)
	p := &batchNormGradPass[T]{
		layer:      b,
		workers:    o.Workers,
		evaluation: o.Evaluation(),
		weights:    o.Weights(),
		mean:       make([]float64, d),
		std:        make([]float64, d),
		logA:       make([]float64, d),
		dLogGamma:  make([]T, d),
		dBeta:      make([]T, d),
	}
	if p.weights != nil {
		p.shareMemory = make([]float64, o.MaxBatch)
	}
	p.grads = [][]T{p.dLogGamma, p.dBeta}
	p.forwardFn, p.backwardFn = p.forwardChannels, p.backwardChannels
	return p
}

func (p *batchNormGradPass[T]) Forward(z, x, _ Mat[T], logDet []float64) {
	p.z, p.x = z, x
	pixels := p.layer.pixels()
	p.shares = nil
	if w := p.weights.Values(); w != nil {
		p.shares = p.shareMemory[:x.N]
		rowShares(p.shares, w[:x.N], pixels)
		p.factor = p.layer.varianceFactor(p.shares)
	}
	parallelChannels(p.workers, x, pixels, p.forwardFn)
	addConstant(logDet, float64(pixels)*kernel.Sum(p.logA))
}

func (p *batchNormGradPass[T]) forwardChannels(lo, hi int) {
	for c := lo; c < hi; c++ {
		x, z := channel(p.x, c, p.layer.pixels()), channel(p.z, c, p.layer.pixels())
		mean, variance := p.layer.mean[c], p.layer.variance[c]
		if !p.evaluation {
			mean, variance = p.layer.statistics(x, p.shares, p.factor)
		}
		a, b, logA := p.layer.affine(c, mean, variance)
		p.mean[c], p.std[c], p.logA[c] = mean, math.Sqrt(variance+p.layer.eps()), logA
		for j := range x.D {
			kernel.Affine(z.Feature(j), x.Feature(j), T(a), T(b))
		}
	}
}

// Backward, for one channel of n values with deviations e_i = x_i - mean and
// divisor m (n or n-1):
//
//	s = sqrt(sum e^2/m + eps),  u_i = e_i/s,  z_i = g u_i + beta,  g = exp(log_gamma)
//	ds/dx_i = e_i/(m s) = u_i/m,  as sum e = 0
//	du_k/dx_i = ([i=k] - 1/n)/s - u_k u_i/(m s)
//	d(log g - log s)/dx_i = -u_i/(m s), in the log-det of every sample, once
//	for each of its pixels.
//
// With D the sum of dLogDet times the pixels, B = sum_i dz_i and A = g sum_i dz_i u_i + D,
//
//	dbeta = B,  dlog_gamma = A,  dx_i = (g dz_i - g B/n - u_i A/m)/s.
//
// u is read back from z, u = (z - beta)/g: z is near 1 in size, while x may
// have a mean beside which its deviations lose their digits.
//
// With shares p_i and the variance's factor c, p_i stands for 1/n and c p_i for
// 1/m, as s = sqrt(c sum p e^2 + eps) and sum p e = 0:
//
//	dx_i = (g dz_i - g B p_i - u_i A c p_i)/s.
//
// In evaluation mean and s are constants, and dx_i = g dz_i/s.
func (p *batchNormGradPass[T]) Backward(dx, _, dz, x, z, _ Mat[T], dLogDet []float64) {
	p.dx, p.dz, p.z = dx, dz, z
	pixels := p.layer.pixels()
	p.sumDLogDet = float64(pixels) * kernel.Sum(dLogDet)
	parallelChannels(p.workers, x, pixels, p.backwardFn)
}

func (p *batchNormGradPass[T]) backwardChannels(lo, hi int) {
	pixels := p.layer.pixels()
	n := float64(pixels * p.z.N)
	m := p.layer.divisor(pixels * p.z.N)
	for c := lo; c < hi; c++ {
		dx, dz, z := channel(p.dx, c, pixels), channel(p.dz, c, pixels), channel(p.z, c, pixels)
		g, beta, s := math.Exp(float64(p.layer.logGamma[c])), float64(p.layer.beta[c]), p.std[c]
		b, dot := 0.0, 0.0
		for j := range pixels {
			b += kernel.Sum(dz.Feature(j))
			dot += kernel.Dot(dz.Feature(j), z.Feature(j))
		}
		a := dot - beta*b + p.sumDLogDet
		p.dBeta[c] += T(b)
		p.dLogGamma[c] += T(a)
		if p.evaluation {
			for j := range pixels {
				kernel.Affine(dx.Feature(j), dz.Feature(j), T(g/s), 0)
			}
			continue
		}
		if p.shares != nil {
			p.backwardWeighted(dx, dz, z, g, beta, s, a, b)
			continue
		}
		onZ := -a / (m * g * s)
		for j := range pixels { // last: dx may be dz
			kernel.Combine(dx.Feature(j), dz.Feature(j), z.Feature(j), T(g/s), T(onZ), T(-g*b/(n*s)-onZ*beta))
		}
	}
}

// backwardWeighted sets dx of a channel by its A and B, as above.
func (p *batchNormGradPass[T]) backwardWeighted(dx, dz, z Mat[T], g, beta, s, a, b float64) {
	onU := p.factor * a / s
	for j := range dx.D {
		out, dzj, zj := dx.Feature(j), dz.Feature(j), z.Feature(j)
		for i, share := range p.shares {
			u := (float64(zj[i]) - beta) / g
			out[i] = T(g/s*(float64(dzj[i])-b*share) - onU*share*u)
		}
	}
}

// Reverse undoes the normalisation with the batch's statistics, as Forward
// left them.
func (p *batchNormGradPass[T]) Reverse(x, z, _ Mat[T]) {
	for j := range x.D {
		c := j / p.layer.pixels()
		a, b, _ := p.layer.affine(c, p.mean[c], p.std[c]*p.std[c]-p.layer.eps())
		kernel.Affine(x.Feature(j), z.Feature(j), T(1/a), T(-b/a))
	}
}

func (p *batchNormGradPass[T]) Grads() [][]T { return p.grads }
