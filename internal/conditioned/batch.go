// What evaluation and training share: the net's input, the parameters' layout,
// the split among workers.

package conditioned

import "github.com/bijou-flow/bijou/bijector"

// batch holds the net's input and the moved features' parameters for a batch:
// row p*m + j of theta is parameter p of the j-th of m, first those that the
// net computes, then the shared ones. The fields from out on are the current
// call's.
type batch[T bijector.Float, F Args[T]] struct {
	*Layer[T, F]
	workers       *bijector.Workers
	forward       bijector.NetworkPass[T] // of the net
	u, theta      bijector.Mat[T]
	out, in, cond bijector.Mat[T]
	logDet        []float64 // or its gradient
}

func newBatch[T bijector.Float, F Args[T]](l *Layer[T, F], o bijector.PassOptions, forward bijector.NetworkPass[T]) batch[T, F] {
	return batch[T, F]{
		Layer:   l,
		workers: o.Workers,
		forward: forward,
		u:       bijector.Activations[T](o, l.net.In()),
		theta:   bijector.Activations[T](o, l.thetaRows()),
	}
}

func (l *Layer[T, F]) thetaRows() int { return (l.params + l.constants) * len(l.moved) }

// call takes a call's arguments.
func (b *batch[T, F]) call(out, in, cond bijector.Mat[T], logDet []float64) {
	b.check(out, in, cond, logDet)
	b.out, b.in, b.cond, b.logDet = out, in, cond, logDet
}

// check refuses batches that are not the layer's.
func (b *batch[T, F]) check(out, in, cond bijector.Mat[T], logDet []float64) {
	if in.D != len(b.moved)+len(b.kept) || out.D != in.D || out.N != in.N || len(logDet) != in.N {
		panic("bijou: a conditioned layer's batch of the wrong shape")
	}
	if b.context > 0 && (cond.D != b.context || cond.N != in.N) {
		panic("bijou: a conditioned layer's context of the wrong shape")
	}
}

// grain is the least number of multiply-adds worth sharing: some ten
// microseconds, several times what handing over a part costs.
const grain = 1 << 18

// share runs f on ranges of n samples, on several cores where that is worth
// it. Ranges start at whole cache lines.
func (b *batch[T, F]) share(n int, f func(lo, hi int)) {
	switch {
	case n == 0:
	case n*b.work < grain:
		f(0, n)
	default:
		b.workers.For(n, 16, f)
	}
}

// condition sets samples lo to hi of the context's rows of u.
func (b *batch[T, F]) condition(u bijector.Mat[T], lo, hi int) {
	if hi-lo == 1 { // single samples are scored by the million: no views
		for j := range b.context {
			u.Data[j*u.Stride+lo] = b.cond.Data[j*b.cond.Stride+lo]
		}
		return
	}
	for j := range b.context {
		copy(u.Feature(j)[lo:hi], b.cond.Feature(j)[lo:hi])
	}
}

// gather sets samples lo to hi of u: the context, then the features of x that
// are read.
func (b *batch[T, F]) gather(u, x bijector.Mat[T], lo, hi int) {
	b.condition(u, lo, hi)
	if hi-lo == 1 {
		for j, k := range b.reads {
			u.Data[(b.context+j)*u.Stride+lo] = x.Data[k*x.Stride+lo]
		}
		return
	}
	for j, k := range b.reads {
		copy(u.Feature(b.context + j)[lo:hi], x.Feature(k)[lo:hi])
	}
}

// parameters computes samples lo to hi of theta, those of x.
func (b *batch[T, F]) parameters(x bijector.Mat[T], lo, hi int) bijector.Mat[T] {
	u, theta := b.u.Resize(x.N), b.theta.Resize(x.N)
	b.gather(u, x, lo, hi)
	b.forward.Forward(b.computed(theta), u, lo, hi)
	b.constant(theta, lo, hi)
	return theta
}

// computed are theta's rows that the net writes.
func (b *batch[T, F]) computed(theta bijector.Mat[T]) bijector.Mat[T] {
	return theta.Features(0, b.params*len(b.moved))
}

// row is where theta has the i-th of the shared parameters.
func (b *batch[T, F]) row(i int) int {
	j, k := i/b.constants, i%b.constants
	return (b.params+k)*len(b.moved) + j
}

// constant sets samples lo to hi of theta's rows of shared parameters.
func (b *batch[T, F]) constant(theta bijector.Mat[T], lo, hi int) {
	if theta.Stride == 1 {
		b.constantSingle(theta.Data[b.params*len(b.moved):])
		return
	}
	for i, v := range b.shared {
		row := theta.Feature(b.row(i))[lo:hi]
		for s := range row {
			row[s] = v
		}
	}
}

// constantSingle sets a single sample's shared parameters.
func (b *batch[T, F]) constantSingle(theta []T) {
	if b.constants == 1 {
		copy(theta, b.shared)
		return
	}
	for k := range b.constants {
		row := theta[k*len(b.moved):][:len(b.moved)]
		for j := range row {
			row[j] = b.shared[j*b.constants+k]
		}
	}
}

// rows returns theta's rows that belong to the j-th moved feature.
func (b *batch[T, F]) rows(theta bijector.Mat[T], j, lo, hi int) bijector.Mat[T] {
	m := len(b.moved)
	last := theta.D - m + j
	return bijector.Mat[T]{
		Data: theta.Data[j*theta.Stride+lo : last*theta.Stride+hi],
		D:    theta.D / m, N: hi - lo, Stride: m * theta.Stride,
	}
}

// keep copies samples lo to hi of the kept features from in to out.
func (b *batch[T, F]) keep(out, in bijector.Mat[T], lo, hi int) {
	if &out.Data[0] == &in.Data[0] {
		return
	}
	for _, k := range b.kept {
		copy(out.Feature(k)[lo:hi], in.Feature(k)[lo:hi])
	}
}
