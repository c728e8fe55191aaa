// zuko's masked autoregressive flows.

package torch

import (
	"fmt"
	"math"
	"slices"

	"github.com/bijou-flow/bijou/autoregressive"
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/distribution"
)

// zukoBound is that of the splines of zuko.flows.NSF.
const zukoBound = 5

// parametricLayer is a layer with parameters.
type parametricLayer[T bijector.Float] interface {
	bijector.Layer[T]
	Params() []bijector.Param[T]
}

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
	params, ours := 2, []int{1, 0} // the shift comes first there
	if o.splines() {
		params = last.out / d
		ours = intRange(0, params)
	}
	switch {
	case o.splines() && (last.out != params*d || params%3 != 2 || params < 5):
		return nil, 0, r.widthError(last, "3K-1 outputs for each of %d features, what splines of K bins have in an %s", d, o.Class)
	case last.out != params*d:
		return nil, 0, r.widthError(last, "%d outputs, shift and scale of each of %d features, where ZukoOptions.Class does not say that they are splines", params*d, d)
	}
	plain, err := r.made(net, c, d, append(intRange(d, d+c), order...), parametersOf(order, params, ours))
	if err != nil {
		return nil, 0, err
	}
	a, err := zukoLayer[T](d, c, order, hiddenOf(plain), params, o)
	if err != nil {
		return nil, 0, err
	}
	return a, c, copyMADE(a.Params(), plain, c, d)
}

// zukoLayer makes the layer, whose net has no weights yet.
func zukoLayer[T bijector.Float](d, context int, order, hidden []int, params int, o ZukoOptions) (parametricLayer[T], error) {
	given := autoregressive.OrderSpec{Kind: "given", Indices: order}
	if !o.splines() {
		return autoregressive.NewAffine[T](autoregressive.AffineSpec{
			Dim: d, ContextDim: context, Order: given, Hidden: hidden, Activation: o.Activation,
			Scale: "softsign", Clamp: -math.Log(o.Slope),
		})
	}
	s := autoregressive.SplineSpec{
		Dim: d, ContextDim: context, Order: given, Hidden: hidden, Activation: o.Activation,
		Bins: (params + 1) / 3, Bound: zukoBound, MinSlope: o.Slope, Knots: "exponential",
	}
	if o.Class == "NCSF" {
		s.Bound, s.HalfTurn = math.Pi, true
	}
	return autoregressive.NewSpline[T](s)
}

// zukoBox takes the base of an NCSF, uniform and a little wider than the circle.
func zukoBox[T bijector.Float](r *reader, at string, dim int) (distribution.Base[T], error) {
	lo, err := r.floats(at+"lower", dim)
	if err != nil {
		return nil, err
	}
	hi, err := r.floats(at+"upper", dim)
	if err != nil {
		return nil, err
	}
	base, err := distribution.NewUniform[T](distribution.UniformSpec{Dim: dim, Lo: lo, Hi: hi})
	if err != nil {
		return nil, fmt.Errorf("torch: %w", err)
	}
	return base, nil
}
