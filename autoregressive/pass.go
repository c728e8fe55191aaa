// The skeleton's passes.

package autoregressive

import (
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/coupling"
	"github.com/bijou-flow/bijou/internal/kernel"
)

// batch evaluates Forward, for both kinds of pass. Row p*D + i of theta is
// parameter p of the i-th feature in the order. The fields from out on are the
// current call's.
type batch[T bijector.Float] struct {
	*Autoregressive[T]
	workers       *bijector.Workers
	net           bijector.MapPass[T]
	u, theta      bijector.Mat[T]       // the net's input, and its output with the shared parameters
	scratch       bijector.Mat[float64] // the transform's, for each feature or for all in turn
	forward       func(lo, hi int)
	out, in, cond bijector.Mat[T]
	logDet        []float64 // or its gradient
}

func newBatch[T bijector.Float](a *Autoregressive[T], o bijector.PassOptions, net bijector.MapPass[T], scratch bijector.Mat[float64]) batch[T] {
	return batch[T]{
		Autoregressive: a,
		workers:        o.Workers,
		net:            net,
		u:              bijector.Activations[T](o, a.net.In()),
		theta:          a.newTheta(o),
		scratch:        scratch,
	}
}

func (a *Autoregressive[T]) newTheta(o bijector.PassOptions) bijector.Mat[T] {
	return bijector.Activations[T](o, (a.params+a.constants)*len(a.order))
}

// check refuses batches that are not the layer's.
func (b *batch[T]) check(out, in, cond bijector.Mat[T], logDet []float64) {
	if in.D != len(b.order) || out.D != in.D || out.N != in.N || len(logDet) != in.N {
		panic("autoregressive: batch of the wrong shape")
	}
	if b.context > 0 && (cond.D != b.context || cond.N != in.N) {
		panic("autoregressive: context of the wrong shape")
	}
}

// grain is the least number of multiply-adds worth sharing: some ten
// microseconds, several times what handing over a part costs.
const grain = 1 << 18

// share runs f on ranges of n samples, on several cores where that is worth
// it. Ranges start at whole cache lines.
func (b *batch[T]) share(n int, f func(lo, hi int)) {
	switch {
	case n == 0:
	case n*b.work < grain:
		f(0, n)
	default:
		b.workers.For(n, 16, f)
	}
}

// start sets what is known of the net's input and of theta before any feature
// is: the context and the shared parameters.
func (b *batch[T]) start(u, theta bijector.Mat[T], lo, hi int) {
	for j := range b.context {
		copy(u.Feature(j)[lo:hi], b.cond.Feature(j)[lo:hi])
	}
	for i, v := range b.shared {
		row := theta.Feature((b.params+i%b.constants)*len(b.order) + i/b.constants)[lo:hi]
		for s := range row {
			row[s] = v
		}
	}
}

// computed are theta's rows that the net writes.
func (b *batch[T]) computed(theta bijector.Mat[T]) bijector.Mat[T] {
	return theta.Features(0, b.params*len(b.order))
}

// of returns theta's rows that belong to the i-th feature.
func (b *batch[T]) of(theta bijector.Mat[T], i, lo, hi int) bijector.Mat[T] {
	d := len(b.order)
	last := theta.D - d + i
	return bijector.Mat[T]{
		Data: theta.Data[i*theta.Stride+lo : last*theta.Stride+hi],
		D:    theta.D / d, N: hi - lo, Stride: d * theta.Stride,
	}
}

// feature is what the transform is given for the i-th feature, for samples lo
// to hi of n.
func (b *batch[T]) feature(theta bijector.Mat[T], i, n, lo, hi int) coupling.Feature[T] {
	s := b.transform.Scratch()
	at := i * s
	if b.scratch.D == s {
		at = 0
	}
	return coupling.Feature[T]{
		Theta:   b.of(theta, i, lo, hi),
		Scratch: b.scratch.Resize(n).Features(at, at+s).Samples(lo, hi),
	}
}

func (b *batch[T]) Forward(z, x, cond bijector.Mat[T], logDet []float64) {
	b.check(z, x, cond, logDet)
	b.out, b.in, b.cond, b.logDet = z, x, cond, logDet
	b.share(x.N, b.forward)
}

func (b *batch[T]) forwardSamples(lo, hi int) {
	n := b.in.N
	u, theta := b.u.Resize(n), b.theta.Resize(n)
	b.start(u, theta, lo, hi)
	for i, k := range b.features {
		copy(u.Feature(b.context + i)[lo:hi], b.in.Feature(k)[lo:hi])
	}
	b.net.Forward(b.computed(theta), u, lo, hi)
	for i, k := range b.features {
		b.transform.Forward(b.out.Feature(k)[lo:hi], b.in.Feature(k)[lo:hi], b.feature(theta, i, n, lo, hi), b.logDet[lo:hi])
	}
}

// NewPass returns an evaluation pass.
func (a *Autoregressive[T]) NewPass(o bijector.PassOptions) bijector.Pass[T] {
	steps := a.net.NewSteps(o)
	p := &pass[T]{
		batch: newBatch(a, o, steps, bijector.NewMat[float64](a.transform.Scratch(), o.MaxBatch)),
		step:  steps.Step,
	}
	p.forward, p.inverse = p.forwardSamples, p.inverseSamples
	return p
}

// pass evaluates a layer.
type pass[T bijector.Float] struct {
	batch[T]
	step    func(y, x bijector.Mat[T], j, lo, hi int)
	inverse func(lo, hi int)
}

func (p *pass[T]) Inverse(x, z, cond bijector.Mat[T], logDet []float64) {
	p.check(x, z, cond, logDet)
	p.out, p.in, p.cond, p.logDet = x, z, cond, logDet
	p.share(z.N, p.inverse)
}

func (p *pass[T]) inverseSamples(lo, hi int) {
	n := p.in.N
	u, theta := p.u.Resize(n), p.theta.Resize(n)
	p.start(u, theta, lo, hi)
	for i, k := range p.features {
		x := p.out.Feature(k)[lo:hi]
		p.step(p.computed(theta), u, i, lo, hi)
		p.transform.Inverse(x, p.in.Feature(k)[lo:hi], p.feature(theta, i, n, lo, hi), p.logDet[lo:hi])
		copy(u.Feature(p.context + i)[lo:hi], x)
	}
}

// NewGradPass returns a training pass.
func (a *Autoregressive[T]) NewGradPass(o bijector.PassOptions) bijector.GradPass[T] {
	net := a.net.NewMapGradPass(o)
	p := &gradPass[T]{
		batch:  newBatch(a, o, net, bijector.Activations[float64](o, len(a.order)*a.transform.Scratch())),
		net:    net,
		du:     bijector.Activations[T](o, a.net.In()),
		dtheta: a.newTheta(o),
		grads:  net.Grads(),
	}
	if len(a.shared) > 0 {
		p.dshared = make([]T, len(a.shared))
		p.grads = append(p.grads[:len(p.grads):len(p.grads)], p.dshared)
	}
	p.forward, p.backward = p.forwardSamples, p.backwardSamples
	return p
}

// gradPass trains a layer.
type gradPass[T bijector.Float] struct {
	batch[T]
	net           bijector.MapGradPass[T]
	du, dtheta    bijector.Mat[T]
	dshared       []T
	grads         [][]T
	backward      func(lo, hi int)
	dx, dcond, dz bijector.Mat[T]
}

// Backward. The loss depends on x_j through f at x_j, and through the
// parameters of the features after it:
//
//	d_j, dtheta_j  = f's vector-Jacobian product of (dz_j, dLogDet) at x_j
//	(dcontext, du) = net's vector-Jacobian product of dtheta
//	dx_j           = d_j + du_j
//
// dLogDet enters in f only: the net's own Jacobian is strictly triangular. A
// shared parameter's gradient is the sum of its samples', in one fixed order.
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
		p.dshared[i] += T(kernel.Sum(dtheta.Feature((p.params+i%p.constants)*len(p.order) + i/p.constants)))
	}
}

func (p *gradPass[T]) backwardSamples(lo, hi int) {
	n := p.in.N
	u, theta, du, dtheta := p.u.Resize(n), p.theta.Resize(n), p.du.Resize(n), p.dtheta.Resize(n)
	for i, k := range p.features {
		p.transform.Backward(p.dx.Feature(k)[lo:hi], p.of(dtheta, i, lo, hi), p.dz.Feature(k)[lo:hi], p.in.Feature(k)[lo:hi],
			p.feature(theta, i, n, lo, hi), p.logDet[lo:hi])
	}
	p.net.Backward(du, p.computed(dtheta), u, p.computed(theta), lo, hi)
	for i, k := range p.features {
		kernel.AddTo(p.dx.Feature(k)[lo:hi], du.Feature(p.context + i)[lo:hi])
	}
	if !p.dcond.Empty() {
		for j := range p.context {
			kernel.AddTo(p.dcond.Feature(j)[lo:hi], du.Feature(j)[lo:hi])
		}
	}
}

func (p *gradPass[T]) Grads() [][]T { return p.grads }
