// The training pass of a chain.

package bijector

import (
	"fmt"

	"github.com/bijou-flow/bijou/internal/nilcheck"
)

// NewGradPass returns a training pass that keeps what PassOptions.WithMemory says. It panics
// where a member has no gradient; CheckTrainable says so beforehand.
func (c *Chain[T]) NewGradPass(o PassOptions) GradPass[T] {
	p := &chainGradPass[T]{recompute: o.memory.Mode != MemoryKeepAll}
	inner := o
	inner.memory = Memory{}
	if p.recompute {
		inner.scratch = &scratch{}
		p.logDet = make([]float64, o.MaxBatch)
	}
	if inner.transient == nil {
		inner.transient = &scratch{}
	}
	free := inner.transient.next
	every := o.memory.storeInterval(len(c.layers))
	for i, l := range c.layers {
		t, ok := l.(Trainable[T])
		if !ok {
			panic("bijector: NewGradPass of a chain with a layer that is not trainable")
		}
		if p.recompute {
			inner.scratch.rewind(0)
		}
		inner.transient.rewind(free)
		m := gradMember[T]{pass: t.NewGradPass(inner)}
		m.reverser, _ = m.pass.(Reverser[T])
		if i > 0 && (i%every == 0 || m.reverser == nil) {
			m.keepsInput = true
			m.in = Activations[T](o, c.dim)
		}
		p.grads = append(p.grads, m.pass.Grads()...)
		p.members = append(p.members, m)
	}
	inner.transient.rewind(inner.transient.most) // what comes next is used beside the members
	if p.recompute {
		inner.scratch = nil // the embedding runs once, and keeps what it computed
	}
	p.embed = newChainContextGrad(c.embedding, inner)
	p.grads = append(p.grads, p.embed.grads()...)
	for i := range p.members {
		if i > 0 && !p.members[i].keepsInput {
			p.scratch[i%2] = Activations[T](o, c.dim)
		}
	}
	return p
}

// gradMember is a member in training.
type gradMember[T Float] struct {
	pass       GradPass[T]
	reverser   Reverser[T] // nil: cannot be reversed
	in         Mat[T]      // its input, where it is kept
	keepsInput bool
}

// chainGradPass trains a chain. Inputs that are not kept pass through two
// batches in turn.
type chainGradPass[T Float] struct {
	members   []gradMember[T]
	scratch   [2]Mat[T]
	recompute bool
	logDet    []float64 // of a Forward that is only repeated
	grads     [][]T
	embed     *chainContextGrad[T] // nil: members see the context itself
}

// input is where member i finds its input, for a batch that enters as x.
func (p *chainGradPass[T]) input(i int, x Mat[T]) Mat[T] {
	switch m := &p.members[i]; {
	case i == 0:
		return x
	case m.keepsInput:
		return m.in.Resize(x.N)
	}
	return p.scratch[i%2].Resize(x.N)
}

// output is where member i puts its output, for a batch that leaves as z.
func (p *chainGradPass[T]) output(i int, z Mat[T]) Mat[T] {
	if i == len(p.members)-1 {
		return z
	}
	return p.input(i+1, z)
}

func (p *chainGradPass[T]) Forward(z, x, cond Mat[T], logDet []float64) {
	cond = p.embed.forward(cond)
	for i := range p.members {
		p.members[i].pass.Forward(p.output(i, z), p.input(i, x), cond, logDet)
	}
}

// Backward applies the chain rule from the last member to the first. Each
// member adds to logDet, so each sees the same dLogDet. Where members share
// their memory, all but the last have lost what Forward left in it, and get it
// back first. An embedding of the context is first in Forward and last here: the
// gradient with respect to it is the sum of the members'.
func (p *chainGradPass[T]) Backward(dx, dcond, dz, x, z, cond Mat[T], dLogDet []float64) {
	h, dh := p.embed.start(dcond, cond)
	last := len(p.members) - 1
	for i := last; i >= 0; i-- {
		m := &p.members[i]
		in, out := p.input(i, x), p.output(i, z)
		switch {
		case i > 0 && !m.keepsInput:
			m.reverser.Reverse(in, out, h)
		case p.recompute && i < last:
			m.pass.Forward(out, in, h, p.logDet[:x.N])
		}
		m.pass.Backward(dx, dh, dz, in, out, h, dLogDet)
		dz = dx
	}
	p.embed.finish(dcond, cond)
}

func (p *chainGradPass[T]) Grads() [][]T { return p.grads }

// CheckTrainable returns nil where layer has a gradient, and otherwise an
// ErrNotTrainable that names the member of a chain without one.
func CheckTrainable[T Float](layer Layer[T]) error {
	if nilcheck.IsNil(layer) {
		return fmt.Errorf("bijector: a nil %T has no gradient: %w: %w", layer, ErrNotTrainable, ErrSpec)
	}
	if c, ok := layer.(TrainableChecker); ok {
		if err := c.CheckTrainable(); err != nil {
			return err
		}
	}
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
