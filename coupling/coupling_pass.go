// The skeleton in evaluation, and what it shares with the one in training.

package coupling

import "github.com/bijou-flow/bijou/bijector"

// batch holds a conditioner's input and the moved features' parameters for a
// batch: row p*m + j of theta is parameter p of the j-th of m.
type batch[T bijector.Float] struct {
	*Coupling[T]
	workers  *bijector.Workers
	u, theta bijector.Mat[T]
}

func newBatch[T bijector.Float](c *Coupling[T], o bijector.PassOptions) batch[T] {
	return batch[T]{
		Coupling: c,
		workers:  o.Workers,
		u:        bijector.Activations[T](o, c.net.In()),
		theta:    c.newTheta(o),
	}
}

func (c *Coupling[T]) newTheta(o bijector.PassOptions) bijector.Mat[T] {
	return bijector.Activations[T](o, (c.params+c.constants)*len(c.moved))
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

// check refuses batches that are not the coupling's.
func (b *batch[T]) check(out, in, cond bijector.Mat[T], logDet []float64) {
	if in.D != len(b.mask) || out.D != in.D || out.N != in.N || len(logDet) != in.N {
		panic("coupling: batch of the wrong shape")
	}
	if b.context > 0 && (cond.D != b.context || cond.N != in.N) {
		panic("coupling: context of the wrong shape")
	}
}

// gather sets samples lo to hi of u: the context, then the kept features.
func (b *batch[T]) gather(u, in, cond bijector.Mat[T], lo, hi int) {
	if hi-lo == 1 { // single samples are scored by the million: no views
		for j := range b.context {
			u.Data[j*u.Stride+lo] = cond.Data[j*cond.Stride+lo]
		}
		for j, k := range b.kept {
			u.Data[(b.context+j)*u.Stride+lo] = in.Data[k*in.Stride+lo]
		}
		return
	}
	for j := range b.context {
		copy(u.Feature(j)[lo:hi], cond.Feature(j)[lo:hi])
	}
	for j, k := range b.kept {
		copy(u.Feature(b.context + j)[lo:hi], in.Feature(k)[lo:hi])
	}
}

// keep copies samples lo to hi of the kept features from in to out.
func (b *batch[T]) keep(out, in bijector.Mat[T], lo, hi int) {
	if &out.Data[0] == &in.Data[0] {
		return
	}
	for _, k := range b.kept {
		copy(out.Feature(k)[lo:hi], in.Feature(k)[lo:hi])
	}
}

// computed are theta's rows that the conditioner writes.
func (b *batch[T]) computed(theta bijector.Mat[T]) bijector.Mat[T] {
	return theta.Features(0, b.params*len(b.moved))
}

// constant sets samples lo to hi of theta's other rows.
func (b *batch[T]) constant(theta bijector.Mat[T], lo, hi int) {
	m := len(b.moved)
	for i, v := range b.shared {
		j, k := i/b.constants, i%b.constants
		if theta.Stride == 1 {
			theta.Data[(b.params+k)*m+j] = v
			continue
		}
		row := theta.Feature((b.params+k)*m + j)[lo:hi]
		for s := range row {
			row[s] = v
		}
	}
}

// of returns theta's rows that belong to the j-th moved feature.
func (b *batch[T]) of(theta bijector.Mat[T], j, lo, hi int) bijector.Mat[T] {
	m := len(b.moved)
	last := theta.D - m + j
	return bijector.Mat[T]{
		Data: theta.Data[j*theta.Stride+lo : last*theta.Stride+hi],
		D:    theta.D / m, N: hi - lo, Stride: m * theta.Stride,
	}
}

// NewPass returns an evaluation pass.
func (c *Coupling[T]) NewPass(o bijector.PassOptions) bijector.Pass[T] {
	p := &pass[T]{
		batch:   newBatch(c, o),
		net:     c.net.NewMapPass(o),
		scratch: bijector.NewMat[float64](c.transform.Scratch(), max(o.MaxBatch, len(c.moved))),
		row:     make([]T, len(c.moved)),
		terms:   make([]float64, len(c.moved)),
	}
	p.run = p.samples
	return p
}

// pass evaluates a coupling. The fields from out on are the current call's.
type pass[T bijector.Float] struct {
	batch[T]
	net           bijector.MapPass[T]
	scratch       bijector.Mat[float64]
	row           []T       // the moved features of a single sample
	terms         []float64 // and their log-dets
	run           func(lo, hi int)
	out, in, cond bijector.Mat[T]
	logDet        []float64
	inverse       bool
}

func (p *pass[T]) Forward(z, x, cond bijector.Mat[T], logDet []float64) {
	p.evaluate(z, x, cond, logDet, false)
}

func (p *pass[T]) Inverse(x, z, cond bijector.Mat[T], logDet []float64) {
	p.evaluate(x, z, cond, logDet, true)
}

func (p *pass[T]) evaluate(out, in, cond bijector.Mat[T], logDet []float64, inverse bool) {
	p.check(out, in, cond, logDet)
	p.out, p.in, p.cond, p.logDet, p.inverse = out, in, cond, logDet, inverse
	p.share(in.N, p.run)
}

func (p *pass[T]) samples(lo, hi int) {
	u, theta := p.u.Resize(p.in.N), p.theta.Resize(p.in.N)
	p.gather(u, p.in, p.cond, lo, hi)
	p.net.Forward(p.computed(theta), u, lo, hi)
	p.constant(theta, lo, hi)
	p.keep(p.out, p.in, lo, hi)
	if theta.Stride == 1 {
		p.single(theta)
		return
	}
	logDet := p.logDet[lo:hi]
	f := Feature[T]{Scratch: p.scratch.Resize(p.in.N).Samples(lo, hi)}
	for j, k := range p.moved {
		f.Theta = p.of(theta, j, lo, hi)
		p.move(p.out.Feature(k)[lo:hi], p.in.Feature(k)[lo:hi], f, logDet)
	}
}

// single moves all features of a single sample at once: a transform cannot
// tell the features of a sample from the samples of a feature, and one call on
// a row is several times as fast as a call for each value.
func (p *pass[T]) single(theta bijector.Mat[T]) {
	m := len(p.moved)
	for j, k := range p.moved {
		p.row[j] = p.in.Data[k*p.in.Stride]
	}
	clear(p.terms)
	p.move(p.row, p.row, Feature[T]{
		Theta:   bijector.Mat[T]{Data: theta.Data, D: theta.D / m, N: m, Stride: m},
		Scratch: p.scratch.Resize(m),
	}, p.terms)
	for j, k := range p.moved {
		p.out.Data[k*p.out.Stride] = p.row[j]
		p.logDet[0] += p.terms[j]
	}
}

// move applies the transform in the direction of the current call.
func (p *pass[T]) move(out, in []T, f Feature[T], logDet []float64) {
	if p.inverse {
		p.transform.Inverse(out, in, f, logDet)
	} else {
		p.transform.Forward(out, in, f, logDet)
	}
}
