// One column of a Mixed: which atom a value is, and what the network reads of it.

package autoregressive

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/mathext"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/margin"
)

// mixedColumn is a MixedColumn ready for evaluation.
type mixedColumn[T bijector.Float] struct {
	column     *MixedColumn
	components int
	logits     int       // outputs that are logits
	out, in    int       // first output and first input of the network
	sorted     []T       // the atoms in increasing order
	index      []int     // and where each stands in the spec
	places     []float64 // of each atom as a number: see placeAtoms; 0 for a missing one
	both       []bool    // of each atom: a rounded number too, which has both masses

	margin       *margin.Margin // nil where there is no continuous part
	lo, hi       float64        // bounds
	truncated    bool           // by which the density is divided
	zLo, zHi     float64        // their places under the margin
	logRange     float64        // log of the mass of the margin between them
	minX, maxX   T              // draws stay within
	loX, hiX     T              // the bounds in T, which may lie beyond them by a rounding
	step, origin float64
}

func newMixedColumn[T bijector.Float](c *MixedColumn) (p mixedColumn[T], err error) {
	p = mixedColumn[T]{column: c, components: c.components(), logits: c.logits(), step: c.Step, origin: c.Origin}
	p.index = make([]int, len(c.Atoms))
	for i := range p.index {
		p.index[i] = i
	}
	slices.SortFunc(p.index, func(a, b int) int {
		if c.Atoms[a] < c.Atoms[b] {
			return -1
		}
		return 1
	})
	for k, i := range p.index {
		v := T(c.Atoms[i])
		if k > 0 && !(v > p.sorted[k-1]) {
			return p, fmt.Errorf("atoms %v and %v, which are one value in %T: %w", c.Atoms[p.index[k-1]], c.Atoms[i], v, bijector.ErrSpec)
		}
		p.sorted = append(p.sorted, v)
	}
	if c.Continuous {
		if err := p.prepareContinuous(); err != nil {
			return p, err
		}
	}
	p.placeAtoms()
	p.both = make([]bool, len(c.Atoms))
	for i, v := range c.Atoms {
		missing := c.Missing && i == len(c.Atoms)-1
		p.both[i] = p.step > 0 && !missing && p.within(T(v)) && math.Abs(v-p.snap(v)) <= edgeSlack*p.step
	}
	return p, nil
}

// prepareContinuous works out the margin and the bounds.
func (p *mixedColumn[T]) prepareContinuous() error {
	m := p.column.Margin
	if m == nil {
		m = identityMargin()
	}
	p.margin = m.prepared()
	p.lo, p.hi = p.column.bounds()
	p.minX, p.maxX = T(math.Inf(-1)), T(math.Inf(1))
	p.loX, p.hiX = T(p.lo), T(p.hi) // a value on a bound is read as this
	p.zLo, p.zHi = math.Inf(-1), math.Inf(1)
	if !math.IsInf(p.lo, 0) {
		p.zLo, _, _ = p.margin.Forward(p.lo)
		if p.minX = T(p.lo); float64(p.minX) < p.lo && p.step == 0 {
			p.minX = nextAfter(p.minX, math.Inf(1))
		}
	}
	if !math.IsInf(p.hi, 0) {
		p.zHi, _, _ = p.margin.Forward(p.hi)
		if p.maxX = T(p.hi); float64(p.maxX) > p.hi && p.step == 0 {
			p.maxX = nextAfter(p.maxX, math.Inf(-1))
		}
	}
	if !(p.minX < p.maxX) || !(p.zLo < p.zHi) {
		return fmt.Errorf("bounds %v and %v, which are one value: %w", p.lo, p.hi, bijector.ErrSpec)
	}
	if p.truncated = p.step == 0 && (p.column.Lower != nil || p.column.Upper != nil); p.truncated {
		p.logRange = logMass(p.zLo, p.zHi)
	}
	return nil
}

func nextAfter[T bijector.Float](v T, towards float64) T {
	if w, ok := any(v).(float32); ok {
		return T(math.Nextafter32(w, float32(towards)))
	}
	return T(math.Nextafter(float64(v), towards))
}

// placeAtoms gives ordered atoms their places among the column's numbers: under
// the margin where there is one, and otherwise the normal score of their rank by shares.
func (p *mixedColumn[T]) placeAtoms() {
	c := p.column
	p.places = make([]float64, len(c.Atoms))
	if !c.numeric() {
		return
	}
	numbers := len(c.Atoms)
	if c.Missing {
		numbers--
	}
	share := func(i int) float64 {
		if len(c.Shares) == 0 {
			return 1
		}
		return c.Shares[i]
	}
	total, below := 0.0, 0.0
	for i := range numbers {
		total += share(i)
	}
	for _, i := range p.index {
		switch {
		case i >= numbers:
		case p.margin != nil:
			z, _, _ := p.margin.Forward(c.Atoms[i])
			p.places[i] = z
		default:
			// The two sums may differ by rounding, and a quantile above 1 is none.
			p.places[i] = mathext.NormalQuantile(min((below+share(i)/2)/total, 1-0x1p-53))
			below += share(i)
		}
	}
}

// atom is which atom v is, -1 for none.
func (p *mixedColumn[T]) atom(v T) int {
	if k, ok := slices.BinarySearch(p.sorted, v); ok {
		return p.index[k]
	}
	return -1
}

// within tells whether the continuous part has values at v.
func (p *mixedColumn[T]) within(v T) bool {
	switch {
	case p.margin == nil || v != v || math.IsInf(float64(v), 0):
		return false
	case p.step > 0:
		s := p.snap(float64(v))
		return s >= p.lo-edgeSlack*p.step && s <= p.hi+edgeSlack*p.step
	}
	return v >= p.loX && v <= p.hiX
}

// numberRange bounds what the network reads of a number: far values look alike.
const numberRange = 5

// encode sets the network's inputs for values x of the column, of samples lo on,
// and which atom each is. Values that the column does not have, and NaN, are read
// as zeros.
func (p *mixedColumn[T]) encode(in bijector.Mat[T], x []T, atoms []int32, lo int) {
	hot := 0
	if p.logits > 0 {
		hot = len(p.column.Atoms)
	}
	for k := range hot {
		clear(in.Feature(p.in + k)[lo : lo+len(x)])
	}
	var number []T
	if p.column.numeric() {
		number = in.Feature(p.in + hot)[lo : lo+len(x)]
	}
	for i, v := range x {
		a := p.atom(v)
		atoms[i] = int32(a)
		if a >= 0 && hot > 0 {
			in.Feature(p.in + a)[lo+i] = 1
		}
		if number == nil {
			continue
		}
		z := 0.0
		if a >= 0 {
			z = p.places[a]
		} else if p.within(v) {
			z = p.margin.Place(float64(v))
		}
		number[i] = T(numberRange * math.Tanh(z/numberRange))
	}
}

// dEncode is the derivative of the number that the network reads by v, for a value of the
// continuous part.
func (p *mixedColumn[T]) dEncode(v float64) float64 {
	z, logSlope, _ := p.margin.Forward(v)
	t := math.Tanh(z / numberRange)
	return (1 - t*t) * math.Exp(logSlope)
}
