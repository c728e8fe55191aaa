// The optional interfaces: what a part may do beyond what its type must, found
// by type assertion.
//
//	interface         implemented by                               asked by
//	Calibrator        ActNorm, BatchNorm, Bounds, Gaussianize,     train.Fit and vi.Fit; through
//	                  Scale, Shift, Standardize,                   containers, models
//	                  StandardizeContext, Whiten; Chain,
//	                  Part, Flow, Ensemble, networks in sequence
//	Invalidator       MLP, MADE, LU, Permute, Bounds, Whiten,      training and loading, after they
//	                  PCA; all containers and models               wrote to Params or Buffers
//	Validator         layers, bases and models whose state         loading, flow.New, the evaluation
//	                  can be refused                               of a model, checkpoints
//	Container         Chain, Inverted, Part                        chains, CheckTrainable, registry
//	Shaped            Squeeze, Conv1x1, couplings of images;       chains
//	                  Chain, Inverted, Part
//	Reorderer         Permute, Squeeze                             Flow.CheckDomain, onnx
//	Saturating        passes of affine couplings, autoregressive   flow.Diagnose
//	                  layers and chains
//	Reverser          training passes of couplings, Permute,       chains under MemoryReverse
//	                  diagonal layers
//	DataChecker       Flow, Ensemble; Mixed                        train.Fit; flows of such a base
//	DomainChecker     Flow, Ensemble                               train.Fit
//	Ranged            Bounds, Logit, Background, Sigmoid,          Flow.CheckDomain
//	                  Softplus, Tanh, Inverted; circular layers
//	TargetChecker     Autoencoder, Variational, what vi.Fit trains train.Fit
//	MinBatcher        BatchNorm; Flow, Ensemble, Variational       train.Fit
//	TrainableChecker  base distributions without a gradient,       Flow.Check, distributiontest,
//	                  Inverted                                     CheckTrainable
//	Specced           all that is saved                            checkpoints, registry
//	Embedder          Autoencoder, PCA, Identity, Chain            autoencoder.NewLatent
//	WorkEstimator     convolutional networks                       couplings, autoregressive layers
//
// These stand beside what they extend: Triangular and FeaturePass in
// triangular.go, of layers that say what their outputs depend on; Ranged and DomainChecker in domain.go, of
// layers for a part of the line; Diagonal in diagonal.go, of layers that
// scale and shift; WeightedStepPass and WeightedCalibrator in weights.go, of
// rows that have weights; InputGradPass in objective.go, of steps that
// differentiate by the rows too; train.WeightedSource, of sources that give them;
// train.EpochSetter, of sources that draw anew each epoch;
// registry.Sizer, of specs that say how many values they save.

package bijector

import (
	"gorgonia.org/tensor"

	"github.com/bijou-flow/bijou/internal/nilcheck"
)

// Calibrator is an optional interface of layers whose state comes from data
// rather than gradients: actnorm's start, batch norm's population statistics.
type Calibrator[T Float] interface {
	// Calibrate sets the state from x, the layer's input for a large sample
	// of the training set, and leaves x unchanged. start is true once, before
	// the first step of training, and false before each evaluation. cond is
	// the context, w may be nil. A network is given its input as x, and no
	// cond.
	Calibrate(x, cond Mat[T], start bool, w *Workers)
}

// Invalidator is an optional interface of layers that keep something derived from
// their parameters or buffers. Invalidate drops it; training and loading call it
// after they wrote to Params or Buffers.
type Invalidator interface{ Invalidate() }

// Validator is an optional interface of layers whose buffers can hold
// values that make no sense to them: a permutation that names a feature twice,
// a negative variance. Loading calls Validate after Invalidate, since a file may be hostile.
type Validator interface{ Validate() error }

// MinBatcher is an optional interface of layers that take statistics of each batch
// in training, and of objectives made of them. MinBatch is the least number of rows
// of a batch that tell them something; training refuses smaller batches.
type MinBatcher interface{ MinBatch() int }

// MinBatch is the largest MinBatch among a layer and its members, 1 where none
// has one.
func MinBatch[T Float](layer Layer[T]) int {
	least := 1
	if nilcheck.IsNil(layer) {
		return least
	}
	if b, ok := layer.(MinBatcher); ok {
		least = max(least, b.MinBatch())
	}
	if c, ok := layer.(Container[T]); ok {
		for _, l := range c.Members() {
			least = max(least, MinBatch(l))
		}
	}
	return least
}

// Container is an optional interface of layers made of layers.
type Container[T Float] interface{ Members() []Layer[T] }

// Shaped is an optional interface of layers over images: Dim is c*h*w, and
// feature (ch*h+y)*w+x is pixel (y, x) of channel ch. A chain refuses
// neighbours whose shapes differ. The shape 0, 0, 0 goes with any other: it is
// that of a container of layers that are not over images.
type Shaped interface {
	InShape() (c, h, w int)
	OutShape() (c, h, w int)
}

// Reorderer is an optional interface of layers that only reorder features: output
// feature j is input feature Indices()[j].
type Reorderer interface{ Indices() []int }

// Saturating is an optional interface of a Pass whose layer scales within
// bounds. A flow whose scales sit at them has run out of room, and its inverse
// may soon lose all digits.
type Saturating interface {
	// Saturated sets hit[i] where sample i of the latest Forward or Inverse
	// has a scale within a hundredth of its bound, and leaves the others.
	Saturated(hit []bool)
}

// Reverser is an optional interface of a GradPass whose input can be computed
// from its output in training mode.
type Reverser[T Float] interface {
	// Reverse sets x to the input of the latest Forward, from its output z and
	// its cond, and leaves the pass as that Forward left it, ready for
	// Backward. x and z do not overlap.
	Reverse(x, z, cond Mat[T])
}

// DataChecker is an optional interface of an Objective that not all data has a
// minimum of, such as a density. Training asks it before the first step. A base
// distribution that is one, such as one with atoms, is asked in place of its
// flow where the flow's layer only reorders features.
type DataChecker[T Float] interface {
	// CheckData returns an error that says what is wrong with x: the training
	// set, or rows spread evenly over a large one, with Options.Noise added.
	CheckData(x Mat[T]) error
}

// TargetChecker is an optional interface of an Objective whose loss is defined
// for some data only, such as a cross-entropy for values in [0, 1]. Training
// asks it about a batch whose loss is not finite.
type TargetChecker interface {
	// CheckTargets returns an error that says what is wrong with the rows of x.
	CheckTargets(x tensor.Tensor) error
}

// TrainableChecker is an optional interface of base distributions and layers
// that may lack a gradient although they have the methods for one.
type TrainableChecker interface {
	// CheckTrainable returns nil where there is a gradient, and otherwise an
	// error that wraps ErrNotTrainable.
	CheckTrainable() error
}

// Specced is anything with a spec: the struct that the constructor registered
// for it takes. It is the part of Stateful that needs no element type.
type Specced interface{ Spec() any }

// Embedder is an optional interface of encoders and decoders that know the
// number of values of an embedding.
type Embedder interface{ Embedding() int }

// WorkEstimator is an optional interface of networks that use a parameter more
// than once a sample, such as convolutions. Work is about the number of
// multiply-adds of a sample, by which a layer decides into how many pieces it
// splits a batch; the default is the number of parameters.
type WorkEstimator interface{ Work() int }
