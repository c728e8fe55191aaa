package bijector

import (
	"fmt"

	"github.com/bijou-flow/bijou/internal/chunk"
)

// NewPass returns a pass that runs the members in place.
func (c *Chain[T]) NewPass(o PassOptions) Pass[T] {
	p := &chainPass[T]{passes: make([]Pass[T], len(c.layers))}
	for i, l := range c.layers {
		p.passes[i] = l.NewPass(o)
	}
	return p
}

type chainPass[T Float] struct{ passes []Pass[T] }

func (p *chainPass[T]) Forward(z, x, cond Mat[T], logDet []float64) {
	for _, m := range p.passes {
		m.Forward(z, x, cond, logDet)
		x = z
	}
}

func (p *chainPass[T]) Inverse(x, z, cond Mat[T], logDet []float64) {
	for i := len(p.passes) - 1; i >= 0; i-- {
		p.passes[i].Inverse(x, z, cond, logDet)
		z = x
	}
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
