// Package train fits models to data: maximum likelihood for flows,
// reconstruction for autoencoders, and anything else that is a
// bijector.Objective. Package vi fits a flow to a density instead of data.
//
// Fit shuffles by seed, keeps all cores busy, and gives the same bits for the
// same seed and data whatever GOMAXPROCS is. It prints nothing: an Observer
// hears of every step and epoch. It stops early by a validation loss,
// restoring the best parameters, and at once when its context is cancelled,
// keeping what was trained so far.
//
// # Averaging
//
// Steps on batches wander about an optimum; their average lies nearer to it
// (Polyak and Juditsky 1992). Options.Average keeps
//
//	a_t = sum_s d^(t-s) p_s / sum_s d^(t-s)
//
// over the parameters p_1 to p_t behind the steps, with d the decay, in
// float64. Some 1/(1-d) steps count: 0.999 suits runs of ten thousand steps
// and more, 0.99 short ones. The steps themselves are those of a run without
// it. Validation sees the average, with batch norm's statistics taken anew for
// it, and so the best epoch is the average's; what Fit leaves in the model is
// the average too. An Observer that looks at the model sees the parameters of
// the steps.
//
// # Weights
//
// A WeightedSource, such as TensorSource.Weighted, gives row i a weight w_i of 0
// or above: how many rows it stands for (survey weights, counts of equal rows),
// or the ratio of a density that is wanted to the one the rows were drawn from
// (importance weights). What Fit lowers, and what it and Evaluate report for
// the rows of a source, is
//
//	L = sum_i w_i loss_i / sum_i w_i,
//
// so that only the ratios of weights matter. A row of weight 2 counts as the row
// twice, in a step on all rows to rounding.
//
// A step on a batch B of n rows goes along the gradient of
//
//	L_B = 1/n sum_{i in B} w_i/m loss_i,  m the mean weight of the training set.
//
// The divisor is the same for every batch, and so L_B is L in the mean over
// batches, and its gradient unbiased; divided by the weights of its own batch, a
// heavy row would count for less the more it outweighs its neighbours. In a step on
// all rows both agree. StepEvent.Loss is the weighted mean within the batch,
// sum w_i loss_i / sum w_i, and EpochEvent.Loss that over the epoch.
//
// Layers that take statistics from data take weighted ones, in steps too: batch
// norm's are those of the batch by its own weights. One that knows nothing of
// weights is calibrated on rows repeated in proportion (bijector.CalibrateWeighted).
// Options.Noise is in units of the weighted deviation. Validation data counts by
// its own weights; which rows ValidationFraction holds out does not depend on
// them.
//
// Rows of weight 0 are left out before anything else, so that a run is that of
// the other rows, to the bit, and equal weights are as no weights. A weight that
// is negative or not finite, or 0 for all rows, is ErrWeights, which names the
// row before the first step; so is a model whose steps take no weights
// (bijector.WeightedStepPass): flows, ensembles and autoencoders take them.
// Steps of very unequal weights are noisy: some (sum w)^2 / sum w^2 rows count.
//
// # Checkpoints
//
// Options.Checkpoint saves a run to a directory as it goes, and takes it up
// again after an interruption, a kill or a power failure. Resumed equals
// uninterrupted, bit for bit. What a run draws depends on Options.Seed and its
// place in the run alone; a Source that draws is an EpochSetter, whose rows depend
// on the epoch, or has its state saved: it implements
// encoding.BinaryMarshaler and BinaryUnmarshaler, as rand.PCG and
// rand.ChaCha8 do.
//
// A test kills training runs and saves at random moments; it does more of it
// when asked:
//
//	BIJOU_KILLS=500 go test -v -run Killed ./train ./registry
package train
