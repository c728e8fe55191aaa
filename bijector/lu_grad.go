// LU in training.

package bijector

import "github.com/bijou-flow/bijou/internal/kernel"

// NewGradPass returns a training pass. It is no Reverser: in float32, two
// solves a layer would add up over a deep chain.
func (l *LU[T]) NewGradPass(o PassOptions) GradPass[T] {
	d := l.spec.Dim
	p := &luGradPass[T]{
		layer: l, workers: o.Workers, y: Activations[T](o, l.Dim()), dy: NewMat[T](l.Dim(), o.MaxBatch),
		upper: kernel.Make[T](d * d), lower: kernel.Make[T](d * d), product: kernel.Make[T](d * d),
		xt: kernel.Make[T](l.Dim() * o.MaxBatch), yt: kernel.Make[T](l.Dim() * o.MaxBatch),
		dFactors: make([]T, d*d), dBias: make([]T, d),
	}
	p.grads = [][]T{p.dFactors, p.dBias}
	p.forwardFn, p.hiddenGradFn, p.weightGradFn, p.inputGradFn = p.forwardSamples, p.hiddenSamples, p.weightRows, p.inputSamples
	return p
}

type luGradPass[T Float] struct {
	layer                     *LU[T]
	workers                   *Workers
	upper, lower              []T    // U and P L of the latest Forward
	y, dy                     Mat[T] // y = U x
	xt, yt                    []T    // x and y, pixel after pixel, a sample a row
	product                   []T    // gradients of the dense matrices
	dFactors, dBias           []T
	grads                     [][]T
	z, x, dx, dz              Mat[T]
	sumDLogDet                float64 // sum of dLogDet over the batch
	forwardFn, hiddenGradFn   func(lo, hi int)
	weightGradFn, inputGradFn func(lo, hi int)
}

func (p *luGradPass[T]) Forward(z, x, _ Mat[T], logDet []float64) {
	p.layer.denseFactors(p.upper, p.lower)
	p.z, p.x = z, x
	p.layer.parallelSamples(p.workers, x.N, p.forwardFn)
	addConstant(logDet, p.layer.logDet())
}

func (p *luGradPass[T]) forwardSamples(lo, hi int) {
	d := p.layer.spec.Dim
	y := p.y.Resize(p.x.N).Samples(lo, hi)
	p.layer.multiply(y, p.upper, d, 1, p.x.Samples(lo, hi), nil)
	p.layer.multiply(p.z.Samples(lo, hi), p.lower, d, 1, y, p.layer.bias)
}

// Backward. With y = U x, z = A y + b and A = P L, whose row i is row p_i of L,
//
//	db = sum dz           dA = dz y^T,  dL_{p_i,j} = dA_ij for j < p_i
//	dy = A^T dz           dU = dy x^T for entries above the diagonal
//	dx = U^T dy           ds_k = (dy x^T)_kk exp(s_k) + sum_i dLogDet_i,
//
// the last since U_kk = exp(s_k) and each sample's log-det has the term s_k,
// once for each pixel. Each pixel adds its own terms to the others' gradients.
// dx comes after dA, since dx may be dz.
func (p *luGradPass[T]) Backward(dx, _, dz, x, _, _ Mat[T], dLogDet []float64) {
	p.dx, p.dz, p.x, p.sumDLogDet = dx, dz, x, float64(p.layer.pixels)*kernel.Sum(dLogDet)
	p.layer.parallelSamples(p.workers, x.N, p.hiddenGradFn)
	if d := p.layer.spec.Dim; p.layer.multiplyAdds(x.N) > luParallelThreshold {
		p.workers.For(d, 1, p.weightGradFn)
	} else if x.N > 0 {
		p.weightGradFn(0, d)
	}
	p.layer.parallelSamples(p.workers, x.N, p.inputGradFn)
}

func (p *luGradPass[T]) hiddenSamples(lo, hi int) {
	d := p.layer.spec.Dim
	x, y := p.x.Samples(lo, hi), p.y.Resize(p.x.N).Samples(lo, hi)
	p.layer.multiply(p.dy.Resize(p.x.N).Samples(lo, hi), p.lower, 1, d, p.dz.Samples(lo, hi), nil)
	for q := range p.layer.pixels {
		at, xq, yq := (q*p.x.N+lo)*d, p.layer.pixel(x, q), p.layer.pixel(y, q)
		kernel.Transpose(d, hi-lo, xq.Data, xq.Stride, p.xt[at:], d)
		kernel.Transpose(d, hi-lo, yq.Data, yq.Stride, p.yt[at:], d)
	}
}

func (p *luGradPass[T]) inputSamples(lo, hi int) {
	p.layer.multiply(p.dx.Samples(lo, hi), p.upper, 1, p.layer.spec.Dim, p.dy.Resize(p.x.N).Samples(lo, hi), nil)
}

// weightRows does rows lo to hi of dA, and then of dU. Rows of dA belong to
// other rows of the factors, but to their lower triangle, so that no two
// workers write one entry.
func (p *luGradPass[T]) weightRows(lo, hi int) {
	d := p.layer.spec.Dim
	p.outerProduct(p.dz, p.yt, lo, hi)
	for i := lo; i < hi; i++ {
		k := p.layer.order.order[i]
		kernel.AddTo(p.dFactors[k*d:k*d+k], p.product[i*d:i*d+k])
		p.dBias[i] += T(sum(channel(p.dz, i, p.layer.pixels)))
	}
	p.outerProduct(p.dy.Resize(p.x.N), p.xt, lo, hi)
	for k := lo; k < hi; k++ {
		kernel.AddTo(p.dFactors[k*d+k+1:(k+1)*d], p.product[k*d+k+1:(k+1)*d])
		p.dFactors[k*d+k] += T(float64(p.product[k*d+k])*float64(p.upper[k*d+k]) + p.sumDLogDet)
	}
}

// outerProduct sets rows lo to hi of the product to those of g v, for v with a sample
// a row.
func (p *luGradPass[T]) outerProduct(g Mat[T], v []T, lo, hi int) {
	d := p.layer.spec.Dim
	for q := range p.layer.pixels {
		e := kernel.Epilogue[T]{}
		if q > 0 {
			e.Mode = kernel.Add
		}
		gq := p.layer.pixel(g, q)
		kernel.Gemm(hi-lo, d, g.N, gq.Data[lo*gq.Stride:], gq.Stride, 1, v[q*g.N*d:], d, p.product[lo*d:], d, e)
	}
}

func (p *luGradPass[T]) Grads() [][]T { return p.grads }
