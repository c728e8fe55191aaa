package bijector

// Batch norm in training: statistics of the batch, and the gradient through
// them.

import (
	"math"

	"github.com/bijou-flow/bijou/internal/kernel"
)

// batchNormGradPass keeps three numbers a feature between Forward and Backward.
type batchNormGradPass[T Float] struct {
	layer             *BatchNorm[T]
	workers           *Workers
	mean, std         []float64 // of the batch; std is sqrt(var + eps)
	logA              []float64
	dLogGamma, dBeta  []T
	grads             [][]T
	z, x, dx, dz      Mat[T] // arguments of the current call
	total             float64
	forward, backward func(lo, hi int)
}

func newBatchNormGradPass[T Float](b *BatchNorm[T], o PassOptions) *batchNormGradPass[T] {
	d := b.spec.Dim
	p := &batchNormGradPass[T]{
		layer:     b,
		workers:   o.Workers,
		mean:      make([]float64, d),
		std:       make([]float64, d),
		logA:      make([]float64, d),
		dLogGamma: make([]T, d),
		dBeta:     make([]T, d),
	}
	p.grads = [][]T{p.dLogGamma, p.dBeta}
	p.forward, p.backward = p.forwardFeatures, p.backwardFeatures
	return p
}

func (p *batchNormGradPass[T]) Forward(z, x, _ Mat[T], logDet []float64) {
	p.z, p.x = z, x
	share(p.workers, x, p.forward)
	addConstant(logDet, kernel.Sum(p.logA))
}

func (p *batchNormGradPass[T]) forwardFeatures(lo, hi int) {
	for j := lo; j < hi; j++ {
		x := p.x.Feature(j)
		mean, variance := p.layer.statistics(x)
		a, b, logA := p.layer.affine(j, mean, variance)
		p.mean[j], p.std[j], p.logA[j] = mean, math.Sqrt(variance+p.layer.eps()), logA
		kernel.Affine(p.z.Feature(j), x, T(a), T(b))
	}
}

// Backward, for one feature of n samples with deviations e_i = x_i - mean and
// divisor m (n or n-1):
//
//	s = sqrt(sum e^2/m + eps),  u_i = e_i/s,  z_i = g u_i + beta,  g = exp(log_gamma)
//	ds/dx_i = e_i/(m s) = u_i/m,  as sum e = 0
//	du_k/dx_i = ([i=k] - 1/n)/s - u_k u_i/(m s)
//	d(log g - log s)/dx_i = -u_i/(m s), in the log-det of every sample.
//
// With D = sum_i dLogDet_i, B = sum_i dz_i and A = g sum_i dz_i u_i + D,
//
//	dbeta = B,  dlog_gamma = A,  dx_i = (g dz_i - g B/n - u_i A/m)/s.
//
// u is read back from z, u = (z - beta)/g: z is near 1 in size, while x may
// have a mean beside which its deviations lose their digits.
func (p *batchNormGradPass[T]) Backward(dx, _, dz, x, z, _ Mat[T], dLogDet []float64) {
	p.dx, p.dz, p.z = dx, dz, z
	p.total = kernel.Sum(dLogDet)
	share(p.workers, x, p.backward)
}

func (p *batchNormGradPass[T]) backwardFeatures(lo, hi int) {
	n := float64(p.z.N)
	m := p.layer.divisor(p.z.N)
	for j := lo; j < hi; j++ {
		dz, z := p.dz.Feature(j), p.z.Feature(j)
		g, beta, s := math.Exp(float64(p.layer.logGamma[j])), float64(p.layer.beta[j]), p.std[j]
		b := kernel.Sum(dz)
		a := kernel.Dot(dz, z) - beta*b + p.total
		p.dBeta[j] += T(b)
		p.dLogGamma[j] += T(a)
		onZ := -a / (m * g * s)
		// Last: dx may be dz.
		kernel.Combine(p.dx.Feature(j), dz, z, T(g/s), T(onZ), T(-g*b/(n*s)-onZ*beta))
	}
}

// Reverse undoes the normalisation with the batch's statistics, as Forward
// left them.
func (p *batchNormGradPass[T]) Reverse(x, z, _ Mat[T]) {
	for j := range x.D {
		a, b, _ := p.layer.affine(j, p.mean[j], p.std[j]*p.std[j]-p.layer.eps())
		kernel.Affine(x.Feature(j), z.Feature(j), T(1/a), T(-b/a))
	}
}

func (p *batchNormGradPass[T]) Grads() [][]T { return p.grads }
