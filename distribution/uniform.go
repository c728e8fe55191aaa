// The uniform base distribution on a box.

package distribution

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/rows"
)

// Uniform is the uniform distribution on a box, bounds included:
//
//	log p(z) = -sum_j log(hi_j-lo_j)  where lo_j <= z_j <= hi_j for all j,
//
// and -Inf elsewhere: the support is the box (the latent of Mueller et al.
// 2019, arXiv 1808.03856, whose couplings map the unit box to itself). It has
// no parameters, and its gradient is 0 on either side of the bounds: nothing
// tells a layer to come back into the box. So a flow over it ends in a layer
// whose image is the box, such as bijector.Sigmoid for the unit box, which is
// the default.
//
// The cost is two comparisons a value. A draw is lo + (hi-lo) u, with a
// uniform u, rounded to T within the box. No point of the box is likelier than
// another: temperature moves draws towards its centre, and above 1 out of it.
type Uniform[T bijector.Float] struct {
	spec      UniformSpec
	logVolume float64 // its logarithm
}

// UniformSpec describes a Uniform.
type UniformSpec struct {
	// Dim is the number of features.
	Dim int `json:"dim"`
	// Lo is the lower bound of each feature; none means 0.
	Lo []float64 `json:"lo,omitempty"`
	// Hi is the upper bound of each feature, above the lower one; none means 1.
	Hi []float64 `json:"hi,omitempty"`
}

// Values is 0: nothing is saved. See registry.Sizer.
func (UniformSpec) Values() float64 { return 0 }

func (s UniformSpec) clone() UniformSpec {
	s.Lo, s.Hi = slices.Clone(s.Lo), slices.Clone(s.Hi)
	return s
}

// bounds of feature j.
func (s *UniformSpec) bounds(j int) (lo, hi float64) {
	hi = 1
	if len(s.Lo) > 0 {
		lo = s.Lo[j]
	}
	if len(s.Hi) > 0 {
		hi = s.Hi[j]
	}
	return lo, hi
}

// NewUniform makes a Uniform from its spec. A spec that describes no
// distribution is an ErrSpec.
func NewUniform[T bijector.Float](s UniformSpec) (*Uniform[T], error) {
	if err := checkUniform[T](s); err != nil {
		return nil, err
	}
	u := &Uniform[T]{spec: s.clone()}
	if len(s.Lo)+len(s.Hi) > 0 {
		for j := range s.Dim {
			lo, hi := s.bounds(j)
			u.logVolume += math.Log(hi - lo)
		}
	}
	return u, nil
}

func checkUniform[T bijector.Float](s UniformSpec) error {
	if err := checkDim("uniform", s.Dim); err != nil {
		return err
	}
	if n := len(s.Lo); n != 0 && n != s.Dim {
		return fmt.Errorf("distribution: a uniform of %d dimensions with %d lower bounds, want %d, or none for 0: %w: %w", s.Dim, n, s.Dim, bijector.ErrSpec, bijector.ErrShape)
	}
	if n := len(s.Hi); n != 0 && n != s.Dim {
		return fmt.Errorf("distribution: a uniform of %d dimensions with %d upper bounds, want %d, or none for 1: %w: %w", s.Dim, n, s.Dim, bijector.ErrSpec, bijector.ErrShape)
	}
	if len(s.Lo)+len(s.Hi) == 0 {
		return nil
	}
	for j := range s.Dim {
		lo, hi := s.bounds(j)
		if !(hi-lo > 0) || !rows.IsFinite(hi-lo) {
			return fmt.Errorf("distribution: bounds %d of a uniform are %v and %v, want finite ones with the lower first, whose difference is finite: %w", j, lo, hi, bijector.ErrSpec)
		}
		if err := checkSupport[T](lo, hi); err != nil {
			return fmt.Errorf("distribution: bounds %d of a uniform: %w", j, err)
		}
	}
	return nil
}

// checkSupport returns an ErrSpec where T holds fewer than two values from lo
// to hi.
func checkSupport[T bijector.Float](lo, hi float64) error {
	if a, b := roundUp[T](lo), roundDown[T](hi); !(a < b) {
		return fmt.Errorf("%T holds fewer than two values from %v to %v: %w", a, lo, hi, bijector.ErrSpec)
	}
	return nil
}

// roundUp is the smallest T that is at least v.
func roundUp[T bijector.Float](v float64) T {
	t := T(v)
	if float64(t) < v { // only where T is float32
		t = T(math.Nextafter32(float32(t), float32(math.Inf(1))))
	}
	return t
}

// roundDown is the largest T that is at most v.
func roundDown[T bijector.Float](v float64) T { return -roundUp[T](-v) }

// Dim is the number of features.
func (u *Uniform[T]) Dim() int { return u.spec.Dim }

// ContextDim is 0: the distribution is unconditional.
func (u *Uniform[T]) ContextDim() int { return 0 }

// Params is empty: bounds are fixed.
func (u *Uniform[T]) Params() []bijector.Param[T] { return nil }

// Buffers is empty. The bounds are part of the spec.
func (u *Uniform[T]) Buffers() []bijector.Buffer { return nil }

// Spec is the UniformSpec.
func (u *Uniform[T]) Spec() any { return u.spec.clone() }

// NewBasePass returns a pass that scores and draws.
func (u *Uniform[T]) NewBasePass(bijector.PassOptions) BasePass[T] { return uniformPass[T]{u} }

// NewBaseGradPass returns a pass that differentiates.
func (u *Uniform[T]) NewBaseGradPass(bijector.PassOptions) BaseGradPass[T] { return uniformPass[T]{u} }

// uniformPass needs no buffers.
type uniformPass[T bijector.Float] struct{ dist *Uniform[T] }

func (p uniformPass[T]) check(z bijector.Mat[T]) {
	if z.D != p.dist.spec.Dim {
		panic("distribution: batch of the wrong number of features")
	}
}

func (p uniformPass[T]) LogProb(z, _ bijector.Mat[T], logp []float64) {
	p.check(z)
	for i := range logp {
		logp[i] -= p.dist.logVolume
	}
	for j := range z.D {
		lo, hi := p.dist.spec.bounds(j)
		for i, t := range z.Feature(j) {
			if v := float64(t); v < lo || v > hi {
				logp[i] += math.Inf(-1)
			} else if v != v {
				logp[i] += v
			}
		}
	}
}

// LogProbFeatures is FeaturePass's.
func (p uniformPass[T]) LogProbFeatures(z bijector.Mat[T], logp bijector.Mat[float64]) {
	p.check(z)
	for j := range z.D {
		lo, hi := p.dist.spec.bounds(j)
		out := logp.Feature(j)
		for i, t := range z.Feature(j) {
			out[i] -= math.Log(hi - lo)
			if v := float64(t); v < lo || v > hi {
				out[i] = math.Inf(-1)
			}
		}
	}
}

// Sample draws sample by sample, so that fewer samples are the first of more.
func (p uniformPass[T]) Sample(rng *rand.Rand, z, _ bijector.Mat[T], temperature float64) {
	p.check(z)
	for i := range z.N {
		for j := range z.D {
			lo, hi := p.dist.spec.bounds(j)
			v := lo + (hi-lo)*(0.5+temperature*(rng.Float64()-0.5))
			t := T(v)
			if temperature <= 1 { // rounding makes no draw impossible
				t = max(roundUp[T](lo), min(roundDown[T](hi), t))
			}
			z.Data[j*z.Stride+i] = t
		}
	}
}

// Backward: the log-density is constant but for jumps.
func (p uniformPass[T]) Backward(dz, _, _, _ bijector.Mat[T], _ []float64) { dz.Zero() }

func (p uniformPass[T]) Grads() [][]T { return nil }
