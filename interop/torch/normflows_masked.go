// normflows' masked affine flows and autoregressive splines.

package torch

import (
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/coupling"
)

// normflowsMasked reads a MaskedAffineFlow of d features.
func normflowsMasked[T bijector.Float](r *reader, at string, d int, activation string) (bijector.Layer[T], error) {
	keep, err := r.flags(at+"b", 1, d)
	if err != nil {
		return nil, err
	}
	kept, moved := split(keep)
	if len(kept) == 0 || len(moved) == 0 {
		return nil, r.errorf(at+"b", bijector.ErrSpec, "keeps %d of %d features, want one to keep and one to move at least", len(kept), d)
	}
	net := func(name string) ([]linearLayer, error) {
		net, err := r.perceptron(at+name+".net.", true)
		if err != nil {
			return nil, err
		}
		if first, last := net[0], net[len(net)-1]; first.in != d || last.out != d {
			if first.in == d {
				first = last
			}
			return nil, r.widthError(first, "%d inputs and outputs, the features", d)
		}
		reorderNet(net, kept, moved)
		return net, nil
	}
	shift, err := net("t")
	if err != nil {
		return nil, err
	}
	mask := maskOf(d, kept)
	if !r.hasPrefix(at + "s.") { // volume is preserved: z = x - t
		negate(&shift[len(shift)-1])
		return coupling.NewAdditiveWith(coupling.AdditiveSpec{Dim: d, Mask: mask}, mlpFrom[T](shift, activation))
	}
	scale, err := net("s")
	if err != nil {
		return nil, err
	}
	if len(scale) != len(shift) {
		return nil, r.widthError(scale[len(scale)-1], "as many layers as the %d of t", len(shift))
	}
	return coupling.NewAffineWith(coupling.AffineSpec{Dim: d, Mask: mask, Scale: "exp", Reverse: true}, mlpFrom[T](beside(scale, shift), activation))
}

// negate changes the sign of a layer's outputs.
func negate(l *linearLayer) {
	*l = l.rows(intRange(0, l.out))
	for _, v := range [][]float64{l.w, l.b} {
		for i := range v {
			v[i] = -v[i]
		}
	}
}

// normflowsSplines reads an AutoregressiveRationalQuadraticSpline, which is nflows'
// from data to latent. Its contexts have no mapping.
func normflowsSplines[T bijector.Float](r *reader, at string, d int, o NormFlowsOptions) (bijector.Layer[T], error) {
	if name := at + "autoregressive_net.context_layer.weight"; r.has(name) {
		return nil, r.errorf(name, ErrUnexpected, "want an unconditional model: contexts enter by gated blocks")
	}
	return nflowsAutoregressive[T](r, at, d, NFlowsOptions{Activation: o.Activation, TailBound: o.TailBound})
}

// normflowsLU reads a LULinearPermute: from data to latent a permutation, then an
// LU map.
func normflowsLU[T bijector.Float](r *reader, at string, d int) ([]bijector.Layer[T], error) {
	p, err := nflowsPermutation[T](r, at+"permutation.", d)
	if err != nil {
		return nil, err
	}
	l, err := nflowsLU[T](r, at+"linear.", d)
	return []bijector.Layer[T]{p, l}, err
}
