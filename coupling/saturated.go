// Scales at their bounds: the sign of a flow about to explode.

package coupling

import (
	"math"

	"github.com/bijou-flow/bijou/bijector"
)

// saturating is an Elementwise with bounds.
type saturating[T bijector.Float] interface {
	// saturated sets hit[i] where value i is within a hundredth of a bound.
	saturated(f Feature[T], hit []bool)
}

// Saturated is bijector.Saturating for affine couplings whose scale has
// bounds. Other couplings have no such samples.
func (p *pass[T]) Saturated(hit []bool) {
	s, ok := p.transform.(saturating[T])
	if !ok || p.in.N == 0 {
		return
	}
	theta, m := p.theta.Resize(p.in.N), len(p.moved)
	if theta.Stride == 1 { // a single sample: its moved features lie in a row
		of := make([]bool, m)
		s.saturated(Feature[T]{Theta: bijector.Mat[T]{Data: theta.Data, D: theta.D / m, N: m, Stride: m}, Scratch: p.scratch.Resize(m)}, of)
		for _, h := range of {
			hit[0] = hit[0] || h
		}
		return
	}
	f := Feature[T]{Scratch: p.scratch.Resize(p.in.N)}
	for j := range p.moved {
		f.Theta = p.of(theta, j, 0, p.in.N)
		s.saturated(f, hit)
	}
}

func (l scaleShift[T]) saturated(f Feature[T], hit []bool) {
	s, kept := f.Scratch.Feature(rowExp), f.Scratch.Feature(rowKept)
	for i, r := range f.Theta.Feature(0) {
		kept[i] = float64(r)
	}
	l.value(s, kept)
	for i, v := range s {
		hit[i] = hit[i] || l.atBound(v)
	}
}

// atBound reports whether a log-scale is within a hundredth of its bound: of
// the lower one, for sigmoid, whose upper one leaves a feature as it is. A
// learned factor moves the bound and not what is near it.
func (l logScale) atBound(s float64) bool {
	const near = 0.99
	switch l.kind {
	case scaleTanh:
		return math.Abs(s) > near
	case scaleSoftclamp, scaleSoftsign:
		return math.Abs(s) > near*l.clamp
	case scaleSigmoid:
		return s < near*math.Log(sigmoidFloor)
	case scaleExp:
	}
	return false
}
