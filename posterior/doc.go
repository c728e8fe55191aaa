// Package posterior checks conditional flows that stand for posteriors: a flow
// of parameters theta given an observation x, trained on pairs of a simulator,
// is p(theta | x) for every x at once (neural posterior estimation; Papamakarios
// and Murray 2016, arXiv 1605.06376). Whether its draws may be trusted is seen
// on pairs that it was not trained on:
//
//	report, err := posterior.Check(ctx, f, parameters, observations, posterior.Options{})
//	...
//	fmt.Print(report)
//
// Three checks share the draws of one call: simulation-based calibration, one
// parameter at a time; the coverage of regions of highest density; and that of
// balls around points of reference, which needs no density. Each gives ranks that are
// uniform where the posterior is right.
package posterior

import (
	"math/rand/v2"

	"github.com/bijou-flow/bijou/bijector"
)

// Density is a conditional density of parameters: a *flow.Flow or a
// *flow.Ensemble with a context, or a model of one's own.
type Density[T bijector.Float] interface {
	// Dim is the number of parameters d, ContextDim the values c of an
	// observation.
	Dim() int
	ContextDim() int
	// SampleIntoGiven draws len(dst)/d rows under one context of c values.
	SampleIntoGiven(dst, contexts []T, rng *rand.Rand) error
	// LogProbRowsGiven sets dst to the log-densities of len(dst) rows, in nats.
	LogProbRowsGiven(dst []float64, rows, contexts []T) error
}
