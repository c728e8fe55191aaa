// The networks of a state: affine layers, put into the order that couplings
// here have, and made a conditioner of.

package torch

import (
	"fmt"
	"slices"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/coupling"
)

// linearLayer is an affine map, y = W x + b.
type linearLayer struct {
	name    string // of its weight, for errors
	in, out int
	w       []float64 // (out, in)
	b       []float64
}

// linear takes the weight and bias of a torch.nn.Linear; without a bias, that
// is zero. A width of anySize is whatever the weight has.
func (r *reader) linear(name string, in, out int, bias bool) (linearLayer, error) {
	l := linearLayer{name: name + ".weight"}
	var err error
	if l.w, err = r.floats(l.name, out, in); err != nil {
		return l, err
	}
	shape := r.state.tensors[l.name].shape
	l.out, l.in = shape[0], shape[1]
	if !bias {
		l.b = make([]float64, l.out)
		return l, nil
	}
	l.b, err = r.floats(name+".bias", l.out)
	return l, err
}

// perceptron takes the linear layers prefix + "0", "2", "4" and so on, between
// which a torch.nn.Sequential has its activations. All have a bias or none has.
func (r *reader) perceptron(prefix string, bias bool) ([]linearLayer, error) {
	var net []linearLayer
	in := anySize
	for i := 0; i == 0 || r.has(fmt.Sprintf("%s%d.weight", prefix, i)); i += 2 {
		l, err := r.linear(fmt.Sprint(prefix, i), in, anySize, bias)
		if err != nil {
			return nil, err
		}
		net, in = append(net, l), l.out
	}
	return net, nil
}

// widthError is a shape error for an affine layer of the wrong width.
func (r *reader) widthError(l linearLayer, format string, a ...any) error {
	return r.errorf(l.name, bijector.ErrShape, "[%d %d], want %s", l.out, l.in, fmt.Sprintf(format, a...))
}

// columns is the layer for inputs in another order: input j is the former
// order[j], or for -1 one that has no weight. Those that are not named are taken
// to be zero.
func (l linearLayer) columns(order []int) linearLayer {
	w := make([]float64, l.out*len(order))
	for i := range l.out {
		for j, k := range order {
			if k >= 0 {
				w[i*len(order)+j] = l.w[i*l.in+k]
			}
		}
	}
	l.w, l.in = w, len(order)
	return l
}

// rows is the layer whose output i is the former order[i], or for -1 is 0.
func (l linearLayer) rows(order []int) linearLayer {
	w, b := make([]float64, len(order)*l.in), make([]float64, len(order))
	for i, k := range order {
		if k >= 0 {
			copy(w[i*l.in:], l.w[k*l.in:(k+1)*l.in])
			b[i] = l.b[k]
		}
	}
	l.w, l.b, l.out = w, b, len(order)
	return l
}

// reorderNet gives the first layer of a net its inputs and the last its outputs
// in another order.
func reorderNet(net []linearLayer, columns, rows []int) {
	net[0] = net[0].columns(columns)
	last := len(net) - 1
	net[last] = net[last].rows(rows)
}

// beside is the network whose outputs are those of a and then those of b, of as
// many layers and the same inputs.
func beside(a, b []linearLayer) []linearLayer {
	var net []linearLayer
	for i := range a {
		p, q := a[i], b[i]
		l := linearLayer{name: p.name, in: p.in + q.in, out: p.out + q.out, b: slices.Concat(p.b, q.b)}
		right := p.in // the first column that b reads
		if i == 0 {
			l.in, right = p.in, 0
		}
		l.w = make([]float64, l.out*l.in)
		for j := range p.out {
			copy(l.w[j*l.in:], p.w[j*p.in:][:p.in])
		}
		for j := range q.out {
			copy(l.w[(p.out+j)*l.in+right:], q.w[j*q.in:][:q.in])
		}
		net = append(net, l)
	}
	return net
}

// intRange is lo, lo+1, ..., hi-1.
func intRange(lo, hi int) []int {
	s := make([]int, 0, hi-lo)
	for i := lo; i < hi; i++ {
		s = append(s, i)
	}
	return s
}

// mlpFrom returns the constructor of a perceptron with the weights of net.
func mlpFrom[T bijector.Float](net []linearLayer, activation string) func(in, out int) (bijector.Network[T], error) {
	return func(in, out int) (bijector.Network[T], error) {
		s := coupling.MLPSpec{In: in, Out: out, Activation: activation}
		for _, l := range net[1:] {
			s.Hidden = append(s.Hidden, l.in)
		}
		m, err := coupling.NewMLP[T](s)
		if err != nil {
			return nil, err
		}
		return m, copyLayers(m.Params(), net)
	}
}

// residualFrom returns the constructor of a residual perceptron with the weights
// of net: the first layer, two for each block and with a context its gate, the last
// one.
func residualFrom[T bijector.Float](net []linearLayer, context int, activation string) func(in, out int) (bijector.Network[T], error) {
	return func(in, out int) (bijector.Network[T], error) {
		of := 2
		if context > 0 {
			of = 3
		}
		m, err := coupling.NewResidual[T](coupling.ResidualSpec{
			In: in, Out: out, Hidden: net[0].out, Blocks: (len(net) - 2) / of, Activation: activation, ContextDim: context,
		})
		if err != nil {
			return nil, err
		}
		return m, copyLayers(m.Params(), net)
	}
}

// copyLayers sets parameters that are a weight and a bias for each layer.
func copyLayers[T bijector.Float](params []bijector.Param[T], net []linearLayer) error {
	for i, l := range net {
		for k, v := range [][]float64{l.w, l.b} {
			p := params[2*i+k]
			if len(p.Data) != len(v) {
				return fmt.Errorf("torch: %s of shape %v gets %d values from %q: %w", p.Name, p.Shape, len(v), l.name, bijector.ErrShape)
			}
			convert(p.Data, v)
		}
	}
	return nil
}

// convert rounds to T.
func convert[T bijector.Float](dst []T, src []float64) {
	for i, v := range src {
		dst[i] = T(v)
	}
}

// split returns the features that a mask keeps and those that it moves.
func split(keep []bool) (kept, moved []int) {
	for i, k := range keep {
		if k {
			kept = append(kept, i)
		} else {
			moved = append(moved, i)
		}
	}
	return kept, moved
}

// maskOf is the spec of a mask that keeps the given ones of dim features.
func maskOf(dim int, kept []int) coupling.MaskSpec {
	keep := make([]int, dim)
	for _, k := range kept {
		keep[k] = 1
	}
	return coupling.MaskSpec{Kind: "given", Keep: keep}
}
