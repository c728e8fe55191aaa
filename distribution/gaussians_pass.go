// The pass of a mixture that scores and draws.

package distribution

import (
	"math"
	"math/rand/v2"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/kernel"
	"github.com/bijou-flow/bijou/internal/rows"
)

// gaussiansPass computes in float64, whatever T is.
type gaussiansPass[T bijector.Float] struct {
	dist      *gaussians[T]
	weight    []float64 // of a component within its class
	constant  []float64 // of a component's log-density, its weight included
	inv       []float64 // 1/scale
	workers   *bijector.Workers
	forwardFn func(lo, hi int)

	joint   bijector.Mat[float64] // log(weight) + log N(z), a row a component
	prior   bijector.Mat[float64] // log of the class's weight, a row a class
	term    []float64
	maxTerm []float64
	total   []float64             // log p(z)
	prob    []float64             // of each class, for one draw
	u       bijector.Mat[float64] // of full covariances: what one component makes of the samples
	noise   []float64             // and one draw's

	z, cond bijector.Mat[T] // of the current call
	logp    []float64
}

func newGaussiansPass[T bijector.Float](g *gaussians[T], o bijector.PassOptions) *gaussiansPass[T] {
	n := g.classes * g.components
	p := &gaussiansPass[T]{
		dist: g, workers: o.Workers,
		weight: make([]float64, n), constant: make([]float64, n), inv: make([]float64, len(g.loc)),
		joint: bijector.NewMat[float64](n, o.MaxBatch),
		term:  make([]float64, o.MaxBatch), maxTerm: make([]float64, o.MaxBatch), total: make([]float64, o.MaxBatch),
		prob: make([]float64, g.classes),
	}
	if g.conditional {
		p.prior = bijector.NewMat[float64](g.classes, o.MaxBatch)
	}
	if g.lower != nil {
		p.u, p.noise = bijector.NewMat[float64](g.dim, o.MaxBatch), make([]float64, g.dim)
	}
	p.forwardFn = p.forwardSamples
	return p
}

// loadParams takes over the parameters.
func (p *gaussiansPass[T]) loadParams() {
	g := p.dist
	for i, v := range g.logScale {
		p.inv[i] = -float64(v)
	}
	for m := range p.constant {
		sum := -float64(g.dim) * halfLog2Pi
		for _, v := range p.inv[m*g.dim:][:g.dim] {
			sum += v
		}
		p.constant[m] = sum
	}
	kernel.Exp(p.inv, p.inv)
	for m := range p.weight {
		p.weight[m] = 1
	}
	for lo := 0; lo < len(g.logits); lo += g.components {
		logits, top, sum := g.logits[lo:][:g.components], math.Inf(-1), 0.0
		for _, v := range logits {
			top = max(top, float64(v))
		}
		for _, v := range logits {
			sum += math.Exp(float64(v) - top)
		}
		for k, v := range logits {
			p.weight[lo+k] = math.Exp(float64(v)-top) / sum
			p.constant[lo+k] += float64(v) - top - math.Log(sum)
		}
	}
}

// setBatch takes over a batch and its context.
func (p *gaussiansPass[T]) setBatch(z, cond bijector.Mat[T]) {
	if z.D != p.dist.dim {
		panic("distribution: batch of the wrong number of features")
	}
	if p.dist.conditional && cond.D != p.dist.classes {
		panic("distribution: context of the wrong number of classes")
	}
	p.z, p.cond = z, cond
	p.joint = p.joint.Resize(z.N)
	if p.dist.conditional {
		p.prior = p.prior.Resize(z.N)
	}
	if p.dist.lower != nil {
		p.u = p.u.Resize(z.N)
	}
}

// parallelSamples calls f for ranges of samples, on the workers where that pays.
func (p *gaussiansPass[T]) parallelSamples(f func(lo, hi int)) {
	if (len(p.inv)+len(p.dist.lower))*p.z.N < parallelThreshold {
		f(0, p.z.N)
		return
	}
	p.workers.For(p.z.N, 16, f)
}

func (p *gaussiansPass[T]) LogProb(z, cond bijector.Mat[T], logp []float64) {
	p.setBatch(z, cond)
	p.loadParams()
	p.logp = logp
	p.parallelSamples(p.forwardFn)
}

// forwardSamples adds the logarithm of sum_m exp(prior_m + joint_m), with the
// largest exponent taken out.
func (p *gaussiansPass[T]) forwardSamples(lo, hi int) {
	top, total, term := p.maxTerm[lo:hi], p.total[lo:hi], p.term[lo:hi]
	p.computePrior(lo, hi)
	for i := range top {
		top[i], total[i] = math.Inf(-1), 0
	}
	for m := range p.constant {
		p.computeJoint(m, lo, hi)
		prior := p.priorOf(m, lo, hi)
		for i, v := range p.joint.Feature(m)[lo:hi] {
			if prior != nil {
				v += prior[i]
			}
			top[i] = max(top[i], v)
		}
	}
	for i, v := range top {
		if math.IsInf(v, -1) {
			top[i] = 0 // of a sample that no component reaches
		}
	}
	for m := range p.constant {
		p.expTerms(term, m, lo, hi, top)
		kernel.AddTo(total, term)
	}
	for i, v := range total {
		total[i] = top[i] + math.Log(v)
		p.logp[lo+i] += total[i]
	}
}

// computeJoint sets joint for component m.
func (p *gaussiansPass[T]) computeJoint(m, lo, hi int) {
	q, d := p.joint.Feature(m)[lo:hi], p.dist.dim
	clear(q)
	if p.dist.lower != nil {
		p.addSquares(q, m, lo, hi)
		d = 0
	}
	for j := range d {
		loc, inv := float64(p.dist.loc[m*d+j]), p.inv[m*d+j]
		for i, v := range p.z.Feature(j)[lo:hi] {
			u := (float64(v) - loc) * inv
			q[i] += u * u
		}
	}
	for i, v := range q {
		q[i] = p.constant[m] - 0.5*v
	}
}

// expTerms sets dst to exp(prior_m + joint_m - from).
func (p *gaussiansPass[T]) expTerms(dst []float64, m, lo, hi int, from []float64) {
	for i, v := range p.joint.Feature(m)[lo:hi] {
		dst[i] = v - from[i]
	}
	if prior := p.priorOf(m, lo, hi); prior != nil {
		kernel.AddTo(dst, prior)
	}
	kernel.Exp(dst, dst)
}

// priorOf is the log-weight of component m's class, nil for 0.
func (p *gaussiansPass[T]) priorOf(m, lo, hi int) []float64 {
	if !p.dist.conditional {
		return nil
	}
	return p.prior.Feature(m / p.dist.components)[lo:hi]
}

// computePrior sets prior to log(c_i / sum c): NaN for a context that is no
// weighting.
func (p *gaussiansPass[T]) computePrior(lo, hi int) {
	if !p.dist.conditional {
		return
	}
	for i := lo; i < hi; i++ {
		shift := math.Log(p.contextSum(i))
		for c := range p.cond.D {
			p.prior.Feature(c)[i] = math.Log(float64(p.cond.Feature(c)[i])) - shift
		}
	}
}

// contextSum is the sum of sample i's class weights, and NaN where one is
// negative or all are 0.
func (p *gaussiansPass[T]) contextSum(i int) (sum float64) {
	for c := range p.cond.D {
		v := float64(p.cond.Feature(c)[i])
		if v < 0 {
			return math.NaN()
		}
		sum += v
	}
	if sum == 0 {
		return math.NaN()
	}
	return sum
}

// Sample draws sample by sample, so that fewer samples are the first of more:
// the class, the component, the features.
func (p *gaussiansPass[T]) Sample(rng *rand.Rand, z, cond bijector.Mat[T], temperature float64) {
	p.setBatch(z, cond)
	p.loadParams()
	d, k := p.dist.dim, p.dist.components
	for i := range z.N {
		c := 0
		if p.dist.conditional {
			sum := p.contextSum(i)
			for c := range p.prob {
				p.prob[c] = float64(cond.Feature(c)[i]) / sum
			}
			c = sampleCategorical(p.prob, rng)
		}
		if c < 0 {
			rows.Features[T](z).Fill(i, T(math.NaN()))
			continue
		}
		m := c*k + sampleCategorical(p.weight[c*k:][:k], rng)
		if p.dist.lower != nil {
			p.drawFull(rng, z, m, i, temperature)
			continue
		}
		for j := range d {
			z.Data[j*z.Stride+i] = T(float64(p.dist.loc[m*d+j]) + temperature*rng.NormFloat64()/p.inv[m*d+j])
		}
	}
}

// sampleCategorical draws an index with the given probabilities, and -1 where they are
// none. One index costs no randomness.
func sampleCategorical(prob []float64, rng *rand.Rand) int {
	last, u := -1, 0.0
	if len(prob) > 1 {
		u = rng.Float64()
	}
	for i, v := range prob {
		if v > 0 {
			last = i
		}
		if u -= v; u < 0 {
			return i
		}
	}
	return last // rounding left u at 0
}
