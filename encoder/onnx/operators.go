// Operators that gomlx's reader of ONNX lacks, or computes slowly.

package bijouonnx

import (
	"math"
	"slices"

	"github.com/gomlx/exceptions"
	"github.com/gomlx/gomlx/pkg/core/graph"
)

type (
	gnode    = *graph.Node
	operator func(b *builder, n node, in []gnode) gnode
)

// operators are by ONNX's names; in are the node's inputs that are there. It is
// set by init, as some of them read the graph, which reads this map.
var operators map[string]operator

func init() {
	operators = map[string]operator{
		"Conv":          conv,
		"Dropout":       func(_ *builder, _ node, in []gnode) gnode { return in[0] },
		"Elu":           elu,
		"Gelu":          gelu,
		"GlobalMaxPool": globalMaxPool,
		"HardSigmoid": func(_ *builder, n node, in []gnode) gnode {
			return hardSigmoid(in[0], n.float("alpha", 0.2), n.float("beta", 0.5))
		},
		"HardSwish": func(_ *builder, _ node, in []gnode) gnode {
			return graph.Mul(in[0], hardSigmoid(in[0], 1.0/6, 0.5))
		},
		"LeakyRelu": func(_ *builder, n node, in []gnode) gnode {
			return leaky(in[0], graph.Scalar(in[0].Graph(), in[0].DType(), n.float("alpha", 0.01)))
		},
		"LpNormalization": lpNormalization,
		"PRelu":           prelu,
		"Reciprocal":      func(_ *builder, _ node, in []gnode) gnode { return graph.Reciprocal(in[0]) },
		"ReduceL2": reduction(func(x gnode, axes ...int) gnode {
			return graph.Sqrt(graph.ReduceSum(graph.Square(x), axes...))
		}),
		"ReduceMax": reduction(graph.ReduceMax),
		"ReduceMin": reduction(graph.ReduceMin),
		"ReduceSum": reduction(graph.ReduceSum),
		"Sigmoid":   func(_ *builder, _ node, in []gnode) gnode { return graph.Sigmoid(in[0]) },
		"Softplus":  softplus,
	}
}

// int is an attribute, or its default.
func (n node) int(name string, otherwise int) int {
	if v, ok := n.ints[name]; ok {
		return v[0]
	}
	return otherwise
}

func (n node) float(name string, otherwise float64) float64 {
	if v, ok := n.floats[name]; ok {
		return v
	}
	return otherwise
}

// lengths is an attribute of k integers, v each by default.
func (n node) lengths(name string, k, v int) []int {
	if have, ok := n.ints[name]; ok {
		return have
	}
	all := make([]int, k)
	for i := range all {
		all[i] = v
	}
	return all
}

// reduction is an operator over axes, which are an attribute or an input.
func reduction(over func(x gnode, axes ...int) gnode) operator {
	return func(b *builder, n node, in []gnode) gnode {
		axes := n.ints["axes"]
		if len(n.inputs) > 1 && n.inputs[1] != "" {
			axes = b.constant(n.inputs[1])
		}
		if len(axes) == 0 {
			if n.int("noop_with_empty_axes", 0) != 0 {
				return in[0]
			}
			for i := range in[0].Rank() {
				axes = append(axes, i)
			}
		}
		if n.int("keepdims", 1) != 0 {
			return graph.ReduceAndKeep(in[0], over, axes...)
		}
		return over(in[0], axes...)
	}
}

func globalMaxPool(_ *builder, _ node, in []gnode) gnode {
	var axes []int
	for i := 2; i < in[0].Rank(); i++ {
		axes = append(axes, i)
	}
	return graph.ReduceAndKeep(in[0], graph.ReduceMax, axes...)
}

// lpNormalization divides by the norm along an axis.
func lpNormalization(_ *builder, n node, in []gnode) gnode {
	axis, norm := n.int("axis", -1), graph.Abs(in[0])
	switch p := n.int("p", 2); p {
	case 1:
		norm = graph.ReduceAndKeep(norm, graph.ReduceSum, axis)
	case 2:
		norm = graph.Sqrt(graph.ReduceAndKeep(graph.Square(norm), graph.ReduceSum, axis))
	default:
		exceptions.Panicf("LpNormalization: the norm of order %d, want 1 or 2", p)
	}
	return graph.Div(in[0], norm)
}

// leaky is x where it is positive and slope*x elsewhere.
func leaky(x, slope gnode) gnode {
	return graph.Add(graph.MaxScalar(x, 0), graph.Mul(slope, graph.MinScalar(x, 0)))
}

// prelu is leaky with slopes that may have fewer axes than x, the last ones.
func prelu(_ *builder, _ node, in []gnode) gnode {
	x, slope := in[0], in[1]
	shape := slices.Clone(slope.Shape().Dimensions)
	for len(shape) < x.Rank() {
		shape = slices.Insert(shape, 0, 1)
	}
	return leaky(x, graph.Reshape(slope, shape...))
}

// elu is x where it is positive and alpha*(exp(x) - 1) elsewhere.
func elu(_ *builder, n node, in []gnode) gnode {
	below := graph.MulScalar(graph.Expm1(graph.MinScalar(in[0], 0)), n.float("alpha", 1))
	return graph.Add(graph.MaxScalar(in[0], 0), below)
}

// gelu is x times the normal distribution function, or its approximation.
func gelu(_ *builder, n node, in []gnode) gnode {
	x := in[0]
	if n.texts["approximate"] == "tanh" {
		cubic := graph.Add(x, graph.MulScalar(graph.Mul(x, graph.Square(x)), 0.044715))
		return graph.Mul(graph.MulScalar(x, 0.5), graph.AddScalar(graph.Tanh(graph.MulScalar(cubic, math.Sqrt(2/math.Pi))), 1))
	}
	return graph.Mul(graph.MulScalar(x, 0.5), graph.AddScalar(graph.Erf(graph.MulScalar(x, math.Sqrt2/2)), 1))
}

func hardSigmoid(x gnode, alpha, beta float64) gnode {
	return graph.ClipScalar(graph.AddScalar(graph.MulScalar(x, alpha), beta), 0, 1)
}

// softplus is log(1 + exp(x)), whatever the size of x.
func softplus(_ *builder, _ node, in []gnode) gnode {
	x := in[0]
	return graph.Add(graph.MaxScalar(x, 0), graph.Log1p(graph.Exp(graph.Neg(graph.Abs(x)))))
}
