// Densities of parameters within the bounds of a uniform prior.

package main

import (
	"math/rand/v2"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/posterior"
)

// newBounds is the layer of a task's bounds, nil for a normal prior.
func (t task) newBounds() (*bijector.Bounds[float32], error) {
	if t.bound == 0 {
		return nil, nil
	}
	spec := bijector.BoundsSpec{Dim: t.dim}
	for j := range t.dim {
		spec.Features = append(spec.Features, bijector.Between(j, -t.bound, t.bound))
	}
	return bijector.NewBounds[float32](spec)
}

// bounded is a density behind bounds: that of their outputs, which was fitted
// without them.
type bounded struct {
	posterior.Density[float32]
	bounds *bijector.Bounds[float32]
}

func (b bounded) SampleIntoGiven(dst, contexts []float32, rng *rand.Rand) error {
	if err := b.Density.SampleIntoGiven(dst, contexts, rng); err != nil {
		return err
	}
	z, err := bijector.RowsOf(dst, len(dst)/b.Dim(), b.Dim())
	if err != nil {
		return err
	}
	x, err := b.bounds.Inverse(z)
	if err != nil {
		return err
	}
	copy(dst, x.Values())
	return nil
}

func (b bounded) LogProbRowsGiven(dst []float64, rows, contexts []float32) error {
	x, err := bijector.RowsOf(rows, len(dst), b.Dim())
	if err != nil {
		return err
	}
	z, err := b.bounds.Forward(x)
	if err != nil {
		return err
	}
	logDet, err := b.bounds.LogDetJacobian(x)
	if err != nil {
		return err
	}
	if err := b.Density.LogProbRowsGiven(dst, z.Values(), contexts); err != nil {
		return err
	}
	for i, v := range logDet {
		dst[i] += v
	}
	return nil
}
