// Masked networks of a state: units sorted by what they see, and hidden layers
// widened until every degree has as many units as here.

package torch

import (
	"fmt"
	"slices"

	"github.com/bijou-flow/bijou/bijector"
)

// maskedLayer is an affine map of which each output sees some inputs only. The
// weights of the others are 0.
type maskedLayer struct {
	linearLayer
	seen []bool // (out, in)
}

// masked takes a weight, a bias and a mask of one shape.
func (r *reader) masked(name string, in, out int) (maskedLayer, error) {
	l, err := r.linear(name, in, out, true)
	if err != nil {
		return maskedLayer{}, err
	}
	seen, err := r.flags(name+".mask", l.out, l.in)
	if err != nil {
		return maskedLayer{}, err
	}
	l.w = slices.Clone(l.w)
	for i, s := range seen {
		if !s {
			l.w[i] = 0
		}
	}
	return maskedLayer{l, seen}, nil
}

// maskedPerceptron takes the masked layers prefix + "0", "2", "4" and so on, of
// which there are two at least.
func (r *reader) maskedPerceptron(prefix string) ([]maskedLayer, error) {
	var net []maskedLayer
	in := anySize
	for i := 0; i <= 2 || r.has(fmt.Sprintf("%s%d.weight", prefix, i)); i += 2 {
		l, err := r.masked(fmt.Sprint(prefix, i), in, anySize)
		if err != nil {
			return nil, err
		}
		net, in = append(net, l), l.out
	}
	return net, nil
}

// columns is linearLayer.columns, of the mask too.
func (l maskedLayer) columns(order []int) maskedLayer {
	seen := make([]bool, 0, l.out*len(order))
	for i := range l.out {
		for _, k := range order {
			seen = append(seen, k >= 0 && l.seen[i*l.in+k])
		}
	}
	return maskedLayer{l.linearLayer.columns(order), seen}
}

// rows is linearLayer.rows, of the mask too.
func (l maskedLayer) rows(order []int) maskedLayer {
	seen := make([]bool, 0, len(order)*l.in)
	for _, k := range order {
		if k < 0 {
			seen = append(seen, make([]bool, l.in)...)
			continue
		}
		seen = append(seen, l.seen[k*l.in:(k+1)*l.in]...)
	}
	return maskedLayer{l.linearLayer.rows(order), seen}
}

// degreesOf are those of a layer's outputs: the largest among what each sees,
// and 0 for one that sees nothing.
func (l maskedLayer) degreesOf(inputs []int) []int {
	of := make([]int, l.out)
	for i := range of {
		for k, d := range inputs {
			if l.seen[i*l.in+k] {
				of[i] = max(of[i], d)
			}
		}
	}
	return of
}

// degreesOfInputs are 0 for the context, and 1, 2, 3, ... for the features in
// their order.
func degreesOfInputs(context, features int) []int {
	return append(make([]int, context), intRange(1, features+1)...)
}

// leastDegree is that of the hidden units of a masked network here.
func leastDegree(context, features int) int {
	if context == 0 && features > 1 {
		return 1
	}
	return 0
}

// slots are the places of hidden units here: sorted by degree, from least to
// features-1, with as many for each. A place without a unit is -1: it gets
// weights of 0, which stay 0 in training too.
func (r *reader) slots(l linearLayer, degrees []int, least, features int) ([]int, error) {
	units := make([][]int, max(1, features-least))
	most := 1
	for i, d := range degrees {
		if d >= features {
			return nil, r.errorf(l.name, bijector.ErrSpec, "unit %d sees all %d features, want one at least that it does not", i, features)
		}
		k := max(0, d-least) // a unit that sees nothing is a constant, at any place
		units[k] = append(units[k], i)
		most = max(most, len(units[k]))
	}
	var slots []int
	for _, u := range units {
		slots = append(slots, u...)
		for range most - len(u) {
			slots = append(slots, -1)
		}
	}
	return slots, nil
}

// made puts a masked perceptron into the form of autoregressive.NewMADE. Input i
// here is the source's columns[i], the context and then the features in their
// order; output i is its rows[i], parameter by parameter.
func (r *reader) made(net []maskedLayer, context, features int, columns, rows []int) ([]linearLayer, error) {
	degrees, least := degreesOfInputs(context, features), leastDegree(context, features)
	var out []linearLayer
	for i, l := range net {
		l = l.columns(columns)
		if i == len(net)-1 {
			l = l.rows(rows)
			if err := r.checkOutputs(l, degrees, least, features); err != nil {
				return nil, err
			}
			return append(out, l.linearLayer), nil
		}
		of := l.degreesOf(degrees)
		slots, err := r.slots(l.linearLayer, of, least, features)
		if err != nil {
			return nil, err
		}
		out = append(out, l.linearLayer.rows(slots))
		columns, degrees = slots, pick(of, slots)
	}
	return out, nil
}

// pick is v[i] for each i, and 0 for those below 0.
func pick(v, at []int) []int {
	out := make([]int, len(at))
	for k, i := range at {
		if i >= 0 {
			out[k] = v[i]
		}
	}
	return out
}

// checkOutputs refuses a last layer whose outputs for the j-th feature of the
// order see it or one after it: inputs of more than degree j.
func (r *reader) checkOutputs(l maskedLayer, degrees []int, least, features int) error {
	for i := range l.out {
		j := i % features
		for k, d := range degrees {
			if l.seen[i*l.in+k] && (d > j || j < least) {
				return r.errorf(l.name, bijector.ErrSpec, "parameter %d of the feature in place %d of the order depends on one in place %d, want those before it alone", i/features, j, max(d, 1)-1)
			}
		}
	}
	return nil
}

// hiddenOf are the widths between the layers of a net.
func hiddenOf(net []linearLayer) []int {
	hidden := make([]int, 0, len(net))
	for _, l := range net[1:] {
		hidden = append(hidden, l.in)
	}
	return hidden
}

// parametersOf are the rows of a last layer that gives for each feature in turn
// its parameters, in the order of ours: which of a feature's comes first here.
func parametersOf(order []int, of int, ours []int) []int {
	rows := make([]int, 0, len(order)*len(ours))
	for _, p := range ours {
		for _, k := range order {
			rows = append(rows, k*of+p)
		}
	}
	return rows
}

// copyMADE sets the parameters of an autoregressive layer, whose net lacks the
// first weight where it reads a lone feature without a context.
func copyMADE[T bijector.Float](params []bijector.Param[T], net []linearLayer, context, features int) error {
	if context == 0 && features == 1 {
		params = slices.Insert(params, 0, bijector.Param[T]{Data: make([]T, len(net[0].w))})
	}
	return copyLayers(params, net)
}
