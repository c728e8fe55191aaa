// Domains: layers that take a part of the line alone, and data that lies
// outside.

package bijector

import (
	"errors"
	"fmt"
)

// Ranged is an optional interface of layers that take, or make, a part of the
// line alone. Both intervals are open, and from -Inf to +Inf for a feature that
// may be anything.
type Ranged interface {
	Domain(j int) (lo, hi float64) // of feature j of x
	Image(j int) (lo, hi float64)  // of feature j of z
}

// DomainChecker is an optional interface of an Objective whose layers take a
// part of the line alone. Training asks it about the training set and the
// validation set before the first step, and before anything is calibrated.
type DomainChecker[T Float] interface {
	// HasBounds tells whether there is anything to check: where not, training
	// reads no data for it.
	HasBounds() bool
	// CheckDomain returns a *DomainError about the rows of x, the data or rows
	// spread evenly over it, that the density of is 0 whatever the parameters.
	CheckDomain(x Mat[T]) error
}

// ErrDomain: data lies outside the domain of a layer, where a flow has the
// density 0.
var ErrDomain = errors.New("outside the domain")

// DomainError says which rows lie outside the domain of a layer. It wraps
// ErrDomain.
type DomainError struct {
	Layer   string    // the type of the layer
	Feature int       // the first feature of the data with such values, counted from 0
	Lo, Hi  float64   // the domain, open, in the values that reach the layer
	Rows    []int     // the rows with a value outside in this feature, in order
	Values  []float64 // those values, as they reach the layer
	OnBound int       // how many of them are on a bound
	Others  int       // further features with values outside
	N       int       // rows in the data
}

// Error names feature, rows and the way on.
func (e *DomainError) Error() string {
	first, others := "", ""
	if len(e.Rows) > 0 && len(e.Values) > 0 {
		first = fmt.Sprintf("; the first is row %d, with %v", e.Rows[0], e.Values[0])
	}
	switch {
	case e.Others == 1:
		others = "; one more column has such values"
	case e.Others > 1:
		others = fmt.Sprintf("; %d more columns have such values", e.Others)
	}
	return fmt.Sprintf("column %d (counted from 0) leaves the domain of %s, which is above %v and below %v: %d of %d rows, %d of them on a bound%s%s; "+
		"the density there is 0 whatever is learned: drop or move these rows, widen the domain (LogitSpec.Alpha, FeatureBounds.Margin, a Shift or a Scale in front), or leave the layer out",
		e.Feature, e.Layer, e.Lo, e.Hi, len(e.Rows), e.N, e.OnBound, first, others)
}

// Unwrap returns ErrDomain.
func (e *DomainError) Unwrap() error { return ErrDomain }
