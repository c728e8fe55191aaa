// Maps: conditioners and the parts of autoencoders.

package onnx

import (
	"fmt"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/nn"
)

// Map is an optional interface of maps of other modules: x is (n, In), y is
// (n, Out).
type Map interface {
	ExportMap(g *Graph, x Value) (y Value)
}

// network is the image of x under a map.
func network[T bijector.Float](g *Graph, m bijector.Map[T], x Value) Value {
	switch m := m.(type) {
	case Map:
		return m.ExportMap(g, x)
	case *nn.MLP[T]:
		return perceptron(g, m, x)
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

func perceptron[T bijector.Float](g *Graph, m *nn.MLP[T], x Value) Value {
	params, in := m.Params(), m.In()
	for i := 0; i < len(params); i += 2 {
		w, b := params[i], params[i+1]
		if i > 0 {
			if m.Spec().(nn.MLPSpec).Activation == "tanh" {
				x = g.Tanh(x)
			} else {
				x = g.Relu(x)
			}
		}
		x = g.Linear(x, widen(w.Data), widen(b.Data), in, len(b.Data))
		in = len(b.Data)
	}
	return x
}
