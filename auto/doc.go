// Package auto fits a density to rows in one call.
//
//	rows, err := bijector.RowsOfSlices(data) // [][]float64; also RowsOf, RowsOfMatrix
//	model, report, err := auto.Fit[float64](ctx, train.Tensor(rows), auto.Options{})
//	fmt.Print(report)
//	logp, err := model.LogProb(rows)
//
// What comes back is a flow.Ensemble, which scores, draws, is saved and exported
// like every other model. Its members were chosen on rows that they did not see.
//
// # How it chooses
//
// The rows are cut into folds: five of them for up to 5,000 rows, and one fifth
// that is held out (at most 20,000 rows) for more. The candidates are
//
//   - the Gaussian fit, a bijector.Whiten of shrunk correlations, on the columns
//     as they are and behind a bijector.Gaussianize where that changes one;
//   - independent columns with heavy tails, a distribution.StudentT behind a
//     bijector.Standardize;
//   - a mixture of Gaussians with full covariances, by expectation maximisation;
//   - flows that begin as the Gaussian fit: coupling.NSF and coupling.RealNVP,
//     autoregressive.NSF and autoregressive.MAF, with the weight decays that the
//     number of rows asks for.
//
// Each is trained on the rows outside a fold, for Options.Steps, and keeps the
// parameters of its best epoch on the fold. All are tried on the first fold, the
// best go on to the others. Their held-out densities are then mixed: the
// weights w that make the mixture of all held-out rows most likely,
//
//	max_w sum_i log sum_c w_c p_c(x_i; trained without the fold of row i)
//
// (Smyth and Wolpert 1999, "Linearly Combining Density Estimators via
// Stacking"), by expectation maximisation. Members of a candidate, one a fold,
// share its weight, as in bagging; candidates with less than 2 % are left out.
// Independent columns keep a weight of 1/(2n + 2) at least, the share of an event
// that n rows did not have (Krichevsky and Trofimov 1981): it costs a hundredth of
// a nat from 50 rows on, and a row that breaks what held for all others, such as a
// sum of columns, is unlikely by some dozens of nats and not by a million.
// Since the Gaussian fit is a candidate, the choice is, on held-out rows, never
// worse than a Gaussian.
//
// Below 40 rows no flow is tried unless there are contexts: Gaussians alone, and
// mixtures of them from 20 rows on.
package auto
