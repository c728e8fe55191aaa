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
package distribution
