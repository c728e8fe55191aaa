// A mixture of normal distributions whose classes the context chooses.

package distribution

import (
	"cmp"

	"github.com/bijou-flow/bijou/bijector"
)

// ClassMixture is a distribution for each of C classes, a normal one or a
// mixture of K normal ones, all learned, of which the context is the weighting:
//
//	log p(z|a) = log sum_c (a_c/S) p_c(z),  S = sum_c a_c,
//	p_c(z) = sum_k w_ck N(z; mu_ck, diag s_ck^2),  w_c = softmax(logits_c).
//
// A one-hot context asks for a class, log p(z|a) = log p_c(z); the frequencies
// of the classes make the marginal density of z; a label that is in doubt
// counts for each class it may be. Under a flow, this is the model of FlowGMM,
// which is trained with labels where there are some and with the frequencies
// elsewhere, and classifies by Bayes' rule (Izmailov, Kirichenko, Finzi and
// Wilson 2020, arXiv 1912.13025; one component a class there).
//
// Context entries are non-negative and not all 0; their scale does not matter.
// A row that breaks this has NaN for its log-density and its draws, which a
// Flow's error names.
//
// The gradient of a context entry is (p_c(z)/p(z|a) - 1)/S, also where a_c is
// 0, from above. There the ratio can be beyond all numbers and is bounded by
// K e^80. Other gradients, the start, the support and temperature are those of
// Mixture; a draw picks the class first. The cost of a sample is that of C*K
// normals, whatever the context is.
type ClassMixture[T bijector.Float] struct {
	spec ClassMixtureSpec
	gaussians[T]
}

// ClassMixtureSpec describes a ClassMixture.
type ClassMixtureSpec struct {
	// Dim is the number of features.
	Dim int `json:"dim"`
	// Classes is their number, and that of the context's features.
	Classes int `json:"classes"`
	// Components is the number of normals in a class; 0 means 1.
	Components int `json:"components,omitempty"`
	// Spread is the standard deviation of the locations at the start; 0 means 1.
	Spread float64 `json:"spread,omitempty"`
	// Seed draws the locations at the start.
	Seed uint64 `json:"seed,omitempty"`
}

// components is the spec's, or its default.
func (s ClassMixtureSpec) components() int { return cmp.Or(s.Components, 1) }

// Values is the number of values that are saved: see registry.Sizer.
func (s ClassMixtureSpec) Values() float64 {
	return float64(s.Classes) * gaussiansValues(s.Dim, s.components(), false)
}

// NewClassMixture makes a ClassMixture from its spec. A spec that describes no
// distribution is an ErrSpec.
func NewClassMixture[T bijector.Float](s ClassMixtureSpec) (*ClassMixture[T], error) {
	g, err := newGaussians[T]("class mixture", s.Dim, s.Classes, s.components(), false, s.Spread, s.Seed)
	if err != nil {
		return nil, err
	}
	g.conditional = true
	return &ClassMixture[T]{spec: s, gaussians: g}, nil
}

// ContextDim is the number of classes.
func (m *ClassMixture[T]) ContextDim() int { return m.spec.Classes }

// Params are "logits" (classes, components), where a class has several
// components, "loc" and "log_scale" (classes, components, dim). Weight decay
// leaves them alone.
func (m *ClassMixture[T]) Params() []bijector.Param[T] { return m.params(m.spec.Classes) }

// Spec is the ClassMixtureSpec.
func (m *ClassMixture[T]) Spec() any { return m.spec }
