// Training: Forward keeps what Backward, its adjoint, needs.

package conditioned

import (
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/kernel"
)

// NewGradPass returns a training pass.
func (l *Layer[T, F]) NewGradPass(o bijector.PassOptions) bijector.GradPass[T] {
	return newGradPass(l, o)
}

// NewReversiblePass returns a training pass that is a bijector.Reverser, for a
// layer that reads what it keeps.
func (l *Layer[T, F]) NewReversiblePass(o bijector.PassOptions) bijector.GradPass[T] {
	p := &reversible[T, F]{gradPass: newGradPass(l, o), unused: bijector.Activations[float64](o, 1)}
	p.reverse = p.reverseSamples
	return p
}

func newGradPass[T bijector.Float, F Args[T]](l *Layer[T, F], o bijector.PassOptions) *gradPass[T, F] {
	net := l.net.NewNetworkGradPass(o)
	p := &gradPass[T, F]{
		batch:   newBatch(l, o, net),
		net:     net,
		du:      bijector.Transient[T](o, l.net.In()),
		dtheta:  bijector.Transient[T](o, l.thetaRows()),
		scratch: bijector.Activations[float64](o, len(l.moved)*l.transform.Scratch()),
		grads:   net.Grads(),
	}
	if len(l.shared) > 0 {
		p.dshared = make([]T, len(l.shared))
		p.grads = append(p.grads[:len(p.grads):len(p.grads)], p.dshared)
	}
	p.partial, _ = net.(partialBackward[T])
	p.there, p.back = p.forwardSamples, p.backwardSamples
	return p
}

// partialBackward is an optional interface of a net's training pass: Backward that sets dx from
// an input on, where nobody wants the others.
type partialBackward[T bijector.Float] interface {
	BackwardFrom(dx, dy, x, y bijector.Mat[T], lo, hi, from int)
}

// gradPass trains a layer.
type gradPass[T bijector.Float, F Args[T]] struct {
	batch[T, F]
	net           bijector.NetworkGradPass[T]
	partial       partialBackward[T] // net, where it can spare the context's gradient; or nil
	du, dtheta    bijector.Mat[T]
	scratch       bijector.Mat[float64] // Scratch rows for each moved feature
	dshared       []T
	grads         [][]T
	there, back   func(lo, hi int)
	dx, dcond, dz bijector.Mat[T] // the current call's
}

// feature is what belongs to the j-th moved one, for samples lo to hi of n.
func (p *gradPass[T, F]) feature(theta bijector.Mat[T], j, n, lo, hi int) F {
	kept := bijector.Mat[float64]{N: hi - lo}
	if s := p.transform.Scratch(); s > 0 {
		all := p.scratch.Resize(n)
		kept.Data, kept.D, kept.Stride = all.Data[j*s*all.Stride+lo:((j+1)*s-1)*all.Stride+hi], s, all.Stride
	}
	return args[T, F](p.rows(theta, j, lo, hi), kept)
}

func (p *gradPass[T, F]) Forward(z, x, cond bijector.Mat[T], logDet []float64) {
	p.call(z, x, cond, logDet)
	p.share(x.N, p.there)
}

func (p *gradPass[T, F]) forwardSamples(lo, hi int) {
	theta := p.parameters(p.in, lo, hi)
	for j, k := range p.moved {
		p.at(j).Forward(p.out.Feature(k)[lo:hi], p.in.Feature(k)[lo:hi], p.feature(theta, j, p.in.N, lo, hi), p.logDet[lo:hi])
	}
	p.keep(p.out, p.in, lo, hi)
}

// Backward. The loss depends on a moved feature through f at it, on a kept one
// as it is, and on those that are read through theta besides:
//
//	d_moved, dtheta = f's vector-Jacobian product of (dz_moved, dLogDet)
//	d_kept          = dz_kept
//	(dcontext, du)  = net's vector-Jacobian product of dtheta
//	dx              = d, and d + du where a feature is read
//
// dLogDet enters in f only: the net's own Jacobian is off the diagonal of a
// triangular one. A shared parameter's gradient is the sum of its samples', in
// one fixed order.
func (p *gradPass[T, F]) Backward(dx, dcond, dz, x, z, cond bijector.Mat[T], dLogDet []float64) {
	p.check(z, x, cond, dLogDet)
	p.check(dx, dz, cond, dLogDet)
	if x.N == 0 {
		return
	}
	p.in, p.dx, p.dcond, p.dz, p.logDet = x, dx, dcond, dz, dLogDet
	p.share(x.N, p.back)
	dtheta := p.dtheta.Resize(x.N)
	p.net.Accumulate(p.computed(dtheta), p.u.Resize(x.N), p.computed(p.theta.Resize(x.N)))
	if p.constants == 1 {
		kernel.AddRowSums(p.dshared, dtheta.Data[p.row(0)*dtheta.Stride:], dtheta.Stride, x.N)
		return
	}
	for i := range p.dshared {
		p.dshared[i] += T(kernel.Sum(dtheta.Feature(p.row(i))))
	}
}

func (p *gradPass[T, F]) backwardSamples(lo, hi int) {
	n := p.in.N
	u, theta, du, dtheta := p.u.Resize(n), p.theta.Resize(n), p.du.Resize(n), p.dtheta.Resize(n)
	for j, k := range p.moved {
		p.at(j).Backward(p.dx.Feature(k)[lo:hi], p.rows(dtheta, j, lo, hi), p.dz.Feature(k)[lo:hi], p.in.Feature(k)[lo:hi],
			p.feature(theta, j, n, lo, hi), p.logDet[lo:hi])
	}
	if p.partial != nil && p.dcond.Empty() {
		p.partial.BackwardFrom(du, p.computed(dtheta), u, p.computed(theta), lo, hi, p.context)
	} else {
		p.net.Backward(du, p.computed(dtheta), u, p.computed(theta), lo, hi)
	}
	p.keep(p.dx, p.dz, lo, hi)
	for j, k := range p.reads {
		kernel.AddTo(p.dx.Feature(k)[lo:hi], du.Feature(p.context + j)[lo:hi])
	}
	if !p.dcond.Empty() {
		for j := range p.context {
			kernel.AddTo(p.dcond.Feature(j)[lo:hi], du.Feature(j)[lo:hi])
		}
	}
}

func (p *gradPass[T, F]) Grads() [][]T { return p.grads }

// reversible is a gradPass that finds its input again.
type reversible[T bijector.Float, F Args[T]] struct {
	*gradPass[T, F]
	unused  bijector.Mat[float64] // log-dets of Reverse
	reverse func(lo, hi int)
}

// Reverse evaluates the net on the kept features, which z has as they were,
// moves the others back, and then forth again for what the transform keeps.
func (p *reversible[T, F]) Reverse(x, z, cond bijector.Mat[T]) {
	p.out, p.in, p.cond = z, x, cond
	p.share(x.N, p.reverse)
}

func (p *reversible[T, F]) reverseSamples(lo, hi int) {
	n := p.in.N
	dtheta, unused := p.dtheta.Resize(n), p.unused.Resize(n).Feature(0)[lo:hi]
	theta := p.parameters(p.out, lo, hi)
	for j, k := range p.moved {
		f := p.feature(theta, j, n, lo, hi)
		p.at(j).Inverse(p.in.Feature(k)[lo:hi], p.out.Feature(k)[lo:hi], f, unused)
		p.at(j).Forward(dtheta.Feature(j)[lo:hi], p.in.Feature(k)[lo:hi], f, unused)
	}
	p.keep(p.in, p.out, lo, hi)
}
