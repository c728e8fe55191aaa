// What a network is, and the passes that it runs in.

package bijector

// Network is a differentiable function from In to Out features, not necessarily
// invertible: a conditioner, a context embedding, an encoder or a decoder. It
// treats each sample by itself, so that a pass can be run for ranges of
// samples on several cores at once.
type Network[T Float] interface {
	Stateful[T]
	In() int
	Out() int
	NewNetworkPass(PassOptions) NetworkPass[T]
	NewNetworkGradPass(PassOptions) NetworkGradPass[T]
}

// NetworkPass evaluates a Network without allocating.
type NetworkPass[T Float] interface {
	// Forward sets samples lo to hi of y = f(x). y and x are the whole batch
	// and do not overlap. Calls on disjoint ranges may run at once.
	Forward(y, x Mat[T], lo, hi int)
}

// NetworkGradPass trains a Network without allocating. A step is Forward for ranges
// that cover the batch, Backward for ranges that cover it, then one
// Accumulate, all with the same x, y and dy.
type NetworkGradPass[T Float] interface {
	NetworkPass[T]
	// Backward sets samples lo to hi of dx, the vector-Jacobian product of
	// the latest Forward with dy, and keeps what Accumulate needs. An empty
	// dx is not wanted; x, y and dy stay as they are. Calls on disjoint
	// ranges may run at once.
	Backward(dx, dy, x, y Mat[T], lo, hi int)
	// Accumulate adds the parameters' gradients over the whole batch to
	// Grads. It is called once a step, on one goroutine, and may share its
	// work among PassOptions.Workers.
	Accumulate(dy, x, y Mat[T])
	// Grads are the gradients, parallel to Params. The caller zeroes them.
	Grads() [][]T
}
