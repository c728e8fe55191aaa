// Mixed: the distribution of rows whose columns are atoms, numbers, or both.

package autoregressive

import (
	"fmt"
	"math"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/coupling"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/internal/nn"
	"github.com/bijou-flow/bijou/internal/rows"
)

// Mixed is the distribution of rows of mixed columns, as a base distribution:
// each column is a mixture of atoms (categories, values that many rows share, a
// code for a missing cell) and a continuous part, given the columns before it,
//
//	log p(x) = sum_j log p(x_j | x_1, ..., x_(j-1), context),
//	p(x_j | ...) = w_a [x_j = a] + w_c f(x_j) + w_m phi(m(x_j)) m'(x_j),
//	(w_a, w_c, w_m) = softmax(logits),
//
// over counting measure for the atoms and Lebesgue measure for the rest, so that it is exact.
// The continuous part has two components. One is that of a standard normal latent t under an
// increasing map of its own for every row,
//
//	t = g(e^s (m(x_j) - l)),  f(x_j) = phi(t) dt/dx_j,
//
// with m the column's margin (MixedMargin), the same for all rows. The other is the
// margin's own density, which keeps a value that the network finds surprising from
// having next to none (a defensive mixture, Hesterberg 1995); its weight starts at 1 %
// of the part's. l and s are a location
// and a log-scale, and g the rational-quadratic spline of coupling.Spline. The
// logits, l, s and the spline's parameters of all columns come from one masked
// residual network (Germain et al. 2015, arXiv 1502.03509, section 4; with
// splines as in Durkan et al. 2019, arXiv 1906.04032). It reads atoms as one
// value each, 1 or 0, and numbers through the margin; s is 8 tanh(r/8).
//
// Within bounds, f is divided by the mass between them. Rounded numbers (Step
// h > 0) have the mass of their cell, F(x+h/2) - F(x-h/2), where the first and
// the last cell take what lies beyond them, in place of a density: the masses of
// all values sum to 1, and nothing is dequantised. An atom among them has the
// sum of both masses.
//
// Training starts from independent columns, with the shares and margins of the
// spec. The support is what the columns describe: another value has
// log-density -Inf. Values of the columns are distinct in T. Temperature multiplies t and
// divides the logits; at 0 a draw has the likeliest choice and the median of a
// continuous part, column by column.
//
// The gradient by a value is that of its density and of what the later columns
// read of it, and for atoms and rounded numbers that of the latter alone or 0. The
// cost of a row is one evaluation of the network and, for each continuous part, of
// one to three splines. Draws go column by column, and compute each hidden unit
// once. A flow of it alone has a layer that does nothing, such as
// a Permute of the given indices 0, 1, 2, ...
type Mixed[T bijector.Float] struct {
	spec    MixedSpec
	order   []int64 // what is saved; a loader may write anything here
	columns []int   // the order, always a permutation
	places  []int   // of each column in the order
	parts   []mixedColumn[T]
	net     *nn.Masked[T]
	spline  mixedSpline
}

// mixedSpline is a spline that takes several values under the same parameters.
type mixedSpline interface {
	coupling.Elementwise[float64]
	ForwardAgain(y, x []float64, f coupling.TransformArgs[float64], same bijector.Mat[float64], logDet []float64)
}

// marginShare is that of the marginal component in the continuous part when training starts.
const marginShare = 0.01

// start sets the logits' biases to the logarithms of the shares.
func (p *mixedColumn[T]) start(bias []T) {
	for k := range bias {
		share := 1.0
		if at := min(k, p.column.choices()-1); len(p.column.Shares) > 0 {
			share = p.column.Shares[at]
		}
		if p.margin != nil {
			switch k - len(p.column.Atoms) {
			case 0:
				share *= 1 - marginShare
			case 1:
				share *= marginShare
			}
		}
		bias[k] = T(math.Log(share))
	}
}

// NewMixed makes a Mixed from its spec. A spec that describes no distribution
// is an ErrSpec.
func NewMixed[T bijector.Float](s MixedSpec) (*Mixed[T], error) {
	const most = 1 << 20
	d := len(s.Columns)
	if d < 1 || d > most || s.ContextDim < 0 || s.ContextDim > most {
		return nil, fmt.Errorf("autoregressive: a mixed distribution of %d columns with %d of context, want 1 and 0 at least, and %d at most: %w", d, s.ContextDim, most, bijector.ErrSpec)
	}
	spline, err := coupling.RationalQuadratic[float64](coupling.SplineSpec{Bins: s.bins()})
	if err != nil {
		return nil, fmt.Errorf("autoregressive: %w", err)
	}
	order, err := s.Order.order(d)
	if err != nil {
		return nil, err
	}
	m := &Mixed[T]{spec: s.clone(), order: order, spline: spline.(mixedSpline), columns: make([]int, d), places: make([]int, d)}
	net := nn.MaskedSpec{Context: s.ContextDim, Hidden: s.hidden(), Blocks: s.blocks(), Activation: s.Activation, NoDirect: s.NoDirect, Seed: s.Seed}
	for place, j := range order {
		m.columns[place], m.places[j] = int(j), place
		c := &m.spec.Columns[j]
		if err := c.check(); err != nil {
			return nil, fmt.Errorf("autoregressive: column %d (counted from 0): %w", j, err)
		}
		part, err := newMixedColumn[T](c)
		if err != nil {
			return nil, fmt.Errorf("autoregressive: column %d (counted from 0): %w", j, err)
		}
		m.parts = append(m.parts, part)
		net.Inputs, net.Outputs = append(net.Inputs, c.inputs()), append(net.Outputs, c.outputs(s.bins()))
	}
	if m.net, err = nn.NewMasked[T](net); err != nil {
		return nil, fmt.Errorf("autoregressive: %w", err)
	}
	for place := range m.parts {
		p := &m.parts[place]
		p.in, _ = m.net.InputsOf(place)
		lo, _ := m.net.OutputsOf(place)
		p.out = lo
		p.start(m.net.Bias()[lo : lo+p.logits])
	}
	return m, nil
}

// Dim is the number of columns.
func (m *Mixed[T]) Dim() int { return len(m.order) }

// ContextDim is the number of context features, 0 for an unconditional
// distribution.
func (m *Mixed[T]) ContextDim() int { return m.spec.ContextDim }

// Order are the columns in the order in which they depend on each other.
func (m *Mixed[T]) Order() []int { return append([]int(nil), m.columns...) }

// IsAtom tells whether v is an atom of column j, and false for a column that
// there is not.
func (m *Mixed[T]) IsAtom(j int, v T) bool {
	return j >= 0 && j < len(m.places) && m.parts[m.places[j]].atom(v) >= 0
}

// Params are the masked network's, behind "net.".
func (m *Mixed[T]) Params() []bijector.Param[T] {
	all := m.net.Params()
	for i := range all {
		all[i].Name = "net." + all[i].Name
	}
	return all
}

// Buffers is "order", the columns in their order.
func (m *Mixed[T]) Buffers() []bijector.Buffer {
	return []bijector.Buffer{{Name: "order", Shape: []int{len(m.order)}, Data: m.order}}
}

// Spec is the MixedSpec.
func (m *Mixed[T]) Spec() any { return m.spec.clone() }

// Invalidate masks the network's weights.
func (m *Mixed[T]) Invalidate() { m.net.Invalidate() }

// Validate returns an error where an order that was loaded is not that of the
// spec, or a parameter is not finite.
func (m *Mixed[T]) Validate() error {
	for i, j := range m.order {
		if int(j) != m.columns[i] {
			return fmt.Errorf("autoregressive: an order of columns with %d at place %d, where the spec has %d: %w", j, i, m.columns[i], bijector.ErrSpec)
		}
	}
	if err := m.net.Validate(); err != nil {
		return err
	}
	for _, p := range m.net.Params() {
		for i, v := range p.Data {
			if !rows.IsFinite(v) {
				return fmt.Errorf("autoregressive: parameter %q of a mixed distribution is %v at %d, want a finite value: %w", p.Name, v, i, bijector.ErrNonFinite)
			}
		}
	}
	return nil
}

// CheckData names the first value that its column does not have: it returns an
// ErrDomain. Atoms, and columns that follow from others, are as they should be.
func (m *Mixed[T]) CheckData(x bijector.Mat[T]) error {
	if x.D != len(m.parts) {
		return fmt.Errorf("autoregressive: rows of %d columns for a mixed distribution of %d: %w", x.D, len(m.parts), bijector.ErrShape)
	}
	for place := range m.parts {
		c, j := &m.parts[place], m.columns[place]
		for i, v := range x.Feature(j) {
			if c.atom(v) < 0 && !c.within(v) {
				return fmt.Errorf("autoregressive: column %d (counted from 0) of row %d is %v, which is neither one of its %d atoms nor within its continuous part: %w", j, i, v, len(c.column.Atoms), bijector.ErrDomain)
			}
		}
	}
	return nil
}

// NewBasePass returns a pass that scores and draws: a *MixedPass.
func (m *Mixed[T]) NewBasePass(o bijector.PassOptions) distribution.BasePass[T] {
	return m.NewMixedPass(o)
}

// NewBaseGradPass returns a pass that differentiates.
func (m *Mixed[T]) NewBaseGradPass(o bijector.PassOptions) distribution.BaseGradPass[T] {
	return newMixedGradPass(m, o)
}

var (
	_ distribution.Base[float32]    = (*Mixed[float32])(nil)
	_ bijector.Validator            = (*Mixed[float32])(nil)
	_ bijector.DataChecker[float32] = (*Mixed[float32])(nil)
	_ bijector.Invalidator          = (*Mixed[float32])(nil)
)
