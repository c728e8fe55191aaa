// The pass of a mixture that differentiates.

package distribution

import (
	"math"

	"github.com/bijou-flow/bijou/bijector"
)

type gaussiansGradPass[T bijector.Float] struct {
	*gaussiansPass[T]
	resp                      bijector.Mat[float64] // responsibilities, a row a component
	respSum                   []float64             // sum_i dlogp_i resp_i of each component
	dlogits, dloc, dlogScale  []T
	grads                     [][]T
	sampleGradFn, paramGradFn func(lo, hi int)

	dlower []T                   // of full covariances
	full   []fullGradients       // of each component
	sum    bijector.Mat[float64] // over the components, a row a feature

	dz, dcond bijector.Mat[T] // of the current call
	dlogp     []float64
}

func newGaussiansGradPass[T bijector.Float](g *gaussians[T], o bijector.PassOptions) *gaussiansGradPass[T] {
	p := &gaussiansGradPass[T]{gaussiansPass: newGaussiansPass(g, o)}
	n := len(p.weight)
	p.resp, p.respSum = bijector.NewMat[float64](n, o.MaxBatch), make([]float64, n)
	p.sampleGradFn, p.paramGradFn = p.backwardSamples, p.backwardParameters
	if g.logits != nil {
		p.dlogits = make([]T, n)
		p.grads = append(p.grads, p.dlogits)
	}
	p.dloc, p.dlogScale = make([]T, len(g.loc)), make([]T, len(g.loc))
	p.grads = append(p.grads, p.dloc, p.dlogScale)
	if g.lower != nil {
		p.dlower, p.sum = make([]T, len(g.lower)), bijector.NewMat[float64](g.dim, o.MaxBatch)
		p.grads = append(p.grads, p.dlower)
		for range n {
			p.full = append(p.full, newFullGradients(g.dim))
		}
	}
	return p
}

// Backward: with a_c the class weights of a sample, S their sum, w_m a
// component's weight within its class, u = (z-loc)/s, and the responsibility
// r_m = (a_c/S) w_m N_m(z) / p(z),
//
//	dz = -dlogp sum_m r_m u_m/s_m,
//	dloc_m = sum_i dlogp r_m u_m/s_m,  dlog s_m = sum_i dlogp r_m (u_m^2-1),
//	dlogit_m = M_m - w_m sum_{k in class} M_k,  M_m = sum_i dlogp r_m,
//	da_c = dlogp (p_c(z)/p(z) - 1)/S,  p_c = sum_{m in c} w_m N_m.
//
// Those of full covariances are in backwardFull.
func (p *gaussiansGradPass[T]) Backward(dz, dcond, z, cond bijector.Mat[T], dlogp []float64) {
	p.setBatch(z, cond)
	p.resp = p.resp.Resize(z.N)
	if p.full != nil {
		p.sum = p.sum.Resize(z.N)
	}
	p.dz, p.dcond, p.dlogp = dz, dcond, dlogp
	p.parallelSamples(p.sampleGradFn)
	p.workers.For(len(p.respSum), 1, p.paramGradFn)
	k := p.dist.components
	for lo := 0; lo < len(p.dlogits); lo += k {
		sum := 0.0
		for _, v := range p.respSum[lo:][:k] {
			sum += v
		}
		for m := lo; m < lo+k; m++ {
			p.dlogits[m] += T(p.respSum[m] - p.weight[m]*sum)
		}
	}
}

// backwardSamples sets the responsibilities and the gradients that are a
// sample's own. A sample that no component reaches has none.
func (p *gaussiansGradPass[T]) backwardSamples(lo, hi int) {
	total, d := p.total[lo:hi], p.dist.dim
	for m := range p.respSum {
		r := p.resp.Feature(m)[lo:hi]
		p.expTerms(r, m, lo, hi, total)
		for i, v := range total {
			if math.IsInf(v, -1) {
				r[i] = 0
			}
		}
	}
	if p.full != nil {
		p.subScores(lo, hi)
		d = 0
	}
	for j := range d {
		sum, f := p.term[lo:hi], p.z.Feature(j)[lo:hi]
		clear(sum)
		for m := range p.respSum {
			loc, inv := float64(p.dist.loc[m*d+j]), p.inv[m*d+j]
			for i, r := range p.resp.Feature(m)[lo:hi] {
				sum[i] -= r * ((float64(f[i]) - loc) * inv * inv)
			}
		}
		out := p.dz.Feature(j)[lo:hi]
		for i, v := range sum {
			out[i] = T(p.dlogp[lo+i] * v)
		}
	}
	if p.dist.conditional && !p.dcond.Empty() {
		p.backwardContext(lo, hi)
	}
}

// maxLogRatio bounds the logarithm of p_c(z)/p(z), so that the gradient of a
// class that was excluded and fits far better stays finite in T.
const maxLogRatio = 80

func (p *gaussiansGradPass[T]) backwardContext(lo, hi int) {
	for i := lo; i < hi; i++ {
		scale := p.dlogp[i] / p.contextSum(i)
		for c := range p.dcond.D {
			ratio := 0.0
			for m := c * p.dist.components; m < (c+1)*p.dist.components && !math.IsInf(p.total[i], -1); m++ {
				ratio += math.Exp(min(p.joint.Feature(m)[i]-p.total[i], maxLogRatio))
			}
			p.dcond.Feature(c)[i] += T(scale * (ratio - 1))
		}
	}
}

// backwardParameters sums over the samples, for components lo to hi.
func (p *gaussiansGradPass[T]) backwardParameters(lo, hi int) {
	d := p.dist.dim
	for m := lo; m < hi; m++ {
		r := p.resp.Feature(m)
		mass := 0.0
		for i, g := range p.dlogp {
			mass += g * r[i]
		}
		p.respSum[m] = mass
		if p.full != nil {
			p.backwardFull(m)
			continue
		}
		for j := range d {
			loc, inv := float64(p.dist.loc[m*d+j]), p.inv[m*d+j]
			var sum, moment float64
			for i, v := range p.z.Feature(j) {
				if g := p.dlogp[i] * r[i]; g != 0 { // u may overflow where r is 0
					u := (float64(v) - loc) * inv
					sum += g * u
					moment += g * (u*u - 1)
				}
			}
			p.dloc[m*d+j] += T(sum * inv)
			p.dlogScale[m*d+j] += T(moment)
		}
	}
}

func (p *gaussiansGradPass[T]) Grads() [][]T { return p.grads }
