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

// stage is a map that runs within a sequence without copies.
type stage[T bijector.Float] interface {
	rectified() bool // the output is a ReLU's
	newStage(o bijector.PassOptions, grad bool, tile int) stagePass[T]
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
	tile   int        // samples that run together
	shared bool       // all tiles have the memory of one
	padded bool       // some stage needs the zeros of slabs
	in     slabs[T]   // for the input; nil where none are needed
	h      []slabs[T] // between the stages
}

// view is tile t of slabs for a batch of n samples: with the slab's stride where a
// stage needs its zeros, and otherwise as a batch of its own, so that a sample comes
// to the same bits whatever MaxBatch is.
func (p *sequentialPass[T]) view(s slabs[T], t, n int) bijector.Mat[T] {
	if p.shared {
		t, n = 0, min(n-t*p.tile, p.tile)
	}
	if p.padded {
		return s.view(t, n)
	}
	return s[0].Resize(n)
}

func newSequentialPass[T bijector.Float](maps []bijector.Network[T], o bijector.PassOptions) *sequentialPass[T] {
	return newStages(maps, o, false)
}

func newStages[T bijector.Float](maps []bijector.Network[T], o bijector.PassOptions, grad bool) *sequentialPass[T] {
	p := &sequentialPass[T]{tile: sequenceTile(maps, o.MaxBatch)}
	batch := o.MaxBatch
	if !grad && o.Workers.Count() == 1 { // nothing is kept, and one tile runs at a time
		p.shared, batch = true, min(batch, p.tile)
	}
	for i, m := range maps {
		var s stagePass[T]
		if f, ok := m.(stage[T]); ok {
			s = f.newStage(o, grad, p.tile)
		} else {
			s = newNetworkStage(m, o, grad)
		}
		p.stages = append(p.stages, s)
		p.padded = p.padded || s.slabs()
		if i > 0 {
			p.h = append(p.h, newSlabs[T](m.In(), batch, p.tile))
		} else if s.slabs() {
			p.in = newSlabs[T](m.In(), batch, p.tile)
		}
	}
	return p
}

// sequenceTile is the number of samples that run together: a tile where there are
// convolutions, and the whole batch where a map keeps a batch of its own.
func sequenceTile[T bijector.Float](maps []bijector.Network[T], maxBatch int) int {
	convolves := false
	for _, m := range maps {
		if _, ok := m.(stage[T]); !ok {
			return max(maxBatch, 1)
		}
		_, conv := m.(*Conv2D[T])
		convolves = convolves || conv
	}
	if convolves {
		return TileSamples
	}
	return max(maxBatch, 1)
}

// input and output are stage i's for tile t of the batch that enters as x and leaves
// as y.
func (p *sequentialPass[T]) input(t, i int, x bijector.Mat[T]) bijector.Mat[T] {
	switch {
	case i > 0:
		return p.view(p.h[i-1], t, x.N)
	case p.in != nil:
		return p.view(p.in, t, x.N)
	}
	return tileOf(x, t, p.tile)
}

func (p *sequentialPass[T]) output(t, i int, y bijector.Mat[T]) bijector.Mat[T] {
	if i < len(p.h) {
		return p.view(p.h[i], t, y.N)
	}
	return tileOf(y, t, p.tile)
}

func (p *sequentialPass[T]) Forward(y, x bijector.Mat[T], lo, hi int) {
	eachTile(p.tile, lo, hi, func(t, lo, hi int) {
		if p.in != nil {
			p.view(p.in, t, x.N).Samples(lo, hi).CopyFrom(tileOf(x, t, p.tile).Samples(lo, hi))
		}
		for i, s := range p.stages {
			s.forward(p.output(t, i, y), p.input(t, i, x), lo, hi)
		}
	})
}

type sequentialGradPass[T bijector.Float] struct {
	*sequentialPass[T]
	relu []bool     // by stage
	dout slabs[T]   // for dy; nil where none are needed
	dh   []slabs[T] // gradients of h
	all  [][]T
}

func newSequentialGradPass[T bijector.Float](maps []bijector.Network[T], o bijector.PassOptions) *sequentialGradPass[T] {
	p := &sequentialGradPass[T]{sequentialPass: newStages(maps, o, true)}
	for i, m := range maps {
		s, ok := m.(stage[T])
		p.relu = append(p.relu, ok && s.rectified())
		if i > 0 {
			p.dh = append(p.dh, newSlabs[T](m.In(), o.MaxBatch, p.tile))
		}
		p.all = append(p.all, p.stages[i].grads()...)
	}
	last := len(maps) - 1
	if p.stages[last].slabs() || p.relu[last] {
		p.dout = newSlabs[T](maps[last].Out(), o.MaxBatch, p.tile)
	}
	return p
}

// gradient is that of stage i's output for tile t, before its ReLU.
func (p *sequentialGradPass[T]) gradient(t, i int, dy bijector.Mat[T]) bijector.Mat[T] {
	switch {
	case i < len(p.dh):
		return p.view(p.dh[i], t, dy.N)
	case p.dout != nil:
		return p.view(p.dout, t, dy.N)
	}
	return tileOf(dy, t, p.tile)
}

// Backward applies the chain rule from the last stage to the first. Each stage
// takes the gradient through the ReLU below it.
func (p *sequentialGradPass[T]) Backward(dx, dy, x, y bijector.Mat[T], lo, hi int) {
	last := len(p.stages) - 1
	eachTile(p.tile, lo, hi, func(t, lo, hi int) {
		if p.dout != nil {
			d := p.view(p.dout, t, dy.N).Samples(lo, hi)
			d.CopyFrom(tileOf(dy, t, p.tile).Samples(lo, hi))
			if p.relu[last] {
				maskByReLU(d, tileOf(y, t, p.tile).Samples(lo, hi))
			}
		}
		for i := last; i >= 0; i-- {
			d, in, out := p.gradient(t, i, dy), p.input(t, i, x), p.output(t, i, y)
			if i == 0 {
				p.stages[0].backward(tileOf(dx, t, p.tile), d, in, out, false, lo, hi)
				return
			}
			p.stages[i].backward(p.gradient(t, i-1, dy), d, in, out, p.relu[i-1], lo, hi)
		}
	})
}

// Accumulate sums tile by tile, however the workers share a batch.
func (p *sequentialGradPass[T]) Accumulate(dy, x, y bijector.Mat[T]) {
	eachTile(p.tile, 0, x.N, func(t, _, _ int) {
		for i, s := range p.stages {
			s.accumulate(p.gradient(t, i, dy), p.input(t, i, x), p.output(t, i, y))
		}
	})
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
