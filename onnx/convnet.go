// The conditioner of couplings over images.

package onnx

import (
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/nn"
)

// convNet is a residual convolutional network between rows.
func convNet[T bijector.Float](g *Graph, m *nn.ConvNet[T], x Value) Value {
	s := m.Spec().(nn.ConvNetSpec)
	seen, asked := m.Pixels()
	filters := m.Filters()
	h := filter(g, filters[0], convInput(g, s, seen, x))
	for k := range s.Blocks {
		u := filter(g, filters[1+2*k], g.Relu(h))
		h = g.Add(h, filter(g, filters[2+2*k], g.Relu(u)))
	}
	pixels := s.Height * s.Width
	y := g.Reshape(filter(g, filters[len(filters)-1], g.Relu(h)), s.OutChannels*pixels)
	if len(asked) == pixels {
		return y
	}
	var features []int
	for c := range s.OutChannels {
		for _, p := range asked {
			features = append(features, c*pixels+p)
		}
	}
	return g.Select(y, features)
}

// convInput is the image of what is seen, (n, channels, height, width), behind a
// channel for each context feature.
func convInput(g *Graph, s nn.ConvNetSpec, seen []int, x Value) Value {
	pixels := s.Height * s.Width
	var context Value
	if s.ContextDim > 0 {
		ones := make([]float64, pixels)
		for i := range ones {
			ones[i] = 1
		}
		context = g.Mul(g.Reshape(g.Slice(x, 1, 0, s.ContextDim), s.ContextDim, 1, 1), g.Constant(ones, 1, 1, s.Height, s.Width))
		x = g.Slice(x, 1, s.ContextDim, s.ContextDim+s.InChannels*len(seen))
	}
	if len(seen) < pixels {
		zero := s.InChannels * len(seen) // the place of a column of zeros
		from := make([]int, s.InChannels*pixels)
		for i := range from {
			from[i] = zero
		}
		for c := range s.InChannels {
			for i, p := range seen {
				from[c*pixels+p] = c*len(seen) + i
			}
		}
		x = g.Select(g.Concat(1, x, g.Times(g.Slice(x, 1, 0, 1), 0)), from)
	}
	return g.Concat(1, context, g.Reshape(x, s.InChannels, s.Height, s.Width))
}

// filter is a convolution that keeps an image's size.
func filter(g *Graph, f nn.Filter, x Value) Value {
	p := f.Kernel / 2
	y := g.conv(x, g.Constant(f.Weight, f.Out, f.In, f.Kernel, f.Kernel), f.Kernel, 1, [4]int{p, p, p, p})
	if f.Bias != nil {
		y = g.Add(y, g.Constant(f.Bias, 1, f.Out, 1, 1))
	}
	return y
}
