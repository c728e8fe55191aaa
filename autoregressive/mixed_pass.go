// The pass of a Mixed that scores: whole rows, and column by column.

package autoregressive

import (
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/nn"
)

// MixedPass evaluates a Mixed, one goroutine at a time, without allocating. It
// is the distribution.BasePass of one, with the columns' terms and draws given some
// of the columns besides.
type MixedPass[T bijector.Float] struct {
	dist    *Mixed[T]
	workers *bijector.Workers
	net     *nn.MaskedPass[T]
	in, y   bijector.Mat[T]
	atoms   []int32 // of column after column, by sample
	terms   bijector.Mat[float64]
	work    []*mixedWork // of every column in its order; one of all in evaluation
	stride  int

	z, cond bijector.Mat[T] // of the current call
	scoreFn func(lo, hi int)
	drawing
}

// NewMixedPass returns a pass that scores and draws.
func (m *Mixed[T]) NewMixedPass(o bijector.PassOptions) *MixedPass[T] {
	p := newMixedPass(m, o, m.net.NewPass(o))
	one := newMixedWork(m, m.parts, o.MaxBatch)
	for range m.parts {
		p.work = append(p.work, one)
	}
	p.makeDrawing(o.MaxBatch)
	return p
}

func newMixedPass[T bijector.Float](m *Mixed[T], o bijector.PassOptions, net *nn.MaskedPass[T]) *MixedPass[T] {
	d, last := len(m.parts), &m.parts[len(m.parts)-1]
	p := &MixedPass[T]{
		dist: m, workers: o.Workers, net: net,
		// The last column's inputs are beyond those of the network.
		in:     bijector.NewMat[T](m.net.In()+last.column.inputs(), max(o.MaxBatch, 2)),
		y:      bijector.NewMat[T](m.net.Out(), max(o.MaxBatch, 2)),
		atoms:  make([]int32, d*o.MaxBatch),
		terms:  bijector.NewMat[float64](d, o.MaxBatch),
		stride: o.MaxBatch,
	}
	p.scoreFn = p.score
	return p
}

// setBatch takes over a batch.
func (p *MixedPass[T]) setBatch(z, cond bijector.Mat[T]) {
	if z.D != len(p.dist.parts) {
		panic("autoregressive: batch of the wrong number of columns")
	}
	if cond.D != p.dist.spec.ContextDim {
		panic("autoregressive: context of the wrong number of features")
	}
	p.z, p.cond = z, cond
	p.in, p.y, p.terms = p.in.Resize(z.N), p.y.Resize(z.N), p.terms.Resize(z.N)
	for _, w := range p.work {
		w.resize(z.N)
	}
}

// parallelSamples calls f for ranges of samples, on the workers where that pays.
func (p *MixedPass[T]) parallelSamples(f func(lo, hi int)) { p.workers.For(p.z.N, 16, f) }

// atomsOf are those of the column at a place, of all samples.
func (p *MixedPass[T]) atomsOf(place int) []int32 { return p.atoms[place*p.stride:][:p.z.N] }

// encodeContext copies the context to the network's inputs.
func (p *MixedPass[T]) encodeContext(lo, hi int) {
	for j := range p.cond.D {
		copy(p.in.Feature(j)[lo:hi], p.cond.Feature(j)[lo:hi])
	}
}

// encode sets the network's inputs of the column at a place.
func (p *MixedPass[T]) encode(place, lo, hi int) {
	x := p.z.Feature(p.dist.columns[place])[lo:hi]
	p.dist.parts[place].encode(p.in, x, p.atomsOf(place)[lo:hi], lo)
}

// evaluate runs the network on samples lo to hi.
func (p *MixedPass[T]) evaluate(lo, hi int) {
	p.encodeContext(lo, hi)
	for place := range p.dist.parts {
		p.encode(place, lo, hi)
	}
	p.net.Forward(p.y, p.inputs(), lo, hi)
}

// score sets the terms of samples lo to hi.
func (p *MixedPass[T]) score(lo, hi int) {
	p.evaluate(lo, hi)
	for place := range p.dist.parts {
		p.scoreColumn(place, lo, hi)
	}
}

// inputs are those that the network has.
func (p *MixedPass[T]) inputs() bijector.Mat[T] {
	in := p.in.Features(0, p.dist.net.In())
	in.N = p.in.N
	return in
}

// scoreColumn sets the terms of the column at a place.
func (p *MixedPass[T]) scoreColumn(place, lo, hi int) {
	j := p.dist.columns[place]
	p.dist.parts[place].logProb(p.dist, p.work[place], p.terms.Feature(j), p.z.Feature(j), p.atomsOf(place), p.y, lo, hi)
}

// LogProb adds log p(z_i) to logp[i], in nats: -Inf for a row with a value that
// its column does not have.
func (p *MixedPass[T]) LogProb(z, cond bijector.Mat[T], logp []float64) {
	p.setBatch(z, cond)
	p.parallelSamples(p.scoreFn)
	for j := range p.terms.D {
		for i, v := range p.terms.Feature(j) {
			logp[i] += v
		}
	}
}

// Terms sets terms, a feature a column, to log p(x_j | x_<j) of every row: column
// j's given those before it in the order. They sum to the log-density.
func (p *MixedPass[T]) Terms(terms bijector.Mat[float64], z, cond bijector.Mat[T]) {
	p.setBatch(z, cond)
	p.parallelSamples(p.scoreFn)
	terms.CopyFrom(p.terms)
}
