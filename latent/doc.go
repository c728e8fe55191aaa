// Package latent fits a density to the embeddings of an encoder in one call.
//
//	model, report, err := latent.Fit[float32](ctx, encoder, train.Tensor(x), latent.Options{})
//	fmt.Print(report)
//	flags, err := model.Flag(others, 0.01)
//
// The encoder is any: the library's own, a network that someone else trained, a
// line of arithmetic. What comes back is an autoencoder.Latent, which scores rows
// of data, tells their p-values, raises alarms, and is saved with package registry
// where the encoder can be.
//
// # What it does
//
// It embeds the rows, holds some of them out, and shortens wide embeddings by their
// principal components, which are found on the other rows: as many as have
// Options.Share of the variance, and no more than the rows determine. What they leave out is kept as one
// value, the logarithm of a row's distance from their plane (autoencoder.PCASpec,
// Residual), so that a row off the plane, unlike all that the density has seen, is as
// unlikely as it ought to be. Then auto.Fit chooses a density by held-out rows,
// and the rows that nothing was fitted to say what log-densities are usual.
//
// The report says what was left out: directions, their share of the variance, those
// that do not vary at all, and whether all vectors have one length.
package latent
