// The interface that a kind of coupling implements.

package coupling

import "github.com/bijou-flow/bijou/bijector"

// Elementwise is the invertible function that a coupling applies to each
// moved feature by itself, y = f(x; theta), with parameters theta that the
// conditioner computes for each sample. An author of a coupling writes this
// and nothing else; the masks, the conditioner, the batch and the cores are
// Coupling's.
//
// Its methods are called for one moved feature over a range of samples, at
// once for different ranges: they keep what they need in Feature.Scratch and
// not in the receiver. Arithmetic belongs in float64, whatever T is.
type Elementwise[T bijector.Float] interface {
	// Params is how many values the conditioner computes for each moved
	// feature of each sample.
	Params() int
	// Shared are the initial values of those parameters of a moved feature
	// that are learned but do not depend on the sample; nil for most.
	Shared() []float64
	// Scratch is how many float64 values for each moved feature of each
	// sample are kept from Forward to Backward.
	Scratch() int
	// Forward sets y[i] = f(x[i]) and adds log|f'(x[i])| to logDet[i]. y may
	// be x.
	Forward(y, x []T, f Feature[T], logDet []float64)
	// Inverse sets x[i] to the x with f(x) = y[i] and adds log|dx/dy| to
	// logDet[i]. x may be y.
	Inverse(x, y []T, f Feature[T], logDet []float64)
	// Backward is the vector-Jacobian product of the latest Forward. With dy
	// and dLogDet the loss's gradients with respect to y and to logDet, it
	// overwrites dx (which may be dy) and all of d. It may be called again
	// and must then find in the scratch what it found there before.
	Backward(dx []T, d Gradient[T], dy, x []T, f Feature[T], dLogDet []float64)
}

// Feature is what belongs to one moved feature over a range of samples.
type Feature[T bijector.Float] struct {
	// Theta are the conditioner's outputs: Theta.Feature(p)[i] is parameter p
	// for sample i.
	Theta bijector.Mat[T]
	// Shared are the parameters that all samples share.
	Shared []T
	// Scratch has Elementwise.Scratch rows: undefined before Forward and
	// Inverse, and before Backward as the latest Forward left them.
	Scratch bijector.Mat[float64]
}

// Gradient is what Backward finds out about a Feature.
type Gradient[T bijector.Float] struct {
	// Theta has the rows of Feature.Theta.
	Theta bijector.Mat[T]
	// Shared has one row for each shared parameter, with each sample's own
	// gradient; the coupling sums them.
	Shared bijector.Mat[float64]
}
