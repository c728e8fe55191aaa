// What a layer is, and the passes that it runs in.

package bijector

import "gorgonia.org/tensor"

// Bijector is what a user composes: an invertible, differentiable map of
// vectors with D features, with a tensor face (Transform) and a batch face
// (Layer).
type Bijector[T Float] interface {
	Transform[T]
	Layer[T]
}

// Transform is what a user calls. Forward maps data to latent, z = f(x), and
// Inverse back; both take a batch of shape (n, d), a *tensor.Dense or Rows, and
// return one. LogDetJacobian returns log|det df/dx| at each row of x, in nats.
type Transform[T Float] interface {
	Forward(x tensor.Tensor) (z *Rows[T], err error)
	Inverse(z tensor.Tensor) (x *Rows[T], err error)
	LogDetJacobian(x tensor.Tensor) (logDet []float64, err error)
}

// Layer is what an author writes: the parameters, safe for concurrent use
// while nobody trains them. The buffers of a computation live in its passes.
type Layer[T Float] interface {
	Dim() int        // features
	ContextDim() int // features of the context; 0: unconditional
	NewPass(PassOptions) Pass[T]
}

// PassOptions sizes a pass.
type PassOptions struct {
	// MaxBatch is the largest number of samples a call may have.
	MaxBatch int
	// Workers shares the work of one call among cores; nil keeps it on the
	// caller's goroutine. A layer may ignore it.
	Workers *Workers

	memory     Memory        // see WithMemory
	scratch    *scratch      // what Activations takes from; nil: memory of its own
	transient  *scratch      // what Transient takes from, likewise
	zeroing    *Zeroing      // see WithZeroing
	weights    *BatchWeights // see WithWeights
	evaluation bool          // see WithEvaluation
	inverted   bool          // Forward is the direction that draws
}

// WithEvaluation returns the options of a GradPass that differentiates what
// Pass.Forward computes, each sample by itself: layers that take statistics of a
// batch in training, such as BatchNorm, take those of the population.
func (o PassOptions) WithEvaluation() PassOptions {
	o.evaluation = true
	return o
}

// Evaluation reports whether a GradPass is to differentiate what Pass.Forward
// computes: see WithEvaluation.
func (o PassOptions) Evaluation() bool { return o.evaluation }

// Pass evaluates a layer, one goroutine at a time, without allocating. The
// output may be the input itself, or must not overlap it. Parameters are read
// live. A cond of no features means no context.
//
// Where the input of a sample lies outside the layer's domain, or on an open
// bound of it, a pass sets the sample's output features to 0 and adds -Inf to its
// logDet, in both directions and in training, and leaves other samples alone. A
// flow's log-density is then -Inf, and Forward and Inverse on tensors name the row.
type Pass[T Float] interface {
	// Forward sets z = f(x) and adds log|det dz_i/dx_i| to logDet[i].
	Forward(z, x, cond Mat[T], logDet []float64)
	// Inverse sets x = f^-1(z) and adds log|det dx_i/dz_i| to logDet[i].
	Inverse(x, z, cond Mat[T], logDet []float64)
}

// Trainable is a layer with parameters and a gradient.
type Trainable[T Float] interface {
	Layer[T]
	Stateful[T]
	NewGradPass(PassOptions) GradPass[T]
}

// GradPass trains a layer, one goroutine at a time, without allocating. It
// has no Inverse by intent: batch normalisation has none in training.
type GradPass[T Float] interface {
	// Forward is Pass.Forward in training mode, or in evaluation mode where the
	// options say so (PassOptions.WithEvaluation). z never overlaps x.
	Forward(z, x, cond Mat[T], logDet []float64)
	// Backward is the vector-Jacobian product of the latest Forward, which
	// had the same x, z and cond. With dz and dLogDet the loss's gradients
	// with respect to z and logDet, it overwrites dx (which may be dz), and
	// adds to dcond (where it is not empty) and to Grads.
	Backward(dx, dcond, dz, x, z, cond Mat[T], dLogDet []float64)
	// Grads are the parameters' gradients, parallel to Params. The caller
	// zeroes them.
	Grads() [][]T
}

// Stateful is anything that is saved: its parameters, its buffers, and the
// spec that makes an equal one.
type Stateful[T Float] interface {
	Params() []Param[T]
	Buffers() []Buffer
	// Spec is the struct that the constructor registered for it takes.
	Spec() any
}

// Param is a trained array.
type Param[T Float] struct {
	Name    string  // local to the layer; a container prefixes its own
	Shape   []int   // row-major
	Data    []T     // aliases the layer's
	NoDecay bool    // weight decay leaves it alone
	Rate    float64 // factor on the learning rate; 0 means 1
}

// Buffer is an array that is saved and not trained: batch norm's statistics,
// a permutation, a flag.
type Buffer struct {
	Name  string
	Shape []int
	Data  any // []float64 or []int64, aliasing the layer's
}
