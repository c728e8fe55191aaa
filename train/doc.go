// Package train fits models to data: maximum likelihood for flows,
// reconstruction for autoencoders, and anything else that is a
// bijector.Objective.
//
// Fit shuffles by seed, keeps all cores busy, and gives the same bits for the
// same seed and data whatever GOMAXPROCS is. It prints nothing: an Observer
// hears of every step and epoch. It stops early by a validation loss,
// restoring the best parameters, and at once when its context is cancelled,
// keeping what was trained so far.
package train
