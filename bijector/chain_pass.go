package bijector

import "github.com/bijou-flow/bijou/internal/chunk"

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
