// The original demo's Real NVP.

package torch

import (
	"fmt"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/coupling"
	"github.com/bijou-flow/bijou/flow"
)

// DemoOptions says what a demo flow's state does not.
type DemoOptions struct {
	// Activation of the conditioners: "relu" (the default) or "tanh".
	Activation string
	// Eps that batch norm adds to the variance; 0 means 1e-5.
	Eps float64
}

// Demo makes a flow of the state of the demo's Real NVP, a list flows of any of
// three modules and a normal base distribution:
//
//   - A coupling has "flows.<k>.mask" (d), 1 where a feature is kept, and the
//     network "flows.<k>.s.<0, 2, 4 ...>.weight" and ".bias". That sees the
//     context (c) and then all d features, the moved ones as zeros, and gives
//     2d values, first s and then t, for z = m*x + (1-m)*(x*exp(tanh(s)) + t).
//     Its hidden sizes wrap in the demo: hidden=[200] builds in -> 200 -> 200
//     -> out. The shapes say it all, also c = in - d. Where there is a network
//     "flows.<k>.t" too (single_function=False), s gives s alone and t gives t,
//     d values each: the two become one of twice the width.
//   - A permutation has "flows.<k>.p" and its inverse "flows.<k>.invp", for
//     z = x[:, p].
//   - Batch norm has "flows.<k>.log_gamma", ".beta", ".running_mean" and
//     ".running_var" (d each), for
//     z = exp(log_gamma) * (x - mean) / sqrt(var + eps) + beta.
//
// The base distribution has mean "prior_mean" and deviation "prior_var", which
// is what the demo uses it for in spite of its name, or is the standard normal
// where the state has neither.
//
// Weights that a mask makes zero are left out: the network of a coupling here
// sees the kept features alone, and computes s and t of the moved ones.
func Demo[T bijector.Float](s *State, o DemoOptions) (*flow.Flow[T], error) {
	r, err := newReader[T](s)
	if err != nil {
		return nil, err
	}
	dim, context := r.lastAxisLen("flows.0.mask", "flows.0.p", "flows.0.log_gamma"), anySize
	var layers []bijector.Layer[T]
	for k := 0; k == 0 || r.hasPrefix(fmt.Sprintf("flows.%d.", k)); k++ {
		at := fmt.Sprintf("flows.%d.", k)
		var l bijector.Layer[T]
		var err error
		switch {
		case r.has(at + "p"):
			var p []int
			if p, err = r.permutation(at+"p", at+"invp", dim); err == nil {
				l, err = permute[T](p)
			}
		case r.has(at + "log_gamma"):
			l, err = demoBatchNorm[T](r, at, dim, o.Eps)
		default:
			l, context, err = demoCoupling[T](r, at, dim, context, o.Activation)
		}
		if err != nil {
			return nil, err
		}
		layers = append(layers, l)
	}
	var mean, deviation []float64
	if r.has("prior_mean") || r.has("prior_var") {
		var err error
		if mean, err = r.floats("prior_mean", dim); err != nil {
			return nil, err
		}
		if deviation, err = r.floats("prior_var", dim); err != nil {
			return nil, err
		}
		for i, v := range deviation {
			if !(v > 0) {
				return nil, r.errorf("prior_var", bijector.ErrSpec, "value %d is %v, want a deviation above 0", i, v)
			}
		}
	}
	base, err := newNormal[T](dim, mean, deviation)
	if err != nil {
		return nil, err
	}
	return newFlow(r, layers, base)
}

// demoCoupling also returns the number of context features, which the first
// coupling tells.
func demoCoupling[T bijector.Float](r *reader, at string, d, context int, activation string) (l bijector.Layer[T], c int, err error) {
	keep, err := r.mask(at+"mask", d)
	if err != nil {
		return nil, 0, err
	}
	kept, moved := split(keep)
	net, err := r.perceptron(at+"s.", true)
	if err != nil {
		return nil, 0, err
	}
	if r.hasPrefix(at + "t.") {
		if net, err = r.withShifts(net, at+"t.", d); err != nil {
			return nil, 0, err
		}
	}
	first, last := net[0], net[len(net)-1]
	if c = first.in - d; c < 0 || context != anySize && c != context {
		return nil, 0, r.widthError(first, "context and %d features as inputs, as in every coupling", d)
	}
	if last.out != 2*d {
		return nil, 0, r.widthError(last, "%d outputs, s and t of %d features", 2*d, d)
	}
	columns, rows := intRange(0, c), moved
	for _, k := range kept {
		columns = append(columns, c+k)
	}
	for _, k := range moved {
		rows = append(rows, d+k)
	}
	reorderNet(net, columns, rows)
	l, err = coupling.NewAffineWith(coupling.AffineSpec{
		Dim: d, ContextDim: c, Mask: maskOf(d, kept), Scale: "tanh",
	}, mlpFrom[T](net, activation))
	return l, c, err
}

// withShifts is the network of s with that of t, "t.0" and so on, beside it.
func (r *reader) withShifts(s []linearLayer, at string, d int) ([]linearLayer, error) {
	t, err := r.perceptron(at, true)
	if err != nil {
		return nil, err
	}
	if len(t) != len(s) || t[0].in != s[0].in {
		return nil, r.widthError(t[0], "a network of %d layers and %d inputs, as that of s", len(s), s[0].in)
	}
	for _, l := range []linearLayer{s[len(s)-1], t[len(t)-1]} {
		if l.out != d {
			return nil, r.widthError(l, "%d outputs, where s and t have networks of their own", d)
		}
	}
	return beside(s, t), nil
}

func demoBatchNorm[T bijector.Float](r *reader, at string, dim int, eps float64) (bijector.Layer[T], error) {
	var s batchNorm
	var err error
	if s.logGamma, err = r.floats(at+"log_gamma", dim); err != nil {
		return nil, err
	}
	if s.beta, err = r.floats(at+"beta", dim); err != nil {
		return nil, err
	}
	if s.mean, err = r.floats(at+"running_mean", dim); err != nil {
		return nil, err
	}
	if s.variance, err = r.variance(at+"running_var", dim); err != nil {
		return nil, err
	}
	return newBatchNorm[T](s, eps)
}
