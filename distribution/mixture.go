// A mixture of normal distributions as a base.

package distribution

import (
	"cmp"

	"github.com/bijou-flow/bijou/bijector"
)

// Mixture is a mixture of K normal distributions, all learned, of independent
// dimensions or, with Full, of any covariance:
//
//	log p(z) = log sum_k w_k N(z; mu_k, L_k L_k'),  w = softmax(logits),
//
// with L_k = diag(s_k), or a lower triangle that has s_k on its diagonal.
//
// A flow over it need not tear its data apart to reach a base of one piece
// (Cornish et al. 2020, arXiv 1909.13833, say what that costs; Izmailov et al.
// 2020, arXiv 1912.13025, have such a base, see ClassMixture). The support is
// the whole space; -Inf is an answer only where the squares of all u =
// inv(L_k) (z-mu_k) overflow. The gradient of z is the mean of the components'
// scores under their responsibilities w_k N_k(z)/p(z).
//
// Weights start equal, each L_k as the identity, and the locations as draws from a normal
// distribution of deviation Spread. The likelihood has no upper bound where a
// component can shrink onto a point that the data repeats: dequantise such data.
//
// A draw picks a component and then a point of it. Temperature multiplies the
// deviation from the location of the component that was picked, whose weights
// stay: at 0 the draws are the locations.
//
// The cost of a sample is that of K normals: with Full, K times the square of Dim.
type Mixture[T bijector.Float] struct {
	spec MixtureSpec
	gaussians[T]
}

// MixtureSpec describes a Mixture.
type MixtureSpec struct {
	// Dim is the number of features.
	Dim int `json:"dim"`
	// Components is their number; 0 means 8.
	Components int `json:"components,omitempty"`
	// Full gives each component a covariance of its own kind, in place of a diagonal one.
	Full bool `json:"full,omitempty"`
	// Spread is the standard deviation of the locations at the start; 0 means 1.
	Spread float64 `json:"spread,omitempty"`
	// Seed draws the locations at the start.
	Seed uint64 `json:"seed,omitempty"`
}

// components is the spec's, or its default.
func (s MixtureSpec) components() int { return cmp.Or(s.Components, 8) }

// Values is the number of values that are saved: see registry.Sizer.
func (s MixtureSpec) Values() float64 { return gaussiansValues(s.Dim, s.components(), s.Full) }

// NewMixture makes a Mixture from its spec. A spec that describes no
// distribution is an ErrSpec.
func NewMixture[T bijector.Float](s MixtureSpec) (*Mixture[T], error) {
	g, err := newGaussians[T]("mixture", s.Dim, 1, s.components(), s.Full, s.Spread, s.Seed)
	if err != nil {
		return nil, err
	}
	return &Mixture[T]{spec: s, gaussians: g}, nil
}

// ContextDim is 0: the distribution is unconditional.
func (m *Mixture[T]) ContextDim() int { return 0 }

// Params are "logits" (components), where there are several, "loc" and
// "log_scale" (components, dim) and, with Full, "lower" (components, dim (dim-1)/2),
// what L_k has below its diagonal, row by row. Weight decay leaves them alone.
func (m *Mixture[T]) Params() []bijector.Param[T] { return m.params() }

// Spec is the MixtureSpec.
func (m *Mixture[T]) Spec() any { return m.spec }
