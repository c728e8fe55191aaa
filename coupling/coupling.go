// The skeleton of all couplings: split by the mask, run the conditioner, move
// features one by one, merge.

package coupling

import (
	"fmt"

	"gorgonia.org/tensor"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/kernel"
)

// Coupling is a coupling layer,
//
//	z_kept  = x_kept,
//	z_moved = f(x_moved; theta),  theta = net(context, x_kept),
//	log|det dz/dx| = sum over moved features of log|f'|,
//
// and its inverse x_moved = f^-1(z_moved; theta), which evaluates the same
// net (Dinh et al. 2017, arXiv 1605.08803, sections 3.2 and 3.3).
//
// The net sees the context's features first, then the kept ones in ascending
// order. Row p*m + j of its output is parameter p of the j-th of the m moved
// features.
//
// A kind of coupling embeds a *Coupling made by New and adds a method Spec.
type Coupling[T bijector.Float] struct {
	transform Elementwise[T]
	net       bijector.Map[T]
	context   int
	mask      []int64 // 1: kept
	kept      []int
	moved     []int
	initial   []float64 // shared parameters of a moved feature
	shared    []T       // (moved, len(initial))
	align     int       // sample ranges of a worker are multiples of this
	tensors   bijector.Tensors[T]
}

// Parts are what a coupling is made of.
type Parts[T bijector.Float] struct {
	Dim        int      // features, at least 2
	ContextDim int      // features of the context; 0: unconditional
	Mask       MaskSpec // which features are kept; the zero value keeps the odd ones
	// Transform moves the other features.
	Transform Elementwise[T]
	// Conditioner makes the net for in = ContextDim + kept features and out =
	// Transform.Params() * moved features.
	Conditioner func(in, out int) (bijector.Map[T], error)
}

// grain is the least work of a worker's share in multiply-adds: a few
// microseconds, several times what handing it over costs.
const grain = 1 << 18

// New puts a coupling together. It returns ErrSpec for parts that make none
// and ErrShape for a conditioner of the wrong width.
func New[T bijector.Float](p Parts[T]) (*Coupling[T], error) {
	mask, err := p.Mask.mask(p.Dim)
	if err != nil {
		return nil, err
	}
	if p.ContextDim < 0 || p.ContextDim > maxDim {
		return nil, fmt.Errorf("coupling: %d context features, want 0 to %d: %w", p.ContextDim, maxDim, bijector.ErrSpec)
	}
	if p.Transform == nil || p.Conditioner == nil {
		return nil, fmt.Errorf("coupling: Parts without a transform or without a conditioner: %w", bijector.ErrSpec)
	}
	if p.Transform.Params() < 1 {
		return nil, fmt.Errorf("coupling: %T has %d parameters, want 1 at least: %w", p.Transform, p.Transform.Params(), bijector.ErrSpec)
	}
	c := &Coupling[T]{transform: p.Transform, context: p.ContextDim, mask: mask, initial: p.Transform.Shared()}
	c.kept, c.moved = split(mask, nil, nil)
	in, out := c.context+len(c.kept), p.Transform.Params()*len(c.moved)
	if c.net, err = p.Conditioner(in, out); err != nil {
		return nil, fmt.Errorf("coupling: conditioner: %w", err)
	}
	if c.net == nil {
		return nil, fmt.Errorf("coupling: the conditioner is nil: %w", bijector.ErrSpec)
	}
	if c.net.In() != in || c.net.Out() != out {
		return nil, fmt.Errorf("coupling: the conditioner maps %d features to %d, want %d (context %d, kept %d) to %d (%d for each of %d moved): %w",
			c.net.In(), c.net.Out(), in, c.context, len(c.kept), out, p.Transform.Params(), len(c.moved), bijector.ErrShape)
	}
	c.shared = kernel.Make[T](len(c.moved) * len(c.initial))
	for i := range c.shared {
		c.shared[i] = T(c.initial[i%len(c.initial)])
	}
	work := out
	for _, p := range c.net.Params() {
		work += len(p.Data)
	}
	c.align = 16 * max(1, grain/(16*work))
	return c, nil
}

// Dim is the number of features.
func (c *Coupling[T]) Dim() int { return len(c.mask) }

// ContextDim is the number of context features, 0 for an unconditional
// coupling.
func (c *Coupling[T]) ContextDim() int { return c.context }

// Forward maps data to latent.
func (c *Coupling[T]) Forward(x *tensor.Dense) (*tensor.Dense, error) { return c.tensors.Forward(c, x) }

// Inverse maps latent to data.
func (c *Coupling[T]) Inverse(z *tensor.Dense) (*tensor.Dense, error) { return c.tensors.Inverse(c, z) }

// LogDetJacobian is log|det dz/dx| at each row of x, in nats, shape (n).
func (c *Coupling[T]) LogDetJacobian(x *tensor.Dense) (*tensor.Dense, error) {
	return c.tensors.LogDetJacobian(c, x)
}

// Conditioner is the net.
func (c *Coupling[T]) Conditioner() bijector.Map[T] { return c.net }

// Params are the conditioner's, with "net." in front, and where the transform
// has shared parameters "shared", of shape (moved, shared).
func (c *Coupling[T]) Params() []bijector.Param[T] {
	ps := bijector.PrefixParams("net", c.net.Params())
	if len(c.shared) > 0 {
		ps = append(ps, bijector.Param[T]{Name: "shared", Shape: []int{len(c.moved), len(c.initial)}, Data: c.shared})
	}
	return ps
}

// Buffers are "mask", 1 where a feature is kept, and the conditioner's with
// "net." in front.
func (c *Coupling[T]) Buffers() []bijector.Buffer {
	mask := bijector.Buffer{Name: "mask", Shape: []int{len(c.mask)}, Data: c.mask}
	return append([]bijector.Buffer{mask}, bijector.PrefixBuffers("net", c.net.Buffers())...)
}

// Changed reads the mask again. One that does not fit the conditioner is not
// taken over; Validate says so.
func (c *Coupling[T]) Changed() {
	if c.checkMask() == nil {
		c.kept, c.moved = split(c.mask, c.kept[:0], c.moved[:0])
	}
	if ch, ok := c.net.(bijector.Changer); ok {
		ch.Changed()
	}
}

// Validate returns an error where a mask that was loaded is none, or keeps
// another number of features than the conditioner was made for.
func (c *Coupling[T]) Validate() error {
	if err := c.checkMask(); err != nil {
		return err
	}
	if v, ok := c.net.(bijector.Validator); ok {
		return v.Validate()
	}
	return nil
}

func (c *Coupling[T]) checkMask() error {
	kept, err := countKept(c.mask)
	if err == nil && kept != len(c.kept) {
		err = fmt.Errorf("coupling: the mask keeps %d features, the conditioner was made for %d: %w", kept, len(c.kept), bijector.ErrShape)
	}
	return err
}

// NewPass returns an evaluation pass.
func (c *Coupling[T]) NewPass(o bijector.PassOptions) bijector.Pass[T] {
	p := &pass[T]{
		batch:   newBatch(c, o),
		net:     c.net.NewMapPass(o),
		scratch: bijector.NewMat[float64](c.transform.Scratch(), o.MaxBatch),
	}
	p.run = p.samples
	return p
}

// batch holds a conditioner's input and output for a batch.
type batch[T bijector.Float] struct {
	*Coupling[T]
	workers  *bijector.Workers
	u, theta bijector.Mat[T]
}

func newBatch[T bijector.Float](c *Coupling[T], o bijector.PassOptions) batch[T] {
	return batch[T]{
		Coupling: c,
		workers:  o.Workers,
		u:        bijector.NewMat[T](c.net.In(), o.MaxBatch),
		theta:    bijector.NewMat[T](c.net.Out(), o.MaxBatch),
	}
}

// check refuses batches that are not the coupling's.
func (b *batch[T]) check(out, in, cond bijector.Mat[T], logDet []float64) {
	if in.D != len(b.mask) || out.D != in.D || out.N != in.N || len(logDet) != in.N {
		panic("coupling: batch of the wrong shape")
	}
	if b.context > 0 && (cond.D != b.context || cond.N != in.N) {
		panic("coupling: context of the wrong shape")
	}
}

// gather sets samples lo to hi of u: the context, then the kept features.
func (b *batch[T]) gather(u, in, cond bijector.Mat[T], lo, hi int) {
	for j := range b.context {
		copy(u.Feature(j)[lo:hi], cond.Feature(j)[lo:hi])
	}
	for j, k := range b.kept {
		copy(u.Feature(b.context + j)[lo:hi], in.Feature(k)[lo:hi])
	}
}

// keep copies samples lo to hi of the kept features from in to out.
func (b *batch[T]) keep(out, in bijector.Mat[T], lo, hi int) {
	if &out.Data[0] == &in.Data[0] {
		return
	}
	for _, k := range b.kept {
		copy(out.Feature(k)[lo:hi], in.Feature(k)[lo:hi])
	}
}

// params returns the rows of theta that belong to the j-th moved feature.
func (b *batch[T]) params(theta bijector.Mat[T], j, lo, hi int) bijector.Mat[T] {
	m := len(b.moved)
	n, last := b.transform.Params(), (theta.D/m-1)*m+j
	return bijector.Mat[T]{Data: theta.Data[j*theta.Stride+lo : last*theta.Stride+hi], D: n, N: hi - lo, Stride: m * theta.Stride}
}

// constants are the shared parameters of the j-th moved feature.
func (b *batch[T]) constants(j int) []T {
	n := len(b.initial)
	return b.shared[j*n : (j+1)*n : (j+1)*n]
}

// pass evaluates a coupling. The fields from out on are the current call's.
type pass[T bijector.Float] struct {
	batch[T]
	net           bijector.MapPass[T]
	scratch       bijector.Mat[float64]
	run           func(lo, hi int)
	out, in, cond bijector.Mat[T]
	logDet        []float64
	inverse       bool
}

func (p *pass[T]) Forward(z, x, cond bijector.Mat[T], logDet []float64) {
	p.evaluate(z, x, cond, logDet, false)
}

func (p *pass[T]) Inverse(x, z, cond bijector.Mat[T], logDet []float64) {
	p.evaluate(x, z, cond, logDet, true)
}

func (p *pass[T]) evaluate(out, in, cond bijector.Mat[T], logDet []float64, inverse bool) {
	p.check(out, in, cond, logDet)
	p.out, p.in, p.cond, p.logDet, p.inverse = out, in, cond, logDet, inverse
	p.workers.For(in.N, p.align, p.run)
}

func (p *pass[T]) samples(lo, hi int) {
	u, theta := p.u.Resize(p.in.N), p.theta.Resize(p.in.N)
	p.gather(u, p.in, p.cond, lo, hi)
	p.net.Forward(theta, u, lo, hi)
	logDet := p.logDet[lo:hi]
	f := Feature[T]{Scratch: p.scratch.Resize(p.in.N).Samples(lo, hi)}
	for j, k := range p.moved {
		f.Theta, f.Shared = p.params(theta, j, lo, hi), p.constants(j)
		out, in := p.out.Feature(k)[lo:hi], p.in.Feature(k)[lo:hi]
		if p.inverse {
			p.transform.Inverse(out, in, f, logDet)
		} else {
			p.transform.Forward(out, in, f, logDet)
		}
	}
	p.keep(p.out, p.in, lo, hi)
}
