// zuko's masked autoregressive flows.

package torch

import (
	"math"
	"slices"

	"github.com/bijou-flow/bijou/autoregressive"
	"github.com/bijou-flow/bijou/bijector"
)

// zukoMasked reads a MaskedAutoregressiveTransform, whose order may name several
// features at once: they do not see each other.
func zukoMasked[T bijector.Float](r *reader, at string, d, context int, o ZukoOptions) (l bijector.Layer[T], c int, err error) {
	places, err := r.integers(at+"order", d, 0, max(d-1, 0))
	if err != nil {
		return nil, 0, err
	}
	d = len(places)
	order := intRange(0, d)
	slices.SortStableFunc(order, func(i, j int) int { return places[i] - places[j] })

	net, err := r.maskedPerceptron(at + "hyper.")
	if err != nil {
		return nil, 0, err
	}
	first, last := net[0].linearLayer, net[len(net)-1].linearLayer
	if c = first.in - d; c < 0 || context != anySize && c != context {
		return nil, 0, r.widthError(first, "%d features and the context as inputs, as in every transform", d)
	}
	if last.out != 2*d {
		return nil, 0, r.widthError(last, "%d outputs, shift and scale of each of %d features", 2*d, d)
	}
	plain, err := r.made(net, c, d, append(intRange(d, d+c), order...), parametersOf(order, 2, []int{1, 0}))
	if err != nil {
		return nil, 0, err
	}
	a, err := autoregressive.NewAffine[T](autoregressive.AffineSpec{
		Dim: d, ContextDim: c, Order: autoregressive.OrderSpec{Kind: "given", Indices: order},
		Hidden: hiddenOf(plain), Activation: o.Activation, Scale: "softsign", Clamp: -math.Log(o.Slope),
	})
	if err != nil {
		return nil, 0, err
	}
	return a, c, copyMADE(a.Params(), plain, c, d)
}
