// Maps: conditioners and the parts of autoencoders.

package onnx

import (
	"fmt"
	"math"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/nn"
)

// Map is an optional interface of maps of other modules: x is (n, In), y is
// (n, Out).
type Map interface {
	ExportMap(g *Graph, x Value) (y Value)
}

// network is the image of x under a map.
func network[T bijector.Float](g *Graph, m bijector.Network[T], x Value) Value {
	switch m := nn.Inner(m).(type) {
	case Map:
		return m.ExportMap(g, x)
	case *bijector.StandardizeContext[T]:
		return standardizeContext(g, m, x)
	case *nn.MLP[T]:
		return perceptron(g, m, x)
	case *nn.MADE[T]: // masked weights are 0
		return perceptron(g, m.MLP, x)
	case *nn.Blocks[T]:
		params := m.Params()
		return linear(g, params[len(params)-2:], blocks(g, m, x))
	case *nn.ConvNet[T]:
		return convNet(g, m, x)
	case *nn.Residual[T]:
		return residual(g, m, x)
	case *nn.Sequential[T]:
		for _, part := range m.Maps() {
			x = network(g, part, x)
		}
		return x
	case *nn.Dense[T]:
		x = g.Linear(x, widen(m.Weight()), widen(m.Params()[1].Data), m.In(), m.Out())
		if m.Rectified() {
			x = g.Relu(x)
		}
		return x
	case *nn.Conv2D[T]:
		return convolution(g, m, x)
	}
	g.Fail(fmt.Errorf("onnx: a %T has no form in ONNX; give it ExportMap: %w", m, ErrUnsupported))
	return x
}

// standardizeContext is y = (x - mean) / std.
func standardizeContext[T bijector.Float](g *Graph, m *bijector.StandardizeContext[T], x Value) Value {
	mean, scale := make([]float64, m.In()), make([]float64, m.In())
	for j := range mean {
		centre, std := m.Moments(j)
		mean[j], scale[j] = centre, 1/std
	}
	return g.Mul(g.Minus(x, mean), g.Row(scale))
}

func perceptron[T bijector.Float](g *Graph, m *nn.MLP[T], x Value) Value {
	params := m.Params()
	for i := 0; i < len(params); i += 2 {
		if i > 0 {
			x = activation(g, m.Spec().(nn.MLPSpec).Activation, x)
		}
		x = linear(g, params[i:], x)
	}
	return x
}

// residual has the parameters of its first layer, of two layers a block and the
// gate's where there is a context, and of its last.
func residual[T bijector.Float](g *Graph, m *nn.Residual[T], x Value) Value {
	params, s := m.Params(), m.Spec().(nn.ResidualSpec)
	h, block := linear(g, params, x), params[2:]
	for range s.Blocks {
		u := linear(g, block, activation(g, s.Activation, h))
		u = linear(g, block[2:], activation(g, s.Activation, u))
		block = block[4:]
		if s.ContextDim > 0 {
			u = g.Mul(u, g.Sigmoid(linear(g, block, g.Slice(x, 1, 0, s.ContextDim))))
			block = block[2:]
		}
		h = g.Add(h, u)
	}
	return linear(g, params[len(params)-2:], h)
}

// blocks is what the last layer of a masked network of blocks reads. Masked
// weights are 0.
func blocks[T bijector.Float](g *Graph, m *nn.Blocks[T], x Value) Value {
	s, params := m.Spec().(nn.BlocksSpec), m.Params()
	next := func(n int) []bijector.Param[T] {
		ps := params[:n]
		params = params[n:]
		return ps
	}
	var ctx Value
	if s.Context > 0 {
		ctx = g.Slice(x, 1, 0, s.Context)
		x = g.Slice(x, 1, s.Context, s.Context+s.Features)
	}
	var h Value
	if s.Features > 1 {
		h = linear(g, next(2), x)
	} else { // a lone feature sees nothing
		h = g.Linear(x, make([]float64, s.Hidden), widen(next(1)[0].Data), 1, s.Hidden)
	}
	if s.Context > 0 {
		h = g.Add(h, activation(g, s.Activation, linear(g, next(2), ctx)))
	}
	if s.Plain {
		h = activation(g, s.Activation, h)
	}
	for range s.Blocks {
		if s.Plain {
			h = activation(g, s.Activation, linear(g, next(2), h))
			continue
		}
		u := linear(g, next(2), activation(g, s.Activation, h))
		if s.Context > 0 {
			w := next(1)[0]
			u = g.Add(u, g.Linear(ctx, widen(w.Data), make([]float64, s.Hidden), s.Context, s.Hidden))
		}
		h = g.Add(h, linear(g, next(2), activation(g, s.Activation, u)))
	}
	return h
}

// linear is the affine map whose weight and bias come first in params.
func linear[T bijector.Float](g *Graph, params []bijector.Param[T], x Value) Value {
	w, b := params[0], params[1]
	return g.Linear(x, widen(w.Data), widen(b.Data), w.Shape[1], w.Shape[0])
}

func activation(g *Graph, name string, x Value) Value {
	switch name {
	case "tanh":
		return g.Tanh(x)
	case "elu": // exp(x) - 1 below 0
		return g.Add(g.Relu(x), g.Plus(g.Exp(g.Neg(g.Relu(g.Neg(x)))), -1))
	case "leaky_relu":
		return g.Add(g.Times(x, nn.LeakySlope), g.Times(g.Relu(x), 1-nn.LeakySlope))
	case "sigmoid":
		return g.Sigmoid(x)
	case "softplus":
		return g.Softplus(x)
	case "silu":
		return g.Mul(x, g.Sigmoid(x))
	case "gelu":
		if g.elem != elemFloat {
			g.Fail(fmt.Errorf("onnx: the activation gelu needs the error function, which runtimes have in float32 alone; export a float32 flow: %w", ErrUnsupported))
		}
		return g.Times(g.Mul(x, g.Plus(g.Op("Erf", nil, g.Times(x, 1/math.Sqrt2)), 1)), 0.5)
	}
	return g.Relu(x)
}
