// Package conditioned is the skeleton that couplings and autoregressive layers
// share: a network computes, from some of the features and the context, the
// parameters of an elementwise transform that moves some of the features,
//
//	z_moved = f(x_moved; theta),  theta = net(context, x_read),
//	z_kept  = x_kept.
//
// In a coupling the features that are read are those that are kept. In an
// autoregressive layer they are those that are moved, and the net lets the
// parameters of each depend on the ones before it alone. Either way the
// Jacobian is triangular in some order of the features:
//
//	log|det dz/dx| = sum over moved features of log|f'|.
package conditioned

import "github.com/bijou-flow/bijou/bijector"

// Args is a row's parameters and scratch: the struct coupling.TransformArgs, which is
// of a package above this one.
type Args[T bijector.Float] interface {
	~struct {
		Theta   bijector.Mat[T]
		Scratch bijector.Mat[float64]
	}
}

// args makes an Args.
func args[T bijector.Float, F Args[T]](theta bijector.Mat[T], scratch bijector.Mat[float64]) F {
	return F(struct {
		Theta   bijector.Mat[T]
		Scratch bijector.Mat[float64]
	}{theta, scratch})
}

// Transform is coupling.Elementwise, which says what its methods do.
type Transform[T bijector.Float, F Args[T]] interface {
	Params() int
	Shared() []float64
	Scratch() int
	Forward(y, x []T, f F, logDet []float64)
	Inverse(x, y []T, f F, logDet []float64)
	Backward(dx []T, dtheta bijector.Mat[T], dy, x []T, f F, dLogDet []float64)
}

// Layer is a transform, the net that computes its parameters, and which
// features are read, moved and kept.
//
// The net sees the context's features first, then those that are read. Row
// p*m + j of its output is parameter p of the j-th of the m moved features.
type Layer[T bijector.Float, F Args[T]] struct {
	transform          Transform[T, F]
	of                 func(k int) Transform[T, F] // that of feature k, nil where all have the same
	each               []Transform[T, F]           // those of the moved features
	net                bijector.Network[T]
	context            int // features
	reads, moved, kept []int
	params, constants  int // of a moved feature: those of the net, and those that all samples share
	shared             []T // (moved, constants)
	work               int // multiply-adds of the net for a sample, about
}

// New makes a Layer of a net from context and read features to
// transform.Params() values for each moved one. Together, moved and kept are
// all features.
func New[T bijector.Float, F Args[T]](transform Transform[T, F], net bijector.Network[T], context int, reads, moved, kept []int) *Layer[T, F] {
	initial := transform.Shared()
	l := &Layer[T, F]{
		transform: transform, net: net, context: context,
		params: transform.Params(), constants: len(initial),
		work: net.Out() + workOf(net),
	}
	l.Arrange(reads, moved, kept)
	for range moved {
		for _, v := range initial {
			l.shared = append(l.shared, T(v))
		}
	}
	return l
}

// workOf is about the number of multiply-adds of a map for a sample: as many
// as it has parameters, unless it says otherwise.
func workOf[T bijector.Float](net bijector.Network[T]) int {
	if w, ok := net.(bijector.WorkEstimator); ok {
		return w.Work()
	}
	work := 0
	for _, p := range net.Params() {
		work += len(p.Data)
	}
	return work
}

// Arrange sets which features are read, moved and kept, as many of each as
// before.
func (l *Layer[T, F]) Arrange(reads, moved, kept []int) {
	l.reads, l.moved, l.kept = reads, moved, kept
	if l.of != nil {
		l.each = l.each[:0]
		for _, k := range moved {
			l.each = append(l.each, l.of(k))
		}
	}
}

// PerFeature moves feature k by of(k), which has the layer's numbers of
// parameters and of scratch rows.
func (l *Layer[T, F]) PerFeature(of func(k int) Transform[T, F]) {
	l.of = of
	l.Arrange(l.reads, l.moved, l.kept)
}

// at is the transform of the j-th moved feature.
func (l *Layer[T, F]) at(j int) Transform[T, F] {
	if l.of != nil {
		return l.each[j]
	}
	return l.transform
}

// ContextDim is the number of context features.
func (l *Layer[T, F]) ContextDim() int { return l.context }

// Params are the net's, with "net." in front, and where the transform has
// shared parameters "shared", of shape (moved, shared).
func (l *Layer[T, F]) Params() []bijector.Param[T] {
	ps := bijector.Children[T]{{Name: "net", Part: l.net}}.Params()
	if len(l.shared) > 0 {
		ps = append(ps, bijector.Param[T]{Name: "shared", Shape: []int{len(l.moved), l.constants}, Data: l.shared})
	}
	return ps
}
