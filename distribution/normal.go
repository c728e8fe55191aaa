// The normal base distribution.

package distribution

import (
	"math/rand/v2"
	"slices"

	"github.com/bijou-flow/bijou/bijector"
)

// Normal is a normal distribution of independent dimensions, with location
// (mean) and scale (standard deviation) of each:
//
//	log p(z) = sum_j -u_j^2/2 - log(2 pi)/2 - log s_j,  u = (z-loc)/s,
//
// the standard one of which is the customary latent (Dinh et al. 2015, arXiv
// 1410.8516, section 3.4; 2017, arXiv 1605.08803, section 4.1). The support is
// the whole space; far from the mode the log-density is finite as long as u^2
// is. Its gradient, -u/s, grows without bounds: outliers pull the most.
//
// A draw is loc + scale u, with u from math/rand/v2's ziggurat; temperature
// multiplies u. The cost is a few products a value, and no function.
type Normal[T bijector.Float] struct {
	spec NormalSpec
	locationScale[T]
}

// NormalSpec describes a Normal.
type NormalSpec struct {
	// Dim is the number of features.
	Dim int `json:"dim"`
	// Loc is the location of each feature; none means 0.
	Loc []float64 `json:"loc,omitempty"`
	// Scale is the scale of each feature, positive; none means 1.
	Scale []float64 `json:"scale,omitempty"`
	// Learned makes location and log-scale parameters, which start from Loc
	// and Scale. Otherwise they stay what they are.
	Learned bool `json:"learned,omitempty"`
}

// clone copies what a caller could still write to.
func (s NormalSpec) clone() NormalSpec {
	s.Loc, s.Scale = slices.Clone(s.Loc), slices.Clone(s.Scale)
	return s
}

// NewNormal returns the standard normal of dim features. A dim below 1 makes
// none: Validate, and every method of a Flow over it, say so.
func NewNormal[T bijector.Float](dim int) *Normal[T] {
	n, _ := NormalOf[T](NormalSpec{Dim: dim})
	return n
}

// NormalOf makes a Normal from its spec. A spec that describes none is an
// ErrSpec; the Normal returned beside it answers every use with that error.
func NormalOf[T bijector.Float](s NormalSpec) (*Normal[T], error) {
	n := &Normal[T]{spec: s.clone(), locationScale: newLocationScale[T]("normal", s)}
	return n, n.err
}

// Spec is the NormalSpec. That of a learned one holds the values it started
// from; the present ones are its Params.
func (n *Normal[T]) Spec() any { return n.spec.clone() }

// NewBasePass returns a pass that scores and draws.
func (n *Normal[T]) NewBasePass(o bijector.PassOptions) BasePass[T] {
	return newLocationScalePass(&n.locationScale, standardNormal{}, o)
}

// NewBaseGradPass returns a pass that differentiates.
func (n *Normal[T]) NewBaseGradPass(o bijector.PassOptions) BaseGradPass[T] {
	return newLocationScaleGradPass(&n.locationScale, standardNormal{}, o)
}

type standardNormal struct{ unshaped }

func (standardNormal) logProb(_ int, logp, u []float64, shift float64) {
	shift -= halfLog2Pi
	for i, v := range u {
		logp[i] += shift - 0.5*v*v
	}
}

// score: d/du (-u^2/2) = -u.
func (standardNormal) score(_ int, u []float64) {
	for i, v := range u {
		u[i] = -v
	}
}

func (standardNormal) draw(_ int, rng *rand.Rand) float64 { return rng.NormFloat64() }
