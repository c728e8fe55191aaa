// What a base distribution is: state, a pass that scores and draws, and a
// pass that differentiates.

package distribution

import (
	"math/rand/v2"

	"github.com/bijou-flow/bijou/bijector"
)

// Base is a distribution of latent vectors with a density that can be
// evaluated, differentiated and drawn from. Like a bijector.Layer it holds
// parameters only, which passes read live, and is safe for concurrent use
// while nobody trains it.
//
// A Base may also be a bijector.Invalidator, and a bijector.Validator, which
// flow.New and the loader of model files ask whether the state makes a
// distribution. One that may lack a gradient is a bijector.TrainableChecker,
// which flow.Flow.Check asks.
type Base[T bijector.Float] interface {
	bijector.Stateful[T]
	Dim() int        // features
	ContextDim() int // features of the context; 0: unconditional
	NewBasePass(bijector.PassOptions) BasePass[T]
	NewBaseGradPass(bijector.PassOptions) BaseGradPass[T]
}

// BasePass evaluates a Base, one goroutine at a time, without allocating. A
// cond of no features means no context.
type BasePass[T bijector.Float] interface {
	// LogProb adds log p(z_i), in nats, to logp[i]: -Inf outside the support.
	LogProb(z, cond bijector.Mat[T], logp []float64)
	// Sample fills z with draws, one sample after the other, from rng alone.
	// temperature is at least 0 and shrinks or spreads the draws around the
	// mode: 1 draws from the distribution, 0 returns its mode. A base that has
	// no mode, or several, says what it shrinks them to.
	Sample(rng *rand.Rand, z, cond bijector.Mat[T], temperature float64)
}

// FeaturePass is an optional interface of a BasePass whose features are
// independent of each other, and of any context. flow.Flow.Condition asks it.
type FeaturePass[T bijector.Float] interface {
	// LogProbFeatures adds log p_j(z_ij), in nats, to feature j of logp: -Inf
	// outside the support.
	LogProbFeatures(z bijector.Mat[T], logp bijector.Mat[float64])
}

// BaseGradPass differentiates a Base, one goroutine at a time, without
// allocating.
type BaseGradPass[T bijector.Float] interface {
	// LogProb adds log p(z_i) to logp[i], as BasePass does.
	LogProb(z, cond bijector.Mat[T], logp []float64)
	// Backward is the vector-Jacobian product of the latest LogProb, which
	// had the same z and cond. With dlogp the loss's gradient with respect to
	// logp, it overwrites dz (which never overlaps z), and adds to dcond
	// (where it is not empty) and to Grads.
	Backward(dz, dcond, z, cond bijector.Mat[T], dlogp []float64)
	// Grads are the parameters' gradients, parallel to Params. The caller
	// zeroes them.
	Grads() [][]T
}
