// The passes of a location-scale distribution, forward and backward.

package distribution

import (
	"math"
	"math/rand/v2"

	"github.com/bijou-flow/bijou/bijector"
)

// standardDist is the law of u = (z-loc)/scale, dimension by dimension.
type standardDist interface {
	// loadParams takes over learned parameters of its own.
	loadParams()
	// logProb adds log p(u[i]) + shift to logp[i] in dimension j, and may
	// overwrite u.
	logProb(j int, logp, u []float64, shift float64)
	// score replaces u[i] by d log p(u[i])/du in dimension j.
	score(j int, u []float64)
	// draw returns one u of dimension j.
	draw(j int, rng *rand.Rand) float64
}

// shapeless is a standard law that is the same in every dimension.
type shapeless struct{}

func (shapeless) loadParams() {}

// parallelThreshold is the number of values from which it pays to share a batch among
// workers.
const parallelThreshold = 1 << 14

// locationScalePass computes in float64, whatever T is, since the squares of
// many features are summed.
type locationScalePass[T bijector.Float] struct {
	dist      *locationScale[T]
	standard  standardDist
	loc       []float64
	logScale  []float64
	u         []float64 // one feature of the batch, standardised
	workers   *bijector.Workers
	forwardFn func(lo, hi int)

	z    bijector.Mat[T] // of the current call
	logp []float64
}

func newLocationScalePass[T bijector.Float](d *locationScale[T], of standardDist, o bijector.PassOptions) *locationScalePass[T] {
	n := d.dim
	if checkDim("base", n) != nil {
		n = 0 // nothing of a refused size is allocated
	}
	p := &locationScalePass[T]{
		dist: d, standard: of, workers: o.Workers,
		loc: make([]float64, n), logScale: make([]float64, n), u: make([]float64, o.MaxBatch),
	}
	copy(p.loc, d.loc)
	for j, s := range d.scale {
		p.logScale[j] = math.Log(s)
	}
	p.forwardFn = p.forwardSamples
	return p
}

// loadParams takes over learned parameters.
func (p *locationScalePass[T]) loadParams() {
	p.standard.loadParams()
	for j, v := range p.dist.params.loc {
		p.loc[j] = float64(v)
	}
	for j, v := range p.dist.params.logScale {
		p.logScale[j] = float64(v)
	}
}

// scale is the scale of feature j: the spec's own where there is one, so that
// no digit is lost on the way through the logarithm.
func (p *locationScalePass[T]) scale(j int) float64 {
	if !p.dist.learned {
		if p.dist.scale == nil {
			return 1
		}
		return p.dist.scale[j]
	}
	return math.Exp(p.logScale[j])
}

// parallelSamples calls f for ranges of samples, on the workers where that pays.
func (p *locationScalePass[T]) parallelSamples(z bijector.Mat[T], f func(lo, hi int)) {
	if z.D != len(p.loc) {
		panic("distribution: batch of the wrong number of features")
	}
	if z.D*z.N < parallelThreshold {
		f(0, z.N)
		return
	}
	p.workers.For(z.N, 16, f)
}

// standardise sets u[lo:hi] for feature j.
func (p *locationScalePass[T]) standardise(j, lo, hi int) []float64 {
	u, loc, s := p.u[lo:hi], p.loc[j], p.scale(j)
	if loc == 0 && s == 1 {
		for i, v := range p.z.Feature(j)[lo:hi] {
			u[i] = float64(v)
		}
		return u
	}
	for i, v := range p.z.Feature(j)[lo:hi] {
		u[i] = (float64(v) - loc) / s
	}
	return u
}

func (p *locationScalePass[T]) LogProb(z, _ bijector.Mat[T], logp []float64) {
	p.loadParams()
	p.z, p.logp = z, logp
	p.parallelSamples(z, p.forwardFn)
}

func (p *locationScalePass[T]) forwardSamples(lo, hi int) {
	for j := range p.loc {
		p.standard.logProb(j, p.logp[lo:hi], p.standardise(j, lo, hi), -p.logScale[j])
	}
}

// LogProbFeatures is FeaturePass's.
func (p *locationScalePass[T]) LogProbFeatures(z bijector.Mat[T], logp bijector.Mat[float64]) {
	p.loadParams()
	p.z = z
	for j := range p.loc {
		p.standard.logProb(j, logp.Feature(j), p.standardise(j, 0, z.N), -p.logScale[j])
	}
}

// Sample draws sample by sample, so that fewer samples are the first of more.
func (p *locationScalePass[T]) Sample(rng *rand.Rand, z, _ bijector.Mat[T], temperature float64) {
	p.loadParams()
	for i := range z.N {
		for j := range z.D {
			z.Data[j*z.Stride+i] = T(p.standard.draw(j, rng))
		}
	}
	for j := range z.D {
		loc, s, f := p.loc[j], temperature*p.scale(j), z.Feature(j)
		for i, u := range f {
			f[i] = T(loc + s*float64(u))
		}
	}
}

type locationScaleGradPass[T bijector.Float] struct {
	*locationScalePass[T]
	dloc, dlogScale []T
	grads           [][]T
	backwardFn      func(lo, hi int)

	dz    bijector.Mat[T] // of the current call
	dlogp []float64
}

func newLocationScaleGradPass[T bijector.Float](d *locationScale[T], of standardDist, o bijector.PassOptions) *locationScaleGradPass[T] {
	p := &locationScaleGradPass[T]{locationScalePass: newLocationScalePass(d, of, o)}
	p.backwardFn = p.backwardSamples
	if d.learned {
		p.dloc, p.dlogScale = make([]T, d.dim), make([]T, d.dim)
		p.grads = [][]T{p.dloc, p.dlogScale}
	}
	return p
}

// Backward: log p(z) = sum_j log p(u_j) - log s_j with u = (z-loc)/s, and so,
// with the score q(u) = d log p(u)/du,
//
//	dz = dlogp q(u)/s,  dloc = -sum_i dz,
//	dlog s = sum_i dlogp (-u q(u) - 1) = -sum_i (dz (z-loc) + dlogp).
func (p *locationScaleGradPass[T]) Backward(dz, _, z, _ bijector.Mat[T], dlogp []float64) {
	p.loadParams()
	p.dz, p.z, p.dlogp = dz, z, dlogp
	p.parallelSamples(z, p.backwardFn)
	for j := range p.dloc {
		var sum, moment float64
		f := z.Feature(j)
		for i, g := range dz.Feature(j) {
			sum += float64(g)
			moment += float64(g)*(float64(f[i])-p.loc[j]) + dlogp[i]
		}
		p.dloc[j] -= T(sum)
		p.dlogScale[j] -= T(moment)
	}
}

func (p *locationScaleGradPass[T]) backwardSamples(lo, hi int) {
	for j := range p.loc {
		u, s, d := p.standardise(j, lo, hi), p.scale(j), p.dz.Feature(j)[lo:hi]
		p.standard.score(j, u)
		for i, q := range u {
			d[i] = T(p.dlogp[lo+i] * q / s)
		}
	}
}

func (p *locationScaleGradPass[T]) Grads() [][]T { return p.grads }
