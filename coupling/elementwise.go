// The interface that a kind of coupling implements.

package coupling

import "github.com/bijou-flow/bijou/bijector"

// Elementwise is the invertible function that a coupling applies to each
// moved feature by itself, y = f(x; theta), with parameters theta that the
// conditioner computes for each sample. An author of a coupling writes this
// and nothing else; the masks, the conditioner, the batch and the cores are
// Coupling's.
//
// Its methods see rows of values: one moved feature of many samples, or all
// moved features of one, and cannot tell which. They are called for different
// rows at once, so they keep what they need in TransformArgs.Scratch and not in the
// receiver. Arithmetic belongs in float64, whatever T is.
//
// A transform that scales within bounds may have one more method,
//
//	Saturated(f TransformArgs[T], hit []bool)
//
// which sets hit[i] where the parameters of value i put its scale within a
// hundredth of a bound and leaves the others, and may write to the scratch. The
// layer's passes then tell of saturated samples as bijector.Saturating.
type Elementwise[T bijector.Float] interface {
	// Params is how many of a moved feature's parameters the conditioner
	// computes, for each sample.
	Params() int
	// Shared are the initial values of its other parameters, which are learned
	// and the same for all samples; nil for most.
	Shared() []float64
	// Scratch is how many float64 values for each moved feature of each
	// sample are kept from Forward to Backward.
	Scratch() int
	// Forward sets y[i] = f(x[i]) and adds log|f'(x[i])| to logDet[i]. y may
	// be x.
	Forward(y, x []T, f TransformArgs[T], logDet []float64)
	// Inverse sets x[i] to the x with f(x) = y[i] and adds log|dx/dy| to
	// logDet[i]. x may be y.
	Inverse(x, y []T, f TransformArgs[T], logDet []float64)
	// Backward is the vector-Jacobian product of the latest Forward. With dy
	// and dLogDet the loss's gradients with respect to y and to logDet, it
	// overwrites dx (which may be dy) and dtheta, whose rows are Theta's. It
	// may be called again and must then find in the scratch what it found there
	// before.
	Backward(dx []T, dtheta bijector.Mat[T], dy, x []T, f TransformArgs[T], dLogDet []float64)
}

// TransformArgs is what belongs to a row of values.
type TransformArgs[T bijector.Float] struct {
	// Theta are the parameters: Theta.Feature(p)[i] is parameter p of value i.
	// Those that the conditioner computes come first, then the shared ones,
	// repeated for each value.
	Theta bijector.Mat[T]
	// Scratch has Elementwise.Scratch rows: undefined before Forward and
	// Inverse, and before Backward as the latest Forward left them.
	Scratch bijector.Mat[float64]
}
