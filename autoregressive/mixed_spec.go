// What a Mixed is made from: columns, their atoms and their start.

package autoregressive

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/margin"
	"github.com/bijou-flow/bijou/internal/nn"
	"github.com/bijou-flow/bijou/internal/rows"
)

// MixedSpec describes a Mixed.
type MixedSpec struct {
	Columns    []MixedColumn `json:"columns"`
	ContextDim int           `json:"context_dim,omitempty"` // features of the context; 0: unconditional
	Order      OrderSpec     `json:"order"`                 // of the columns; the zero value is 0, 1, 2, ...
	// Hidden is the width of the masked network; 0 means 128. One as wide as
	// the number of columns at least leaves nothing out.
	Hidden int `json:"hidden,omitempty"`
	// Blocks is the number of residual blocks; 0 means 2, and -1 none: the
	// outputs are then affine in the inputs.
	Blocks int `json:"blocks,omitempty"`
	// Bins of the splines of continuous parts, from 2 to 1024; 0 means 8.
	Bins int `json:"bins,omitempty"`
	// Activation of the network: "relu" (the default), "tanh" or another of coupling.MLPSpec's.
	Activation string `json:"activation,omitempty"`
	// NoDirect leaves out the connections from every input to every output, whose
	// number grows with the square of the columns'.
	NoDirect bool `json:"no_direct,omitempty"`
	// Seed of the network's initial weights.
	Seed uint64 `json:"seed,omitempty"`
}

// MixedColumn describes one column of a Mixed: its atoms, its continuous part,
// and where training starts. FitMixedColumn makes the start from data.
type MixedColumn struct {
	// Atoms are values with a mass of their own, all different.
	Atoms []float64 `json:"atoms,omitempty"`
	// Missing tells that the last atom stands for a missing cell.
	Missing bool `json:"missing,omitempty"`
	// Ordered tells that the atoms, but a missing one, are numbers like those of
	// the continuous part: the network then reads their place besides.
	Ordered bool `json:"ordered,omitempty"`
	// Continuous tells that there are values beside the atoms.
	Continuous bool `json:"continuous,omitempty"`
	// Step is the distance of the values of the continuous part, where they are
	// rounded ones: Origin + k Step with whole numbers k. 0: they are not.
	Step   float64 `json:"step,omitempty"`
	Origin float64 `json:"origin,omitempty"`
	// Lower and Upper bound the continuous part, bounds included; nil: none.
	Lower *float64 `json:"lower,omitempty"`
	Upper *float64 `json:"upper,omitempty"`
	// Shares are the probabilities of the atoms, and last that of the
	// continuous part where there is one, with which training starts; none
	// means equal ones. They are from 1e-100 to 1e100 and need not sum to 1.
	Shares []float64 `json:"shares,omitempty"`
	// Margin is the map under which the continuous part is about a standard
	// normal at the start; nil means the identity.
	Margin *MixedMargin `json:"margin,omitempty"`
}

// Bounds of a share: sums and quotients of shares are finite and not 0.
const (
	leastShare   = 1e-100
	largestShare = 1e100
)

// MixedMargin is an increasing map z of the line to itself: Z[k] at the knots X[k]
// with the derivatives Slope[k], rational quadratics between them, and a tail
// on either side.
type MixedMargin struct {
	X     []float64 `json:"x"`
	Z     []float64 `json:"z"`
	Slope []float64 `json:"slope"`
	Lower MixedTail `json:"lower"`
	Upper MixedTail `json:"upper"`
}

// MixedTail is what lies beyond the last knot: that of a normal, of shape -1 and
// slope 1/Scale, or a generalized Pareto tail of shape 0 or above.
type MixedTail struct {
	Shape float64 `json:"shape"`
	Scale float64 `json:"scale"`
}

// Defaults and bounds of a MixedSpec.
const (
	defaultMixedHidden = 128
	defaultMixedBlocks = 2
	defaultMixedBins   = 8
	maxAtoms           = 1 << 20
	maxMarginKnots     = 1 << 12
)

func (s MixedSpec) hidden() int { return cmp.Or(s.Hidden, defaultMixedHidden) }
func (s MixedSpec) blocks() int { return max(cmp.Or(s.Blocks, defaultMixedBlocks), 0) }
func (s MixedSpec) bins() int   { return cmp.Or(s.Bins, defaultMixedBins) }

// Values is the number of values that are saved, masked weights included: see
// registry.Sizer.
func (s MixedSpec) Values() float64 {
	in, out, last := 0.0, 0.0, 0.0
	for _, c := range s.Columns {
		last = float64(c.inputs())
		in, out = in+last, out+float64(c.outputs(s.bins()))
	}
	if order, err := s.Order.order(len(s.Columns)); err == nil && len(order) > 0 {
		last = float64(s.Columns[order[len(order)-1]].inputs())
	}
	return float64(len(s.Columns)) + nn.MaskedValues(float64(s.ContextDim), in-last, out, float64(s.hidden()), float64(s.blocks()), s.NoDirect)
}

// choices is how many shares there are: of each atom, and of the continuous part.
func (c *MixedColumn) choices() int {
	n := len(c.Atoms)
	if c.Continuous {
		n++
	}
	return n
}

// components is how many parts the column's mixture has: its atoms, and two of the continuous
// part, the conditional and the marginal one.
func (c *MixedColumn) components() int {
	n := c.choices()
	if c.Continuous {
		n++
	}
	return n
}

// logits is how many outputs the weights take: none where there is no choice.
func (c *MixedColumn) logits() int {
	if n := c.components(); n > 1 {
		return n
	}
	return 0
}

// outputs is how many numbers the network computes for the column: logits,
// location and log-scale, and those of the spline.
func (c *MixedColumn) outputs(bins int) int {
	n := c.logits()
	if c.Continuous {
		n += 2 + 3*bins - 1
	}
	return n
}

// numeric tells whether the network reads the column's values as numbers.
func (c *MixedColumn) numeric() bool { return c.Continuous || c.Ordered }

// inputs is how many numbers the network reads of the column: one an atom where
// there is a choice, and one for the value.
func (c *MixedColumn) inputs() int {
	n := 0
	if c.logits() > 0 {
		n = len(c.Atoms)
	}
	if c.numeric() {
		n++
	}
	return n
}

func (s MixedSpec) clone() MixedSpec {
	s.Columns = slices.Clone(s.Columns)
	for j := range s.Columns {
		c := &s.Columns[j]
		c.Atoms, c.Shares = slices.Clone(c.Atoms), slices.Clone(c.Shares)
		c.Lower, c.Upper = clonePointer(c.Lower), clonePointer(c.Upper)
		if c.Margin != nil {
			m := *c.Margin
			m.X, m.Z, m.Slope = slices.Clone(m.X), slices.Clone(m.Z), slices.Clone(m.Slope)
			c.Margin = &m
		}
	}
	s.Order.Indices = slices.Clone(s.Order.Indices)
	return s
}

func clonePointer[V any](p *V) *V {
	if p == nil {
		return nil
	}
	v := *p
	return &v
}

// check returns what keeps c from being a column.
func (c *MixedColumn) check() error {
	switch {
	case c.choices() == 0:
		return fmt.Errorf("neither atoms nor a continuous part: %w", bijector.ErrSpec)
	case len(c.Atoms) > maxAtoms:
		return fmt.Errorf("%d atoms, want at most %d: %w", len(c.Atoms), maxAtoms, bijector.ErrSpec)
	case c.Missing && len(c.Atoms) == 0:
		return fmt.Errorf("missing cells without an atom: %w", bijector.ErrSpec)
	case len(c.Shares) != 0 && len(c.Shares) != c.choices():
		return fmt.Errorf("%d shares for %d atoms and parts, want as many or none: %w: %w", len(c.Shares), c.choices(), bijector.ErrSpec, bijector.ErrShape)
	case !(c.Step >= 0) || math.IsInf(c.Step, 0) || !rows.IsFinite(c.Origin):
		return fmt.Errorf("a step of %v from %v, want one of at least 0 from a finite value: %w", c.Step, c.Origin, bijector.ErrSpec)
	case !c.Continuous && (c.Step != 0 || c.Lower != nil || c.Upper != nil || c.Margin != nil):
		return fmt.Errorf("a step, bounds or a margin without a continuous part: %w", bijector.ErrSpec)
	}
	for i, v := range c.Shares {
		if !(v >= leastShare && v <= largestShare) {
			return fmt.Errorf("share %d is %v, want it from %g to %g: %w", i, v, leastShare, largestShare, bijector.ErrSpec)
		}
	}
	for i, v := range c.Atoms {
		if !rows.IsFinite(v) {
			return fmt.Errorf("atom %d is %v: %w", i, v, bijector.ErrSpec)
		}
	}
	lo, hi := c.bounds()
	if lo != lo || hi != hi || !(lo < hi) && (c.Lower != nil || c.Upper != nil) || lo == math.Inf(1) || hi == math.Inf(-1) {
		return fmt.Errorf("bounds %v and %v, want the lower first: %w", lo, hi, bijector.ErrSpec)
	}
	if c.Margin != nil {
		return c.Margin.check()
	}
	return nil
}

// bounds are those of the continuous part, infinite where there are none.
func (c *MixedColumn) bounds() (lo, hi float64) {
	lo, hi = math.Inf(-1), math.Inf(1)
	if c.Lower != nil {
		lo = *c.Lower
	}
	if c.Upper != nil {
		hi = *c.Upper
	}
	return lo, hi
}

func (m *MixedMargin) check() error {
	n := len(m.X)
	if n < 2 || n > maxMarginKnots || len(m.Z) != n || len(m.Slope) != n {
		return fmt.Errorf("a margin of %d knots, %d latents and %d slopes, want 2 to %d of each: %w", n, len(m.Z), len(m.Slope), maxMarginKnots, bijector.ErrSpec)
	}
	for k := range m.X {
		if !rows.IsFinite(m.X[k]) || !rows.IsFinite(m.Z[k]) {
			return fmt.Errorf("knot %d of a margin is %v at %v: %w", k, m.Z[k], m.X[k], bijector.ErrSpec)
		}
	}
	if err := m.prepared().Validate(); err != nil {
		return fmt.Errorf("a margin with %w: %w", err, bijector.ErrSpec)
	}
	return nil
}

// prepared is the margin ready for evaluation.
func (m *MixedMargin) prepared() *margin.Margin {
	p := &margin.Margin{X: m.X, Z: m.Z, Slope: m.Slope, Lower: margin.Tail(m.Lower), Upper: margin.Tail(m.Upper)}
	p.Prepare()
	return p
}

// identityMargin is that of a column without one.
func identityMargin() *MixedMargin {
	return &MixedMargin{X: []float64{-1, 1}, Z: []float64{-1, 1}, Slope: []float64{1, 1}, Lower: MixedTail{margin.NormalTail, 1}, Upper: MixedTail{margin.NormalTail, 1}}
}
