// Flows out to the original demo's Real NVP.

package torch

import (
	"fmt"
	"io"
	"maps"
	"math"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/coupling"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/internal/atomicfile"
	"github.com/bijou-flow/bijou/internal/nilcheck"
	"github.com/bijou-flow/bijou/internal/nn"
	"github.com/bijou-flow/bijou/internal/safetensors"
)

// SaveDemo writes a flow as the state of the demo's Real NVP: see Demo. In
// PyTorch, model.load_state_dict(safetensors.torch.load_file(path)) reads it;
// testdata/load.py does, and compares.
//
// The flow is a chain of couplings, each followed by a permutation (where it
// lacks one, the file gets the identity) and by batch norm with the default
// Eps, over a normal distribution. Couplings are affine with the scale "tanh"
// and a perceptron with relu: coupling.RealNVP makes such a chain with Scale:
// "tanh" and Raw: true. Any other is ErrSpec, which names the layer.
// Statistics, which are float64 here, are rounded to T.
//
// The networks get back what a mask makes zero there, as zeros. A Demo of the
// file is the same flow.
func SaveDemo[T bijector.Float](path string, flow *flow.Flow[T]) error {
	items, err := demoItems(flow)
	if err != nil {
		return err
	}
	return save(path, items, nil)
}

// WriteDemo is SaveDemo to w.
func WriteDemo[T bijector.Float](w io.Writer, flow *flow.Flow[T]) error {
	items, err := demoItems(flow)
	if err != nil {
		return err
	}
	return write(w, items, nil)
}

func save(path string, items []safetensors.Item, metadata map[string]string) error {
	if err := atomicfile.Write(path, func(w io.Writer) error { return write(w, items, metadata) }); err != nil {
		return fmt.Errorf("torch: %w", err)
	}
	return nil
}

// write adds to the metadata what PyTorch's files have.
func write(w io.Writer, items []safetensors.Item, metadata map[string]string) error {
	if nilcheck.IsNil(w) {
		return fmt.Errorf("torch: no writer: %w", bijector.ErrSpec)
	}
	items = safetensors.Layout(items)
	all := map[string]string{"format": "pt"}
	maps.Copy(all, metadata)
	head, err := safetensors.EncodeHeader(items, all)
	if err != nil {
		return err
	}
	if _, err := w.Write(head); err != nil {
		return err
	}
	return safetensors.WriteData(w, items)
}

func demoItems[T bijector.Float](flow *flow.Flow[T]) ([]safetensors.Item, error) {
	if flow == nil {
		return nil, fmt.Errorf("torch: no flow to write: %w", bijector.ErrSpec)
	}
	chain, ok := flow.Layer().(*bijector.Chain[T])
	if !ok {
		return nil, fmt.Errorf("torch: the flow's layer is a %T, want a chain: %w", flow.Layer(), bijector.ErrSpec)
	}
	if chain.Embedding() != nil {
		return nil, fmt.Errorf("torch: the chain sees its context through a %T, which the demo does not have: %w", chain.Embedding(), bijector.ErrSpec)
	}
	o := &demoWriter[T]{dim: flow.Dim()}
	for i, l := range chain.Members() {
		var err error
		switch l := l.(type) {
		case *coupling.Affine[T]:
			err = o.coupling(l)
		case *bijector.Permute[T]:
			err = o.permutation(l.Buffers()[0].Data.([]int64))
		case *bijector.BatchNorm[T]:
			err = o.batchNorm(l)
		default:
			err = fmt.Errorf("the demo has affine couplings, permutations and batch norm: %w", bijector.ErrSpec)
		}
		if err != nil {
			return nil, fmt.Errorf("torch: layer %d is a %T: %w", i, l, err)
		}
	}
	if o.flows == 0 || o.flows%3 != 0 {
		return nil, fmt.Errorf("torch: the chain of %d layers does not end with batch norm after a coupling: %w", len(chain.Members()), bijector.ErrSpec)
	}
	if err := o.prior(flow.Base()); err != nil {
		return nil, err
	}
	return o.items, nil
}

// demoWriter collects the tensors of flow after flow: coupling, permutation and
// batch norm in turns.
type demoWriter[T bijector.Float] struct {
	dim   int
	flows int // flows so far
	items []safetensors.Item
}

// expectStage refuses a flow that is not the turn's.
func (o *demoWriter[T]) expectStage(turn int) error {
	if o.flows%3 != turn {
		names := [...]string{"a coupling", "a permutation", "batch norm"}
		return fmt.Errorf("the next of the demo's flows is %s: %w", names[o.flows%3], bijector.ErrSpec)
	}
	return nil
}

func (o *demoWriter[T]) add(name string, data any, shape ...int) {
	o.items = append(o.items, safetensors.Item{Name: fmt.Sprintf("flows.%d.%s", o.flows, name), Shape: shape, Data: data})
}

func (o *demoWriter[T]) coupling(c *coupling.Affine[T]) error {
	if err := o.expectStage(0); err != nil {
		return err
	}
	s := c.Spec().(coupling.AffineSpec)
	if s.Scale != "tanh" || s.Reverse {
		return fmt.Errorf("its scale is %q (reverse: %v), the demo's tanh: %w", s.Scale, s.Reverse, bijector.ErrSpec)
	}
	net, ok := nn.Inner(c.Conditioner()).(*nn.MLP[T])
	if !ok {
		return fmt.Errorf("its conditioner is a %T, the demo's a perceptron: %w", c.Conditioner(), bijector.ErrSpec)
	}
	if a := net.Spec().(nn.MLPSpec).Activation; a != "" && a != "relu" {
		return fmt.Errorf("its conditioner has the activation %q, the demo's relu: %w", a, bijector.ErrSpec)
	}
	mask := make([]T, o.dim)
	keep := make([]bool, o.dim)
	for i, k := range c.Buffers()[0].Data.([]int64) {
		mask[i], keep[i] = T(k), k == 1
	}
	o.add("mask", mask, o.dim)
	kept, moved := split(keep)
	columns := intRange(0, s.ContextDim)
	for _, k := range kept {
		columns = append(columns, s.ContextDim+k)
	}
	rows := moved
	for _, k := range moved {
		rows = append(rows, o.dim+k)
	}
	params := net.Params()
	for i := 0; i < len(params); i += 2 {
		w, b := params[i].Data, params[i+1].Data
		in, out := params[i].Shape[1], params[i].Shape[0]
		from, to := intRange(0, in), intRange(0, out)
		if i == 0 {
			in, from = s.ContextDim+o.dim, columns
		}
		if i == len(params)-2 {
			out, to = 2*o.dim, rows
		}
		wide, bias := make([]T, out*in), make([]T, out)
		for a, row := range to {
			bias[row] = b[a]
			for c, column := range from {
				wide[row*in+column] = w[a*len(from)+c]
			}
		}
		o.add(fmt.Sprintf("s.%d.weight", i), wide, out, in)
		o.add(fmt.Sprintf("s.%d.bias", i), bias, out)
	}
	o.flows++
	return nil
}

func (o *demoWriter[T]) permutation(p []int64) error {
	if err := o.expectStage(1); err != nil {
		return err
	}
	inverse := make([]int64, len(p))
	for i, k := range p {
		inverse[k] = int64(i)
	}
	o.add("p", p, o.dim)
	o.add("invp", inverse, o.dim)
	o.flows++
	return nil
}

func (o *demoWriter[T]) batchNorm(b *bijector.BatchNorm[T]) error {
	if o.flows%3 == 1 { // no permutation: the identity
		p := make([]int64, o.dim)
		for i := range p {
			p[i] = int64(i)
		}
		if err := o.permutation(p); err != nil {
			return err
		}
	}
	if err := o.expectStage(2); err != nil {
		return err
	}
	if eps := b.Spec().(bijector.BatchNormSpec).Eps; eps != 0 && eps != 1e-5 {
		return fmt.Errorf("its eps is %v, the demo's 1e-5: %w", eps, bijector.ErrSpec)
	}
	params, buffers := b.Params(), b.Buffers()
	o.add("log_gamma", params[0].Data, o.dim)
	o.add("beta", params[1].Data, o.dim)
	o.add("running_mean", narrow[T](buffers[0].Data.([]float64)), o.dim)
	o.add("running_var", narrow[T](buffers[1].Data.([]float64)), o.dim)
	o.flows++
	return nil
}

// prior adds mean and deviation of the base distribution.
func (o *demoWriter[T]) prior(base distribution.Base[T]) error {
	n, ok := base.(*distribution.Normal[T])
	if !ok {
		return fmt.Errorf("torch: the base distribution is a %T, the demo's a normal: %w", base, bijector.ErrSpec)
	}
	s := n.Spec().(distribution.NormalSpec)
	mean, deviation := make([]T, o.dim), make([]T, o.dim)
	for j := range mean {
		loc, scale := 0.0, 1.0
		switch {
		case s.Learned:
			loc, scale = float64(n.Params()[0].Data[j]), math.Exp(float64(n.Params()[1].Data[j]))
		default:
			if s.Loc != nil {
				loc = s.Loc[j]
			}
			if s.Scale != nil {
				scale = s.Scale[j]
			}
		}
		mean[j], deviation[j] = T(loc), T(scale)
	}
	o.items = append(
		o.items,
		safetensors.Item{Name: "prior_mean", Shape: []int{o.dim}, Data: mean},
		safetensors.Item{Name: "prior_var", Shape: []int{o.dim}, Data: deviation},
	)
	return nil
}

// narrow rounds to T.
func narrow[T bijector.Float](v []float64) []T {
	out := make([]T, len(v))
	convert(out, v)
	return out
}
