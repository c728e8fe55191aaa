// Package nn holds the neural networks behind conditioners, encoders and
// decoders: forward and backward pairs over feature-major batches.
//
//   - MLP: fully connected. Residual: of blocks that add to what they are given.
//     Both are conditioners of rows of features.
//   - MADE: a masked MLP, whose outputs for a feature depend on those before it.
//   - ConvNet: a residual network of convolutions, a conditioner of images.
//   - Sequential: Dense and Conv2D one after the other, an encoder or a decoder.
//
// Each is a bijector.Network. Package coupling and package autoregressive give
// the conditioners specs and names of their own.
package nn
