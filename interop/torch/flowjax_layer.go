// A layer of FlowJAX: a coupling or a masked transform, and a permutation.

package torch

import (
	"fmt"
	"math"
	"slices"

	"github.com/bijou-flow/bijou/autoregressive"
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/coupling"
)

// flowjaxTransformer is what a network's outputs are the parameters of.
type flowjaxTransformer struct {
	options FlowJAXOptions
	start   []float64 // of each parameter, which is added to the output
	ours    []int     // which parameter comes first here
	bins    int       // 0: affine
}

// newFlowJAXTransformer takes what a transformer starts from.
func newFlowJAXTransformer(r *reader, at string, o FlowJAXOptions) (t flowjaxTransformer, err error) {
	t.options = o
	if !r.has(at + "x_pos.arr") {
		start, err := r.floats(at + "loc")
		if err != nil {
			return t, err
		}
		scale, err := r.floats(at + "scale.args[0]")
		t.start, t.ours = append(slices.Clone(start), scale...), []int{1, 0}
		return t, err
	}
	if o.Interval == 0 {
		return t, r.errorf(at+"x_pos.arr", bijector.ErrSpec, "a spline, want FlowJAXOptions.Interval")
	}
	x, err := r.floats(at+"x_pos.arr", anySize)
	if err != nil {
		return t, err
	}
	t.bins = len(x)
	y, err := r.floats(at+"y_pos.arr", t.bins)
	if err != nil {
		return t, err
	}
	slopes, err := r.floats(at+"derivatives.args[0]", t.bins+1)
	if err != nil {
		return t, err
	}
	t.start = slices.Concat(x, y, slopes)
	for i := range slopes { // a slope of 1 comes from 0 here
		t.start[2*t.bins+i] -= math.Log(math.Expm1(1 - o.MinDerivative))
	}
	t.ours = intRange(0, len(t.start))
	return t, nil
}

// spline is the spec of the splines alone.
func (t flowjaxTransformer) spline() coupling.SplineSpec {
	o := t.options
	least := o.MinWidth / (2 * o.Interval)
	return coupling.SplineSpec{Bins: t.bins, Bound: o.Interval, MinWidth: least, MinHeight: least, MinSlope: o.MinDerivative, FreeEnds: true}
}

// begin adds what the transformer starts from to a last layer's biases, which have
// parameter by parameter the given number of features.
func (t flowjaxTransformer) begin(l *linearLayer, features int) {
	l.b = slices.Clone(l.b)
	for i := range l.b {
		l.b[i] += t.start[t.ours[i/features]]
	}
}

// flowjaxNet is a layer's network, without masks where it has none.
func (r *reader) flowjaxNet(m flowjaxScan) ([]maskedLayer, error) {
	var net []maskedLayer
	in, at := anySize, m.at+"conditioner.layers["
	if m.masked {
		at = m.at + "masked_autoregressive_mlp.layers["
	}
	for i := 0; i == 0 || r.hasPrefix(fmt.Sprint(at, i, "].")); i++ {
		l, err := r.flowjaxLinear(fmt.Sprint(at, i, "]"), in, m.masked)
		if err != nil {
			return nil, err
		}
		net, in = append(net, l), l.out
	}
	return net, nil
}

// flowjaxLinear takes an affine map, and its mask.
func (r *reader) flowjaxLinear(name string, in int, mask bool) (l maskedLayer, err error) {
	if !mask {
		l.linearLayer, err = r.linear(name, in, anySize, true)
		return l, err
	}
	l.name = name + ".weight.args[1]"
	if l.w, err = r.floats(l.name, anySize, in); err != nil {
		return l, err
	}
	shape := r.state.tensors[l.name].shape
	l.out, l.in = shape[0], shape[1]
	if l.b, err = r.floats(name+".bias", l.out); err != nil {
		return l, err
	}
	if l.seen, err = r.flags(name+".weight.args[0]", l.out, l.in); err != nil {
		return l, err
	}
	l.w = slices.Clone(l.w)
	for i, s := range l.seen {
		if !s {
			l.w[i] = 0
		}
	}
	return l, nil
}

// flowjaxLayers reads a layer from data to latent, and its number of features.
func flowjaxLayers[T bijector.Float](r *reader, m flowjaxScan, t flowjaxTransformer) ([]bijector.Layer[T], int, error) {
	net, err := r.flowjaxNet(m)
	if err != nil {
		return nil, 0, err
	}
	permutation := m.scan + "bijections[1].permutation[0]"
	dim, params, last := 1, len(t.start), net[len(net)-1].linearLayer
	if m.chained {
		dim = max(2, r.lastAxisLen(permutation)) // a Flip has two features and no arrays
	}
	moved := dim - dim/2
	if m.masked {
		moved = dim
	}
	if last.out != moved*params {
		return nil, 0, r.widthError(last, "%d outputs for each of %d moved features, the parameters of its transformer", params, moved)
	}
	read := flowjaxCoupling[T]
	if m.masked {
		read = flowjaxMasked[T]
	}
	l, err := read(r, net, dim, m.inverted, t)
	if err != nil || !m.chained {
		return []bijector.Layer[T]{l}, dim, err
	}
	p := intRange(0, dim)
	slices.Reverse(p)
	if r.has(permutation) {
		back := m.scan + "bijections[1].inverse_permutation[0]"
		if p, err = r.permutation(permutation, back, dim); err == nil && !m.inverted {
			p, err = r.indices(back, dim, dim)
		}
		if err != nil {
			return nil, 0, err
		}
	}
	shuffle, err := permute[T](p)
	if !m.inverted {
		return []bijector.Layer[T]{shuffle, l}, dim, err
	}
	return []bijector.Layer[T]{l, shuffle}, dim, err
}

func flowjaxCoupling[T bijector.Float](r *reader, masked []maskedLayer, d int, inverted bool, t flowjaxTransformer) (bijector.Layer[T], error) {
	var net []linearLayer
	for _, l := range masked {
		net = append(net, l.linearLayer)
	}
	kept, first, last := d/2, net[0], len(net)-1
	c := first.in - kept
	if c < 0 || kept == 0 {
		return nil, r.widthError(first, "the first %d of %d features and the condition as inputs, at least one of the features", max(kept, 1), d)
	}
	reorderNet(net, append(intRange(kept, kept+c), intRange(0, kept)...), parametersOf(intRange(0, d-kept), len(t.start), t.ours))
	t.begin(&net[last], d-kept)
	mask := maskOf(d, intRange(0, kept))
	if t.bins == 0 {
		return coupling.NewAffineWith(coupling.AffineSpec{
			Dim: d, ContextDim: c, Mask: mask, Scale: "softplus", Clamp: t.options.MinScale, Reverse: !inverted,
		}, mlpFrom[T](net, t.options.Activation))
	}
	s := t.spline()
	s.Dim, s.ContextDim, s.Mask = d, c, mask
	l, err := coupling.NewSplineWith(s, mlpFrom[T](net, t.options.Activation))
	if err != nil || inverted {
		return l, err
	}
	return bijector.Invert[T](l), nil
}

func flowjaxMasked[T bijector.Float](r *reader, masked []maskedLayer, d int, inverted bool, t flowjaxTransformer) (bijector.Layer[T], error) {
	first := masked[0].linearLayer
	c := first.in - d
	if c < 0 || len(masked) < 2 {
		return nil, r.widthError(first, "%d features and the condition as inputs, and another layer behind", d)
	}
	net, err := r.made(masked, c, d, append(intRange(d, d+c), intRange(0, d)...), parametersOf(intRange(0, d), len(t.start), t.ours))
	if err != nil {
		return nil, err
	}
	t.begin(&net[len(net)-1], d)
	var l parametricLayer[T]
	if t.bins == 0 {
		l, err = autoregressive.NewAffine[T](autoregressive.AffineSpec{
			Dim: d, ContextDim: c, Hidden: hiddenOf(net), Activation: t.options.Activation, Scale: "softplus", Clamp: t.options.MinScale,
		})
	} else {
		s := t.spline()
		l, err = autoregressive.NewSpline[T](autoregressive.SplineSpec{
			Dim: d, ContextDim: c, Hidden: hiddenOf(net), Activation: t.options.Activation,
			Bins: s.Bins, Bound: s.Bound, MinWidth: s.MinWidth, MinHeight: s.MinHeight, MinSlope: s.MinSlope, FreeEnds: true,
		})
	}
	if err != nil {
		return nil, err
	}
	if err := copyMADE(l.Params(), net, c, d); err != nil || inverted {
		return l, err
	}
	return bijector.Invert[T](l), nil
}
