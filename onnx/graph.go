// The graph under construction, and the operators that layers are made of.

package onnx

import (
	"fmt"
	"strconv"
)

// Value is an intermediate result of a graph, by its name. The zero Value
// means none: no context, a log-det of 0.
type Value struct{ name string }

// None reports whether v stands for nothing.
func (v Value) None() bool { return v.name == "" }

// Attr is an attribute of an operator: an int or a []int by its name.
type Attr struct {
	Name  string
	Value any
}

// Graph collects operators and constants. Its methods return the name of what
// they add; nothing is computed. Values are batch first: (n, features).
type Graph struct {
	elem               int64
	nodes              []node
	constants          []constant
	constantsByContent map[string]Value // constants by content
	inputs             []message
	constantBytes      int
	hasDomain          bool // some layer takes a part of the line alone
	err                error
}

type node struct {
	op      string
	in, out []string
	attrs   []Attr
}

type constant struct {
	name string
	data message
}

func newGraph(elem int64) *Graph { return &Graph{elem: elem, constantsByContent: map[string]Value{}} }

// Fail notes that the model cannot be exported; the first note is what Export
// returns.
func (g *Graph) Fail(err error) {
	if g.err == nil {
		g.err = err
	}
}

// input declares an input of the model with so many features.
func (g *Graph) input(name string, features int) Value {
	g.inputs = append(g.inputs, valueInfo(name, g.elem, features))
	return Value{name}
}

// Op adds an operator of the ONNX standard with one result.
func (g *Graph) Op(op string, attrs []Attr, in ...Value) Value {
	out := Value{fmt.Sprintf("v%d", len(g.nodes))}
	names := make([]string, len(in))
	for i, v := range in {
		names[i] = v.name
	}
	g.nodes = append(g.nodes, node{op: op, in: names, out: []string{out.name}, attrs: attrs})
	return out
}

// maxBytes bounds a model: protocol buffers end at 2 GiB.
const maxBytes = 1 << 31

// Constant adds an array in the model's element type.
func (g *Graph) Constant(values []float64, shape ...int) Value {
	return g.constant(g.elem, shape, encodeFloats(g.elem, values))
}

// Number adds a constant that broadcasts over rows and features.
func (g *Graph) Number(v float64) Value { return g.Constant([]float64{v}, 1, 1) }

// Row adds a constant row, shape (1, len(values)), that broadcasts over rows.
func (g *Graph) Row(values []float64) Value { return g.Constant(values, 1, len(values)) }

// Ints adds a vector of int64.
func (g *Graph) Ints(values ...int) Value {
	return g.constant(elemInt64, []int{len(values)}, encodeInts(values))
}

func (g *Graph) constant(elem int64, shape []int, raw []byte) Value {
	if g.constantBytes += len(raw); g.constantBytes >= maxBytes-1<<20 {
		g.Fail(fmt.Errorf("onnx: the model has more than 2 GiB of weights, which the format cannot hold: %w", ErrUnsupported))
		return Value{"c"}
	}
	key := fmt.Sprint(elem, shape, ":") + string(raw)
	if v, ok := g.constantsByContent[key]; ok {
		return v
	}
	v := Value{"c" + strconv.Itoa(len(g.constants))}
	g.constants = append(g.constants, constant{v.name, tensorOf(v.name, elem, shape, raw)})
	g.constantsByContent[key] = v
	return v
}

// Add, Sub, Mul and Div combine values elementwise, with broadcasting. Adding
// none is adding 0.
func (g *Graph) Add(a, b Value) Value {
	switch {
	case a.None():
		return b
	case b.None():
		return a
	}
	return g.Op("Add", nil, a, b)
}

// Sub is a - b.
func (g *Graph) Sub(a, b Value) Value {
	switch {
	case b.None():
		return a
	case a.None():
		return g.Neg(b)
	}
	return g.Op("Sub", nil, a, b)
}

// Mul is a * b.
func (g *Graph) Mul(a, b Value) Value { return g.Op("Mul", nil, a, b) }

// Div is a / b.
func (g *Graph) Div(a, b Value) Value { return g.Op("Div", nil, a, b) }

// Neg is -a.
func (g *Graph) Neg(a Value) Value {
	if a.None() {
		return a
	}
	return g.Op("Neg", nil, a)
}

// Exp is e^a.
func (g *Graph) Exp(a Value) Value { return g.Op("Exp", nil, a) }

// Log is the natural logarithm.
func (g *Graph) Log(a Value) Value { return g.Op("Log", nil, a) }

// Tanh is the hyperbolic tangent.
func (g *Graph) Tanh(a Value) Value { return g.Op("Tanh", nil, a) }

// Relu is the positive part.
func (g *Graph) Relu(a Value) Value { return g.Op("Relu", nil, a) }

// Abs is |a|.
func (g *Graph) Abs(a Value) Value { return g.Op("Abs", nil, a) }

// Plus adds a number.
func (g *Graph) Plus(a Value, v float64) Value { return g.Op("Add", nil, a, g.Number(v)) }

// Times multiplies by a number.
func (g *Graph) Times(a Value, v float64) Value { return g.Op("Mul", nil, a, g.Number(v)) }

// MatMul is the matrix product.
func (g *Graph) MatMul(a, b Value) Value { return g.Op("MatMul", nil, a, b) }

// Linear is x W' + b for a weight of shape (out, in), row-major, and a bias of
// out values, nil for none.
func (g *Graph) Linear(x Value, weight, bias []float64, in, out int) Value {
	t := make([]float64, len(weight))
	for i := range out {
		for j := range in {
			t[j*out+i] = weight[i*in+j]
		}
	}
	y := g.MatMul(x, g.Constant(t, in, out))
	if bias == nil {
		return y
	}
	return g.Add(y, g.Row(bias))
}

// Sum is the sum over the features: (n, d) to (n, 1). It is a product with
// ones, the form of a sum that every runtime has.
func (g *Graph) Sum(a Value, d int) Value {
	ones := make([]float64, d)
	for i := range ones {
		ones[i] = 1
	}
	return g.MatMul(a, g.Constant(ones, d, 1))
}

// Select takes features by their numbers.
func (g *Graph) Select(a Value, features []int) Value {
	return g.Op("Gather", []Attr{{"axis", 1}}, a, g.Ints(features...))
}

// Slice takes entries lo to hi, hi not included, of an axis.
func (g *Graph) Slice(a Value, axis, lo, hi int) Value {
	return g.Op("Slice", nil, a, g.Ints(lo), g.Ints(hi), g.Ints(axis))
}

// Concat joins values along an axis. None is left out.
func (g *Graph) Concat(axis int, values ...Value) Value {
	var some []Value
	for _, v := range values {
		if !v.None() {
			some = append(some, v)
		}
	}
	if len(some) == 1 {
		return some[0]
	}
	return g.Op("Concat", []Attr{{"axis", axis}}, some...)
}

// Reshape gives n rows of another shape.
func (g *Graph) Reshape(a Value, dims ...int) Value {
	return g.Op("Reshape", nil, a, g.Ints(append([]int{-1}, dims...)...))
}
