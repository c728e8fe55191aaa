// Convolutions as products of matrices, which gomlx computes much faster than
// its own convolution.

package bijouonnx

import (
	"github.com/gomlx/exceptions"
	"github.com/gomlx/gomlx/pkg/core/graph"
)

// conv is ONNX's Conv: for each position of the kernel, the stretch of the
// input that it meets, times its weights, added up. x is (n, c, spatial...), the
// kernel (out, c/groups, spatial...).
func conv(_ *builder, n node, in []gnode) gnode {
	x, w := in[0], in[1]
	spatial := x.Rank() - 2
	kernel := w.Shape().Dimensions[2:]
	strides, dilations := n.lengths("strides", spatial, 1), n.lengths("dilations", spatial, 1)
	pads := n.pads(x.Shape().Dimensions[2:], kernel, strides, dilations)
	groups := n.int("group", 1)
	c, out := x.Shape().Dimensions[1], w.Shape().Dimensions[0]
	depthwise := groups == c && out == c
	if groups != 1 && !depthwise {
		return grouped(n, in, strides, dilations, pads, groups)
	}
	x = padded(x, pads)
	lengths := make([]int, spatial) // of the result
	for i := range lengths {
		if lengths[i] = (x.Shape().Dimensions[2+i]-dilations[i]*(kernel[i]-1)-1)/strides[i] + 1; lengths[i] < 1 {
			exceptions.Panicf("Conv: a kernel of %v for an input of shape %v", kernel, x.Shape().Dimensions)
		}
	}
	var total gnode
	at := make([]int, spatial) // position in the kernel
	for {
		met := graph.Slice(x, stretch(at, dilations, strides, lengths)...)
		weights := graph.Slice(w, kernelAt(at)...)
		var part gnode
		if depthwise {
			one := make([]int, x.Rank())
			for i := range one {
				one[i] = 1
			}
			one[1] = c
			part = graph.Mul(met, graph.Reshape(weights, one...))
		} else {
			// (out, c) times (n, c, spatial...) is (out, n, spatial...).
			part = graph.DotGeneral(graph.Reshape(weights, out, c), []int{1}, nil, met, []int{1}, nil)
		}
		if total == nil {
			total = part
		} else {
			total = graph.Add(total, part)
		}
		if !next(at, kernel) {
			break
		}
	}
	if !depthwise {
		total = graph.Transpose(total, 0, 1)
	}
	return biased(total, in)
}

// biased adds a value a channel, if there is one.
func biased(y gnode, in []gnode) gnode {
	if len(in) < 3 {
		return y
	}
	shape := make([]int, y.Rank())
	for i := range shape {
		shape[i] = 1
	}
	shape[1] = y.Shape().Dimensions[1]
	return graph.Add(y, graph.Reshape(in[2], shape...))
}

// pads is the padding of each spatial axis, before and behind.
func (n node) pads(lengths, kernel, strides, dilations []int) [][2]int {
	k := len(lengths)
	all := make([][2]int, k)
	switch auto := n.texts["auto_pad"]; auto {
	case "", "NOTSET":
		given := n.lengths("pads", 2*k, 0)
		for i := range all {
			all[i] = [2]int{given[i], given[k+i]}
		}
	case "SAME_UPPER", "SAME_LOWER":
		for i := range all {
			out := (lengths[i] + strides[i] - 1) / strides[i]
			sum := max(0, (out-1)*strides[i]+dilations[i]*(kernel[i]-1)+1-lengths[i])
			all[i] = [2]int{sum / 2, sum - sum/2}
			if auto == "SAME_LOWER" {
				all[i] = [2]int{sum - sum/2, sum / 2}
			}
		}
	}
	return all
}

// padded is x with zeros around.
func padded(x gnode, pads [][2]int) gnode {
	for i, p := range pads {
		parts := []gnode{x}
		for side, k := range p {
			if k == 0 {
				continue
			}
			shape := append([]int{}, x.Shape().Dimensions...)
			shape[2+i] = k
			zeros := graph.BroadcastToDims(graph.ScalarZero(x.Graph(), x.DType()), shape...)
			if side == 0 {
				parts = append([]gnode{zeros}, parts...)
			} else {
				parts = append(parts, zeros)
			}
		}
		if len(parts) > 1 {
			x = graph.Concatenate(parts, 2+i)
		}
	}
	return x
}

// stretch is the part of the padded input that a position of the kernel meets.
func stretch(at, dilations, strides, lengths []int) []graph.SliceAxisSpec {
	axes := []graph.SliceAxisSpec{graph.AxisRange(), graph.AxisRange()}
	for i := range at {
		start := at[i] * dilations[i]
		axes = append(axes, graph.AxisRange(start, start+(lengths[i]-1)*strides[i]+1).Stride(strides[i]))
	}
	return axes
}

// kernelAt is one position of a kernel (out, c, spatial...).
func kernelAt(at []int) []graph.SliceAxisSpec {
	axes := []graph.SliceAxisSpec{graph.AxisRange(), graph.AxisRange()}
	for _, i := range at {
		axes = append(axes, graph.AxisRange(i, i+1))
	}
	return axes
}

// next counts through the positions of a kernel, the last axis first.
func next(at, kernel []int) bool {
	for i := len(at) - 1; i >= 0; i-- {
		if at[i]++; at[i] < kernel[i] {
			return true
		}
		at[i] = 0
	}
	return false
}

// grouped is a convolution of groups of channels: one for each, side by side.
func grouped(n node, in []gnode, strides, dilations []int, pads [][2]int, groups int) gnode {
	x, w := in[0], in[1]
	c, out := x.Shape().Dimensions[1]/groups, w.Shape().Dimensions[0]/groups
	one := node{op: n.op, ints: map[string][]int{"strides": strides, "dilations": dilations}}
	var before, behind []int
	for _, p := range pads {
		before, behind = append(before, p[0]), append(behind, p[1])
	}
	one.ints["pads"] = append(before, behind...)
	var parts []gnode
	for g := range groups {
		of := graph.SliceAxis(x, 1, graph.AxisRange(g*c, (g+1)*c))
		with := graph.SliceAxis(w, 0, graph.AxisRange(g*out, (g+1)*out))
		parts = append(parts, conv(nil, one, []gnode{of, with}))
	}
	return biased(graph.Concatenate(parts, 1), in)
}
