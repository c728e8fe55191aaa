// Package bijector holds the interfaces of a normalizing flow and the layers
// that are no couplings.
//
// A user composes a [Bijector] and calls its tensor methods, [Transform]. An
// author of a layer writes a [Layer], which holds parameters and is safe for
// concurrent use, and its [Pass], which holds the buffers of one computation
// at a time; and, for training, a [Trainable] with its [GradPass].
// [NewTensorMethods] gives a layer the tensor methods. Package bijectortest checks the result.
//
// Inside a pass a batch is a [Mat], feature-major: masks, permutations and sums
// are loops over contiguous rows, and the product of a weight matrix with a
// batch is one matrix product. [InputOf] and [MatOf] are the gate between
// tensors and batches; they check what a user hands in, and read by strides. [Rows] are what comes out.
//
// [Chain] composes layers, [Invert] swaps a layer's direction, [Part] applies
// one to some of the features, [Given] binds a context. [Permute], [LU],
// [BatchNorm], [ActNorm], [Scale], [Shift], [Standardize], [Whiten], [Bounds], [Logit], [Background], [Sigmoid],
// [Tanh] and [Softplus] are layers, [Squeeze] and [Conv1x1] those over images
// alone; [Shaped] layers must fit their neighbours. [Network] is a function that need
// not be invertible: a conditioner, an encoder. [Objective] is what training
// lowers.
package bijector
