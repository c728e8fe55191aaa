// Rows outside the domain of a flow's first layers, found before training.

package flow

import (
	"fmt"
	"math"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/rows"
)

// CheckDomain returns a *bijector.DomainError about rows of x that lie outside
// the domain of a layer, such as Logit's or that of an inverted Softplus: the
// density there is 0. It looks at the layers in front of the first one that
// takes its state from data, with their present parameters. Training asks
// before its first step.
func (f *Flow[T]) CheckDomain(x bijector.Mat[T]) error {
	_, _, err := checkDomain(f.layer, x, sequence(f.dim))
	if err != nil {
		return fmt.Errorf("flow: %w", err)
	}
	return nil
}

// HasBounds tells whether a layer that CheckDomain looks at takes a part of the
// line alone.
func (f *Flow[T]) HasBounds() bool { return anyBounded([]bijector.Layer[T]{f.layer}) }

// HasBounds tells whether every flow has such a layer.
func (e *Ensemble[T]) HasBounds() bool {
	for _, f := range e.flows {
		if !f.HasBounds() {
			return false
		}
	}
	return true
}

// CheckDomain returns the first member's error where all have one: a row has a
// density where one member's is not 0.
func (e *Ensemble[T]) CheckDomain(x bijector.Mat[T]) error {
	var first error
	for i, f := range e.flows {
		err := f.CheckDomain(x)
		if err == nil {
			return nil
		}
		if first == nil {
			first = fmt.Errorf("flow %d of an ensemble: %w", i, err)
		}
	}
	return first
}

// sequence is 0, 1, ..., n-1.
func sequence(n int) []int {
	s := make([]int, n)
	for i := range s {
		s[i] = i
	}
	return s
}

// checkDomain checks what reaches layer, and returns what leaves it; goOn is
// false where that is not known before training. Feature j of x is column
// cols[j] of the data.
func checkDomain[T bijector.Float](layer bijector.Layer[T], x bijector.Mat[T], cols []int) (z bijector.Mat[T], goOn bool, err error) {
	switch l := layer.(type) {
	case *bijector.Chain[T]:
		members := l.Members()
		for i, m := range members {
			if !anyBounded(members[i:]) {
				return x, true, nil
			}
			if x, goOn, err = checkDomain(m, x, cols); err != nil || !goOn {
				return x, goOn, err
			}
			if p, ok := m.(bijector.Reorderer); ok {
				cols = permuted(cols, p.Indices())
			}
		}
		return x, true, nil
	case *bijector.Part[T]:
		s := l.Spec().(bijector.PartSpec)
		part, goOn, err := checkDomain(l.Members()[0], x.Features(s.Lo, s.Hi), cols[s.Lo:s.Hi])
		if err != nil || !goOn {
			return x, goOn, err
		}
		z = bijector.NewMat[T](x.D, x.N)
		z.CopyFrom(x)
		z.Features(s.Lo, s.Hi).CopyFrom(part)
		return z, true, nil
	}
	if r, ok := layer.(bijector.Ranged); ok {
		if err := findOutside(layer, r, x, cols); err != nil {
			return x, false, err
		}
	}
	if _, ok := layer.(bijector.Calibrator[T]); ok || layer.ContextDim() > 0 {
		return x, false, nil
	}
	z = bijector.NewMat[T](x.D, x.N)
	pass, logDet := layer.NewPass(bijector.PassOptions{MaxBatch: rows.Size}), make([]float64, rows.Size)
	for lo := 0; lo < x.N; lo += rows.Size {
		hi := min(lo+rows.Size, x.N)
		pass.Forward(z.Samples(lo, hi), x.Samples(lo, hi), bijector.Mat[T]{}, logDet[:hi-lo])
	}
	return z, true, nil
}

// permuted is cols in the order of a permutation.
func permuted(cols, order []int) []int {
	out := make([]int, len(cols))
	for j, k := range order {
		out[j] = cols[k]
	}
	return out
}

// anyBounded reports whether a layer, up to the first that takes its state from
// data, has a domain with a bound.
func anyBounded[T bijector.Float](layers []bijector.Layer[T]) bool {
	for _, l := range layers {
		if c, ok := l.(bijector.Container[T]); ok {
			if _, inverted := l.(bijector.Ranged); !inverted {
				if anyBounded(c.Members()) {
					return true
				}
				continue
			}
		}
		if r, ok := l.(bijector.Ranged); ok {
			for j := range l.Dim() {
				if lo, hi := r.Domain(j); !math.IsInf(lo, -1) || !math.IsInf(hi, 1) {
					return true
				}
			}
			continue
		}
		if _, ok := l.(bijector.Calibrator[T]); ok {
			return false
		}
	}
	return false
}

// findOutside returns the DomainError about the features of x that leave the
// domain of a layer.
func findOutside[T bijector.Float](layer bijector.Layer[T], r bijector.Ranged, x bijector.Mat[T], cols []int) error {
	var found *bijector.DomainError
	for j := range x.D {
		lo, hi := r.Domain(j)
		var outside []int
		var values []float64
		onBound := 0
		for i, v := range x.Feature(j) {
			v := float64(v)
			if v > lo && v < hi {
				continue
			}
			outside, values = append(outside, i), append(values, v)
			if v == lo || v == hi {
				onBound++
			}
		}
		switch {
		case len(outside) == 0:
		case found != nil:
			found.Others++
		default:
			found = &bijector.DomainError{
				Layer: layerName(layer), Feature: cols[j], Lo: lo, Hi: hi,
				Rows: outside, Values: values, OnBound: onBound, N: x.N,
			}
		}
	}
	if found == nil {
		return nil
	}
	return found
}

// layerName is a layer's type, and for an inverted one that of the layer
// inside.
func layerName[T bijector.Float](layer bijector.Layer[T]) string {
	if v, ok := layer.(*bijector.Inverted[T]); ok {
		return "an inverted " + layerName(v.Members()[0])
	}
	return fmt.Sprintf("%T", layer)
}
