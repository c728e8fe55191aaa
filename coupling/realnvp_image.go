// The recipe of Real NVP on images: couplings at several scales.

package coupling

import (
	"fmt"
	"math/rand/v2"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/conditioned"
)

// ImageRecipe describes a Real NVP on images; RealNVPImage makes a chain of it.
// Channels, Height and Width alone are enough.
type ImageRecipe struct {
	Channels, Height, Width int
	ContextDim              int // features of the context, standardised as for Recipe; 0: unconditional
	// Scales is their number; each but the first halves the sides. 0 means as
	// many as leave sides of 4 pixels or more: 3 for 28x28, 4 for 32x32.
	Scales int
	// Couplings of either kind at each scale; 0 means 3, as in the paper.
	Couplings int
	// Hidden channels and Blocks of each conditioner; 0 means 32 and 2. The
	// paper has 32 and, for images of 32x32, 8 blocks.
	Hidden, Blocks int
	// Scale of the couplings and its Clamp: see AffineSpec.
	Scale string
	Clamp float64
	// Norm after each coupling, over the pixels of a channel: "batch" (the
	// default, as in the paper), "act" or "none".
	Norm string
	// Start is what takes the data in [0, 1] to the real line, and keeps draws
	// there: "logit" (the default), as in the paper, or "background", with the
	// defaults of a Background.
	Start string
	// Alpha of the logit (LogitSpec.Clamp); 0 means 0.05, as in the paper. A
	// negative Alpha leaves out the layer in front.
	Alpha float64
	// OutScale shrinks the conditioners' initial last layers; 0 means 0.1.
	OutScale float64
	// Seed of all that is drawn.
	Seed uint64
}

// RealNVPImage makes the multi-scale Real NVP of images, with pixels in
// [0, 1]: a logit (Start), and at each scale three couplings with checkerboard masks, a
// squeeze and three couplings with channel masks, after which half of the
// channels are done and the others go on to the next scale; four couplings
// with checkerboard masks at the last one (Dinh et al. 2017, arXiv 1605.08803,
// sections 3.6 and 4.1; equations 7 to 9 for the couplings and 13 to 16 for
// the scales). Masks alternate, each coupling is followed by a norm, and the
// conditioners are residual convolutional networks (ConvNet). Data of whole
// numbers, such as bytes, must be dequantised.
//
// A chain of parts that shrink: the last layer of each scale is a bijector.Part
// that holds the next. It returns ErrSpec for a field out of its range.
func RealNVPImage[T bijector.Float](r ImageRecipe) (*bijector.Chain[T], error) {
	if r.Couplings == 0 {
		r.Couplings = 3
	}
	if r.Scales == 0 {
		r.Scales = 1
		for h, w := r.Height, r.Width; h%2 == 0 && w%2 == 0 && h >= 8 && w >= 8; h, w = h/2, w/2 {
			r.Scales++
		}
	}
	if r.OutScale == 0 {
		r.OutScale = 0.1
	}
	if r.Norm == "" {
		r.Norm = "batch"
	}
	if r.Alpha < 0 {
		r.Start = "none"
	}
	if r.Scales < 1 || r.Couplings < 1 || r.Scales > conditioned.MaxLayers || r.Couplings > conditioned.MaxLayers {
		return nil, fmt.Errorf("coupling: a recipe of %d scales of %d couplings, want 1 to %d: %w", r.Scales, r.Couplings, conditioned.MaxLayers, bijector.ErrSpec)
	}
	b := imageBuilder[T]{recipe: r, rng: rand.New(rand.NewPCG(r.Seed, 0x696d616765))}
	var err error
	if b.layers, err = imageStart[T](r.Start, r.Alpha, r.Channels*r.Height*r.Width); err != nil {
		return nil, err
	}
	c, err := b.scaleChain(r.Scales, r.Channels, r.Height, r.Width)
	if err != nil {
		return nil, err
	}
	return conditioned.Chain(r.ContextDim, false, c.Members())
}

// imageBuilder collects the layers of one scale.
type imageBuilder[T bijector.Float] struct {
	recipe ImageRecipe
	rng    *rand.Rand
	layers []bijector.Layer[T]
}

// scaleChain makes the chain of the scale that is so many from the last.
func (b imageBuilder[T]) scaleChain(left, c, h, w int) (*bijector.Chain[T], error) {
	last, n := left == 1, b.recipe.Couplings
	if last {
		n++
	}
	if err := b.addCouplings(n, MaskSpec{Kind: "checkerboard", Channels: c, Height: h, Width: w}); err != nil {
		return nil, err
	}
	if last {
		return bijector.NewChain(b.layers...)
	}
	squeeze, err := bijector.NewSqueeze[T](bijector.SqueezeSpec{Channels: c, Height: h, Width: w})
	if err != nil {
		return nil, err
	}
	b.layers = append(b.layers, squeeze)
	c, h, w = squeeze.OutShape()
	if err := b.addCouplings(b.recipe.Couplings, MaskSpec{Kind: "channel", Channels: c, Height: h, Width: w}); err != nil {
		return nil, err
	}
	next, err := imageBuilder[T]{recipe: b.recipe, rng: b.rng}.scaleChain(left-1, c/2, h, w)
	if err != nil {
		return nil, err
	}
	part, err := bijector.NewPart(c*h*w, 0, next.Dim(), next)
	if err != nil {
		return nil, err
	}
	return bijector.NewChain(append(b.layers, part)...)
}

// addCouplings adds n couplings with the mask and its inverse in turns, and their
// norms.
func (b *imageBuilder[T]) addCouplings(n int, mask MaskSpec) error {
	r, dim := b.recipe, mask.Channels*mask.Height*mask.Width
	for range n {
		c, err := NewAffineWith(AffineSpec{Dim: dim, ContextDim: r.ContextDim, Mask: mask, Scale: r.Scale, Clamp: r.Clamp},
			ConvNet[T](mask, ConvNetSpec{Hidden: r.Hidden, Blocks: r.Blocks, Seed: conditioned.Seed(b.rng), OutScale: r.OutScale}))
		if err != nil {
			return err
		}
		b.layers = append(b.layers, c)
		mask.Invert = !mask.Invert
		norm, err := conditioned.Norm[T]("coupling", r.Norm, bijector.BatchNormSpec{Dim: dim, Pixels: mask.Height * mask.Width})
		if err != nil {
			return err
		}
		if norm != nil {
			b.layers = append(b.layers, norm)
		}
	}
	return nil
}
