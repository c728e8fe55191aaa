package bijector

import (
	"fmt"

	"github.com/bijou-flow/bijou/internal/chunk"
)

// NewPass returns a pass that runs members in place, and folds those between
// couplings into one map.
func (c *Chain[T]) NewPass(o PassOptions) Pass[T] {
	p := &chainPass[T]{spare: NewMat[T](c.dim, o.MaxBatch)}
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
}

// stage is a member's pass or a fold of several members.
type stage[T Float] struct {
	pass Pass[T]
	fold *fold[T]
}

func (p *chainPass[T]) Forward(z, x, cond Mat[T], logDet []float64) {
	cur, spare := x, p.spare.Resize(x.N)
	for i := range p.stages {
		s := &p.stages[i]
		dst := place(z, spare, cur, x, s.fold == nil)
		if s.fold != nil {
			s.fold.Forward(dst, cur, logDet)
		} else {
			s.pass.Forward(dst, cur, cond, logDet)
		}
		cur = dst
	}
	z.CopyFrom(cur)
}

func (p *chainPass[T]) Inverse(x, z, cond Mat[T], logDet []float64) {
	cur, spare := z, p.spare.Resize(z.N)
	for i := len(p.stages) - 1; i >= 0; i-- {
		s := &p.stages[i]
		dst := place(x, spare, cur, z, s.fold == nil)
		if s.fold != nil {
			s.fold.Inverse(dst, cur, logDet)
		} else {
			s.pass.Inverse(dst, cur, cond, logDet)
		}
		cur = dst
	}
	x.CopyFrom(cur)
}

// place chooses where a stage writes: in place unless that would overwrite
// the caller's input, and otherwise where its own input is not.
func place[T Float](out, spare, cur, in Mat[T], canOverwrite bool) Mat[T] {
	if canOverwrite && (!inPlace(cur, in) || inPlace(cur, out)) {
		return cur
	}
	if inPlace(cur, out) {
		return spare
	}
	return out
}

// NewGradPass returns a pass that keeps every member's input. It panics where
// a member has no gradient; CheckTrainable says so beforehand.
func (c *Chain[T]) NewGradPass(o PassOptions) GradPass[T] {
	p := &chainGradPass[T]{}
	for i, l := range c.layers {
		t, ok := l.(Trainable[T])
		if !ok {
			panic("bijector: NewGradPass of a chain with a layer that is not trainable")
		}
		g := t.NewGradPass(o)
		p.passes = append(p.passes, g)
		if _, ok := l.(Stateful[T]); ok {
			p.grads = append(p.grads, g.Grads()...)
		}
		if i > 0 {
			p.between = append(p.between, NewMat[T](c.dim, o.MaxBatch))
		}
	}
	return p
}

type chainGradPass[T Float] struct {
	passes  []GradPass[T]
	between []Mat[T] // between[i] is the output of member i and the input of i+1
	grads   [][]T
}

// in and out are member i's input and output for a batch that enters as x and
// leaves as z.
func (p *chainGradPass[T]) in(i int, x Mat[T]) Mat[T] {
	if i == 0 {
		return x
	}
	return p.between[i-1].Resize(x.N)
}

func (p *chainGradPass[T]) out(i int, z Mat[T]) Mat[T] {
	if i == len(p.passes)-1 {
		return z
	}
	return p.between[i].Resize(z.N)
}

func (p *chainGradPass[T]) Forward(z, x, cond Mat[T], logDet []float64) {
	for i, m := range p.passes {
		m.Forward(p.out(i, z), p.in(i, x), cond, logDet)
	}
}

// Backward applies the chain rule from the last member to the first. Each
// member adds to logDet, so each sees the same dLogDet.
func (p *chainGradPass[T]) Backward(dx, dcond, dz, x, z, cond Mat[T], dLogDet []float64) {
	for i := len(p.passes) - 1; i >= 0; i-- {
		p.passes[i].Backward(dx, dcond, dz, p.in(i, x), p.out(i, z), cond, dLogDet)
		dz = dx
	}
}

func (p *chainGradPass[T]) Grads() [][]T { return p.grads }

// CheckTrainable returns nil where layer has a gradient, and otherwise an
// ErrNotTrainable that names the member of a chain without one.
func CheckTrainable[T Float](layer Layer[T]) error {
	if c, ok := layer.(Container[T]); ok {
		for i, l := range c.Members() {
			if err := CheckTrainable(l); err != nil {
				return fmt.Errorf("layer %d: %w", i, err)
			}
		}
	}
	if _, ok := layer.(Trainable[T]); !ok {
		return fmt.Errorf("bijector: %T has no gradient; give it NewGradPass, Params, Buffers and Spec: %w", layer, ErrNotTrainable)
	}
	return nil
}

// evaluate replaces h by the layer's output for it, piece by piece.
func evaluate[T Float](l Layer[T], h, cond Mat[T], w *Workers) {
	pieces := (h.N + chunk.Size - 1) / chunk.Size
	w.For(pieces, 1, func(lo, hi int) {
		pass := l.NewPass(PassOptions{MaxBatch: chunk.Size})
		logDet := make([]float64, chunk.Size)
		for i := lo; i < hi; i++ {
			a, b := i*chunk.Size, min((i+1)*chunk.Size, h.N)
			v := h.Samples(a, b)
			var c Mat[T]
			if !cond.Empty() {
				c = cond.Samples(a, b)
			}
			pass.Forward(v, v, c, logDet[:b-a])
		}
	})
}
