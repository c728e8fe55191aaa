// Objective: what package train lowers the mean loss of.

package bijector

// Objective is what training lowers: a loss for each row and its gradient. A
// flow's loss is the negative log-likelihood in nats; an autoencoder's is its
// reconstruction error.
type Objective[T Float] interface {
	Params() []Param[T]
	Buffers() []Buffer
	Dim() int        // features of a row
	ContextDim() int // features of its context; 0: none
	// Check returns an error that names the part that cannot be trained.
	Check() error
	NewLossPass(PassOptions) LossPass[T]
	NewStepPass(PassOptions) StepPass[T]
}

// LossPass evaluates an Objective, one goroutine at a time.
type LossPass[T Float] interface {
	// Loss sets loss[i] for row i, in evaluation mode.
	Loss(x, cond Mat[T], loss []float64)
}

// StepPass computes an Objective's gradient, one goroutine at a time.
type StepPass[T Float] interface {
	// Step sets loss[i] for row i, in training mode, and adds the gradient of
	// the mean loss to Grads.
	Step(x, cond Mat[T], loss []float64)
	// Grads are the gradients, parallel to Params. The caller zeroes them.
	Grads() [][]T
}

// InputGradPass is an optional interface of a StepPass that differentiates by the
// rows too, so that what makes the rows can be trained through it.
type InputGradPass[T Float] interface {
	StepPass[T]
	// InputGrad is the gradient of what the latest step added to Grads that of, by
	// the rows it was given. It is valid up to the next call.
	InputGrad() Mat[T]
}
