// How many values the library's own parts have, judged by their specs alone:
// what Sizer asks of an outside layer. In float64, where no product overflows.

package registry

import (
	"slices"

	"github.com/bijou-flow/bijou/autoencoder"
	"github.com/bijou-flow/bijou/autoregressive"
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/coupling"
	"github.com/bijou-flow/bijou/distribution"
)

func permuteValues(s any) float64 { return float64(s.(bijector.PermuteSpec).Dim) }

func batchNormValues(s any) float64 {
	b := s.(bijector.BatchNormSpec)
	return 4 * channels(b.Dim, b.Pixels)
}

func actNormValues(s any) float64 {
	a := s.(bijector.ActNormSpec)
	return 2 * channels(a.Dim, a.Pixels)
}

// channels counts those of dim features, of which each has pixels.
func channels(dim, pixels int) float64 { return float64(dim) / float64(or(pixels, 1)) }

func scaleValues(s any) float64 { return float64(s.(bijector.ScaleSpec).Dim) }

func shiftValues(s any) float64 { return float64(s.(bijector.ShiftSpec).Dim) }

func standardizeValues(s any) float64 { return 2 * float64(s.(bijector.StandardizeSpec).Dim) }

func luValues(s any) float64 { return triangles(s.(bijector.LUSpec).Dim) }

func conv1x1Values(s any) float64 { return triangles(s.(bijector.Conv1x1Spec).Channels) }

// triangles counts the factors of a square matrix, its bias and permutation.
func triangles(dim int) float64 {
	d := float64(dim)
	return (d + 2) * d
}

// noValues is the count of a function that is fixed.
func noValues(any) float64 { return 0 }

func mlpValues(s any) float64 {
	m := s.(coupling.MLPSpec)
	return mlp(float64(m.In), m.Hidden, float64(m.Out))
}

func residualValues(s any) float64 {
	r := s.(coupling.ResidualSpec)
	h := float64(or(r.Hidden, 100))
	return (float64(r.In)+1)*h + 2*float64(or(r.Blocks, 2))*(h+1)*h + (h+1)*float64(r.Out)
}

// convNetValues counts 3x3 and 1x1 kernels, and lengths and biases of their
// channels.
func convNetValues(s any) float64 {
	c := s.(coupling.ConvNetSpec)
	h, in, out := float64(or(c.Hidden, 32)), float64(c.InChannels)+float64(c.ContextDim), float64(c.OutChannels)
	return (9*in+2)*h + float64(or(c.Blocks, 2))*(10*h+3)*h + (h+2)*out
}

// mlp counts weights and biases.
func mlp(in float64, hidden []int, out float64) float64 {
	n := 0.0
	for _, h := range hidden {
		n += (in + 1) * float64(h)
		in = float64(h)
	}
	return n + (in+1)*out
}

func additiveValues(s any) float64 {
	a := s.(coupling.AdditiveSpec)
	return couplingValues(a.Dim, a.ContextDim, a.Mask, a.Hidden, 1, a.Conditioner)
}

func affineValues(s any) float64 {
	a := s.(coupling.AffineSpec)
	return couplingValues(a.Dim, a.ContextDim, a.Mask, a.Hidden, 2, a.Conditioner)
}

func splineValues(s any) float64 {
	a := s.(coupling.SplineSpec)
	return couplingValues(a.Dim, a.ContextDim, a.Mask, a.Hidden, 3*float64(or(a.Bins, 8))-1, a.Conditioner)
}

// couplingValues counts the mask and the perceptron that computes params
// values for each moved feature. A conditioner that has its own node counts
// when that is made.
func couplingValues(dim, context int, m coupling.MaskSpec, hidden []int, params float64, own *bijector.Node) float64 {
	d := float64(dim)
	if own != nil {
		return d
	}
	kept, moved := float64(dim/2), float64(dim/2)
	switch {
	case m.Keep != nil:
		kept = 0
		for _, k := range m.Keep {
			if k == 1 {
				kept++
			}
		}
		moved = d - kept
	case m.Kind == "channel":
		kept = float64(m.Channels/2) * float64(m.Height) * float64(m.Width)
		moved = d - kept
	}
	if m.Invert {
		kept, moved = moved, kept
	}
	return d + mlp(kept+float64(context), orDefault(hidden), params*moved)
}

// orDefault are the hidden widths of a coupling or an autoregressive layer.
func orDefault(hidden []int) []int {
	if len(hidden) == 0 {
		return []int{100, 100}
	}
	return hidden
}

func maskedAffineValues(s any) float64 {
	a := s.(autoregressive.AffineSpec)
	return maskedValues(a.Dim, a.ContextDim, a.Hidden, 2)
}

func maskedSplineValues(s any) float64 {
	a := s.(autoregressive.SplineSpec)
	return maskedValues(a.Dim, a.ContextDim, a.Hidden, 3*float64(or(a.Bins, 8))-1)
}

// maskedValues counts the order and the net that computes params values for
// each feature; masked weights are saved too.
func maskedValues(dim, context int, hidden []int, params float64) float64 {
	d := float64(dim)
	return d + mlp(d+float64(context), orDefault(hidden), params*d)
}

func madeValues(s any) float64 {
	m := s.(autoregressive.MADESpec)
	d := float64(m.Features)
	return mlp(d+float64(m.Context), m.Hidden, float64(m.Params)*d)
}

func studentTValues(s any) float64 {
	a, n := s.(distribution.StudentTSpec), 0.0
	if a.Learned {
		n += 2 * float64(a.Dim)
	}
	if a.LearnedDF {
		n += float64(a.Dim)
	}
	return n
}

func mixtureValues(s any) float64 {
	m := s.(distribution.MixtureSpec)
	return gaussians(m.Dim, or(m.Components, 8))
}

func classMixtureValues(s any) float64 {
	m := s.(distribution.ClassMixtureSpec)
	return float64(m.Classes) * gaussians(m.Dim, or(m.Components, 1))
}

// gaussians counts locations and scales, and weights where there are several
// components.
func gaussians(dim, components int) float64 {
	n := 2 * float64(dim)
	if components > 1 {
		n++
	}
	return n * float64(components)
}

func denseValues(s any) float64 {
	a := s.(autoencoder.DenseSpec)
	in, e := float64(a.In), float64(or(a.Embedding, 20))
	back := slices.Clone(a.Hidden)
	slices.Reverse(back)
	return mlp(in, a.Hidden, e) + mlp(e, back, in)
}

// convValues counts the kernels of 3x3, which both directions have, their
// biases, and the affine maps between the smallest image and the embedding.
func convValues(s any) float64 {
	a := s.(autoencoder.ConvSpec)
	channels := a.Channels
	if len(channels) == 0 {
		channels = []int{32, 64}
	}
	h := or(a.Height, 28)
	w := or(a.Width, h)
	n, in := 0.0, float64(or(a.InChannels, 1))
	for _, c := range channels {
		n += 2 * 9 * in * float64(c)
		if a.Bias || a.EncoderBias {
			n += float64(c)
		}
		if a.Bias || a.DecoderBias { // of the way back, to in channels
			n += in
		}
		in = float64(c)
		h, w = h-h/2, w-w/2
	}
	smallest, e := in*float64(h)*float64(w), float64(or(a.Embedding, 20))
	return n + mlp(smallest, nil, e) + mlp(e, nil, smallest)
}

func pcaValues(s any) float64 {
	a := s.(autoencoder.PCASpec)
	return float64(a.In) * float64(or(a.Embedding, min(20, a.In)))
}

// or is n, or the default where n is 0.
func or(n, otherwise int) int {
	if n == 0 {
		return otherwise
	}
	return n
}
