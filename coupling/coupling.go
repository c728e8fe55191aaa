// The skeleton of all couplings: a mask says which features the conditioner
// reads and which the transform moves.

package coupling

import (
	"fmt"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/conditioned"
)

// Coupling is a coupling layer,
//
//	z_kept  = x_kept,
//	z_moved = f(x_moved; theta),  theta = net(context, x_kept),
//	log|det dz/dx| = sum over moved features of log|f'|,
//
// and its inverse x_moved = f^-1(z_moved; theta), which evaluates the same net
// (Dinh et al. 2017, arXiv 1605.08803, sections 3.2 and 3.3). The domain is
// that of f for the moved features, and every value for the kept ones. The
// cost is one evaluation of the net either way, and one of f a moved feature.
//
// The net sees the context's features first, then the kept ones in ascending
// order. Row p*m + j of its output is parameter p of the j-th of the m moved
// features.
//
// A kind of coupling embeds a *Coupling made by New and adds a method Spec.
type Coupling[T bijector.Float] struct {
	bijector.TensorMethods[T]
	layer       *conditioned.Layer[T, TransformArgs[T]]
	net         bijector.Network[T]
	image       [3]int  // channels, height and width, where the mask is over images
	mask        []int64 // 1: kept
	kept, moved []int
}

// Config are what a coupling is made of.
type Config[T bijector.Float] struct {
	Dim        int      // features, at least 2
	ContextDim int      // features of the context; 0: unconditional
	Mask       MaskSpec // which features are kept; the zero value keeps the odd ones
	// Transform moves the other features.
	Transform Elementwise[T]
	// TransformOf is the transform of feature k, for features of several kinds;
	// nil where Transform moves all. Each has Transform's numbers of parameters
	// and of scratch rows.
	TransformOf func(k int) Elementwise[T]
	// Conditioner makes the net for in = ContextDim + kept features and out =
	// Transform.Params() * moved features.
	Conditioner func(in, out int) (bijector.Network[T], error)
}

// New puts a coupling together. It returns ErrSpec for parts that make none
// and ErrShape for a conditioner of the wrong width.
func New[T bijector.Float](p Config[T]) (*Coupling[T], error) {
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
	c := &Coupling[T]{mask: mask, image: [3]int{p.Mask.Channels, p.Mask.Height, p.Mask.Width}}
	c.TensorMethods = bijector.NewTensorMethods[T](c)
	c.kept, c.moved = splitMask(mask, nil, nil)
	params := p.Transform.Params()
	in, out := p.ContextDim+len(c.kept), params*len(c.moved)
	if c.net, err = p.Conditioner(in, out); err != nil {
		return nil, fmt.Errorf("coupling: conditioner: %w", err)
	}
	if c.net == nil {
		return nil, fmt.Errorf("coupling: the conditioner is nil: %w", bijector.ErrSpec)
	}
	if c.net.In() != in || c.net.Out() != out {
		return nil, fmt.Errorf("coupling: the conditioner maps %d features to %d, want %d (context %d, kept %d) to %d (%d for each of %d moved): %w",
			c.net.In(), c.net.Out(), in, p.ContextDim, len(c.kept), out, params, len(c.moved), bijector.ErrShape)
	}
	c.layer = conditioned.New[T, TransformArgs[T]](p.Transform, c.net, p.ContextDim, c.kept, c.moved, c.kept)
	if p.TransformOf != nil {
		for k := range p.Dim {
			if err := checkTransform(p.Transform, p.TransformOf(k)); err != nil {
				return nil, fmt.Errorf("coupling: feature %d (counted from 0): %w", k, err)
			}
		}
		c.layer.PerFeature(func(k int) conditioned.Transform[T, TransformArgs[T]] { return p.TransformOf(k) })
	}
	return c, nil
}

// checkTransform refuses a transform of a feature that needs other parameters
// than the others.
func checkTransform[T bijector.Float](all, one Elementwise[T]) error {
	if one == nil {
		return fmt.Errorf("no transform: %w", bijector.ErrSpec)
	}
	if one.Params() != all.Params() || one.Scratch() != all.Scratch() || len(one.Shared()) != len(all.Shared()) {
		return fmt.Errorf("%T has %d parameters, %d shared and %d scratch rows, want those of %T: %d, %d and %d: %w",
			one, one.Params(), len(one.Shared()), one.Scratch(), all, all.Params(), len(all.Shared()), all.Scratch(), bijector.ErrShape)
	}
	return nil
}

// Dim is the number of features.
func (c *Coupling[T]) Dim() int { return len(c.mask) }

// ContextDim is the number of context features, 0 for an unconditional
// coupling.
func (c *Coupling[T]) ContextDim() int { return c.layer.ContextDim() }

// InShape is the size of the images that the mask is for, or 0, 0, 0.
func (c *Coupling[T]) InShape() (ch, h, w int) { return c.image[0], c.image[1], c.image[2] }

// OutShape is InShape.
func (c *Coupling[T]) OutShape() (ch, h, w int) { return c.InShape() }

// Conditioner is the net.
func (c *Coupling[T]) Conditioner() bijector.Network[T] { return c.net }

// Params are the conditioner's, with "net." in front, and where the transform
// has shared parameters "shared", of shape (moved, shared): a row for each
// moved feature.
func (c *Coupling[T]) Params() []bijector.Param[T] { return c.layer.Params() }

// Buffers are "mask", 1 where a feature is kept, and the conditioner's with
// "net." in front.
func (c *Coupling[T]) Buffers() []bijector.Buffer {
	mask := bijector.Buffer{Name: "mask", Shape: []int{len(c.mask)}, Data: c.mask}
	return append([]bijector.Buffer{mask}, c.children().Buffers()...)
}

// children is the conditioner.
func (c *Coupling[T]) children() bijector.Children[T] {
	return bijector.Children[T]{{Name: "net", Part: c.net}}
}

// Invalidate reads the mask again. One that does not fit the conditioner is not
// taken over; Validate says so.
func (c *Coupling[T]) Invalidate() {
	if c.checkMask() == nil {
		c.kept, c.moved = splitMask(c.mask, c.kept[:0], c.moved[:0])
		c.layer.Arrange(c.kept, c.moved, c.kept)
	}
	c.children().Invalidate()
}

// Validate returns an error where a mask that was loaded has values other than
// 0 and 1, or keeps another number of features than the conditioner was made for.
func (c *Coupling[T]) Validate() error {
	if err := c.checkMask(); err != nil {
		return err
	}
	if err := c.children().Validate(); err != nil {
		return fmt.Errorf("coupling: %w", err)
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

// NewPass returns an evaluation pass. Where the transform has bounds, the pass
// is bijector.Saturating.
func (c *Coupling[T]) NewPass(o bijector.PassOptions) bijector.Pass[T] {
	return c.layer.NewPass(o, c.net.NewNetworkPass(o), nil)
}

// NewGradPass returns a training pass, which is a bijector.Reverser.
func (c *Coupling[T]) NewGradPass(o bijector.PassOptions) bijector.GradPass[T] {
	return c.layer.NewReversiblePass(o)
}
