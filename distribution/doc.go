// Package distribution holds base distributions and Flow, a bijector over a
// base: the density model of the library.
//
// A Flow maps data x to a latent z = f(x) and scores it by the change of
// variables,
//
//	log p(x) = log p_base(f(x)) + log|det df/dx|,
//
// in nats, and draws x = f^-1(z) with z from the base (Rezende and Mohamed
// 2015, arXiv 1505.05770; Dinh et al. 2015, arXiv 1410.8516, eq. 3).
//
// Around a flow there are contexts, which may pass through an embedding network
// of their own (NewConditional), mixtures of flows (Ensemble), the probability
// of classes by Bayes' rule (Posterior), and a face for gonum's samplers
// (Gonum).
//
// # Which base
//
//   - Normal: the usual one. Logistic: NICE's, with tails a little heavier.
//   - StudentT: for data with heavy tails, which a flow keeps from its base.
//   - Uniform: under a last layer with values in a box.
//   - Mixture: for data of several pieces. ClassMixture: where the pieces are
//     classes, which the context names.
//   - Independent: a distribution of its own for each feature, by name or from
//     gonum's stat/distuv.
//
// A base of another module implements Base, tests itself with package
// distributiontest, and is saved by its name once registered.
package distribution
