// Part applies a layer to some of the features: a multi-scale chain is a chain
// of parts that shrink.

package bijector

import (
	"fmt"

	"github.com/bijou-flow/bijou/internal/nilcheck"
)

// PartSpec describes a Part.
type PartSpec struct {
	Dim int `json:"dim"` // features of the whole
	// Lo and Hi bound the features that Layer sees, Hi not included. Layer
	// has Hi - Lo features.
	Lo    int       `json:"lo,omitempty"`
	Hi    int       `json:"hi"`
	Layer NamedSpec `json:"layer"`
}

// Part applies a layer f to features lo to hi and leaves the others as they
// are,
//
//	z[lo:hi] = f(x[lo:hi]),  x[lo:hi] = f^-1(z[lo:hi]),
//	log|det dz/dx| = log|det df/dx[lo:hi]|
//
// (Dinh et al. 2017, arXiv 1605.08803, section 3.6, leave half of the features
// out at each scale). The domain is that of f, for those features, and every
// value for the others; the cost is that of f, and a copy of the others. The
// state is that of the layer inside, under names that start with "0.", and it
// is trainable where that layer is.
type Part[T Float] struct {
	TensorMethods[T]
	dim, lo, hi int
	layer       Layer[T]
}

// NewPart applies layer to features lo to hi of dim. It returns ErrSpec for a
// nil layer or bounds that are no range of dim features, and ErrShape for a
// layer that does not have hi - lo features.
func NewPart[T Float](dim, lo, hi int, layer Layer[T]) (*Part[T], error) {
	if layer == nil {
		return nil, fmt.Errorf("bijector: a part needs a layer: %w", ErrSpec)
	}
	if err := checkDim("a part", dim); err != nil {
		return nil, err
	}
	if lo < 0 || hi > dim || lo >= hi {
		return nil, fmt.Errorf("bijector: a part from feature %d to %d of %d features: %w: %w", lo, hi, dim, ErrSpec, ErrShape)
	}
	if nilcheck.IsNil(layer) {
		return nil, fmt.Errorf("bijector: a part without a layer: %w", ErrSpec)
	}
	if layer.Dim() != hi-lo {
		return nil, fmt.Errorf("bijector: a part of features %d to %d needs a layer of %d features, %T has %d: %w", lo, hi, hi-lo, layer, layer.Dim(), ErrShape)
	}
	p := &Part[T]{dim: dim, lo: lo, hi: hi, layer: layer}
	p.TensorMethods = NewTensorMethods[T](p)
	return p, nil
}

// BuildPart makes a Part from its spec.
func BuildPart[T Float](s PartSpec, b Builder[T]) (*Part[T], error) {
	if nilcheck.IsNil(b) {
		return nil, fmt.Errorf("bijector: a part without a builder of its parts: %w", ErrSpec)
	}
	l, err := b.Layer(s.Layer)
	if err != nil {
		return nil, fmt.Errorf("layer of a part: %w", err)
	}
	return NewPart(s.Dim, s.Lo, s.Hi, l)
}

// Dim is the number of features of the whole.
func (p *Part[T]) Dim() int { return p.dim }

// ContextDim is that of the layer inside.
func (p *Part[T]) ContextDim() int { return p.layer.ContextDim() }

// Members is the layer inside.
func (p *Part[T]) Members() []Layer[T] { return []Layer[T]{p.layer} }

// children is the layer inside.
func (p *Part[T]) children() Children[T] { return Children[T]{{Name: "0", Part: p.layer}} }

// Params are those of the layer inside, behind "0.".
func (p *Part[T]) Params() []Param[T] { return p.children().Params() }

// Buffers are those of the layer inside, behind "0.".
func (p *Part[T]) Buffers() []Buffer { return p.children().Buffers() }

// Spec is the PartSpec. A layer without a spec leaves a nil one, which saving
// refuses by name.
func (p *Part[T]) Spec() any {
	return PartSpec{Dim: p.dim, Lo: p.lo, Hi: p.hi, Layer: NamedSpecOf[T](p.layer)}
}

// Invalidate tells the layer inside that its state was written to.
func (p *Part[T]) Invalidate() { p.children().Invalidate() }

// Validate returns the objection of the layer inside to its state.
func (p *Part[T]) Validate() error { return p.children().Validate() }

// Calibrate calibrates the layer inside on its features.
func (p *Part[T]) Calibrate(x, cond Mat[T], start bool, w *Workers) {
	p.CalibrateWeighted(x, cond, nil, start, w)
}

// CalibrateWeighted calibrates the layer inside on weighted rows.
func (p *Part[T]) CalibrateWeighted(x, cond Mat[T], weights []float64, start bool, w *Workers) {
	if c, ok := p.layer.(Calibrator[T]); ok {
		CalibrateWeighted(c, x.Features(p.lo, p.hi), cond, weights, start, w)
	}
}

// calibratesOnce is that of the layer inside.
func (p *Part[T]) calibratesOnce() bool { return calibratesOnce(p.layer) }

// NewPass returns a pass that runs the layer inside on a view of its features.
func (p *Part[T]) NewPass(o PassOptions) Pass[T] {
	return &partPass[T]{lo: p.lo, hi: p.hi, inner: p.layer.NewPass(o)}
}

type partPass[T Float] struct {
	lo, hi int
	inner  Pass[T]
}

func (p *partPass[T]) Forward(z, x, cond Mat[T], logDet []float64) {
	copyOutside(z, x, p.lo, p.hi)
	p.inner.Forward(z.Features(p.lo, p.hi), x.Features(p.lo, p.hi), cond, logDet)
}

func (p *partPass[T]) Inverse(x, z, cond Mat[T], logDet []float64) {
	copyOutside(x, z, p.lo, p.hi)
	p.inner.Inverse(x.Features(p.lo, p.hi), z.Features(p.lo, p.hi), cond, logDet)
}

// copyOutside copies the features outside lo to hi.
func copyOutside[T Float](dst, src Mat[T], lo, hi int) {
	dst.Features(0, lo).CopyFrom(src.Features(0, lo))
	dst.Features(hi, dst.D).CopyFrom(src.Features(hi, src.D))
}

// NewGradPass returns a training pass. It panics where the layer inside has no
// gradient; CheckTrainable says so beforehand.
func (p *Part[T]) NewGradPass(o PassOptions) GradPass[T] {
	t, ok := p.layer.(Trainable[T])
	if !ok {
		panic("bijector: NewGradPass of a part whose layer is not trainable")
	}
	return &partGradPass[T]{lo: p.lo, hi: p.hi, inner: t.NewGradPass(o)}
}

type partGradPass[T Float] struct {
	lo, hi int
	inner  GradPass[T]
}

func (p *partGradPass[T]) Forward(z, x, cond Mat[T], logDet []float64) {
	copyOutside(z, x, p.lo, p.hi)
	p.inner.Forward(z.Features(p.lo, p.hi), x.Features(p.lo, p.hi), cond, logDet)
}

// Backward is the inner one on its features and the identity on the others,
// which add nothing to the log-det.
func (p *partGradPass[T]) Backward(dx, dcond, dz, x, z, cond Mat[T], dLogDet []float64) {
	copyOutside(dx, dz, p.lo, p.hi)
	p.inner.Backward(dx.Features(p.lo, p.hi), dcond, dz.Features(p.lo, p.hi),
		x.Features(p.lo, p.hi), z.Features(p.lo, p.hi), cond, dLogDet)
}

func (p *partGradPass[T]) Grads() [][]T { return p.inner.Grads() }
