// A base of independent dimensions, each with a distribution of its own.

package distribution

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/bijou-flow/bijou/bijector"
)

// Independent is a distribution of independent dimensions, each fixed and of
// any kind:
//
//	log p(z) = sum_j log p_j(z_j)
//
// (the factorial prior of Dinh et al. 2015, arXiv 1410.8516, section 2). Its
// support is the box of the supports; outside, log p is -Inf and the gradient
// of that dimension 0. It has no parameters. A flow over it ends in a layer
// whose image is the box, such as bijector.Softplus for an exponential
// distribution, or meets rows that it cannot score.
//
// The kinds that MarginalSpec lists are saved and loaded, and may be given as
// gonum's types. A Univariate of another type cannot be saved.
//
// Draws are quantiles of uniforms, rounded to T within the support. Not all
// kinds have a mode: temperature multiplies the deviation from the median, so
// that up to 1 the draws stay within the support, and may leave it above. The
// cost is a marginal's density a value: a logarithm or two.
type Independent[T bijector.Float] struct {
	dim       int
	marginals []marginal // one for all features, or one each
}

// IndependentSpec describes an Independent.
type IndependentSpec struct {
	// Dim is the number of features.
	Dim int `json:"dim"`
	// Marginals are the distributions of the features: one for all, or one
	// for each.
	Marginals []MarginalSpec `json:"marginals"`
}

// Values is 0: nothing is saved. See registry.Sizer.
func (IndependentSpec) Values() float64 { return 0 }

// NewIndependent makes an Independent from its spec. A spec that describes no
// distribution is an ErrSpec.
func NewIndependent[T bijector.Float](s IndependentSpec) (*Independent[T], error) {
	return newIndependent[T](s.Dim, s.Marginals, newMarginal)
}

// IndependentOf makes the distribution whose feature j is distributed like
// dists[j]. What makes no distribution, such as a distuv.Weibull without a
// scale, is an ErrSpec.
func IndependentOf[T bijector.Float](dists ...Univariate) (*Independent[T], error) {
	return newIndependent[T](len(dists), dists, marginalOf)
}

func newIndependent[T bijector.Float, M any](dim int, marginals []M, of func(M) (marginal, error)) (*Independent[T], error) {
	if err := checkMarginals(dim, len(marginals)); err != nil {
		return nil, err
	}
	d := &Independent[T]{dim: dim, marginals: make([]marginal, len(marginals))}
	for j, m := range marginals {
		var err error
		if d.marginals[j], err = of(m); err != nil {
			return nil, fmt.Errorf("distribution: marginal %d: %w", j, err)
		}
		if err := checkSupport[T](d.marginals[j].lo, d.marginals[j].hi); err != nil {
			return nil, fmt.Errorf("distribution: the support of marginal %d: %w", j, err)
		}
	}
	return d, nil
}

func checkMarginals(dim, n int) error {
	if err := checkDim("product of marginals", dim); err != nil {
		return err
	}
	if n != 1 && n != dim {
		return fmt.Errorf("distribution: %d marginals for %d dimensions, want one for all or one for each: %w: %w", n, dim, bijector.ErrSpec, bijector.ErrShape)
	}
	return nil
}

// Dim is the number of features.
func (d *Independent[T]) Dim() int { return d.dim }

// ContextDim is 0: the distribution is unconditional.
func (d *Independent[T]) ContextDim() int { return 0 }

// Params is empty: marginals are fixed.
func (d *Independent[T]) Params() []bijector.Param[T] { return nil }

// Buffers is empty. The marginals are part of the spec.
func (d *Independent[T]) Buffers() []bijector.Buffer { return nil }

// Spec is the IndependentSpec, or nil where a marginal has no name.
func (d *Independent[T]) Spec() any {
	s := IndependentSpec{Dim: d.dim}
	for _, m := range d.marginals {
		if m.spec.Kind == "" {
			return nil
		}
		s.Marginals = append(s.Marginals, MarginalSpec{m.spec.Kind, slices.Clone(m.spec.Params)})
	}
	return s
}

// marginal is the marginal of feature j.
func (d *Independent[T]) marginal(j int) *marginal {
	if len(d.marginals) == 1 {
		j = 0
	}
	return &d.marginals[j]
}

// NewBasePass returns a pass that scores and draws.
func (d *Independent[T]) NewBasePass(o bijector.PassOptions) BasePass[T] {
	return newIndependentPass(d, o)
}

// NewBaseGradPass returns a pass that differentiates.
func (d *Independent[T]) NewBaseGradPass(o bijector.PassOptions) BaseGradPass[T] {
	return newIndependentPass(d, o)
}

// independentPass scores, draws and differentiates: it keeps nothing between
// calls.
type independentPass[T bijector.Float] struct {
	dist                  *Independent[T]
	workers               *bijector.Workers
	forwardFn, backwardFn func(lo, hi int)

	z, dz       bijector.Mat[T] // of the current call
	logp, dlogp []float64
}

func newIndependentPass[T bijector.Float](d *Independent[T], o bijector.PassOptions) *independentPass[T] {
	p := &independentPass[T]{dist: d, workers: o.Workers}
	p.forwardFn, p.backwardFn = p.forwardSamples, p.backwardSamples
	return p
}

// parallelSamples calls f for ranges of samples, on the workers where that pays: a value
// costs a logarithm or more.
func (p *independentPass[T]) parallelSamples(z bijector.Mat[T], f func(lo, hi int)) {
	if z.D != p.dist.dim {
		panic("distribution: batch of the wrong number of features")
	}
	if z.D*z.N < parallelThreshold/8 {
		f(0, z.N)
		return
	}
	p.workers.For(z.N, 16, f)
}

func (p *independentPass[T]) LogProb(z, _ bijector.Mat[T], logp []float64) {
	p.z, p.logp = z, logp
	p.parallelSamples(z, p.forwardFn)
}

func (p *independentPass[T]) forwardSamples(lo, hi int) {
	for j := range p.z.D {
		m := p.dist.marginal(j)
		for i, t := range p.z.Feature(j)[lo:hi] {
			p.logp[lo+i] += m.logProb(float64(t))
		}
	}
}

// LogProbFeatures is FeaturePass's.
func (p *independentPass[T]) LogProbFeatures(z bijector.Mat[T], logp bijector.Mat[float64]) {
	for j := range z.D {
		m := p.dist.marginal(j)
		for i, t := range z.Feature(j) {
			logp.Feature(j)[i] += m.logProb(float64(t))
		}
	}
}

// Sample draws sample by sample, so that fewer samples are the first of more.
func (p *independentPass[T]) Sample(rng *rand.Rand, z, _ bijector.Mat[T], temperature float64) {
	if z.D != p.dist.dim {
		panic("distribution: batch of the wrong number of features")
	}
	for i := range z.N {
		for j := range z.D {
			m := p.dist.marginal(j)
			v := m.draw(rng)
			if temperature != 1 {
				v = m.median + temperature*(v-m.median)
			}
			t := T(v)
			if temperature <= 1 { // rounding makes no draw impossible
				t = max(roundUp[T](m.lo), min(roundDown[T](m.hi), t))
			}
			z.Data[j*z.Stride+i] = t
		}
	}
}

// Backward: dz_j = dlogp d log p_j(z_j)/dz_j, and 0 outside the support.
func (p *independentPass[T]) Backward(dz, _, z, _ bijector.Mat[T], dlogp []float64) {
	p.z, p.dz, p.dlogp = z, dz, dlogp
	p.parallelSamples(z, p.backwardFn)
}

func (p *independentPass[T]) backwardSamples(lo, hi int) {
	for j := range p.z.D {
		m, d := p.dist.marginal(j), p.dz.Feature(j)[lo:hi]
		for i, t := range p.z.Feature(j)[lo:hi] {
			d[i] = 0
			if q := m.score(float64(t)); q != 0 {
				d[i] = T(p.dlogp[lo+i] * q)
			}
		}
	}
}

func (p *independentPass[T]) Grads() [][]T { return nil }
