// The graph of a model in gomlx, with the operators that gomlx's reader lacks.

package bijouonnx

import (
	"encoding/binary"
	"slices"

	"github.com/gomlx/exceptions"
	"github.com/gomlx/gomlx/pkg/core/graph"
	"github.com/gomlx/gomlx/pkg/ml/context"
	reader "github.com/gomlx/onnx-gomlx/onnx"
)

// node is an operator of a model and where its tensors come from.
type node struct {
	op              string
	inputs, outputs []string
	ints            map[string][]int // attributes
	floats          map[string]float64
	texts           map[string]string
}

// builder makes the graph of a model: gomlx's reader goes as far as it can, and
// operators of this package are computed between.
type builder struct {
	model  *reader.Model
	vars   *context.Context
	g      *graph.Graph
	given  map[string]*graph.Node // inputs, and tensors that are made
	makers map[string]node        // of operators of this package, by output
	uses   map[string]int         // of every tensor
	from   map[string][]string    // every tensor's node's inputs
}

func newBuilder(m *reader.Model, vars *context.Context, g *graph.Graph, given map[string]*graph.Node) *builder {
	b := &builder{model: m, vars: vars, g: g, given: given, makers: map[string]node{}, uses: map[string]int{}, from: map[string][]string{}}
	for _, p := range m.Proto.Graph.Node {
		for _, in := range p.Input {
			b.uses[in]++
		}
		for _, out := range p.Output {
			b.from[out] = p.Input
		}
		if operators[p.OpType] == nil || p.Domain != "" {
			continue
		}
		n := node{op: p.OpType, inputs: p.Input, outputs: p.Output, ints: map[string][]int{}, floats: map[string]float64{}, texts: map[string]string{}}
		for _, a := range p.Attribute {
			n.floats[a.Name], n.texts[a.Name] = float64(a.F), string(a.S)
			n.ints[a.Name] = []int{int(a.I)}
			if len(a.Ints) > 0 {
				n.ints[a.Name] = nil
				for _, v := range a.Ints {
					n.ints[a.Name] = append(n.ints[a.Name], int(v))
				}
			}
		}
		if len(p.Output) == 1 || p.OpType == "Dropout" {
			b.makers[p.Output[0]] = n
		}
	}
	return b
}

// tensor makes a tensor: first those of this package's operators that it needs,
// then what lies between.
func (b *builder) tensor(name string) *graph.Node {
	b.prepare(name, map[string]bool{})
	return b.read([]string{name})[0]
}

// prepare makes what this package's operators give, below a tensor.
func (b *builder) prepare(name string, seen map[string]bool) {
	if seen[name] || b.given[name] != nil {
		return
	}
	seen[name] = true
	for _, in := range b.from[name] {
		b.prepare(in, seen)
	}
	n, ours := b.makers[name]
	if !ours {
		return
	}
	wanted := slices.DeleteFunc(slices.Clone(n.inputs), func(in string) bool { return in == "" })
	b.given[name] = operators[n.op](b, n, b.read(wanted))
}

// read makes tensors by gomlx's reader, from those that are given. Tensors on
// the way that are used more than once are kept, so that they are computed once.
func (b *builder) read(names []string) []*graph.Node {
	var targets []string
	seen := map[string]bool{}
	for _, name := range names {
		b.shared(name, &targets, seen)
		if b.given[name] == nil && !slices.Contains(targets, name) {
			targets = append(targets, name)
		}
	}
	made := map[string]*graph.Node{}
	if len(targets) > 0 {
		for i, n := range b.call(targets) {
			made[targets[i]] = n
			if n.DType().IsFloat() { // integers may be shapes, which the reader wants to see the source of
				b.given[targets[i]] = n
			}
		}
	}
	nodes := make([]*graph.Node, len(names))
	for i, name := range names {
		if nodes[i] = made[name]; nodes[i] == nil {
			nodes[i] = b.given[name]
		}
	}
	return nodes
}

// shared collects the tensors below one that are used more than once.
func (b *builder) shared(name string, targets *[]string, seen map[string]bool) {
	if seen[name] || b.given[name] != nil || b.from[name] == nil {
		return
	}
	seen[name] = true
	for _, in := range b.from[name] {
		b.shared(in, targets, seen)
	}
	if b.uses[name] > 1 {
		*targets = append(*targets, name)
	}
}

// call is the reader's CallGraph, which takes the model's inputs alone, with all
// that is given as inputs for the time of the call.
func (b *builder) call(targets []string) []*graph.Node {
	m := b.model
	names, shapes := m.InputsNames, m.InputsShapes
	defer func() { m.InputsNames, m.InputsShapes = names, shapes }()
	m.InputsNames, m.InputsShapes = nil, nil
	for name, n := range b.given {
		m.InputsNames = append(m.InputsNames, name)
		lengths := n.Shape().Dimensions
		m.InputsShapes = append(m.InputsShapes, reader.DynamicShape{DType: n.DType(), Dimensions: lengths, Names: make([]string, len(lengths))})
	}
	return m.CallGraph(b.vars, b.g, b.given, targets...)
}

// constant reads the integers of an input that is a constant, such as axes.
func (b *builder) constant(name string) []int {
	for _, t := range b.model.Proto.Graph.Initializer {
		if t.Name == name {
			return integers(t.RawData, t.Int64Data)
		}
	}
	for _, p := range b.model.Proto.Graph.Node {
		if p.OpType == "Constant" && slices.Contains(p.Output, name) {
			for _, a := range p.Attribute {
				if a.Name == "value" {
					return integers(a.T.RawData, a.T.Int64Data)
				}
				if a.Name == "value_ints" {
					return integers(nil, a.Ints)
				}
			}
		}
	}
	exceptions.Panicf("%q is computed, want a constant", name)
	return nil
}

// integers are those of a tensor of 64 bits, in either form.
func integers(raw []byte, values []int64) (all []int) {
	for ; len(raw) >= 8; raw = raw[8:] {
		all = append(all, int(binary.LittleEndian.Uint64(raw)))
	}
	for _, v := range values {
		all = append(all, int(v))
	}
	return all
}
