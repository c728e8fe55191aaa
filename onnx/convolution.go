// Convolutions and their transposes as the operator Conv alone: runtimes lack
// ConvTranspose, or have it for some element types.

package onnx

import (
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/nn"
)

// convolution runs between rows: images in ONNX are (n, c, h, w), a row of ours
// is that, flat, or has its channels last.
func convolution[T bijector.Float](g *Graph, m *nn.Conv2D[T], x Value) Value {
	s := m.Spec().(nn.ConvSpec)
	c, h, w := m.InShape()
	if s.InChannelsLast {
		x = g.Op("Transpose", []Attr{{"perm", []int{0, 3, 1, 2}}}, g.Reshape(x, h, w, c))
	} else {
		x = g.Reshape(x, c, h, w)
	}
	stored := m.Params()[0].Data
	weight := make([]T, len(stored))
	m.Weight(weight, stored)
	var y Value
	if m.Transposed() {
		y = transposed(g, s, x, widen(weight))
	} else {
		y = g.conv(x, g.Constant(widen(weight), s.OutChannels, c, s.Kernel, s.Kernel), s.Kernel, s.Stride,
			[4]int{s.Padding, s.Padding, s.Padding, s.Padding})
	}
	if s.Bias {
		y = g.Add(y, g.Constant(widen(m.Params()[1].Data), 1, s.OutChannels, 1, 1))
	}
	if s.ReLU {
		y = g.Relu(y)
	}
	if s.OutChannelsLast {
		y = g.Op("Transpose", []Attr{{"perm", []int{0, 2, 3, 1}}}, y)
	}
	return g.Reshape(y, m.Out())
}

// conv is the cross-correlation with square kernels. pads are those of the top,
// the left, the bottom and the right.
func (g *Graph) conv(x, weight Value, kernel, stride int, pads [4]int) Value {
	return g.Op("Conv", []Attr{
		{"kernel_shape", []int{kernel, kernel}}, {"strides", []int{stride, stride}}, {"pads", pads[:]},
	}, x, weight)
}

// transposed is y[s i + u - p] += w[u] x[i], by output rows s q + r for each r
// from 0 to s-1: there, u = a + s t with a = (r+p) mod s meets
// i = q + e - t with e = (r+p)/s rounded down. So every r is a convolution of
// stride 1, and all of them are one with s^2 times the channels, whose outputs
// are then woven together (Shi et al. 2016, arXiv 1609.05158).
func transposed(g *Graph, c nn.ConvSpec, x Value, weight []float64) Value {
	k, s, p := c.Kernel, c.Stride, c.Padding
	outH := (c.Height-1)*s - 2*p + k + c.OutputPaddingH
	outW := (c.Width-1)*s - 2*p + k + c.OutputPaddingW
	// offsets i - q over all r and u
	least, most := (s-1+p)/s, 0
	for u := range k {
		for r := range s {
			if (r+p-u)%s == 0 {
				least, most = min(least, (r+p-u)/s), max(most, (r+p-u)/s)
			}
		}
	}
	side := most - least + 1
	dense := make([]float64, c.OutChannels*s*s*c.InChannels*side*side)
	at := func(o, ry, rx, i, y, x int) int {
		return ((((o*s+ry)*s+rx)*c.InChannels+i)*side+y)*side + x
	}
	for i := range c.InChannels {
		for o := range c.OutChannels {
			for u := range k {
				for v := range k {
					ry, rx := mod(u-p, s), mod(v-p, s)
					dense[at(o, ry, rx, i, (ry+p-u)/s-least, (rx+p-v)/s-least)] = weight[((i*c.OutChannels+o)*k+u)*k+v]
				}
			}
		}
	}
	qh, qw := (outH+s-1)/s, (outW+s-1)/s
	y := g.conv(x, g.Constant(dense, c.OutChannels*s*s, c.InChannels, side, side), side, 1,
		[4]int{-least, -least, max(qh+most-c.Height, 0), max(qw+most-c.Width, 0)})
	y = g.Slice(g.Slice(y, 2, 0, qh), 3, 0, qw)
	y = g.Reshape(y, c.OutChannels, s, s, qh, qw)
	y = g.Op("Transpose", []Attr{{"perm", []int{0, 1, 4, 2, 5, 3}}}, y)
	y = g.Reshape(y, c.OutChannels, qh*s, qw*s)
	return g.Slice(g.Slice(y, 2, 0, outH), 3, 0, outW)
}

// mod is the remainder that is not negative.
func mod(a, b int) int { return ((a % b) + b) % b }
