// Package coupling holds the coupling layers: bijectors that keep some of
// their features as they are and move the others by a simple invertible
// function whose parameters a network computes from the kept ones,
//
//	z_kept  = x_kept,
//	z_moved = f(x_moved; theta(x_kept, context)).
//
// The Jacobian is triangular, so the log-determinant is a sum over the moved
// features, and the inverse runs the same network forward: it may be any
// function at all.
//
// [Coupling] is the skeleton that all of them share. A kind of coupling is an
// [Elementwise] transform put into it: [Additive] (NICE), [Affine] (Real NVP),
// [Spline] (neural spline flows) and [Circular] (angles) are such kinds, the
// first two the shortest files to copy from. Their network is a perceptron unless the user hands in
// another, such as [Residual], or [ConvNet] for images.
//
// [NICE], [RealNVP], [Glow] and [NSF] stack couplings into a ready chain,
// [RealNVPImage] and [GlowImage] those of images, and [CircularNSF] those of angles.
package coupling
