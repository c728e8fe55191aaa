// The recipe of Glow on images: actnorm, 1x1 convolution and a coupling of
// channels, at several scales.

package coupling

import (
	"fmt"
	"math/rand/v2"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/conditioned"
)

// GlowImageRecipe describes a Glow on images; GlowImage makes a chain of it.
// Channels, Height and Width alone are enough.
type GlowImageRecipe struct {
	Channels, Height, Width int
	ContextDim              int // features of the context, standardised as for Recipe; 0: unconditional
	// Steps at each scale, and Hidden channels of their conditioners; each scale
	// halves the sides first. Nil means 8 steps of 64 channels at each of as many
	// scales as leave sides of 4 pixels or more: 2 for 28x28, 3 for 32x32. Of Hidden one number is for
	// all scales. The paper has 32 steps of 512 channels at 3 scales of 32x32.
	Steps, Hidden []int
	// Blocks of each conditioner; 0 means 1.
	Blocks int
	// Coupling is "affine" (the default) with Scale and Clamp of AffineSpec, or
	// "spline" with Bins and Bound of SplineSpec.
	Coupling string
	Scale    string
	Clamp    float64
	Bins     int
	Bound    float64
	// Start is what takes the data in [0, 1] to the real line: "logit", with
	// Alpha as in ImageRecipe, "background", with the defaults of a Background, or
	// "none". The default is "logit".
	Start string
	Alpha float64
	// OutScale shrinks the conditioners' initial last layers; 0 means 0.1.
	OutScale float64
	// Seed of all that is drawn.
	Seed uint64
}

// GlowImage makes the multi-scale flow of images, with pixels in [0, 1], whose
// scales are a squeeze and steps of an actnorm, an invertible 1x1 convolution and a
// coupling that moves half of the channels,
//
//	y = exp(a) x + b,  u = W y + c at each pixel,  z_moved = f(u_moved; net(u_kept)),
//
// after which the half that the last coupling moved is done and the other goes
// on to the next scale (Kingma and Dhariwal 2018, arXiv 1807.03039, figure 2 and
// section 3): the last step of a scale stands for the paper's normal whose mean and
// variance a network computes from the half that goes on. The conditioners are
// residual convolutional networks (ConvNet) and not the
// paper's three convolutions. With splines it is the flow that Durkan et al. 2019,
// arXiv 1906.04032, section 5.2, train on images. Data of whole numbers, such
// as bytes, must be dequantised.
//
// Since all work is done behind the first squeeze, a step costs a quarter of one
// of RealNVPImage's first couplings with as many channels.
//
// A chain of parts that shrink, as RealNVPImage. It returns ErrSpec for a field
// out of its range.
func GlowImage[T bijector.Float](r GlowImageRecipe) (*bijector.Chain[T], error) {
	r, err := r.withDefaults()
	if err != nil {
		return nil, err
	}
	b := glowBuilder[T]{recipe: r, rng: rand.New(rand.NewPCG(r.Seed, 0x676c6f77))}
	start, err := imageStart[T](r.Start, r.Alpha, r.Channels*r.Height*r.Width)
	if err != nil {
		return nil, err
	}
	c, err := b.scaleChain(start, 0, r.Channels, r.Height, r.Width)
	if err != nil {
		return nil, err
	}
	return conditioned.Chain(r.ContextDim, false, c.Members())
}

// withDefaults fills in what is not said, and refuses lists that do not agree.
func (r GlowImageRecipe) withDefaults() (GlowImageRecipe, error) {
	if r.Steps == nil {
		for h, w := r.Height, r.Width; h%2 == 0 && w%2 == 0 && h >= 8 && w >= 8; h, w = h/2, w/2 {
			r.Steps = append(r.Steps, 8)
		}
	}
	if r.Hidden == nil {
		r.Hidden = []int{64}
	}
	if len(r.Hidden) == 1 {
		for range len(r.Steps) - 1 {
			r.Hidden = append(r.Hidden[:len(r.Hidden):len(r.Hidden)], r.Hidden[0])
		}
	}
	if len(r.Steps) == 0 || len(r.Steps) > conditioned.MaxLayers || len(r.Hidden) != len(r.Steps) {
		return r, fmt.Errorf("coupling: a recipe of steps %v with hidden channels %v, want as many of either, 1 to %d: %w", r.Steps, r.Hidden, conditioned.MaxLayers, bijector.ErrSpec)
	}
	for _, n := range r.Steps {
		if n < 1 || n > conditioned.MaxLayers {
			return r, fmt.Errorf("coupling: a recipe of %d steps at a scale, want 1 to %d: %w", n, conditioned.MaxLayers, bijector.ErrSpec)
		}
	}
	if r.Blocks == 0 {
		r.Blocks = 1
	}
	if r.OutScale == 0 {
		r.OutScale = 0.1
	}
	switch r.Coupling {
	case "", "affine", "spline":
		return r, nil
	}
	return r, fmt.Errorf("coupling: coupling %q, want affine or spline: %w", r.Coupling, bijector.ErrSpec)
}

// imageStart is the layer in front of an image recipe's, or none.
func imageStart[T bijector.Float](name string, alpha float64, dim int) ([]bijector.Layer[T], error) {
	var l bijector.Layer[T]
	var err error
	switch name {
	case "", "logit":
		if alpha == 0 {
			alpha = 0.05
		}
		l, err = bijector.NewLogit[T](bijector.LogitSpec{Dim: dim, Alpha: alpha, Clamp: true})
	case "background":
		l, err = bijector.NewBackground[T](bijector.BackgroundSpec{Dim: dim})
	case "none":
		return nil, nil
	default:
		err = fmt.Errorf("coupling: start %q, want logit, background or none: %w", name, bijector.ErrSpec)
	}
	if err != nil {
		return nil, err
	}
	return []bijector.Layer[T]{l}, nil
}

// glowBuilder makes the scales.
type glowBuilder[T bijector.Float] struct {
	recipe GlowImageRecipe
	rng    *rand.Rand
}

// scaleChain makes the chain of a scale, behind the layers given.
func (b glowBuilder[T]) scaleChain(layers []bijector.Layer[T], scale, c, h, w int) (*bijector.Chain[T], error) {
	squeeze, err := bijector.NewSqueeze[T](bijector.SqueezeSpec{Channels: c, Height: h, Width: w})
	if err != nil {
		return nil, err
	}
	layers = append(layers, squeeze)
	c, h, w = squeeze.OutShape()
	for range b.recipe.Steps[scale] {
		step, err := b.step(scale, c, h, w)
		if err != nil {
			return nil, err
		}
		layers = append(layers, step...)
	}
	if scale++; scale < len(b.recipe.Steps) {
		next, err := b.scaleChain(nil, scale, c/2, h, w)
		if err != nil {
			return nil, err
		}
		part, err := bijector.NewPart(c*h*w, 0, next.Dim(), next)
		if err != nil {
			return nil, err
		}
		layers = append(layers, part)
	}
	return bijector.NewChain(layers...)
}

// step makes an actnorm, a 1x1 convolution and a coupling.
func (b glowBuilder[T]) step(scale, c, h, w int) ([]bijector.Layer[T], error) {
	r, dim := b.recipe, c*h*w
	norm, err := bijector.NewActNorm[T](bijector.ActNormSpec{Dim: dim, Pixels: h * w})
	if err != nil {
		return nil, err
	}
	mix, err := bijector.NewConv1x1[T](bijector.Conv1x1Spec{Channels: c, Height: h, Width: w, Seed: conditioned.Seed(b.rng)})
	if err != nil {
		return nil, err
	}
	mask := MaskSpec{Kind: "channel", Channels: c, Height: h, Width: w}
	net := ConvNet[T](mask, ConvNetSpec{Hidden: r.Hidden[scale], Blocks: r.Blocks, Seed: conditioned.Seed(b.rng), OutScale: r.OutScale})
	var couple bijector.Layer[T]
	if r.Coupling == "spline" {
		couple, err = NewSplineWith(SplineSpec{Dim: dim, ContextDim: r.ContextDim, Mask: mask, Bins: r.Bins, Bound: r.Bound}, net)
	} else {
		couple, err = NewAffineWith(AffineSpec{Dim: dim, ContextDim: r.ContextDim, Mask: mask, Scale: r.Scale, Clamp: r.Clamp}, net)
	}
	return []bijector.Layer[T]{norm, mix, couple}, err
}
