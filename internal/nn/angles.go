// Angles: a network that sees some of its inputs as points of a circle, so that
// nothing it computes has a seam.

package nn

import (
	"math"

	"github.com/bijou-flow/bijou/bijector"
)

// Angle is an input that lies on a circle: (x - Mid) Scale is in radians.
type Angle struct{ Mid, Scale float64 }

// AngleOf is the angle of a circle from lo to hi.
func AngleOf(lo, hi float64) *Angle {
	return &Angle{Mid: lo + (hi-lo)/2, Scale: 2 * math.Pi / (hi - lo)}
}

// Around is the open interval of the numbers from lo to hi, as T holds them.
func Around[T bijector.Float](lo, hi float64) (before, after float64) {
	if _, double := any(T(0)).(float64); double {
		return math.Nextafter(lo, math.Inf(-1)), math.Nextafter(hi, math.Inf(1))
	}
	return float64(math.Nextafter32(float32(lo), float32(math.Inf(-1)))), float64(math.Nextafter32(float32(hi), float32(math.Inf(1))))
}

// Angles is the network f of other inputs: cos and sin of those that are angles,
// side by side, and the others as they are,
//
//	y = f(..., x_i, ..., cos(s_j (x_j - m_j)), sin(s_j (x_j - m_j)), ...).
//
// Its parameters and its spec are f's.
type Angles[T bijector.Float] struct {
	bijector.Network[T]
	angles []*Angle // of the inputs; nil: no angle
	at     []int    // where each is in f's, and at the end their number
}

// ExpandedInputs is how many inputs the network behind has.
func ExpandedInputs(angles []*Angle) int {
	n := len(angles)
	for _, a := range angles {
		if a != nil {
			n++
		}
	}
	return n
}

// NewAngles puts the inputs in front of f, which has ExpandedInputs of them.
func NewAngles[T bijector.Float](f bijector.Network[T], angles []*Angle) *Angles[T] {
	a := &Angles[T]{Network: f, angles: angles, at: []int{0}}
	for i := range angles {
		a.at = append(a.at, ExpandedInputs(angles[:i+1]))
	}
	return a
}

// In is the number of inputs, an angle being one.
func (a *Angles[T]) In() int { return len(a.angles) }

// Inputs are the angles among them, nil for the others.
func (a *Angles[T]) Inputs() []*Angle { return a.angles }

// Behind is the network f.
func (a *Angles[T]) Behind() bijector.Network[T] { return a.Network }

// Invalidate tells f that its parameters were written to.
func (a *Angles[T]) Invalidate() {
	if f, ok := a.Network.(bijector.Invalidator); ok {
		f.Invalidate()
	}
}

// expand sets samples lo to hi of f's inputs that inputs first to end are.
func (a *Angles[T]) expand(u, x bijector.Mat[T], first, end, lo, hi int) {
	for i := first; i < end; i++ {
		src, dst, c := x.Feature(i)[lo:hi], u.Feature(a.at[i])[lo:hi], a.angles[i]
		if c == nil {
			copy(dst, src)
			continue
		}
		sines := u.Feature(a.at[i] + 1)[lo:hi]
		for k, v := range src {
			sin, cos := math.Sincos((float64(v) - c.Mid) * c.Scale)
			dst[k], sines[k] = T(cos), T(sin)
		}
	}
}

// NewNetworkPass returns an evaluation pass.
func (a *Angles[T]) NewNetworkPass(o bijector.PassOptions) bijector.NetworkPass[T] {
	return &anglesPass[T]{a, a.Network.NewNetworkPass(o), bijector.NewMat[T](a.at[len(a.angles)], o.MaxBatch)}
}

type anglesPass[T bijector.Float] struct {
	net    *Angles[T]
	behind bijector.NetworkPass[T]
	u      bijector.Mat[T]
}

func (p *anglesPass[T]) Forward(y, x bijector.Mat[T], lo, hi int) {
	u := p.u.Resize(x.N)
	p.net.expand(u, x, 0, len(p.net.angles), lo, hi)
	p.behind.Forward(y, u, lo, hi)
}

// NewSteps returns an evaluation pass that can also go feature by feature, where
// f is a MADE; the first inputs are its context.
func (a *Angles[T]) NewSteps(o bijector.PassOptions) (bijector.NetworkPass[T], func(y, x bijector.Mat[T], j, lo, hi int)) {
	made := a.Network.(*MADE[T])
	steps := made.NewStepPass(o)
	p := &anglesPass[T]{a, steps, bijector.NewMat[T](a.at[len(a.angles)], o.MaxBatch)}
	context := made.spec.Context
	return p, func(y, x bijector.Mat[T], j, lo, hi int) {
		u := p.u.Resize(x.N)
		if j == 0 {
			a.expand(u, x, 0, context, lo, hi)
		} else {
			a.expand(u, x, context+j-1, context+j, lo, hi)
		}
		steps.Step(y, u, j, lo, hi)
	}
}

// NewNetworkGradPass returns a training pass.
func (a *Angles[T]) NewNetworkGradPass(o bijector.PassOptions) bijector.NetworkGradPass[T] {
	behind, n := a.Network.NewNetworkGradPass(o), a.at[len(a.angles)]
	return &anglesGradPass[T]{
		anglesPass: anglesPass[T]{a, behind, bijector.Activations[T](o, n)},
		behind:     behind, du: bijector.Transient[T](o, n),
	}
}

type anglesGradPass[T bijector.Float] struct {
	anglesPass[T]
	behind bijector.NetworkGradPass[T]
	du     bijector.Mat[T]
}

// Backward. With (c, s) = (cos a, sin a) of a = scale (x - mid),
//
//	dx = scale (c ds - s dc),
//
// and dx = du for the other inputs.
func (p *anglesGradPass[T]) Backward(dx, dy, x, y bijector.Mat[T], lo, hi int) {
	u := p.u.Resize(x.N)
	if dx.Empty() {
		p.behind.Backward(dx, dy, u, y, lo, hi)
		return
	}
	du := p.du.Resize(x.N)
	p.behind.Backward(du, dy, u, y, lo, hi)
	for i, c := range p.net.angles {
		at := p.net.at[i]
		out, first := dx.Feature(i)[lo:hi], du.Feature(at)[lo:hi]
		if c == nil {
			copy(out, first)
			continue
		}
		second, cos, sin := du.Feature(at + 1)[lo:hi], u.Feature(at)[lo:hi], u.Feature(at + 1)[lo:hi]
		for k := range out {
			out[k] = T(c.Scale * (float64(cos[k])*float64(second[k]) - float64(sin[k])*float64(first[k])))
		}
	}
}

func (p *anglesGradPass[T]) Accumulate(dy, x, y bijector.Mat[T]) {
	p.behind.Accumulate(dy, p.u.Resize(x.N), y)
}

func (p *anglesGradPass[T]) Grads() [][]T { return p.behind.Grads() }
