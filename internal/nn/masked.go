// Masked residual networks over columns of several inputs and outputs each.

package nn

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/bijou-flow/bijou/bijector"
)

// MaskedSpec describes a Masked.
type MaskedSpec struct {
	Context    int   // inputs that every output sees, which come first
	Inputs     []int // how many inputs each column is, in order; those of the last one are seen by nobody and left out
	Outputs    []int // how many outputs each column has
	Hidden     int   // width, at least 1
	Blocks     int   // at least 0
	Activation string
	NoDirect   bool // without direct connections
	Seed       uint64
}

// MaskedValues is the number of values that are saved, masked weights included.
func MaskedValues(context, inputs, outputs, hidden, blocks float64, noDirect bool) float64 {
	in := context + inputs
	if in == 0 {
		return outputs
	}
	n := hidden*(in+1) + 2*blocks*hidden*(hidden+1) + outputs*(hidden+1)
	if !noDirect {
		n += outputs * in
	}
	return n
}

// Masked is a residual network whose outputs for column j depend on the context
// and on the columns before j alone,
//
//	h_0 = W_i x + b_i,
//	h_k = h_{k-1} + V_k a(U_k a(h_{k-1}) + c_k) + d_k,  k = 1 ... Blocks,
//	y   = W_f h_Blocks + b_f + S x,
//
// with all matrices masked (Germain et al. 2015, arXiv 1502.03509, section 4,
// direct connections S among them, unless the spec leaves them out; residual blocks as in Durkan and Nash 2019,
// arXiv 1904.07714, appendix C.1). Hidden units have degrees that ascend, as those
// of a MADE do, and the same in every layer, so that what a unit sees is always the
// first so many of the layer below.
//
// W_f and S start at 0 and b_f too: the outputs start as constants. Masked
// weights are 0, and so are their gradients.
type Masked[T bijector.Float] struct {
	spec MaskedSpec
	// initial, the two of each block, final, and direct, if there is one; where there
	// are no inputs, final alone
	maskedLayers[T]
	act     activation
	in, out int
	inputs  []int // where the inputs of each column begin, and their end
	outputs []int // likewise for outputs
	units   []int // how many hidden units the outputs of a column see
}

// NewMasked makes a masked residual network, with weights drawn from the spec's
// seed. It returns ErrSpec for widths that make none.
func NewMasked[T bijector.Float](s MaskedSpec) (*Masked[T], error) {
	act, err := newActivation(s.Activation)
	if err != nil {
		return nil, err
	}
	d := len(s.Outputs)
	if d < 1 || len(s.Inputs) != d {
		return nil, fmt.Errorf("nn: a masked network of %d columns of inputs and %d of outputs, want the same number: %w", len(s.Inputs), d, bijector.ErrSpec)
	}
	if err := checkSizes(s.Hidden, s.Context+1); err != nil {
		return nil, err
	}
	if s.Blocks < 0 || s.Blocks > maxBlocks {
		return nil, fmt.Errorf("nn: a masked network of %d blocks, want 0 to %d: %w", s.Blocks, maxBlocks, bijector.ErrSpec)
	}
	m := &Masked[T]{spec: s, act: act}
	m.spec.Inputs, m.spec.Outputs = slices.Clone(s.Inputs), slices.Clone(s.Outputs)
	m.inputs, m.outputs = append(m.inputs, s.Context), append(m.outputs, 0)
	for k := range d {
		in := s.Inputs[k]
		if k == d-1 {
			in = 0
		}
		m.inputs, m.outputs = append(m.inputs, m.inputs[k]+in), append(m.outputs, m.outputs[k]+s.Outputs[k])
	}
	m.in, m.out = m.inputs[d], m.outputs[d]
	const most = 1 << 22
	if m.in > most || m.out > most {
		return nil, fmt.Errorf("nn: a masked network of %d inputs and %d outputs, want at most %d: %w", m.in, m.out, most, bijector.ErrSpec)
	}
	m.makeLayers()
	m.Invalidate()
	return m, nil
}

// makeLayers draws the weights and works out the masks.
func (m *Masked[T]) makeLayers() {
	s, rng, d := m.spec, rand.New(rand.NewPCG(m.spec.Seed, 0x6d61736b)), len(m.spec.Outputs)
	least := 1
	if s.Context > 0 || d == 1 {
		least = 0
	}
	// how many columns each hidden unit may see: from 1, or with a context from 0, to
	// the number of columns less one
	degree := ascending(least, d, s.Hidden)
	m.units = unitsSeen(degree, d)
	add := func(in, out int, seen func(row int) int) *Linear[T] { return m.add(rng, in, out, seen) }
	column := make([]int, 0, m.out)
	for j, n := range s.Outputs {
		for range n {
			column = append(column, j)
		}
	}
	if m.in > 0 {
		add(m.in, s.Hidden, func(i int) int { return m.inputs[degree[i]] })
		for range s.Blocks {
			hidden := func(i int) int { return m.units[degree[i]] }
			add(s.Hidden, s.Hidden, hidden)
			startNearZero(add(s.Hidden, s.Hidden, hidden), rng)
		}
	}
	width := s.Hidden
	if m.in == 0 {
		width = 0
	}
	final := add(width, m.out, func(i int) int { return min(width, m.units[column[i]]) })
	clear(final.W)
	clear(final.B)
	if m.in > 0 && !s.NoDirect {
		direct := add(m.in, m.out, func(i int) int { return m.inputs[column[i]] })
		clear(direct.W)
		clear(direct.B) // unused: the last layer has one
	}
}

// block returns the two layers of block k.
func (m *Masked[T]) block(k int) (first, second *Linear[T]) {
	return m.layers[1+2*k], m.layers[2+2*k]
}

// last is the place of the final layer among the layers.
func (m *Masked[T]) last() int {
	if m.in == 0 {
		return 0
	}
	return 1 + 2*m.spec.Blocks
}

// final returns the last layer and the direct connections, nil where there are
// none.
func (m *Masked[T]) final() (final, direct *Linear[T]) {
	at := m.last()
	if at+1 < len(m.layers) {
		direct = m.layers[at+1]
	}
	return m.layers[at], direct
}

// In is the number of inputs: context, then those of every column but the last.
func (m *Masked[T]) In() int { return m.in }

// Out is the number of outputs, those of a column side by side.
func (m *Masked[T]) Out() int { return m.out }

// InputsOf are the inputs of column k, first and end; none for the last one.
func (m *Masked[T]) InputsOf(k int) (lo, hi int) { return m.inputs[k], m.inputs[k+1] }

// OutputsOf are the outputs of column k, first and end.
func (m *Masked[T]) OutputsOf(k int) (lo, hi int) { return m.outputs[k], m.outputs[k+1] }

// Bias is that of the last layer, a value an output.
func (m *Masked[T]) Bias() []T {
	final, _ := m.final()
	return final.B
}

// Params are the weight and bias of "initial", "blocks.0.0", "blocks.0.1" and
// so on and "final", and "direct.weight" unless it is left out. Without inputs there is "final.bias".
func (m *Masked[T]) Params() []bijector.Param[T] {
	final, direct := m.final()
	if m.in == 0 {
		return final.Params("final.")[1:]
	}
	ps := m.layers[0].Params("initial.")
	for k := range m.spec.Blocks {
		first, second := m.block(k)
		ps = append(ps, first.Params(fmt.Sprintf("blocks.%d.0.", k))...)
		ps = append(ps, second.Params(fmt.Sprintf("blocks.%d.1.", k))...)
	}
	ps = append(ps, final.Params("final.")...)
	if direct != nil {
		ps = append(ps, direct.Params("direct.")[:1]...)
	}
	for i := range ps {
		ps[i].NoDecay = len(ps[i].Shape) == 1
	}
	return ps
}

// Buffers: none.
func (m *Masked[T]) Buffers() []bijector.Buffer { return nil }

// Spec is the MaskedSpec.
func (m *Masked[T]) Spec() any { return m.spec }

// Validate returns ErrSpec where a weight that is masked is not 0.
func (m *Masked[T]) Validate() error { return m.validate(m.Params()) }
