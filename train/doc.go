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
