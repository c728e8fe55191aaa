// Package distribution holds base distributions: what a flow's latent follows,
// with a density that can be evaluated, differentiated and drawn from. Package
// flow puts a bijector over one.
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
