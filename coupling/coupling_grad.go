// The skeleton in training: Forward keeps what Backward, its adjoint, needs.

package coupling

import (
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/kernel"
)

// NewGradPass returns a training pass.
func (c *Coupling[T]) NewGradPass(o bijector.PassOptions) bijector.GradPass[T] {
	m := len(c.moved)
	p := &gradPass[T]{
		batch:   newBatch(c, o),
		net:     c.net.NewMapGradPass(o),
		du:      bijector.Activations[T](o, c.net.In()),
		dtheta:  c.newTheta(o),
		scratch: bijector.Activations[float64](o, m*c.transform.Scratch()),
		unused:  bijector.Activations[float64](o, 1),
	}
	p.grads = p.net.Grads()
	if len(c.shared) > 0 {
		p.dshared = make([]T, len(c.shared))
		p.grads = append(p.grads[:len(p.grads):len(p.grads)], p.dshared)
	}
	p.forward, p.backward, p.reverse = p.forwardSamples, p.backwardSamples, p.reverseSamples
	return p
}

// gradPass trains a coupling. The fields from out on are the current call's.
type gradPass[T bijector.Float] struct {
	batch[T]
	net        bijector.MapGradPass[T]
	du, dtheta bijector.Mat[T]
	scratch    bijector.Mat[float64] // Scratch rows for each moved feature
	unused     bijector.Mat[float64] // log-dets of Reverse
	dshared    []T
	grads      [][]T

	forward, backward, reverse func(lo, hi int)

	out, in, cond bijector.Mat[T]
	logDet        []float64 // or its gradient
	dx, dcond, dz bijector.Mat[T]
}

// feature is what belongs to the j-th moved one, for samples lo to hi of n.
func (p *gradPass[T]) feature(theta bijector.Mat[T], j, n, lo, hi int) Feature[T] {
	s := p.transform.Scratch()
	return Feature[T]{
		Theta:   p.of(theta, j, lo, hi),
		Scratch: p.scratch.Resize(n).Features(j*s, (j+1)*s).Samples(lo, hi),
	}
}

func (p *gradPass[T]) Forward(z, x, cond bijector.Mat[T], logDet []float64) {
	p.check(z, x, cond, logDet)
	p.out, p.in, p.cond, p.logDet = z, x, cond, logDet
	p.share(x.N, p.forward)
}

func (p *gradPass[T]) forwardSamples(lo, hi int) {
	n := p.in.N
	u, theta := p.u.Resize(n), p.theta.Resize(n)
	p.gather(u, p.in, p.cond, lo, hi)
	p.net.Forward(p.computed(theta), u, lo, hi)
	p.constant(theta, lo, hi)
	for j, k := range p.moved {
		p.transform.Forward(p.out.Feature(k)[lo:hi], p.in.Feature(k)[lo:hi], p.feature(theta, j, n, lo, hi), p.logDet[lo:hi])
	}
	p.keep(p.out, p.in, lo, hi)
}

// Backward. The loss depends on x_moved through f alone, and on x_kept both
// directly, as z_kept, and through theta:
//
//	dx_moved, dtheta = f's vector-Jacobian product of (dz_moved, dLogDet)
//	(dcontext, du)   = net's vector-Jacobian product of dtheta
//	dx_kept          = dz_kept + du
//
// dLogDet enters in f only: the net's own Jacobian is off the diagonal blocks.
// A shared parameter's gradient is the sum of its samples', in one fixed order.
func (p *gradPass[T]) Backward(dx, dcond, dz, x, z, cond bijector.Mat[T], dLogDet []float64) {
	p.check(z, x, cond, dLogDet)
	p.check(dx, dz, cond, dLogDet)
	if x.N == 0 {
		return
	}
	p.in, p.dx, p.dcond, p.dz, p.logDet = x, dx, dcond, dz, dLogDet
	p.share(x.N, p.backward)
	dtheta := p.dtheta.Resize(x.N)
	p.net.Accumulate(p.computed(dtheta), p.u.Resize(x.N), p.computed(p.theta.Resize(x.N)))
	for i := range p.dshared {
		j, k := i/p.constants, i%p.constants
		p.dshared[i] += T(kernel.Sum(dtheta.Feature((p.params+k)*len(p.moved) + j)))
	}
}

func (p *gradPass[T]) backwardSamples(lo, hi int) {
	n := p.in.N
	u, theta, du, dtheta := p.u.Resize(n), p.theta.Resize(n), p.du.Resize(n), p.dtheta.Resize(n)
	for j, k := range p.moved {
		p.transform.Backward(p.dx.Feature(k)[lo:hi], p.of(dtheta, j, lo, hi), p.dz.Feature(k)[lo:hi], p.in.Feature(k)[lo:hi],
			p.feature(theta, j, n, lo, hi), p.logDet[lo:hi])
	}
	p.net.Backward(du, p.computed(dtheta), u, p.computed(theta), lo, hi)
	p.keep(p.dx, p.dz, lo, hi)
	for j, k := range p.kept {
		kernel.AddTo(p.dx.Feature(k)[lo:hi], du.Feature(p.context + j)[lo:hi])
	}
	if p.context > 0 && !p.dcond.Empty() {
		for j := range p.context {
			kernel.AddTo(p.dcond.Feature(j)[lo:hi], du.Feature(j)[lo:hi])
		}
	}
}

// Reverse evaluates the conditioner on the kept features, which z has as they
// were, moves the others back, and then forth again for what the transform
// keeps.
func (p *gradPass[T]) Reverse(x, z, cond bijector.Mat[T]) {
	p.out, p.in, p.cond = z, x, cond
	p.share(x.N, p.reverse)
}

func (p *gradPass[T]) reverseSamples(lo, hi int) {
	n := p.in.N
	u, theta, dtheta := p.u.Resize(n), p.theta.Resize(n), p.dtheta.Resize(n)
	unused := p.unused.Resize(n).Feature(0)[lo:hi]
	p.gather(u, p.out, p.cond, lo, hi)
	p.net.Forward(p.computed(theta), u, lo, hi)
	p.constant(theta, lo, hi)
	for j, k := range p.moved {
		f := p.feature(theta, j, n, lo, hi)
		p.transform.Inverse(p.in.Feature(k)[lo:hi], p.out.Feature(k)[lo:hi], f, unused)
		p.transform.Forward(dtheta.Feature(j)[lo:hi], p.in.Feature(k)[lo:hi], f, unused)
	}
	p.keep(p.in, p.out, lo, hi)
}

func (p *gradPass[T]) Grads() [][]T { return p.grads }
