package bijector

import "gorgonia.org/tensor"

// given is a conditional layer with its context.
type given[T Float] struct {
	layer   Layer[T]
	context *tensor.Dense
	tensors Tensors[T]
}

// Given binds a context to a conditional layer: shape (n, c), a row for each
// row of the later calls, or (1, c) for all of them. The result is no Layer,
// since a pass over some rows cannot know which context rows are theirs. With
// nil it is the tensor methods of an unconditional layer, which may embed it.
func Given[T Float](layer Layer[T], context *tensor.Dense) Transform {
	return &given[T]{layer: layer, context: context}
}

func (g *given[T]) Forward(x *tensor.Dense) (*tensor.Dense, error) {
	z, _, err := g.tensors.run(g.layer, x, g.context, false, true, false)
	return z, err
}

func (g *given[T]) Inverse(z *tensor.Dense) (*tensor.Dense, error) {
	x, _, err := g.tensors.run(g.layer, z, g.context, true, true, false)
	return x, err
}

func (g *given[T]) LogDetJacobian(x *tensor.Dense) (*tensor.Dense, error) {
	_, ld, err := g.tensors.run(g.layer, x, g.context, false, false, true)
	return ld, err
}
