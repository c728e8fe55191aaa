// Package autoregressive holds the autoregressive layers: bijectors that move
// every feature by a simple invertible function whose parameters a network
// computes from the features before it in some order,
//
//	z_j = f(x_j; theta_j),  theta_j = net_j(context, x_1, ..., x_(j-1)).
//
// The Jacobian is triangular in that order, so the log-determinant is a sum
// over the features. One masked network ([NewMADE]) computes the parameters of
// all features at once, so Forward, and with it the density and training, is
// one evaluation of the net. Inverse, and with it sampling, finds the features
// one after the other, in D steps. A coupling is the case of two steps.
//
// [Autoregressive] is the skeleton that the layers share. A kind of layer is a
// [coupling.Elementwise] transform put into it: [Affine] is masked
// autoregressive flow (MAF), [Spline] the autoregressive neural spline flow,
// [Circular] that of angles. [Mixed] is a base distribution of rows with
// categories, spikes, rounded numbers and missing cells.
// The recipes [MAF] and [NSF] stack them into a ready chain.
//
// # Inverse autoregressive flow
//
// [bijector.Invert] of a layer or a chain of this package is an inverse
// autoregressive flow (IAF; Kingma et al. 2016, arXiv 1606.04934, section 4):
// draws take one evaluation of each net, and the density of a point that was
// not drawn from it takes D steps. It is for densities that are known and to be
// sampled, where MAF is for data; fitting it by the reverse Kullback-Leibler
// divergence needs draws and the gradients of the layer inside, which has them.
package autoregressive
