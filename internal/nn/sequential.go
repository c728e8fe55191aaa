// Maps one after the other. The batches between them lie in slabs with a row of
// zeros, where convolutions find their padding, and a ReLU at the end of a map
// is undone by the product of the map above it.

package nn

import (
	"fmt"
	"strconv"

	"github.com/bijou-flow/bijou/bijector"
)

// Sequential is the composition y = f_k(... f_1(x)).
type Sequential[T bijector.Float] struct {
	networks []bijector.Network[T]
	children bijector.Children[T] // the networks, numbered
}

// NewSequential composes maps whose widths fit.
func NewSequential[T bijector.Float](maps ...bijector.Network[T]) (*Sequential[T], error) {
	if len(maps) == 0 {
		return nil, fmt.Errorf("nn: a sequence of no maps: %w", bijector.ErrSpec)
	}
	for i, m := range maps[1:] {
		if maps[i].Out() != m.In() {
			return nil, fmt.Errorf("nn: map %d gives %d features, map %d takes %d: %w", i, maps[i].Out(), i+1, m.In(), bijector.ErrShape)
		}
	}
	s := &Sequential[T]{networks: maps}
	for i, m := range maps {
		s.children = append(s.children, bijector.Child{Name: strconv.Itoa(i), Part: m})
	}
	return s, nil
}

// In is the number of input features.
func (s *Sequential[T]) In() int { return s.networks[0].In() }

// Out is the number of output features.
func (s *Sequential[T]) Out() int { return s.networks[len(s.networks)-1].Out() }

// Maps are the maps, first to last.
func (s *Sequential[T]) Maps() []bijector.Network[T] { return s.networks }

// Params are those of the networks: "0.weight", "1.weight" and so on.
func (s *Sequential[T]) Params() []bijector.Param[T] { return s.children.Params() }

// Buffers are those of the networks.
func (s *Sequential[T]) Buffers() []bijector.Buffer { return s.children.Buffers() }

// Spec is nil: what is made of a sequence has a spec of its own.
func (s *Sequential[T]) Spec() any { return nil }

// Invalidate tells the networks that their parameters were written to.
func (s *Sequential[T]) Invalidate() { s.children.Invalidate() }

// Validate returns the first objection of a network to its own state.
func (s *Sequential[T]) Validate() error { return s.children.Validate() }

// Calibrate calibrates the networks in order, each on the output of those
// before it.
func (s *Sequential[T]) Calibrate(x, _ bijector.Mat[T], start bool, w *bijector.Workers) {
	last := -1
	for i, m := range s.networks {
		if _, ok := m.(bijector.Calibrator[T]); ok {
			last = i
		}
	}
	for i, m := range s.networks[:last+1] {
		if c, ok := m.(bijector.Calibrator[T]); ok {
			c.Calibrate(x, bijector.Mat[T]{}, start, w)
		}
		if i < last {
			y := bijector.NewMat[T](m.Out(), x.N)
			m.NewNetworkPass(bijector.PassOptions{MaxBatch: x.N, Workers: w}).Forward(y, x, 0, x.N)
			x = y
		}
	}
}

// NewNetworkPass returns an evaluation pass.
func (s *Sequential[T]) NewNetworkPass(o bijector.PassOptions) bijector.NetworkPass[T] {
	return newSequentialPass(s.networks, o)
}

// NewNetworkGradPass returns a training pass.
func (s *Sequential[T]) NewNetworkGradPass(o bijector.PassOptions) bijector.NetworkGradPass[T] {
	return newSequentialGradPass(s.networks, o)
}

// newSlab is a batch with a row of zeros after feature d-1, at Data[d*Stride].
// Views of fewer samples keep the stride, so that the zeros stay where they
// are and offsets into the slab are made once.
func newSlab[T bijector.Float](d, maxBatch int) bijector.Mat[T] {
	m := bijector.NewMat[T](d+1, maxBatch)
	m.D = d
	return m
}

// view is the first n samples of a slab.
func view[T bijector.Float](slab bijector.Mat[T], n int) bijector.Mat[T] {
	if n > slab.N {
		panic("nn: batch larger than the pass's MaxBatch")
	}
	slab.N = n
	return slab
}

// stage is a map that runs within a sequence without copies.
type stage[T bijector.Float] interface {
	rectified() bool // the output is a ReLU's
	newStage(o bijector.PassOptions, grad bool) stagePass[T]
}

// stagePass is a MapGradPass within a sequence. In backward and accumulate dy
// is the gradient before the stage's own ReLU; with gate, x is the output of
// the ReLU below, and dx is the gradient before that one.
type stagePass[T bijector.Float] interface {
	slabs() bool // forward's x and backward's dy must be slabs
	forward(y, x bijector.Mat[T], lo, hi int)
	backward(dx, dy, x, y bijector.Mat[T], gate bool, lo, hi int)
	accumulate(dy, x, y bijector.Mat[T])
	grads() [][]T
}

type sequentialPass[T bijector.Float] struct {
	stages []stagePass[T]
	in     bijector.Mat[T]   // slab for the input; empty where none is needed
	h      []bijector.Mat[T] // slabs between the stages
	padded bool              // some stage needs the zeros of slabs
}

// view is the first n samples of a slab: with the slab's stride where a stage
// needs its zeros, and otherwise as a batch of its own, so that a sample comes to
// the same bits whatever MaxBatch is.
func (p *sequentialPass[T]) view(slab bijector.Mat[T], n int) bijector.Mat[T] {
	if p.padded {
		return view(slab, n)
	}
	return slab.Resize(n)
}

func newSequentialPass[T bijector.Float](maps []bijector.Network[T], o bijector.PassOptions) *sequentialPass[T] {
	return newStages(maps, o, false)
}

func newStages[T bijector.Float](maps []bijector.Network[T], o bijector.PassOptions, grad bool) *sequentialPass[T] {
	p := &sequentialPass[T]{}
	for i, m := range maps {
		var s stagePass[T]
		if f, ok := m.(stage[T]); ok {
			s = f.newStage(o, grad)
		} else {
			s = newNetworkStage(m, o, grad)
		}
		p.stages = append(p.stages, s)
		p.padded = p.padded || s.slabs()
		if i > 0 {
			p.h = append(p.h, newSlab[T](m.In(), o.MaxBatch))
		} else if s.slabs() {
			p.in = newSlab[T](m.In(), o.MaxBatch)
		}
	}
	return p
}

// input and output are stage i's for the batch that enters as x and leaves as
// y.
func (p *sequentialPass[T]) input(i int, x bijector.Mat[T]) bijector.Mat[T] {
	switch {
	case i > 0:
		return p.view(p.h[i-1], x.N)
	case !p.in.Empty():
		return p.view(p.in, x.N)
	}
	return x
}

func (p *sequentialPass[T]) output(i int, y bijector.Mat[T]) bijector.Mat[T] {
	if i < len(p.h) {
		return p.view(p.h[i], y.N)
	}
	return y
}

func (p *sequentialPass[T]) Forward(y, x bijector.Mat[T], lo, hi int) {
	if lo == hi {
		return
	}
	if !p.in.Empty() {
		p.view(p.in, x.N).Samples(lo, hi).CopyFrom(x.Samples(lo, hi))
	}
	for i, s := range p.stages {
		s.forward(p.output(i, y), p.input(i, x), lo, hi)
	}
}

type sequentialGradPass[T bijector.Float] struct {
	*sequentialPass[T]
	relu []bool            // by stage
	dout bijector.Mat[T]   // slab for dy; empty where none is needed
	dh   []bijector.Mat[T] // gradients of h
	all  [][]T
}

func newSequentialGradPass[T bijector.Float](maps []bijector.Network[T], o bijector.PassOptions) *sequentialGradPass[T] {
	p := &sequentialGradPass[T]{sequentialPass: newStages(maps, o, true)}
	for i, m := range maps {
		s, ok := m.(stage[T])
		p.relu = append(p.relu, ok && s.rectified())
		if i > 0 {
			p.dh = append(p.dh, newSlab[T](m.In(), o.MaxBatch))
		}
		p.all = append(p.all, p.stages[i].grads()...)
	}
	last := len(maps) - 1
	if p.stages[last].slabs() || p.relu[last] {
		p.dout = newSlab[T](maps[last].Out(), o.MaxBatch)
	}
	return p
}

// gradient is that of stage i's output, before its ReLU.
func (p *sequentialGradPass[T]) gradient(i int, dy bijector.Mat[T]) bijector.Mat[T] {
	switch {
	case i < len(p.dh):
		return p.view(p.dh[i], dy.N)
	case !p.dout.Empty():
		return p.view(p.dout, dy.N)
	}
	return dy
}

// Backward applies the chain rule from the last stage to the first. Each stage
// takes the gradient through the ReLU below it.
func (p *sequentialGradPass[T]) Backward(dx, dy, x, y bijector.Mat[T], lo, hi int) {
	if lo == hi {
		return
	}
	last := len(p.stages) - 1
	if !p.dout.Empty() {
		d := p.view(p.dout, dy.N).Samples(lo, hi)
		d.CopyFrom(dy.Samples(lo, hi))
		if p.relu[last] {
			maskByReLU(d, y.Samples(lo, hi))
		}
	}
	for i := last; i >= 0; i-- {
		d, in, out := p.gradient(i, dy), p.input(i, x), p.output(i, y)
		if i == 0 {
			p.stages[0].backward(dx, d, in, out, false, lo, hi)
			return
		}
		p.stages[i].backward(p.gradient(i-1, dy), d, in, out, p.relu[i-1], lo, hi)
	}
}

func (p *sequentialGradPass[T]) Accumulate(dy, x, y bijector.Mat[T]) {
	for i, s := range p.stages {
		s.accumulate(p.gradient(i, dy), p.input(i, x), p.output(i, y))
	}
}

func (p *sequentialGradPass[T]) Grads() [][]T { return p.all }

// maskByReLU sets d to zero where a ReLU's output h is not positive.
func maskByReLU[T bijector.Float](d, h bijector.Mat[T]) {
	for j := range d.D {
		g := d.Feature(j)
		for i, v := range h.Feature(j) {
			if !(v > 0) {
				g[i] = 0
			}
		}
	}
}
