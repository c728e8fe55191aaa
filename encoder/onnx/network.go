// A parsed ONNX file: its inputs, what a row is to them, and its operators.

package bijouonnx

import (
	"fmt"
	"slices"

	"github.com/gomlx/gomlx/pkg/core/dtypes"
	reader "github.com/gomlx/onnx-gomlx/onnx"

	"github.com/bijou-flow/bijou/bijector"
)

// port is an input of a model as rows fill it.
type port struct {
	name  string
	dtype dtypes.DType
	shape []int // of one row
	width int   // values of one row
}

// network is what rows are run through.
type network struct {
	model  *reader.Model
	raw    []byte
	file   string // for messages
	ports  []port
	output string
	in     int // values of a row, over all ports
	fixed  int // rows of a batch where the model says so, 0: any number
}

// maxNodes bounds the nodes of a file: they may all be in one line, which is followed
// node within node.
const maxNodes = 1 << 18

// parse reads a model. gomlx panics on some of what is no model.
func parse(raw []byte, file string) (n *network, err error) {
	n = &network{raw: raw, file: file}
	wrong := func(why any) error {
		return fmt.Errorf("bijouonnx: %s (%d bytes) is no ONNX model that can be read: %v: %w: %w", file, len(raw), why, ErrFile, bijector.ErrSpec)
	}
	defer func() {
		if r := recover(); r != nil {
			n, err = nil, wrong(r)
		}
	}()
	if n.model, err = reader.Parse(raw); err != nil {
		return nil, wrong(err)
	}
	if len(n.model.Proto.Graph.Node) == 0 || len(n.model.OutputsNames) == 0 {
		return nil, wrong("it has no nodes or no outputs")
	}
	for _, t := range n.model.Proto.Graph.Initializer {
		if len(t.ExternalData) > 0 {
			return nil, wrong(fmt.Sprintf("its weights are in another file (%q); save it as one file", t.Name))
		}
	}
	all := computations(n.model.Proto.Graph)
	if len(all) > maxNodes {
		return nil, wrong(fmt.Sprintf("it has %d nodes, want %d at most", len(all), maxNodes))
	}
	if name := circular(all); name != "" {
		return nil, wrong(fmt.Sprintf("computing %q goes round in a circle", name))
	}
	n.dropWeights()
	return n, nil
}

// dropWeights takes from the inputs those that have a value in the file, as old
// exporters list their weights.
func (n *network) dropWeights() {
	m := n.model
	weights := map[string]bool{}
	for _, t := range m.Proto.Graph.Initializer {
		weights[t.Name] = true
	}
	for i := len(m.InputsNames) - 1; i >= 0; i-- {
		if weights[m.InputsNames[i]] {
			m.InputsNames = slices.Delete(m.InputsNames, i, i+1)
			m.InputsShapes = slices.Delete(m.InputsShapes, i, i+1)
		}
	}
}

// choose sets inputs and output by the options.
func (n *network) choose(o Options) error {
	m := n.model
	inputs := o.Inputs
	switch {
	case len(inputs) == 0:
		for _, name := range m.InputsNames {
			inputs = append(inputs, Input{Name: name})
		}
	case len(inputs) == 1 && inputs[0].Name == "":
		if len(m.InputsNames) != 1 {
			return n.wrong("the inputs are %q; say by name which rows fill", m.InputsNames)
		}
		inputs = []Input{{Name: m.InputsNames[0], Shape: inputs[0].Shape}}
	}
	for _, in := range inputs {
		i := slices.Index(m.InputsNames, in.Name)
		if i < 0 {
			return n.wrong("there is no input %q, the inputs are %q", in.Name, m.InputsNames)
		}
		if err := n.add(in, m.InputsShapes[i]); err != nil {
			return err
		}
	}
	for _, name := range m.InputsNames {
		if !slices.ContainsFunc(inputs, func(in Input) bool { return in.Name == name }) {
			return n.wrong("nothing fills the input %q; the inputs are %q, and a row has values for all of them", name, m.InputsNames)
		}
	}
	if n.in == 0 {
		return n.wrong("it has no inputs")
	}
	if n.output = o.Output; n.output == "" {
		if len(m.OutputsNames) != 1 {
			return n.wrong("the outputs are %q; name one of them, or a tensor inside", m.OutputsNames)
		}
		n.output = m.OutputsNames[0]
	}
	if !n.computes(n.output) {
		return n.wrong("nothing in it is called %q; the outputs are %q", n.output, m.OutputsNames)
	}
	for _, s := range [][]float64{o.Scale, o.Shift} {
		if len(s) > 0 && n.in%len(s) != 0 {
			return fmt.Errorf("bijouonnx: %d scales or shifts for rows of %d values, want a number that divides it: %w: %w", len(s), n.in, bijector.ErrSpec, bijector.ErrShape)
		}
	}
	return nil
}

// computes says whether a node gives the tensor.
func (n *network) computes(tensor string) bool {
	for _, node := range n.model.Proto.Graph.Node {
		if slices.Contains(node.Output, tensor) {
			return true
		}
	}
	return false
}

// add makes a port of an input: of the model's lengths, and those of the
// options where the model leaves them open.
func (n *network) add(in Input, has reader.DynamicShape) error {
	if !numeric(has.DType) {
		return fmt.Errorf("bijouonnx: %s: input %q holds %v, want a float or integer type: %w: %w", n.file, in.Name, has.DType, bijector.ErrSpec, bijector.ErrDType)
	}
	if len(has.Dimensions) == 0 {
		return n.wrongShape("input %q is a single value, want a first axis of rows", in.Name)
	}
	row := has.Dimensions[1:]
	p := port{name: in.Name, dtype: has.DType, shape: slices.Clone(in.Shape)}
	if in.Shape == nil {
		p.shape = slices.Clone(row)
		if slices.ContainsFunc(row, func(d int) bool { return d < 1 }) {
			return n.wrongShape("input %q has the shape %v with open lengths; say a row's with Input.Shape", in.Name, has.Names)
		}
	}
	fits := len(p.shape) == len(row)
	for i := 0; fits && i < len(row); i++ {
		fits = row[i] < 1 || row[i] == p.shape[i]
	}
	if !fits {
		return n.wrongShape("rows of shape %v for input %q, whose shape with the rows is %v", p.shape, in.Name, has.Names)
	}
	var err error
	if p.width, err = product(p.shape); err != nil {
		return err
	}
	if batch := has.Dimensions[0]; batch > 0 {
		if n.fixed > 0 && n.fixed != batch {
			return n.wrongShape("the inputs have %d and %d rows, want one number", n.fixed, batch)
		}
		n.fixed = batch
	}
	n.ports, n.in = append(n.ports, p), n.in+p.width
	if n.in > maxValues || n.fixed > maxBatch {
		return n.wrongShape("rows of %d values in batches of %d, want %d and %d at most", n.in, n.fixed, maxValues, maxBatch)
	}
	return nil
}

// numeric says whether rows of numbers can fill an input of a type.
func numeric(d dtypes.DType) bool {
	switch d {
	case dtypes.Float32, dtypes.Float64, dtypes.Int64, dtypes.Int32, dtypes.Int16, dtypes.Int8, dtypes.Uint8:
		return true
	}
	return false
}

func (n *network) wrong(format string, args ...any) error {
	return fmt.Errorf("bijouonnx: %s: %s: %w", n.file, fmt.Sprintf(format, args...), bijector.ErrSpec)
}

func (n *network) wrongShape(format string, args ...any) error {
	return fmt.Errorf("%w: %w", n.wrong(format, args...), bijector.ErrShape)
}

// lengths is the shape of a batch at a port.
func (p port) lengths(rows int) []int { return append([]int{rows}, p.shape...) }
