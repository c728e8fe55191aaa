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

// NewNormal makes a Normal from its spec. A spec that describes no
// distribution is an ErrSpec.
func NewNormal[T bijector.Float](s NormalSpec) (*Normal[T], error) {
	d, err := newLocationScale[T]("normal", s)
	if err != nil {
		return nil, err
	}
	return &Normal[T]{spec: s.clone(), locationScale: d}, nil
}

// StandardNormal is the normal of dim features with mean 0 and deviation 1,
// fixed: NewNormal of NormalSpec{Dim: dim}, short enough to stand in the call
// that makes a flow. It has no error to return, since a flow compares dim with
// its layer's; a dim that no layer has, below 1, is an ErrSpec of Validate and
// of the flow.
func StandardNormal[T bijector.Float](dim int) *Normal[T] {
	return &Normal[T]{spec: NormalSpec{Dim: dim}, locationScale: locationScale[T]{dim: dim}}
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

type standardNormal struct{ shapeless }

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
