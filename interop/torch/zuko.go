// zuko's flows: their transforms in turn, and the couplings.

package torch

import (
	"cmp"
	"fmt"
	"math"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/coupling"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/flow"
)

// ZukoOptions says what a zuko flow's state does not.
type ZukoOptions struct {
	// Activation of the conditioners: "relu" (nn.ReLU, the default of the classes), "tanh" or another of coupling.MLPSpec's. A state_dict does not
	// say it: it is required where the file has no proof rows, see Load.
	Activation string
	// Slope is the least slope of the affine maps and of the splines; 0 means 1e-3,
	// as in all their classes.
	Slope float64
	// Epsilon is what is added to the scales of a GMM; 0 means 1e-6, as in its class.
	Epsilon float64
	// Class is "NSF" or "NCSF" where the state is one of these, whose splines leave
	// no trace but a number of outputs that other classes have too. Anything else,
	// such as "MAF" or "", is an affine or additive flow.
	Class string
}

// splines says whether the transforms are splines.
func (o ZukoOptions) splines() bool { return o.Class == "NSF" || o.Class == "NCSF" }

// Zuko makes a flow of the state of a zuko.flows.NICE, RealNVP, MAF, NSF or NCSF:
// couplings with alternating or random masks, or masked autoregressive transforms,
// over a normal base distribution or that of an NCSF, which is uniform; or of a
// zuko.mixtures.GMM without a context.
//
//   - Coupling k has "transform.transforms.<k>.mask" (d), true where a feature
//     is kept, and the network "transform.transforms.<k>.hyper.<0, 2, 4 ...>".
//     That sees the kept features and then the context (c), and gives for each
//     moved feature in turn b and a, for z = x*exp(s) + b with
//     s = a / (1 + |a / log(slope)|): the scale "softsign" here. With one value
//     for each, it is univariate=AdditiveTransform, z = x + b. A network of
//     bias=False has weights alone.
//   - Masked transform k has "transform.transforms.<k>.order" (d), the place of
//     each feature, and the network "transform.transforms.<k>.hyper.<0, 2, 4 ...>"
//     with weights, biases and masks. That sees the features and then the context,
//     and gives for each feature b and a as above. Features of one place, as
//     passes < d makes them, do not see each other. Hidden units are sorted here by
//     what they see, and their layer is widened by units of zeros until each
//     degree has as many. An adjacency of the user's, residual=True and networks
//     without a hidden layer have no mapping. In an NSF it gives for each feature K
//     widths, K heights and K-1 slopes: autoregressive.Spline with "exponential"
//     knots, in an NCSF with HalfTurn.
//   - The base distribution has mean "base.loc" and deviation "base.scale"
//     (before zuko 1.3 "base._0" and "base._1").
//   - A GMM of K components has weights "phi.0" (K), means "phi.1" (K, d),
//     logarithms of scales "phi.2" (K, d) and, where covariances are full, what is
//     below the diagonal of their factors, "phi.3" (K, d (d-1)/2). The flow is the
//     identity over a distribution.Mixture. What all components or features share in
//     zuko, each has for itself here, and learns apart.
func Zuko[T bijector.Float](s *State, o ZukoOptions) (*flow.Flow[T], error) {
	r, err := newReader[T](s)
	if err != nil {
		return nil, err
	}
	if isZukoMixture(r) {
		return zukoMixture[T](r, cmp.Or(o.Epsilon, zukoEpsilon))
	}
	layers, base, err := zukoParts[T](r, "", o)
	if err != nil {
		return nil, err
	}
	return newFlow(r, layers, base)
}

// zukoParts reads the flow whose names begin with at.
func zukoParts[T bijector.Float](r *reader, at string, o ZukoOptions) (layers []bijector.Layer[T], base distribution.Base[T], err error) {
	if o.Slope == 0 {
		o.Slope = 1e-3
	}
	if !(o.Slope > 0 && o.Slope < 1) {
		return nil, nil, fmt.Errorf("torch: slope %v, want one between 0 and 1: %w", o.Slope, bijector.ErrSpec)
	}
	if o.Activation, err = r.activation(o.Activation); err != nil {
		return nil, nil, err
	}
	prefix := at + "transform.transforms."
	dim, context := r.lastAxisLen(prefix+"0.mask", prefix+"0.order", prefix+"1.mask", prefix+"1.order"), anySize
	for k := 0; k == 0 || r.hasPrefix(fmt.Sprint(prefix, k, ".")); k++ {
		if affine := fmt.Sprint(prefix, k, "."); r.has(affine+"loc") || r.has(affine+"scale") {
			l, err := standardize[T](r, affine+"loc", affine+"scale", dim)
			if err != nil {
				return nil, nil, err
			}
			layers = append(layers, l)
			continue
		}
		read := zukoCoupling[T]
		if at := fmt.Sprint(prefix, k, "."); r.has(at+"order") || r.has(at+"hyper.0.mask") {
			read = zukoMasked[T]
		}
		l, c, err := read(r, fmt.Sprint(prefix, k, "."), dim, context, o)
		if err != nil {
			return nil, nil, err
		}
		layers, context = append(layers, l), c
	}
	base, err = zukoBase[T](r, at+"base.", dim, o)
	return layers, base, err
}

// zukoBase takes the base distribution.
func zukoBase[T bijector.Float](r *reader, at string, dim int, o ZukoOptions) (distribution.Base[T], error) {
	if o.Class == "NCSF" {
		return zukoBox[T](r, at, dim)
	}
	names := [2]string{at + "loc", at + "scale"}
	if r.has(at + "_0") {
		names = [2]string{at + "_0", at + "_1"}
	}
	loc, err := r.floats(names[0], dim)
	if err != nil {
		return nil, err
	}
	scale, err := r.floats(names[1], dim)
	if err != nil {
		return nil, err
	}
	return newNormal[T](dim, loc, scale)
}

func zukoCoupling[T bijector.Float](r *reader, at string, d, context int, o ZukoOptions) (l bijector.Layer[T], c int, err error) {
	keep, err := r.mask(at+"mask", d)
	if err != nil {
		return nil, 0, err
	}
	kept, moved := split(keep)
	net, err := r.perceptron(at+"hyper.", r.has(at+"hyper.0.bias"))
	if err != nil {
		return nil, 0, err
	}
	first, last := net[0], net[len(net)-1]
	n, m := len(kept), len(moved)
	if c = first.in - n; c < 0 || context != anySize && c != context {
		return nil, 0, r.widthError(first, "%d kept features and the context as inputs, as in every coupling", n)
	}
	columns := append(intRange(n, n+c), intRange(0, n)...)
	switch last.out {
	case m:
		reorderNet(net, columns, intRange(0, m))
		l, err = coupling.NewAdditiveWith(coupling.AdditiveSpec{Dim: d, ContextDim: c, Mask: maskOf(d, kept)}, mlpFrom[T](net, o.Activation))
	case 2 * m:
		rows := append(everySecond(1, 2*m), everySecond(0, 2*m)...)
		reorderNet(net, columns, rows)
		l, err = coupling.NewAffineWith(coupling.AffineSpec{
			Dim: d, ContextDim: c, Mask: maskOf(d, kept), Scale: "softsign", Clamp: -math.Log(o.Slope),
		}, mlpFrom[T](net, o.Activation))
	default:
		return nil, 0, r.widthError(last, "%d outputs, shift and scale of %d moved features, or %d, the shifts alone", 2*m, m, m)
	}
	return l, c, err
}

// everySecond is first, first+2, first+4 and so on, below n.
func everySecond(first, n int) []int {
	var s []int
	for i := first; i < n; i += 2 {
		s = append(s, i)
	}
	return s
}
