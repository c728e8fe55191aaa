// The pass of a chain, which runs its members in place where it can.

package bijector

import "github.com/bijou-flow/bijou/internal/rows"

// NewPass returns a pass that runs members in place, and folds those between
// couplings into one map.
func (c *Chain[T]) NewPass(o PassOptions) Pass[T] {
	p := &chainPass[T]{spare: NewMat[T](c.dim, o.MaxBatch)}
	if c.embedding != nil {
		p.embed = newChainContext(c.embedding, c.embedding.NewNetworkPass(o), o)
	}
	for lo := 0; lo < len(c.layers); {
		hi := lo
		for hi < len(c.layers) && foldable(c.layers[hi]) {
			hi++
		}
		if hi > lo {
			p.stages = append(p.stages, stage[T]{fold: newFold(c, c.layers[lo:hi])})
			lo = hi
			continue
		}
		p.stages = append(p.stages, stage[T]{pass: c.layers[lo].NewPass(o)})
		lo++
	}
	return p
}

// chainPass evaluates a chain, alternating between its output and a spare
// batch where a stage cannot run in place.
type chainPass[T Float] struct {
	stages []stage[T]
	spare  Mat[T]
	embed  *chainContext[T] // nil: members see the context itself
}

// stage is a member's pass or a fold of several members.
type stage[T Float] struct {
	pass Pass[T]
	fold *fold[T]
}

func (p *chainPass[T]) Forward(z, x, cond Mat[T], logDet []float64) {
	cond = p.embed.forward(cond)
	r := newDoubleBuffer(z, x, p.spare)
	for i := range p.stages {
		s := &p.stages[i]
		src, dst := r.next(s.fold == nil)
		if s.fold != nil {
			s.fold.Forward(dst, src, logDet)
		} else {
			s.pass.Forward(dst, src, cond, logDet)
		}
	}
	r.finish()
}

func (p *chainPass[T]) Inverse(x, z, cond Mat[T], logDet []float64) {
	cond = p.embed.forward(cond)
	r := newDoubleBuffer(x, z, p.spare)
	for i := len(p.stages) - 1; i >= 0; i-- {
		s := &p.stages[i]
		src, dst := r.next(s.fold == nil)
		if s.fold != nil {
			s.fold.Inverse(dst, src, logDet)
		} else {
			s.pass.Inverse(dst, src, cond, logDet)
		}
	}
	r.finish()
}

// Saturated is Saturating: it asks the members that have bounds.
func (p *chainPass[T]) Saturated(hit []bool) {
	for i := range p.stages {
		if s, ok := p.stages[i].pass.(Saturating); ok {
			s.Saturated(hit)
		}
	}
}

// doubleBuffer hands a batch from stage to stage: out of the caller's input, then
// between its output and a spare batch. The input is never written to, unless
// it is the output too.
type doubleBuffer[T Float] struct {
	in      Mat[T]    // until the first stage has run
	buffers [2]Mat[T] // the output and the spare
	current int       // which of own holds the batch
	started bool      // own holds it, in does not
}

func newDoubleBuffer[T Float](out, in, spare Mat[T]) doubleBuffer[T] {
	return doubleBuffer[T]{in: in, buffers: [2]Mat[T]{out, spare.Resize(in.N)}, started: sameMat(out, in)}
}

// next is what a stage reads, and where it writes: the same batch where it can
// run in place.
func (r *doubleBuffer[T]) next(canOverwrite bool) (src, dst Mat[T]) {
	switch {
	case !r.started:
		r.started = true
		return r.in, r.buffers[0]
	case canOverwrite:
		return r.buffers[r.current], r.buffers[r.current]
	}
	r.current = 1 - r.current
	return r.buffers[1-r.current], r.buffers[r.current]
}

// finish leaves the batch in the output.
func (r *doubleBuffer[T]) finish() {
	if r.current == 1 {
		r.buffers[0].CopyFrom(r.buffers[1])
	}
}

// forwardInPlace replaces h by the layer's output for it, piece by piece.
func forwardInPlace[T Float](l Layer[T], h, cond Mat[T], w *Workers) {
	pieces := (h.N + rows.Size - 1) / rows.Size
	w.For(pieces, 1, func(lo, hi int) {
		pass := l.NewPass(PassOptions{MaxBatch: rows.Size})
		logDet := make([]float64, rows.Size)
		for i := lo; i < hi; i++ {
			a, b := i*rows.Size, min((i+1)*rows.Size, h.N)
			v := h.Samples(a, b)
			var c Mat[T]
			if !cond.Empty() {
				c = cond.Samples(a, b)
			}
			pass.Forward(v, v, c, logDet[:b-a])
		}
	})
}
