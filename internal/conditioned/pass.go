// Evaluation: both directions, all features at once or one after the other.

package conditioned

import "github.com/bijou-flow/bijou/bijector"

// NewPass returns an evaluation pass. net evaluates the layer's net at once. A
// net that reads what is moved also goes step by step: step sets the outputs of
// the j-th moved feature, for j = 0, 1, 2, ... in turn, from the context and
// the features before it, and Inverse goes by it. A step of nil means that the
// net reads what is kept, so that Inverse evaluates it as Forward does.
func (l *Layer[T, F]) NewPass(o bijector.PassOptions, net bijector.NetworkPass[T], step func(y, x bijector.Mat[T], j, lo, hi int)) bijector.Pass[T] {
	p := &pass[T, F]{
		batch:   newBatch(l, o, net),
		step:    step,
		scratch: bijector.NewMat[float64](l.transform.Scratch(), max(o.MaxBatch, len(l.moved))),
		row:     make([]T, len(l.moved)),
		terms:   make([]float64, len(l.moved)),
	}
	p.atOnce, p.inTurn = p.samples, p.steps
	return p
}

// pass evaluates a layer.
type pass[T bijector.Float, F Args[T]] struct {
	batch[T, F]
	step           func(y, x bijector.Mat[T], j, lo, hi int)
	scratch        bijector.Mat[float64] // the features' in turn
	row            []T                   // the moved features of a single sample
	terms          []float64             // and their log-dets
	atOnce, inTurn func(lo, hi int)
	inverse        bool // the current call's direction
}

func (p *pass[T, F]) Forward(z, x, cond bijector.Mat[T], logDet []float64) {
	p.call(z, x, cond, logDet)
	p.inverse = false
	if p.isSingle() {
		p.single()
		return
	}
	p.share(x.N, p.atOnce)
}

func (p *pass[T, F]) Inverse(x, z, cond bijector.Mat[T], logDet []float64) {
	p.call(x, z, cond, logDet)
	p.inverse = true
	if p.step != nil {
		p.share(z.N, p.inTurn)
		return
	}
	if p.isSingle() {
		p.single()
		return
	}
	p.share(z.N, p.atOnce)
}

// ForwardFeatures is bijector.FeaturePass's.
func (p *pass[T, F]) ForwardFeatures(z, x, cond bijector.Mat[T], logDets bijector.Mat[float64]) {
	n := x.N
	if n == 0 {
		return
	}
	p.call(z, x, cond, logDets.Feature(0)) // checks the shapes
	p.inverse = false
	theta := p.parameters(x, 0, n)
	p.keep(z, x, 0, n)
	scratch := p.scratch.Resize(n)
	for j, k := range p.moved {
		p.move(p.at(j), z.Feature(k), x.Feature(k), args[T, F](p.rows(theta, j, 0, n), scratch), logDets.Feature(k))
	}
}

// samples moves all features, with parameters computed at once.
func (p *pass[T, F]) samples(lo, hi int) {
	theta := p.parameters(p.in, lo, hi)
	p.keep(p.out, p.in, lo, hi)
	scratch, logDet := p.scratch.Resize(p.in.N).Samples(lo, hi), p.logDet[lo:hi]
	for j, k := range p.moved {
		p.move(p.at(j), p.out.Feature(k)[lo:hi], p.in.Feature(k)[lo:hi], args[T, F](p.rows(theta, j, lo, hi), scratch), logDet)
	}
}

// isSingle reports whether the call is one of a single sample, whose moved features have the same
// transform.
func (p *pass[T, F]) isSingle() bool { return p.in.N == 1 && p.of == nil }

// single moves all features of a single sample at once: a transform cannot
// tell the features of a sample from the samples of a feature, and one call on
// a row is several times as fast as a call for each value. Single samples are scored by the
// million: views are few.
func (p *pass[T, F]) single() {
	in, out, inStride, outStride := p.in.Data, p.out.Data, p.in.Stride, p.out.Stride
	u, theta := p.u.Resize(1), p.theta.Resize(1)
	p.gather(u, p.in, 0, 1)
	computed := p.params * len(p.moved)
	p.forward.Forward(bijector.Mat[T]{Data: theta.Data[:computed], D: computed, N: 1, Stride: 1}, u, 0, 1)
	p.constantSingle(theta.Data[computed:])
	row, terms := p.row[:len(p.moved)], p.terms[:len(p.moved)]
	for j, k := range p.moved {
		row[j], terms[j] = in[k*inStride], 0
	}
	if &out[0] != &in[0] {
		for _, k := range p.kept {
			out[k*outStride] = in[k*inStride]
		}
	}
	p.move(p.transform, row, row, p.across(theta), terms)
	logDet := p.logDet[0]
	for j, k := range p.moved {
		out[k*outStride] = row[j]
		logDet += terms[j]
	}
	p.logDet[0] = logDet
}

// across are the arguments of a row of a single sample's moved features.
func (p *pass[T, F]) across(theta bijector.Mat[T]) F {
	m := len(p.moved)
	return args[T, F](bijector.Mat[T]{Data: theta.Data, D: theta.D / m, N: m, Stride: m}, p.scratch.Resize(m))
}

// move applies a transform in the direction of the current call.
func (p *pass[T, F]) move(t Transform[T, F], out, in []T, f F, logDet []float64) {
	if p.inverse {
		t.Inverse(out, in, f, logDet)
	} else {
		t.Forward(out, in, f, logDet)
	}
}

// steps moves the features back one after the other: what is known of x is
// what the next feature's parameters depend on.
func (p *pass[T, F]) steps(lo, hi int) {
	n := p.in.N
	u, theta := p.u.Resize(n), p.theta.Resize(n)
	scratch, logDet := p.scratch.Resize(n).Samples(lo, hi), p.logDet[lo:hi]
	p.condition(u, lo, hi)
	p.constant(theta, lo, hi)
	for j, k := range p.moved {
		x := p.out.Feature(k)[lo:hi]
		p.step(p.computed(theta), u, j, lo, hi)
		p.at(j).Inverse(x, p.in.Feature(k)[lo:hi], args[T, F](p.rows(theta, j, lo, hi), scratch), logDet)
		copy(u.Feature(p.context + j)[lo:hi], x)
	}
}

// saturating is an optional interface of transforms with bounds, which
// coupling.Elementwise describes.
type saturating[F any] interface {
	Saturated(f F, hit []bool)
}

// Saturated is bijector.Saturating for transforms with bounds. Others have no
// such samples.
func (p *pass[T, F]) Saturated(hit []bool) {
	s, ok := p.transform.(saturating[F])
	if !ok || p.in.N == 0 {
		return
	}
	theta := p.theta.Resize(p.in.N)
	if theta.Stride == 1 { // a single sample: its moved features lie in a row
		of := make([]bool, len(p.moved))
		s.Saturated(p.across(theta), of)
		for _, h := range of {
			hit[0] = hit[0] || h
		}
		return
	}
	scratch := p.scratch.Resize(p.in.N)
	for j := range p.moved {
		s.Saturated(args[T, F](p.rows(theta, j, 0, p.in.N), scratch), hit)
	}
}
