// What the normal, the logistic and the Student t distribution share:
// independent dimensions, each a standard variable that is moved and
// stretched, z = loc + scale*u.

package distribution

import (
	"fmt"
	"math"
	"slices"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/rows"
)

// maxDim bounds a spec's Dim, so that a number in a hostile file cannot ask for
// all memory.
const maxDim = 1 << 20

// maxLogScale bounds the magnitude of a log-scale, so that neither the scale
// nor its inverse overflows.
const maxLogScale = 700

// locationScale is the state of such a distribution. Fixed locations and
// scales live in loc and logScale, learned ones in params.
type locationScale[T bijector.Float] struct {
	dim     int
	learned bool
	loc     []float64 // fixed; nil: 0
	scale   []float64 // fixed; nil: 1
	params  struct{ loc, logScale []T }
}

// newLocationScale copies what the spec says.
func newLocationScale[T bijector.Float](name string, s NormalSpec) (d locationScale[T], err error) {
	if err := checkNormalSpec(name, s); err != nil {
		return d, err
	}
	d = locationScale[T]{dim: s.Dim, learned: s.Learned}
	if !s.Learned {
		d.loc, d.scale = slices.Clone(s.Loc), slices.Clone(s.Scale)
		return d, nil
	}
	d.params.loc, d.params.logScale = make([]T, s.Dim), make([]T, s.Dim)
	for j, v := range s.Loc {
		d.params.loc[j] = T(v)
	}
	for j, v := range s.Scale {
		d.params.logScale[j] = T(math.Log(v))
	}
	if err := d.Validate(); err != nil {
		return d, fmt.Errorf("%w: the %s's spec does not fit into %T: %w", err, name, *new(T), bijector.ErrSpec)
	}
	return d, nil
}

// checkDim returns an ErrSpec for a number of features that no base has.
func checkDim(name string, dim int) error {
	if dim < 1 || dim > maxDim {
		return fmt.Errorf("distribution: a %s of %d dimensions, want 1 to %d: %w", name, dim, maxDim, bijector.ErrSpec)
	}
	return nil
}

func checkNormalSpec(name string, s NormalSpec) error {
	if err := checkDim(name, s.Dim); err != nil {
		return err
	}
	if n := len(s.Loc); n != 0 && n != s.Dim {
		return fmt.Errorf("distribution: a %s of %d dimensions with %d locations, want %d, or none for 0: %w: %w", name, s.Dim, n, s.Dim, bijector.ErrSpec, bijector.ErrShape)
	}
	if n := len(s.Scale); n != 0 && n != s.Dim {
		return fmt.Errorf("distribution: a %s of %d dimensions with %d scales, want %d, or none for 1: %w: %w", name, s.Dim, n, s.Dim, bijector.ErrSpec, bijector.ErrShape)
	}
	for j, v := range s.Loc {
		if !rows.IsFinite(v) {
			return fmt.Errorf("distribution: location %d of a %s is %v, want a finite one: %w", j, name, v, bijector.ErrSpec)
		}
	}
	for j, v := range s.Scale {
		if !(math.Abs(math.Log(v)) <= maxLogScale) {
			return fmt.Errorf("distribution: scale %d of a %s is %v, want a positive one from e^-%d to e^%d: %w", j, name, v, maxLogScale, maxLogScale, bijector.ErrSpec)
		}
	}
	return nil
}

// Dim is the number of features.
func (d *locationScale[T]) Dim() int { return d.dim }

// ContextDim is 0: the distribution is unconditional.
func (d *locationScale[T]) ContextDim() int { return 0 }

// Params are "loc" and "log_scale", each (dim), where they are learned, and
// nothing otherwise. Weight decay leaves both alone.
func (d *locationScale[T]) Params() []bijector.Param[T] {
	if !d.learned {
		return nil
	}
	return []bijector.Param[T]{
		{Name: "loc", Shape: []int{d.dim}, Data: d.params.loc, NoDecay: true},
		{Name: "log_scale", Shape: []int{d.dim}, Data: d.params.logScale, NoDecay: true},
	}
}

// Buffers is empty. Fixed locations and scales are part of the spec.
func (d *locationScale[T]) Buffers() []bijector.Buffer { return nil }

// Validate returns nil, an ErrSpec for a number of features below 1 or above
// 2^20, or an ErrNonFinite for a learned location or scale that has become
// unusable.
func (d *locationScale[T]) Validate() error {
	if err := checkDim("base", d.dim); err != nil {
		return err
	}
	for j, v := range d.params.loc {
		if !rows.IsFinite(v) {
			return fmt.Errorf("distribution: learned location %d is %v, want a finite one: %w", j, v, bijector.ErrNonFinite)
		}
	}
	for j, v := range d.params.logScale {
		if !(math.Abs(float64(v)) <= maxLogScale) {
			return fmt.Errorf("distribution: learned log-scale %d is %v, want one of magnitude up to %d: %w", j, v, maxLogScale, bijector.ErrNonFinite)
		}
	}
	return nil
}
